package wire

import (
	"errors"
	"io"
)

// ErrMore says that what was read so far ends within an element, or between
// two: more bytes are needed.
var ErrMore = errors.New("wire: more bytes are needed")

// Limits bound one stanza, and the stream header, which is bounded by 4096 bytes
// too. They are counted while reading; passing one is a policy-violation. A
// field not above zero takes its default.
type Limits struct {
	Bytes      int // from its first byte to its last; default 262144
	Depth      int // elements within each other, itself included; default 64
	Attributes int // of one element; default and at most 63
	Namespaces int // declared around one element; default 63
	Name       int // bytes of an element's or attribute's name; default 256
}

// maxHeader bounds the stream header. It needs 200 bytes or so, but what it
// declares may have to be declared again with every stanza: a long one would
// multiply what its sender sends.
const maxHeader = 4 << 10

// maxBytes keeps offsets within an int32.
const maxBytes = 1 << 30

func (l Limits) orDefaults() Limits {
	set := func(v *int, otherwise, most int) {
		if *v <= 0 {
			*v = otherwise
		}
		*v = min(*v, most)
	}
	set(&l.Bytes, 256<<10, maxBytes)
	set(&l.Depth, 64, maxBytes)
	set(&l.Attributes, maxAttributes, maxAttributes)
	set(&l.Namespaces, maxAttributes, maxBytes)
	set(&l.Name, 256, maxBytes)
	return l
}

// A phase says how far a stream has come.
type phase uint8

const (
	fresh  phase = iota // nothing was read: an XML declaration may come
	prolog              // the header must come
	opened              // stanzas come
	closed              // nothing may come
)

// A Reader cuts a stream into stanzas. It is fed through Space and Filled and
// read through Open, once, and then Next; each until it says ErrMore. Any other
// error is final. A Reader belongs to one goroutine; the zero value reads
// nothing, NewReader makes one.
type Reader struct {
	pool   *Pool
	limits Limits
	phase  phase
	err    error // final

	// What is remembered of the header.
	outer   []decl
	content []byte
	name    []byte // of the root, with its prefix

	w *work // nil while no bytes are held
}

// NewReader returns a Reader that borrows from p what it needs while it holds
// bytes.
func (p *Pool) NewReader(l Limits) *Reader {
	return &Reader{pool: p, limits: l.orDefaults()}
}

// NewReader returns a Reader with a Pool of its own.
func NewReader(l Limits) *Reader { return new(Pool).NewReader(l) }

// Space returns where to read the next bytes to. It is never empty if Open or
// Next said ErrMore before. What they returned is no longer valid.
func (r *Reader) Space() []byte {
	if r.w == nil {
		r.w = r.pool.work(r.limits)
		r.recall()
	}
	r.w.makeRoom()
	return r.w.space()
}

// recall tells the scanner what the header said.
func (r *Reader) recall() {
	r.w.outer, r.w.content, r.w.stream = r.outer, r.content, r.name
}

// Filled says that the first n bytes of what Space returned were read.
func (r *Reader) Filled(n int) { r.w.filled(n) }

// Buffered returns how many bytes were read but not handed on.
func (r *Reader) Buffered() int {
	if r.w == nil {
		return 0
	}
	return len(r.w.unread())
}

// Next returns the next first-level element. It is valid until the Reader is
// used again. White space around it is skipped (RFC 6120 §4.6.1). The error is
// ErrMore, io.EOF behind the end of the stream, or a StreamError.
func (r *Reader) Next() (*Stanza, error) {
	if r.err != nil {
		return nil, r.err
	}
	if r.phase == closed && r.skipSpace() {
		r.err = NotWellFormed // a second root, or text behind the first
		return nil, r.err
	}
	if r.phase == closed {
		return nil, io.EOF
	}
	s, err := r.next()
	if err != nil && err != ErrMore && err != io.EOF {
		r.err = err
	}
	return s, err
}

func (r *Reader) next() (*Stanza, error) {
	if r.phase != opened {
		return nil, BadFormat
	}
	if r.Buffered() == 0 {
		return nil, ErrMore
	}
	if r.w.state == between {
		if !r.skipSpace() {
			return nil, ErrMore
		}
		if c := r.w.unread()[0]; c != '<' {
			return nil, stray(c)
		}
		r.w.begin(false)
	}
	if err := r.scan(); err != nil {
		return nil, err
	}
	if r.w.state == ended {
		r.phase = closed
		r.consume()
		return nil, io.EOF
	}
	r.w.stanza.fill(&r.w.scanner)
	r.consume()
	return &r.w.stanza, nil
}

// stray names what is wrong with a byte that is no markup between stanzas.
func stray(c byte) StreamError {
	if c < ' ' {
		return NotWellFormed
	}
	return BadFormat // RFC 6120 §4.9.3.1: text is well-formed there, but no stanza
}

// skipSpace skips white space between elements and reports whether anything
// else is there.
func (r *Reader) skipSpace() bool {
	if r.w == nil {
		return false
	}
	r.w.start += skipSpace(r.w.unread(), 0)
	return r.w.start < r.w.end
}

// scan lets the scanner go on, as far as the limit.
func (r *Reader) scan() error {
	limit := r.limits.Bytes
	if r.w.root {
		limit = min(limit, maxHeader)
	}
	b := r.w.unread()
	r.w.b = b[:min(len(b), limit)]
	err := r.w.run()
	if err == ErrMore && len(r.w.b) == limit {
		return PolicyViolation // RFC 6120 §13.12
	}
	return err
}

// consume takes the element that was scanned for read.
func (r *Reader) consume() {
	r.w.start += r.w.pos
	r.w.state = between
}

// Reset forgets all there was, unread bytes too: another stream begins, on
// other bytes, as after TLS.
func (r *Reader) Reset() {
	r.Close()
	*r = Reader{pool: r.pool, limits: r.limits}
}

// Restart forgets the header but keeps unread bytes: another stream begins, on
// the same bytes, as after SASL (RFC 6120 §6.4.6). White space that was read
// belongs to the old stream.
func (r *Reader) Restart() {
	if r.w != nil {
		r.skipSpace()
		r.w.state = between
	}
	*r = Reader{pool: r.pool, limits: r.limits, w: r.w}
}

// Rest gives all memory back, cleared, unless bytes are held that were not
// handed on. It is to be called before waiting for more.
func (r *Reader) Rest() {
	if r.Buffered() == 0 {
		r.Close()
	}
}

// Close gives all memory back, cleared, with the unread bytes.
func (r *Reader) Close() {
	if r.w != nil {
		r.pool.release(r.w)
		r.w = nil
	}
}
