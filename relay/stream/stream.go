// Package stream is an XMPP stream (RFC 6120 §4) on a connection of its own
// while two sides negotiate: it begins in cleartext, goes on in TLS, and is
// begun anew after each. Reading and writing wait, for there is nobody but the
// peer to wait for. A stream whose negotiation is over is read by its owner
// and written through a relay.Outbox.
package stream

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"net"
	"net/netip"
	"time"

	"lethe/relay/wire"
	"lethe/tls"
)

// Stream is one connection. It belongs to one goroutine.
type Stream struct {
	net     net.Conn
	conn    *tls.Conn // nil in cleartext
	in      *wire.Reader
	timeout time.Duration
}

// New returns the stream on nc, in cleartext. A write that takes longer than
// timeout fails.
func New(nc net.Conn, in *wire.Reader, timeout time.Duration) *Stream {
	return &Stream{net: nc, in: in, timeout: timeout}
}

// Source is the part of a peer's address that connections and failures are
// counted by: an IPv4 address, the /64 that one IPv6 subscriber has, or a circuit
// of Tor's.
func Source(nc net.Conn) netip.Prefix {
	if c, ok := nc.(interface{ Source() netip.Prefix }); ok {
		return c.Source() // Tor brought it
	}
	ap, err := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err != nil {
		return netip.Prefix{} // a Unix socket
	}
	addr, bits := ap.Addr().Unmap(), 64
	if addr.Is4() {
		bits = 32
	}
	p, _ := addr.WithZone("").Prefix(bits) // fails for no address of these lengths
	return p
}

// Contain runs f, the life of one connection, and reports whether it came to
// its end. It is the one place that recovers: a defect ends the connection that
// met it and no other.
func Contain(f func()) (sound bool) {
	defer func() { sound = recover() == nil }()
	f()
	return
}

// Net is the connection below.
func (s *Stream) Net() net.Conn { return s.net }

// TLS is the encrypted connection, nil in cleartext.
func (s *Stream) TLS() *tls.Conn { return s.conn }

// Reader is what cuts the stream into stanzas.
func (s *Stream) Reader() *wire.Reader { return s.in }

// Secure says that conn now stands on the connection. Nothing that was read
// in the clear is left to be taken for what comes after (RFC 6120 §5.4.3.3);
// the caller has made sure that nothing was.
func (s *Stream) Secure(conn *tls.Conn) {
	s.conn = conn
	s.in.Reset()
}

// Deadline is when reading fails.
func (s *Stream) Deadline(t time.Time) {
	if s.conn != nil {
		s.conn.SetReadDeadline(t)
		return
	}
	s.net.SetReadDeadline(t)
}

// Open waits for the peer's stream header.
func (s *Stream) Open() (*wire.Header, error) {
	for {
		h, err := s.in.Open()
		if err != wire.ErrMore {
			return h, err
		}
		if err := s.read(); err != nil {
			return nil, err
		}
	}
}

// Next waits for the next first-level element, valid until the next call. Its
// end is io.EOF, a breach of the rules a [wire.StreamError], the end of the
// connection without the stream's io.ErrUnexpectedEOF.
func (s *Stream) Next() (*wire.Stanza, error) {
	for {
		st, err := s.in.Next()
		if err != wire.ErrMore {
			return st, err
		}
		if err := s.read(); err != nil {
			return nil, err
		}
	}
}

func (s *Stream) read() error {
	var n int
	var err error
	if s.conn != nil {
		n, err = s.conn.Read(s.in.Space())
	} else {
		n, err = s.net.Read(s.in.Space())
	}
	s.in.Filled(n)
	if n > 0 {
		return nil
	}
	return cut(err)
}

// cut is the error of a read from the connection. A connection that ends before
// its stream does is broken, however politely it is closed.
func cut(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// batch is how many bytes are read before what came of them goes out.
const batch = 64 << 10

// Batch takes in what one read from the kernel brought, several TLS records
// perhaps, and hands each whole element to take. It returns how many bytes that
// were. The stream must be in TLS.
func (s *Stream) Batch(take func(*wire.Stanza) error) (n int, err error) {
	for {
		k, err := s.conn.Read(s.in.Space())
		s.in.Filled(k)
		n += k
		if err = cut(err); err == nil {
			err = s.Each(take)
		}
		if err != nil || !s.conn.More() || n >= batch {
			return n, err
		}
	}
}

// Each hands each whole element that is here to take.
func (s *Stream) Each(take func(*wire.Stanza) error) error {
	for {
		st, err := s.in.Next()
		if err == wire.ErrMore {
			return nil
		}
		if err == nil {
			err = take(st)
		}
		if err != nil {
			return err
		}
	}
}

// Send writes b.
func (s *Stream) Send(b []byte) error {
	if s.conn != nil {
		_, err := s.conn.Write(b)
		return err
	}
	s.net.SetWriteDeadline(time.Now().Add(s.timeout))
	_, err := s.net.Write(b)
	return err
}

// Release is the reading goroutine's last call: what it has not read is
// cleared.
func (s *Stream) Release() {
	if s.conn != nil {
		s.conn.Release()
	}
	s.in.Close()
}

// Close ends the connection, in order where there is TLS.
func (s *Stream) Close() {
	if s.conn != nil {
		s.conn.Close()
		return
	}
	s.net.Close()
}

// AppendHeader appends the stream header h for one who opens or answers a
// stream (RFC 6120 §4.7). What is empty in h is left out. Prefixes are declared
// as in declarations, which is written as it stands.
func AppendHeader(b []byte, h wire.Header, declarations string) []byte {
	b = append(b, "<?xml version='1.0'?><stream:stream xmlns='"+h.NS+"' xmlns:stream='"+wire.NSStream+"'"+declarations+" version='1.0' xml:lang='en'"...)
	for _, a := range []struct{ name, value string }{{"id", h.ID}, {"from", h.From}, {"to", h.To}} {
		if a.value != "" {
			b = wire.AppendAttr(b, a.name, a.value)
		}
	}
	return append(b, '>')
}

// ID makes a stream's id: unique and not to be guessed (RFC 6120 §4.7.3).
func ID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}
