package wire

import "errors"

// ErrMore says that the bytes read so far end within a stanza: read more.
var ErrMore = errors.New("wire: more bytes are needed")

// Limits bound one stanza (or stream header). A zero field takes its default.
type Limits struct {
	Bytes      int // from its first byte to its last; default 262144
	Depth      int // of elements in each other, itself counted; default 64
	Attributes int // of one element, and namespaces declared at one place; default 64
	Name       int // bytes of an element's or attribute's name; default 256
}

// A Pool lends buffers to Readers. The zero value is ready; it may be used by
// many goroutines at once.
type Pool struct{}

// NewReader returns a Reader that borrows its buffers from p.
func (p *Pool) NewReader(l Limits) *Reader { panic("skeleton") }

// NewReader returns a Reader with a Pool of its own.
func NewReader(l Limits) *Reader { return new(Pool).NewReader(l) }

// A Reader cuts a stream into stanzas. It is fed through Space and Filled and
// read through Open and Next, both until they say ErrMore. It belongs to one
// goroutine.
type Reader struct{}

// Space returns where to read the next bytes to; it is never empty after Open
// or Next said ErrMore.
func (r *Reader) Space() []byte { panic("skeleton") }

// Filled says that n bytes of what Space returned hold what was read.
func (r *Reader) Filled(n int) { panic("skeleton") }

// Open reads the stream header. It returns ErrMore or a StreamError.
func (r *Reader) Open() (*Header, error) { panic("skeleton") }

// Next returns the next stanza, valid until the Reader is used again. It
// returns ErrMore, io.EOF after the end of the stream, or a StreamError.
func (r *Reader) Next() (*Stanza, error) { panic("skeleton") }

// Buffered returns how many bytes were read but not yet handed on.
func (r *Reader) Buffered() int { panic("skeleton") }

// Reset forgets everything, unread bytes too: a new stream starts after TLS.
func (r *Reader) Reset() { panic("skeleton") }

// Restart expects a new stream header; unread bytes are kept (after SASL).
func (r *Reader) Restart() { panic("skeleton") }

// Rest gives the buffers back, cleared, unless part of a stanza is held. Call
// it before waiting for bytes.
func (r *Reader) Rest() { panic("skeleton") }

// Close gives the buffers back, cleared.
func (r *Reader) Close() { panic("skeleton") }

// A Header is what a peer said when it opened its stream (RFC 6120 §4.7).
type Header struct {
	To, From, ID, Lang, Version string // "" if absent
	NS                          string // the content namespace
}
