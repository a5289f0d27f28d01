package wire

import (
	"sync"

	"lethe/relay/buffer"
)

// A Pool lends Readers what they need while they hold bytes, so that a stream
// on which nothing moves holds next to nothing. The bytes themselves lie in a
// [buffer.Buffer]; what is kept here are scanners that have forgotten theirs.
// The zero value is ready; many goroutines may use it at once.
type Pool struct {
	works sync.Pool // of *work
}

// A work is what a Reader needs while it holds bytes.
type work struct {
	scanner
	stanza     Stanza
	buf        *buffer.Buffer // as long as it was ever written
	start, end int            // where the unread bytes in it are
}

// work returns one with the smallest buffer.
func (p *Pool) work(l Limits) *work {
	w, ok := p.works.Get().(*work)
	if !ok {
		w = &work{scanner: newScanner()}
	}
	w.limits = l
	w.buf = buffer.Get(buffer.Small)
	return w
}

// release takes everything back and keeps no byte of the peer's.
func (p *Pool) release(w *work) {
	w.buf.Free()
	w.forget()
	p.works.Put(w)
}

// forget keeps nothing but the memory of slices that hold no peer's bytes.
func (w *work) forget() {
	w.scratch.Free()
	clear(w.stanza.children[:cap(w.stanza.children)])
	*w = work{
		scanner: scanner{
			attrs:      w.attrs[:0],
			open:       w.open[:0],
			namespaces: namespaces{binds: w.binds[:0], prefixed: w.prefixed[:0], xml: w.xml},
			view:       view{own: w.own[:0], children: w.view.children[:0]},
		},
		stanza: Stanza{children: w.stanza.children[:0]},
	}
}

// unread returns the bytes not yet handed on.
func (w *work) unread() []byte { return w.buf.B[w.start:w.end] }

// filled notes that n more bytes are there.
func (w *work) filled(n int) {
	w.end += n
	w.buf.B = w.buf.B[:max(len(w.buf.B), w.end)]
}

// little is when room gets too small to read into.
const little = 1 << 10

// makeRoom moves the unread bytes to the front, and if that is not enough to a
// larger buffer, up to the limit. They are those of one unfinished element, so
// no byte is moved more than once per buffer.
func (w *work) makeRoom() {
	if w.start == w.end {
		w.start, w.end = 0, 0
	}
	size := cap(w.buf.B)
	if size-w.end >= little {
		return
	}
	if w.start > 0 {
		w.end = copy(w.buf.B, w.unread())
		w.start = 0
	}
	if size-w.end < little && size < w.limits.Bytes {
		w.buf.Truncate(w.end)
		w.buf = w.buf.Move(min(2*size, w.limits.Bytes))
	}
}

// space returns what is free behind the unread bytes.
func (w *work) space() []byte { return w.buf.B[w.end:cap(w.buf.B)] }
