package relay

import (
	"errors"
	"sync"
	"time"

	"lethe/relay/buffer"
	"lethe/relay/wire"
)

const (
	// record is how many bytes of whole stanzas go out in one write: what one
	// TLS record carries (RFC 8446 §5.1). The peer gets all of them or none.
	record = 16 << 10

	// turns is how often in a row a Flush writes the same Outbox before a
	// goroutine takes over, so that a busy receiver does not keep a sender.
	turns = 4

	// DrainTimeout is how long a peer may leave a full socket unread before
	// its connection is cut.
	DrainTimeout = 30 * time.Second
)

// Link is the writing half of a connection.
type Link interface {
	// TryWrite sends p without waiting. If the socket does not take all of it
	// at once done is false, the Link keeps the rest, and Drain must come
	// before the next TryWrite.
	TryWrite(p []byte) (done bool, err error)
	// Drain waits until the kept rest is with the kernel, or fails after the
	// timeout without progress.
	Drain(timeout time.Duration) error
	// Close ends the connection in order, without waiting.
	Close() error
	// Cut ends it at once.
	Cut() error
}

// Outbox is the queue in front of one connection, bounded in bytes. Offering
// never waits. Its bytes leave in order and are cleared once written; when the
// connection fails, what was not written is handed back as [Lost].
//
// Whoever puts something in an unclaimed Outbox claims it, and sees to it that
// write is called: that is what a [Pass] is for. So there is one writer at a
// time, no lock is held while it writes, and an idle Outbox costs neither
// goroutine nor buffer.
type Outbox struct {
	link   Link
	router *Router
	ns     string // content namespace of the stream
	limit  int    // bytes
	lost   func(*Pass, *wire.Stanza)

	mu      sync.Mutex
	queue   load // what is offered
	writing int  // bytes the claimant holds
	claimed bool // from the first byte until all are written; for ever once closed
	closed  bool // takes nothing more
	broken  bool // there is no connection any more
	ended   bool // closed, and all is written
	held    bool // outlives its connection; see Hold
	parked  bool // there is no connection now, and so no claimant at work
	next    Link // what takes the connection's place once its claimant lets go
	acks    acks

	// The claimant's own.
	out  load
	sent int // bytes of out
}

// A load is a run of whole elements on its way.
type load struct {
	*buffer.Buffer         // nil when there are none
	cuts           []int32 // where one write's share ends and the next begins
	stanzas        int     // among the elements
	last           uint32  // the last stanza's number, where they are numbered
	free           int     // bytes at its beginning that hold stanzas without a number
}

// NewOutbox returns the Outbox in front of link, a stream with content
// namespace ns. It holds at most limit bytes, those being written included, and
// a quarter more of answers to what the peer has sent.
func (r *Router) NewOutbox(link Link, ns string, limit int) *Outbox {
	return &Outbox{link: link, router: r, ns: ns, limit: limit}
}

// NewWaitingOutbox returns an Outbox whose connection is still to come. What it
// is offered waits, within limit, for [Outbox.Connect] or [Outbox.Abandon].
func (r *Router) NewWaitingOutbox(ns string, limit int) *Outbox {
	return &Outbox{link: nowhere{}, router: r, ns: ns, limit: limit, claimed: true, parked: true}
}

// nowhere is the Link of a connection that is still to come.
type nowhere struct{}

func (nowhere) TryWrite([]byte) (bool, error) { return false, errNowhere }
func (nowhere) Drain(time.Duration) error     { return errNowhere }
func (nowhere) Close() error                  { return nil }
func (nowhere) Cut() error                    { return nil }

var errNowhere = errors.New("relay: there is no connection yet")

// Connect gives a waiting Outbox its connection and sends what has waited. If it
// was held, and closed meanwhile, the connection ends.
func (o *Outbox) Connect(link Link) {
	o.mu.Lock()
	if !o.parked {
		o.mu.Unlock()
		link.Close() // whoever closed the Outbox may be at work on it
		return
	}
	o.link, o.parked = link, false
	o.mu.Unlock()
	o.write(false)
}

// OnLost replaces what happens to each stanza that was accepted and could not
// be written. By default the Router refuses it as Lost. Set it before the
// first Offer.
func (o *Outbox) OnLost(f func(*Pass, *wire.Stanza)) { o.lost = f }

// Offer queues s as it goes out on this stream. It reports false, and has done
// nothing, when the Outbox is closed or has no room for what s might become,
// which is a little more than it will.
func (o *Outbox) Offer(p *Pass, s *wire.Stanza) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := s.MaxAppend(o.ns) // append must not outgrow what is reserved
	answer := p.answering && string(s.Type()) == "error"
	if !o.admits(n, answer) {
		if answer {
			o.overflow(p)
		}
		return false
	}
	start := o.grow(n)
	o.queue.B = s.Append(o.queue.B, o.ns)
	o.queue.stanzas++
	o.commit(p, start)
	return true
}

// OfferBytes queues one stanza that is written out already.
func (o *Outbox) OfferBytes(p *Pass, stanza []byte) bool { return o.offer(p, stanza, 1, false) }

// Answer is OfferBytes for the relay's own answer to something that the peer
// sent. There is room for it beyond the limit; when that is full too the
// connection ends.
func (o *Outbox) Answer(p *Pass, stanza []byte) bool { return o.offer(p, stanza, 1, true) }

// OfferNonza queues an element of the stream's own (XEP-0360), as an answer.
func (o *Outbox) OfferNonza(p *Pass, nonza []byte) bool { return o.offer(p, nonza, 0, true) }

func (o *Outbox) offer(p *Pass, element []byte, stanzas int, answer bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.admits(len(element), answer) {
		if answer {
			o.overflow(p)
		}
		return false
	}
	o.add(p, element)
	o.queue.stanzas += stanzas
	return true
}

// add queues bytes, whatever the limit.
func (o *Outbox) add(p *Pass, element []byte) {
	start := o.grow(len(element))
	o.queue.B = append(o.queue.B, element...)
	o.commit(p, start)
}

// Close takes no further offers, lets what is queued go out, then last (a
// stream error, a closing tag), and closes the Link. Only the first Close
// counts. An Outbox that was held and waits hands back what it has.
func (o *Outbox) Close(p *Pass, last []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.close(p, last)
}

func (o *Outbox) close(p *Pass, last []byte) {
	if o.closed {
		return
	}
	o.closed = true
	if len(last) > 0 {
		o.add(p, last)
	}
	o.unpark()
	o.claim(p)
}

// overflow ends the connection of a peer for whom not even an answer finds
// room: nobody answers an answer, so the peer has to notice.
func (o *Outbox) overflow(p *Pass) {
	// RFC 6120 §4.9.3.17
	o.close(p, wire.AppendStreamError(nil, wire.ResourceConstraint, "Too much is waiting for you unread."))
}

// Closed reports whether the Outbox takes nothing more, ever.
func (o *Outbox) Closed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// Break says that the connection is gone: what was accepted and did not
// certainly arrive is handed back.
func (o *Outbox) Break(p *Pass) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.link.Cut()
	o.closed, o.broken = true, true
	if o.ended { // its last claimant is gone
		o.ended, o.claimed = false, false
	}
	o.unpark()
	o.claim(p)
}

// reserve is the part of the limit, one in so many, that only answers may
// exceed it by: what is refused can be answered, an answer cannot.
const reserve = 4

func (o *Outbox) admits(n int, answer bool) bool {
	held := o.writing + o.acks.held
	if o.queue.Buffer != nil {
		held += len(o.queue.B)
	}
	limit := o.limit
	if answer {
		limit += limit / reserve
	}
	return !o.closed && held+n <= limit
}

// grow makes room for n bytes and returns where they will begin.
func (o *Outbox) grow(n int) int {
	o.queue.Buffer = o.queue.Grow(n)
	return len(o.queue.B)
}

// commit ends the element that began at start. One that does not fit the
// current write's share begins the next.
func (o *Outbox) commit(p *Pass, start int) {
	share := 0
	if n := len(o.queue.cuts); n > 0 {
		share = int(o.queue.cuts[n-1])
	}
	if start > share && len(o.queue.B)-share > record {
		o.queue.cuts = append(o.queue.cuts, int32(start))
	}
	o.claim(p)
}

func (o *Outbox) claim(p *Pass) {
	if !o.claimed {
		o.claimed = true
		p.claimed = append(p.claimed, o)
	}
}

// write sends until nothing is left. Only the claimant calls it. Impatient, it
// never waits: where the socket is full, or the queue refills too often, a
// goroutine takes over.
func (o *Outbox) write(patient bool) {
	for turn := 0; o.take(); turn++ {
		if turn == turns && !patient {
			go o.write(true)
			return
		}
		for o.sent < len(o.out.B) {
			share := o.out.B[o.sent:o.shareEnd()]
			done, err := o.link.TryWrite(share)
			if err == nil && !done {
				if !patient {
					go o.drain(len(share))
					return
				}
				err = o.await()
			}
			if err != nil {
				o.fail()
				return
			}
			o.sent += len(share)
		}
	}
}

// drain waits for a full socket to take the n bytes it was given, then goes on
// writing.
func (o *Outbox) drain(n int) {
	if err := o.await(); err != nil {
		o.fail()
		return
	}
	o.sent += n
	o.write(true)
}

// await waits for a full socket.
func (o *Outbox) await() error {
	o.router.stats.full.Add(1)
	defer o.router.stats.full.Add(-1)
	return o.link.Drain(DrainTimeout)
}

func (o *Outbox) shareEnd() int {
	for len(o.out.cuts) > 0 {
		end := int(o.out.cuts[0])
		if end > o.sent {
			return end
		}
		o.out.cuts = o.out.cuts[1:]
	}
	return len(o.out.B)
}

// take makes the queue the claimant's, unless it still has bytes to send. With
// nothing left it gives up the claim, or ends the connection if the Outbox is
// closed, and reports false.
func (o *Outbox) take() bool {
	if o.out.Buffer != nil && o.sent < len(o.out.B) {
		return true
	}
	o.mu.Lock()
	o.acks.keep(o.out)
	if o.next != nil { // the old connection took its last with it unnoticed
		o.out, o.sent, o.writing = load{}, 0, 0
		o.rewind(o.next)
	}
	if o.queue.Buffer == nil && len(o.acks.loads) > 0 && !o.closed {
		o.ask(nil) // the Outbox is claimed
	}
	o.out, o.sent, o.writing = o.queue, 0, 0
	o.queue = load{}
	if o.out.Buffer != nil {
		o.out.last = o.acks.number(o.out.stanzas)
		if !o.acks.on {
			o.out.free = len(o.out.B)
		}
		o.writing = len(o.out.B)
		o.mu.Unlock()
		return true
	}
	o.claimed = o.closed
	o.ended = o.closed && !o.broken
	closed, broken := o.closed, o.broken
	o.mu.Unlock()
	switch {
	case broken:
		o.fail()
	case closed:
		o.link.Close() // does not wait
	}
	return false
}

// fail ends the connection and, unless the Outbox is held, hands back what was
// accepted and did not certainly arrive. A share that went out in part counts
// as not sent: nobody can read half a TLS record, nor half a stanza.
func (o *Outbox) fail() {
	o.mu.Lock()
	o.link.Cut()
	if o.held && !o.closed {
		o.park()
		return
	}
	if o.next != nil {
		o.next.Cut() // it came too late
	}
	o.closed, o.parked = true, false
	back := o.acks.unheard(o.out, o.sent)
	back = append(back, rest{o.queue, 0, 0})
	o.out, o.sent, o.queue, o.writing = load{}, 0, load{}, 0
	o.mu.Unlock()
	var p Pass
	for _, r := range back {
		if r.Buffer != nil {
			o.returned(&p, r)
			r.Free()
		}
	}
	p.Flush()
}
