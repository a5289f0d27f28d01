package relay

import (
	"fmt"
	"strings"
	"testing"

	"lethe/relay/wire"
)

const request = "<r xmlns='urn:xmpp:sm:3'/>"

// tracked returns an Outbox whose peer acknowledges, and what is routed back.
func tracked(l *link) (*Outbox, *bouncer) {
	r, senders := NewRouter(), &bouncer{}
	r.Handle("x.example", senders)
	return r.NewOutbox(l, wire.NSClient, 1<<20), senders
}

func offer(t *testing.T, o *Outbox, from, to int) {
	t.Helper()
	var p Pass
	for i := from; i <= to; i++ {
		if !o.Offer(&p, message(t, i, "hello")) {
			t.Fatalf("%d is refused", i)
		}
	}
	p.Flush()
}

func TestUnacknowledgedIsAnswered(t *testing.T) {
	for _, test := range []struct {
		name  string
		heard []uint32
		want  string
	}{
		{"nothing heard", nil, "3 4 5 6"},
		{"some heard", []uint32{2}, "5 6"},
		{"step by step", []uint32{1, 3}, "6"},
		{"all heard", []uint32{4}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLink()
			o, senders := tracked(l)
			var p Pass
			offer(t, o, 1, 1) // sent before, nobody counts it
			o.Offer(&p, message(t, 2, "queued before"))
			o.Track(&p, []byte("<enabled xmlns='urn:xmpp:sm:3'/>"))
			o.Offer(&p, message(t, 3, "hello"))
			p.Flush()
			offer(t, o, 4, 5)
			offer(t, o, 6, 6)
			if n := strings.Count(l.text(), request); n != 1 {
				t.Errorf("%d requests are out at once", n)
			}
			for _, h := range test.heard {
				if !o.Acknowledge(&p, h) {
					t.Errorf("%d is refused", h)
				}
				p.Flush()
			}
			o.Break(&p)
			p.Flush()
			if got := strings.Join(senders.ids, " "); got != test.want {
				t.Errorf("answered: %q, want %q", got, test.want)
			}
		})
	}
}

func TestAcknowledgedIsForgotten(t *testing.T) {
	l := newLink()
	o, _ := tracked(l)
	var p Pass
	o.Track(&p, nil)
	for i := range 100 {
		offer(t, o, i, i)
		if !o.Acknowledge(&p, uint32(i+1)) {
			t.Fatal(i)
		}
		p.Flush()
	}
	if len(o.acks.loads) != 0 || o.acks.held != 0 {
		t.Errorf("%d loads of %d bytes are held", len(o.acks.loads), o.acks.held)
	}
	for _, h := range []uint32{101, 99, 1 << 31} {
		if o.Acknowledge(&p, h) {
			t.Errorf("%d stanzas are acknowledged, 100 were sent", h)
		}
	}
}

// What is kept counts against the limit.
func TestUnacknowledgedIsBounded(t *testing.T) {
	l := newLink()
	r := NewRouter()
	o := r.NewOutbox(l, wire.NSClient, 16<<10)
	var p Pass
	o.Track(&p, nil)
	taken := 0
	for i := range 1000 {
		if o.Offer(&p, message(t, i, strings.Repeat("x", 100))) {
			taken++
		}
		p.Flush()
	}
	if taken == 0 || taken == 1000 {
		t.Fatalf("%d of 1000 are taken", taken)
	}
	if !o.Acknowledge(&p, uint32(taken)) || !o.Offer(&p, message(t, 1000, "again")) {
		t.Error("there is no room after all was acknowledged")
	}
}

// TestUnacknowledgedTakesWhatItCounts: small stanzas share their Buffers, and are
// told apart all the same.
func TestUnacknowledgedTakesWhatItCounts(t *testing.T) {
	l := newLink()
	o, senders := tracked(l)
	var p Pass
	o.Track(&p, nil)
	const sent, heard = 500, 321
	for i := 1; i <= sent; i++ {
		offer(t, o, i, i)
	}
	taken := 0
	for _, l := range o.acks.loads {
		taken += cap(l.B)
	}
	if taken == 0 || taken > 2*o.acks.held {
		t.Errorf("%d bytes are counted, and take %d", o.acks.held, taken)
	}
	if !o.Acknowledge(&p, heard) {
		t.Fatal("refused")
	}
	o.Break(&p)
	p.Flush()
	if len(senders.ids) != sent-heard || senders.ids[0] != fmt.Sprint(heard+1) {
		t.Errorf("%d are answered, %v first", len(senders.ids), senders.ids[:1])
	}
}

// TestRequestsAreBounded: whoever acknowledges without end, and reads nothing,
// fills no more than the limit.
func TestRequestsAreBounded(t *testing.T) {
	l := newLink()
	o := NewRouter().NewOutbox(l, wire.NSClient, 4000)
	var p Pass
	o.Track(&p, nil)
	offer(t, o, 1, 1)
	l.mu.Lock()
	l.full = true
	l.mu.Unlock()
	for range 10000 {
		if !o.Acknowledge(&p, 0) {
			t.Fatal("refused")
		}
		p.Flush()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.queue.B); n == 0 || n > 5000 {
		t.Errorf("%d bytes wait", n)
	}
}

func TestTheCountWraps(t *testing.T) {
	l := newLink()
	o, senders := tracked(l)
	var p Pass
	o.Track(&p, nil)
	o.acks.sent, o.acks.heard = 1<<32-2, 1<<32-2
	offer(t, o, 1, 4)
	if !o.Acknowledge(&p, 1) { // 2^32-1, 0, 1
		t.Error("an acknowledgement beyond 2^32 is refused")
	}
	o.Break(&p)
	p.Flush()
	if got := fmt.Sprint(senders.ids); got != "[4]" {
		t.Errorf("answered: %s", got)
	}
}

// What nobody counts, because it was on its way when counting began, is answered
// if its own write fails.
func TestBeforeCountingBegins(t *testing.T) {
	t.Run("being written", func(t *testing.T) {
		l := newLink()
		o, senders := tracked(l)
		l.full = true
		offer(t, o, 1, 2) // hangs in the socket
		var p Pass
		o.Track(&p, []byte("<enabled xmlns='urn:xmpp:sm:3'/>"))
		o.Offer(&p, message(t, 3, "counted"))
		p.Flush()
		breakLink(l)
		close(l.drained)
		eventually(t, "all are answered", func() bool {
			senders.mu.Lock()
			defer senders.mu.Unlock()
			return strings.Join(senders.ids, " ") == "1 2 3"
		})
	})
	t.Run("queued", func(t *testing.T) {
		l := newLink()
		o, senders := tracked(l)
		var p Pass
		o.Offer(&p, message(t, 1, "not counted"))
		o.Track(&p, []byte("<enabled xmlns='urn:xmpp:sm:3'/>"))
		o.Offer(&p, message(t, 2, "counted"))
		breakLink(l)
		p.Flush()
		if got := strings.Join(senders.ids, " "); got != "1 2" {
			t.Errorf("answered: %q", got)
		}
	})
}
