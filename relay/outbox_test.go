package relay

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"lethe/relay/buffer"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// link is a connection whose socket is opened and shut by the test.
type link struct {
	mu      sync.Mutex
	got     bytes.Buffer
	writes  int
	full    bool // the socket takes nothing
	broken  bool
	kept    []byte
	closed  bool
	cut     bool
	drained chan struct{} // Drain waits for it
}

var errBroken = errors.New("broken")

func newLink() *link { return &link{drained: make(chan struct{})} }

func (l *link) TryWrite(p []byte) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken || l.cut || l.kept != nil {
		return false, errBroken
	}
	l.writes++
	if l.full {
		l.kept = append([]byte{}, p...)
		return false, nil
	}
	l.got.Write(p)
	return true, nil
}

func (l *link) Drain(time.Duration) error {
	<-l.drained
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken {
		return errBroken
	}
	l.got.Write(l.kept)
	l.kept, l.full = nil, false
	return nil
}

func (l *link) Close() error { l.mu.Lock(); defer l.mu.Unlock(); l.closed = true; return nil }
func (l *link) Cut() error   { l.mu.Lock(); defer l.mu.Unlock(); l.cut = true; return nil }

func (l *link) text() string { l.mu.Lock(); defer l.mu.Unlock(); return l.got.String() }

func stanza(t testing.TB, xml string) *wire.Stanza {
	t.Helper()
	s, err := wire.ParseStanza([]byte(xml), wire.NSClient)
	if err != nil {
		t.Fatalf("%s: %v", xml, err)
	}
	return s
}

func message(t testing.TB, id int, body string) *wire.Stanza {
	return stanza(t, fmt.Sprintf("<message from='a@x.example/1' to='b@x.example/2' id='%d'><body>%s</body></message>", id, body))
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 500 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal(what + ": not within 5 seconds")
}

func TestOutboxWritesOncePerPass(t *testing.T) {
	l := newLink()
	o := NewRouter().NewOutbox(l, wire.NSClient, 1<<20)
	var p Pass
	for i := range 5 {
		if !o.Offer(&p, message(t, i, "hello")) {
			t.Fatal("refused")
		}
	}
	if l.writes != 0 {
		t.Fatal("written before Flush")
	}
	p.Flush()
	if l.writes != 1 || strings.Count(l.text(), "<body>hello</body></message>") != 5 {
		t.Errorf("%d writes of %q", l.writes, l.text())
	}
	if o.claimed || o.queue.Buffer != nil || o.out.Buffer != nil {
		t.Error("an idle Outbox holds a claim or a buffer")
	}
}

func TestOutboxRefusesTheNewestWhenFull(t *testing.T) {
	l := newLink()
	l.full = true
	o := NewRouter().NewOutbox(l, wire.NSClient, 8<<10)
	var p Pass
	taken := 0
	for i := range 100 {
		if o.Offer(&p, message(t, i, strings.Repeat("x", 100))) {
			taken++
		}
		if i%10 == 0 {
			p.Flush() // what is being written counts too
		}
	}
	p.Flush()
	if taken == 0 || taken > 8<<10/100 {
		t.Fatalf("%d of 100 taken", taken)
	}
	close(l.drained)
	eventually(t, "what was taken arrives", func() bool { return strings.Count(l.text(), "<body>") == taken })
	for i := range taken {
		if !strings.Contains(l.text(), fmt.Sprintf("id='%d'", i)) {
			t.Errorf("the %d oldest were taken, %d is missing", taken, i)
		}
	}
	eventually(t, "there is room again", func() bool { return o.Offer(&p, message(t, 1000, "later")) })
	p.Flush()
}

// However long a stanza becomes, whatever is in the queue already: its memory is
// never outgrown, which would leave the old behind uncleared.
func TestOutboxMemoryIsCleared(t *testing.T) {
	quotes := strings.Repeat("'", 3071) // as long as an address can be
	for filled := 50; filled < buffer.Small; filled += 50 {
		o, p := NewRouter().NewOutbox(newLink(), wire.NSClient, 1<<20), new(Pass)
		o.OfferBytes(p, []byte(strings.Repeat("x", filled)))
		old := o.queue.B[:cap(o.queue.B)]
		s := message(t, 1, "short")
		s.SetFrom(quotes)
		s.SetTo(quotes)
		s.SetLang(quotes)
		if !o.Offer(p, s) {
			t.Fatal("refused")
		}
		if len(bytes.Trim(old, "\x00")) != 0 {
			t.Fatalf("behind %d bytes, text is left in outgrown memory", filled)
		}
	}
}

// An Outbox refuses by what a stanza may become, and is left as it was.
func TestOutboxRefusesWithoutSideEffects(t *testing.T) {
	const first = "<presence/>"
	s := message(t, 1, "text")
	s.SetFrom(strings.Repeat("'", 3071))
	enough := len(first) + s.MaxAppend(wire.NSClient)
	for _, limit := range []int{enough, enough - 1} {
		o, p := NewRouter().NewOutbox(newLink(), wire.NSClient, limit), new(Pass)
		o.OfferBytes(p, []byte(first))
		before := cap(o.queue.B)
		taken := o.Offer(p, s)
		if taken != (limit == enough) {
			t.Errorf("limit %d: taken is %v", limit, taken)
		}
		if !taken && (string(o.queue.B) != first || cap(o.queue.B) != before) {
			t.Error("a refusal leaves traces")
		}
	}
}

// A slow receiver must cost its senders nothing: Flush returns at once.
func TestFlushDoesNotWaitForAFullSocket(t *testing.T) {
	slow, quick := newLink(), newLink()
	slow.full = true
	r := NewRouter()
	a, b := r.NewOutbox(slow, wire.NSClient, 1<<20), r.NewOutbox(quick, wire.NSClient, 1<<20)
	done := make(chan struct{})
	go func() {
		var p Pass
		for i := range 10 {
			a.Offer(&p, message(t, i, "slow"))
			b.Offer(&p, message(t, i, "quick"))
			p.Flush()
		}
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("the sender waits for a full socket")
	}
	if strings.Count(quick.text(), "quick") != 10 {
		t.Error("a receiver misses messages because another is slow")
	}
	eventually(t, "one is counted as full", func() bool { return r.Stats().Full() == 1 })
	close(slow.drained)
	eventually(t, "none is any more", func() bool { return r.Stats().Full() == 0 })
	eventually(t, "the slow one catches up", func() bool { return strings.Count(slow.text(), "slow") == 10 })
}

// bouncer records what is routed to the senders.
type bouncer struct {
	mu  sync.Mutex
	ids []string
	why []string
}

func (b *bouncer) Deliver(_ *Pass, s *wire.Stanza, _, _ jid.JID) Drop {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ids = append(b.ids, string(s.ID()))
	b.why = append(b.why, string(s.Type()))
	return Delivered
}

func TestOutboxAnswersWhatWasNotWritten(t *testing.T) {
	for _, drain := range []bool{false, true} {
		t.Run(fmt.Sprintf("drain=%v", drain), func(t *testing.T) {
			r, senders, l := NewRouter(), &bouncer{}, newLink()
			r.Handle("x.example", senders)
			o := r.NewOutbox(l, wire.NSClient, 1<<20)
			var p Pass
			o.Offer(&p, message(t, 0, "arrives"))
			p.Flush()
			l.full, l.broken = drain, !drain
			// Several records' worth, so that the cuts matter.
			for i := 1; i <= 5; i++ {
				o.Offer(&p, message(t, i, strings.Repeat("y", 10<<10)))
			}
			o.Offer(&p, stanza(t, "<iq from='a@x.example/1' to='b@x.example/2' type='result' id='r'/>"))
			o.Offer(&p, stanza(t, "<message from='a@x.example/1' to='b@x.example/2' id='typing'><active xmlns='http://jabber.org/protocol/chatstates'/></message>"))
			p.Flush()
			if drain {
				l.mu.Lock()
				l.broken = true
				l.mu.Unlock()
				close(l.drained)
			}
			eventually(t, "answers", func() bool { senders.mu.Lock(); defer senders.mu.Unlock(); return len(senders.ids) >= 5 })
			if got := strings.Join(senders.ids, " "); got != "1 2 3 4 5" {
				t.Errorf("answered: %s", got)
			}
			for _, typ := range senders.why {
				if typ != "error" {
					t.Errorf("answered by a %q", typ)
				}
			}
			if !l.cut {
				t.Error("the broken connection was not cut")
			}
			if o.Offer(&p, message(t, 9, "late")) {
				t.Error("a broken Outbox accepts")
			}
		})
	}
}

func TestOutboxCloseSendsTheQueueThenTheLastWords(t *testing.T) {
	l := newLink()
	o := NewRouter().NewOutbox(l, wire.NSClient, 1<<20)
	var p Pass
	o.Offer(&p, message(t, 1, "first"))
	o.Close(&p, []byte("</stream:stream>"))
	if o.Offer(&p, message(t, 2, "late")) {
		t.Error("a closed Outbox accepts")
	}
	o.Close(&p, []byte("again"))
	p.Flush()
	if !strings.HasSuffix(l.text(), "first</body></message></stream:stream>") {
		t.Errorf("sent: %q", l.text())
	}
	if !l.closed {
		t.Error("the Link was not closed")
	}
}

func TestOutboxConcurrently(t *testing.T) {
	l := newLink()
	o := NewRouter().NewOutbox(l, wire.NSClient, 64<<20)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			var p Pass
			for i := range 500 {
				o.Offer(&p, message(t, w*1000+i, "x"))
				if i%7 == 0 {
					p.Flush()
				}
			}
			p.Flush()
		})
	}
	wg.Wait()
	eventually(t, "all arrive", func() bool { return strings.Count(l.text(), "<body>x") == 8*500 })
	for w := range 8 { // in each sender's order
		last := -1
		for i := range 500 {
			at := strings.Index(l.text(), fmt.Sprintf("id='%d'", w*1000+i))
			if at < last {
				t.Fatalf("sender %d: message %d overtook", w, i)
			}
			last = at
		}
	}
}

func BenchmarkOutbox(b *testing.B) {
	o := NewRouter().NewOutbox(discard{}, wire.NSClient, 1<<20)
	s := message(b, 1, strings.Repeat("x", 300))
	b.ReportAllocs()
	var p Pass
	for b.Loop() {
		o.Offer(&p, s)
		p.Flush()
	}
}

type discard struct{}

func (discard) TryWrite([]byte) (bool, error) { return true, nil }
func (discard) Drain(time.Duration) error     { return nil }
func (discard) Close() error                  { return nil }
func (discard) Cut() error                    { return nil }

func TestWaitingOutbox(t *testing.T) {
	r, senders := NewRouter(), &bouncer{}
	r.Handle("x.example", senders)
	offer := func(o *Outbox) {
		var p Pass
		for i := range 3 {
			if !o.Offer(&p, message(t, i, "waits")) {
				t.Fatal("refused")
			}
		}
		p.Flush()
	}
	l := newLink()
	o := r.NewWaitingOutbox(wire.NSClient, 1<<20)
	offer(o)
	o.Connect(l)
	if n := strings.Count(l.text(), "waits"); n != 3 {
		t.Errorf("%d of 3 were sent on connecting", n)
	}
	var p Pass
	o.Offer(&p, message(t, 4, "goes"))
	p.Flush()
	if !strings.Contains(l.text(), "goes") {
		t.Error("once connected, an Outbox does not send")
	}

	o = r.NewWaitingOutbox(wire.NSClient, 1<<20)
	offer(o)
	o.Abandon()
	if got := strings.Join(senders.ids, " "); got != "0 1 2" {
		t.Errorf("answered: %s", got)
	}
	if o.Offer(&p, message(t, 5, "late")) {
		t.Error("an abandoned Outbox accepts")
	}
}

// An answer finds room where nothing else does. When even that is used up, the
// one who does not read is cut: it would wait for an answer for ever.
func TestAnswersHaveRoom(t *testing.T) {
	l := newLink()
	l.full = true
	r := NewRouter()
	const limit = 8 << 10
	o := r.NewOutbox(l, wire.NSClient, limit)
	r.Handle("x.example", endpoint(func(p *Pass, s *wire.Stanza) Drop {
		if !o.Offer(p, s) {
			return Full
		}
		return Delivered
	}))
	var p Pass
	for i := 0; o.Offer(&p, message(t, i, strings.Repeat("x", 100))); i++ {
	}
	p.Flush() // hangs in the socket
	report := stanza(t, "<message from='b@x.example/2' to='a@x.example/1' type='error' id='e'><body>no answer to anything</body></message>")
	if o.Offer(&p, report) {
		t.Error("a peer's error takes the room for answers")
	}
	from, to := address(t, "a@x.example/1"), address(t, "b@x.example/2")
	answers := 0
	for ; !o.Closed(); answers++ {
		if answers > limit {
			t.Fatal("answers are not bounded")
		}
		r.Refuse(&p, message(t, answers, "to nobody"), from, to, NoUser)
	}
	p.Flush()
	if answers < 2 {
		t.Errorf("room for %d answers", answers)
	}
	close(l.drained)
	eventually(t, "the reason is the last that is said", func() bool {
		return strings.HasSuffix(l.text(), "</stream:error></stream:stream>") && strings.Contains(l.text(), "<resource-constraint")
	})
	if got := strings.Count(l.text(), "service-unavailable"); got != answers-1 {
		t.Errorf("%d answers arrive of %d", got, answers-1)
	}
}

type endpoint func(*Pass, *wire.Stanza) Drop

func (e endpoint) Deliver(p *Pass, s *wire.Stanza, _, _ jid.JID) Drop { return e(p, s) }
