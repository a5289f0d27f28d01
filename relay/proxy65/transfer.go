package proxy65

import (
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"lethe/relay/jid"
)

// share is how many bytes are moved before the limits are looked at. A client
// that does not take so many within patience.stall is cut.
const share = 64 << 10

// A transfer is two connections that talk with each other. Each one's goroutine
// moves what comes from it.
type transfer struct {
	srv   *Server
	owner jid.JID // who began it, a bare address
	ends  [2]*conn
	born  time.Time

	moved  atomic.Int64 // bytes, both directions together
	active atomic.Int64 // when the last of them moved, nanoseconds after born
	half   atomic.Bool  // one side has said all

	both sync.WaitGroup // the connections that have not parted
}

func newTransfer(s *Server, owner jid.JID, ends [2]*conn) *transfer {
	t := &transfer{srv: s, owner: owner, ends: ends, born: time.Now()}
	t.both.Add(2)
	return t
}

// end cuts both connections.
func (t *transfer) end() {
	t.ends[0].Close()
	t.ends[1].Close()
}

// carry moves what comes from a connection to the other one until the sender
// has said all, and reports that it has. The first early bytes were read
// already.
func (t *transfer) carry(from *conn, early int) (orderly bool) {
	to := t.ends[0]
	if to == from {
		to = t.ends[1]
	}
	to.SetWriteDeadline(time.Now().Add(t.srv.patience.stall))
	_, err := to.Write(from.early[:early])
	clear(from.early[:])
	if err != nil {
		return false
	}
	t.count(int64(early))
	if !t.move(to, from) {
		return false
	}
	// What went the other way before may still be under way: to close now
	// could destroy it in the client's hands.
	t.half.Store(true)
	to.CloseWrite()
	return true
}

// move moves bytes until their sender has said all, and reports that it has.
func (t *transfer) move(to, from *conn) (orderly bool) {
	limits := t.srv.cfg.Limits
	pace := pace{rate: limits.BytesPerSecond}
	for {
		n, quiet, err := t.share(to, from, pace.share())
		now := time.Now()
		all := t.count(n)
		switch {
		case errors.Is(err, io.EOF):
			return true
		case err != nil && !quiet:
			return false
		case limits.Bytes > 0 && all > int64(limits.Bytes):
			return false
		case now.Sub(t.born) > t.srv.patience.life:
			return false
		case n == 0 && t.over(now):
			return false
		}
		time.Sleep(pace.after(int(n), now))
	}
}

// share moves up to n bytes. Quiet is an error that only means that the sender
// had no more for now.
func (t *transfer) share(to, from *conn, n int) (moved int64, quiet bool, err error) {
	start := time.Now()
	from.SetReadDeadline(start.Add(t.srv.patience.tick))
	to.SetWriteDeadline(start.Add(t.srv.patience.stall))
	// From one *net.TCPConn to another, so that net splices.
	moved, err = io.CopyN(to.TCPConn, from.TCPConn, int64(n))
	// A write that came too late has lost what was read for it. Its deadline
	// is the later one, so before that it was the read.
	quiet = errors.Is(err, os.ErrDeadlineExceeded) && time.Since(start) < t.srv.patience.stall
	return moved, quiet, err
}

// count notes that n bytes were moved, and returns how many that makes.
func (t *transfer) count(n int64) (all int64) {
	if n > 0 {
		t.srv.moved.Add(uint64(n))
		t.active.Store(int64(time.Since(t.born)))
	}
	return t.moved.Add(n)
}

// over reports whether a transfer, one direction of which is silent, has ended:
// if the other one has said all, or is as silent for too long.
func (t *transfer) over(now time.Time) bool {
	return t.half.Load() || now.Sub(t.born)-time.Duration(t.active.Load()) > t.srv.patience.idle
}

// pace keeps one direction of a transfer at its rate. What is not used is not
// saved up.
type pace struct {
	rate int // bytes a second; 0: any
	next time.Time
}

// share is how much to move at once: what takes a second at most.
func (p *pace) share() int {
	if p.rate <= 0 {
		return share
	}
	return min(share, p.rate)
}

// after is how long to wait when n bytes have been moved.
func (p *pace) after(n int, now time.Time) time.Duration {
	if p.rate <= 0 {
		return 0
	}
	if p.next.Before(now) {
		p.next = now
	}
	p.next = p.next.Add(time.Duration(n) * time.Second / time.Duration(p.rate))
	return p.next.Sub(now)
}
