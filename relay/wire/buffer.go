package wire

import "sync"

// Buffers come in sizes four times each other; the first serves nearly all
// stanzas.
const (
	smallest = 4 << 10
	sizes    = 6 // the last is 4 MiB
)

// A Pool lends memory to Readers, so that a stream on which nothing moves holds
// none. The zero value is ready; many goroutines may use it at once.
type Pool struct {
	buffers [sizes]sync.Pool // of *buffer
	works   sync.Pool        // of *work
}

// A buffer holds bytes a peer sent.
type buffer struct {
	bytes []byte
	class int // which of the sizes, or sizes if it is none of them
	dirty int // how many bytes were written since it was clear
}

// buffer returns one of n bytes. Only those of the sizes above are lent.
func (p *Pool) buffer(n int) *buffer {
	class, size := 0, smallest
	for size < n && class < sizes {
		class, size = class+1, size*4
	}
	if class == sizes || size != n {
		return &buffer{bytes: make([]byte, n), class: sizes}
	}
	if b, ok := p.buffers[class].Get().(*buffer); ok {
		return b
	}
	return &buffer{bytes: make([]byte, n), class: class}
}

// release clears the buffer and takes it back.
func (p *Pool) release(b *buffer) {
	clear(b.bytes[:b.dirty])
	b.dirty = 0
	if b.class < sizes {
		p.buffers[b.class].Put(b)
	}
}

// A work is what a Reader needs while it holds bytes.
type work struct {
	scanner
	stanza     Stanza
	buf        *buffer
	start, end int // where the unread bytes in it are
}

// work returns one with the smallest buffer.
func (p *Pool) work(l Limits) *work {
	w, ok := p.works.Get().(*work)
	if !ok {
		w = &work{scanner: newScanner()}
	}
	w.limits = l
	w.buf = p.buffer(min(smallest, l.Bytes))
	return w
}

// releaseWork takes everything back and keeps no byte of the peer's.
func (p *Pool) releaseWork(w *work) {
	p.release(w.buf)
	w.forget()
	p.works.Put(w)
}

// forget keeps nothing but the memory of slices that hold no peer's bytes.
func (w *work) forget() {
	clear(w.scratch)
	clear(w.stanza.children[:cap(w.stanza.children)])
	*w = work{
		scanner: scanner{
			attrs:      w.attrs[:0],
			open:       w.open[:0],
			namespaces: namespaces{binds: w.binds[:0], prefixed: w.prefixed[:0], scratch: w.scratch[:0]},
			view:       view{own: w.own[:0], children: w.view.children[:0]},
		},
		stanza: Stanza{children: w.stanza.children[:0]},
	}
}

// unread returns the bytes not yet handed on.
func (w *work) unread() []byte { return w.buf.bytes[w.start:w.end] }

// filled notes that n more bytes are there.
func (w *work) filled(n int) {
	w.end += n
	w.buf.dirty = max(w.buf.dirty, w.end)
}

// little is when room gets too small to read into.
const little = 1 << 10

// makeRoom moves the unread bytes to the front, and if that is not enough to a
// larger buffer, up to the limit. They are those of one unfinished element, so
// no byte is moved more than once per buffer.
func (w *work) makeRoom(p *Pool) {
	if w.start == w.end {
		w.start, w.end = 0, 0
	}
	if len(w.buf.bytes)-w.end >= little {
		return
	}
	if w.start > 0 {
		w.end = copy(w.buf.bytes, w.unread())
		w.start = 0
	}
	if size := len(w.buf.bytes); size-w.end < little && size < w.limits.Bytes {
		old := w.buf
		w.buf = p.buffer(min(4*size, w.limits.Bytes))
		w.buf.dirty = copy(w.buf.bytes, old.bytes[:w.end])
		p.release(old)
	}
}

// space returns what is free behind the unread bytes.
func (w *work) space() []byte { return w.buf.bytes[w.end:] }
