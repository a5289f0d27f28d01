package relay

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"lethe/relay/wire"
)

// held returns an Outbox that outlives its connection, and what is routed back.
func held(l *link) (*Outbox, *bouncer) {
	o, senders := tracked(l)
	var p Pass
	o.Track(&p, nil)
	o.Hold()
	p.Flush()
	return o, senders
}

// ids returns the ids of the messages in a text, in order.
func ids(text string) string {
	var found []string
	stanzas([]byte(text), wire.NSClient, 0, func(s *wire.Stanza) { found = append(found, string(s.ID())) })
	return strings.Join(found, " ")
}

func breakLink(l *link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = true
}

func TestResumeSendsWhatWasNotHeard(t *testing.T) {
	for _, test := range []struct {
		name     string
		h        uint32
		first    string // on the first connection
		answered string // before the end
		second   string
	}{
		{"nothing heard", 0, "1 2 3", "", "1 2 3 4 5 6 7"},
		{"some heard", 2, "1 2 3", "", "3 4 5 6 7"},
		{"all heard that went out", 3, "1 2 3", "", "4 5 6 7"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, again := newLink(), newLink()
			o, senders := held(l)
			offer(t, o, 1, 3)
			breakLink(l)
			offer(t, o, 4, 5) // noticed
			offer(t, o, 6, 7) // waiting
			var p Pass
			if !o.Acknowledge(&p, test.h) || !o.Resume(again) {
				t.Fatal("not resumed")
			}
			p.Flush()
			if got := ids(l.text()); got != test.first {
				t.Errorf("first connection: %s", got)
			}
			if got := ids(again.text()); got != test.second {
				t.Errorf("second connection: %s", got)
			}
			if strings.Count(again.text(), request) != 1 {
				t.Errorf("requests on the second connection: %q", again.text())
			}
			if len(senders.ids) > 0 {
				t.Errorf("answered: %v", senders.ids)
			}
			if !o.Acknowledge(&p, 7) || o.acks.held != 0 || len(o.acks.loads) != 0 {
				t.Error("all is heard, and something kept")
			}
		})
	}
}

func TestHeldOutboxEnds(t *testing.T) {
	for name, end := range map[string]func(*Outbox, *Pass){
		"abandoned": func(o *Outbox, _ *Pass) { o.Abandon() },
		"closed":    func(o *Outbox, p *Pass) { o.Close(p, []byte("</stream:stream>")) },
		"broken":    func(o *Outbox, p *Pass) { o.Break(p) },
	} {
		for _, waiting := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, waiting=%v", name, waiting), func(t *testing.T) {
				l := newLink()
				o, senders := held(l)
				offer(t, o, 1, 2)
				if waiting {
					breakLink(l)
				}
				offer(t, o, 3, 4)
				var p Pass
				o.Acknowledge(&p, 1)
				p.Flush()
				end(o, &p)
				p.Flush()
				if name == "closed" && !waiting {
					o.Break(&p) // as c2s does when the client is gone
					p.Flush()
				}
				if got := strings.Join(senders.ids, " "); got != "2 3 4" {
					t.Errorf("answered: %q", got)
				}
				if o.Resume(newLink()) {
					t.Error("resumed after its end")
				}
				if o.Offer(&p, message(t, 9, "late")) {
					t.Error("accepts after its end")
				}
			})
		}
	}
}

// The bound holds while the Outbox waits, what was sent and not acknowledged
// included.
// TestClosedBeforeItsConnection: whoever closes a held Outbox that waits for its
// first connection is its one writer.
func TestClosedBeforeItsConnection(t *testing.T) {
	r, senders := NewRouter(), &bouncer{}
	r.Handle("x.example", senders)
	o := r.NewWaitingOutbox(wire.NSClient, 1<<20)
	var other, p Pass
	o.Track(&p, nil)
	o.Hold()
	offer(t, o, 1, 2)
	o.Close(&other, []byte("</stream:stream>"))
	l := newLink()
	o.Connect(l)
	if l.text() != "" || !l.closed {
		t.Errorf("closed: %v, sent while somebody else is to write: %q", l.closed, l.text())
	}
	other.Flush()
	if got := strings.Join(senders.ids, " "); got != "1 2" {
		t.Errorf("answered: %s", got)
	}
}

func TestWaitingIsBounded(t *testing.T) {
	l := newLink()
	r, senders := NewRouter(), &bouncer{}
	r.Handle("x.example", senders)
	o := r.NewOutbox(l, wire.NSClient, 8<<10)
	var p Pass
	o.Track(&p, nil)
	o.Hold()
	taken := 0
	for i := range 100 {
		if i == 5 {
			breakLink(l)
		}
		if o.Offer(&p, message(t, i, strings.Repeat("x", 100))) {
			taken++
		}
		p.Flush()
	}
	if taken < 10 || taken > 8<<10/100 {
		t.Errorf("%d taken", taken)
	}
	o.Abandon()
	if len(senders.ids) != taken {
		t.Errorf("%d taken, %d answered", taken, len(senders.ids))
	}
}

// A new connection may come while the old one hangs in a full socket.
func TestResumeWhileTheOldConnectionHangs(t *testing.T) {
	l, again := newLink(), newLink()
	o, _ := held(l)
	l.full = true
	offer(t, o, 1, 3)
	var p Pass
	if !o.Acknowledge(&p, 0) || !o.Resume(again) {
		t.Fatal("not resumed")
	}
	p.Flush()
	breakLink(l)
	close(l.drained)
	eventually(t, "all arrives", func() bool { return ids(again.text()) == "1 2 3" })
}

// A brittle connection takes some writes and then none. What it took, the peer
// has.
type brittle struct {
	*link
	left int
}

func (b *brittle) TryWrite(p []byte) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left--; b.left < 0 || b.cut {
		return false, errBroken
	}
	b.got.Write(p)
	return true, nil
}

// Whatever breaks when, each message arrives once, in its sender's order, or is
// answered at the end.
func TestResumeLosesNothing(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		o, senders := held(newLink())
		l := &brittle{newLink(), 3}
		if !o.Resume(l) {
			t.Fatal("not resumed")
		}
		const writers, each = 4, 200
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				var p Pass
				for i := range each {
					if !o.Offer(&p, message(t, w*1000+i, "x")) {
						t.Error("refused")
					}
					if i%3 == 0 {
						p.Flush()
					}
				}
				p.Flush()
			})
		}
		var got []string // by a peer that counts
		for range 30 {
			time.Sleep(time.Duration(rnd.IntN(300)) * time.Microsecond)
			l.Cut()
			if text := ids(l.text()); text != "" {
				got = append(got, strings.Fields(text)...)
			}
			var p Pass
			if !o.Acknowledge(&p, uint32(len(got))) {
				t.Fatalf("seed %d: %d is too many", seed, len(got))
			}
			l = &brittle{newLink(), rnd.IntN(10)}
			if !o.Resume(l) {
				t.Fatal("not resumed")
			}
			p.Flush()
		}
		wg.Wait()
		l.Cut()
		if text := ids(l.text()); text != "" {
			got = append(got, strings.Fields(text)...)
		}
		var p Pass
		o.Acknowledge(&p, uint32(len(got)))
		p.Flush()
		o.Abandon()
		eventually(t, "all are accounted for", func() bool {
			senders.mu.Lock()
			defer senders.mu.Unlock()
			return len(got)+len(senders.ids) >= writers*each
		})
		seen := map[string]bool{}
		last := [writers]int{}
		for _, id := range append(got, senders.ids...) {
			if seen[id] {
				t.Fatalf("seed %d: %s twice", seed, id)
			}
			seen[id] = true
			var n int
			fmt.Sscan(id, &n)
			if n%1000 < last[n/1000] {
				t.Fatalf("seed %d: %s overtook", seed, id)
			}
			last[n/1000] = n % 1000
		}
		if len(seen) != writers*each {
			t.Fatalf("seed %d: %d of %d", seed, len(seen), writers*each)
		}
	}
}

// A client may be back while the old connection is still being written to,
// whether or not that write comes to an end: it gets what it has not
// acknowledged, and what the stream on the new connection says.
func TestResumeWhileWriting(t *testing.T) {
	for _, fails := range []bool{false, true} {
		t.Run(fmt.Sprintf("fails=%v", fails), func(t *testing.T) {
			l, again := newLink(), newLink()
			o, _ := held(l)
			l.full = true
			offer(t, o, 1, 2)
			if !o.Resume(again) {
				t.Fatal("not resumed")
			}
			var p Pass
			o.OfferNonza(&p, []byte("<answer/>"))
			p.Flush()
			offer(t, o, 3, 3)
			if fails {
				breakLink(l)
			}
			close(l.drained)
			for range 200 {
				if strings.Contains(again.text(), request) {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			if got := ids(again.text()); got != "1 2 3" || !strings.Contains(again.text(), "<answer/>") {
				t.Errorf("second connection: %q", again.text())
			}
		})
	}
}
