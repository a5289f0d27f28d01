package c2s

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
	"lethe/tls"
)

// batch is how many bytes are read before the stanzas among them go out.
const batch = 64 << 10

// patience is how long a client may take for what.
type patience struct {
	negotiation time.Duration // from the first byte to a bound resource
	handshake   time.Duration // of it, TLS
	idle        time.Duration // silence before a bound client is asked for a sign of life (XEP-0199)
	answer      time.Duration // then
}

func usualPatience() patience {
	return patience{negotiation: time.Minute, handshake: 15 * time.Second, idle: 10 * time.Minute, answer: time.Minute}
}

// errEnd says that the stream ended as it should.
var errEnd = errors.New("c2s: end of stream")

// stream is one connection. All of it belongs to the connection's goroutine;
// others reach the peer only through the Outbox.
type stream struct {
	srv  *Server
	nc   net.Conn
	from netip.Prefix
	conn *tls.Conn // nil in cleartext
	in   *wire.Reader

	greeted bool         // our header of the present stream is out
	caller  *wire.Header // what the client said, if that is why the stream ends

	domain string
	lang   string  // xml:lang of the client's stream
	user   jid.JID // who logged in
	out    *relay.Outbox
	seat   relay.Seat
	pass   relay.Pass
	rate   bucket
	alive  time.Time // when the read deadline was last moved
	asked  bool      // a ping is out
}

// connection leads a connection to a bound resource, in a goroutine of its own.
func (s *Server) connection(nc net.Conn, from netip.Prefix, direct bool) {
	st := &stream{srv: s, nc: nc, from: from, in: s.readers.NewReader(wire.Limits{Bytes: s.cfg.Limits.StanzaBytes})}
	st.guard(func() bool { return st.lead(direct) })
}

// lead is the states before bound. It reports whether the connection goes on.
func (st *stream) lead(direct bool) bool {
	deadline := time.Now().Add(st.srv.patience.negotiation)
	st.nc.SetReadDeadline(deadline)
	err := st.secure(direct)
	if err == nil {
		st.conn.SetReadDeadline(deadline)
		err = st.negotiate()
	}
	if err != nil {
		st.fail(err)
		return false
	}
	st.srv.bound(st.nc)
	// TLS and login have grown this goroutine's stack; the quiet hours that
	// follow need a small one.
	go st.guard(st.serve)
	return true
}

// guard runs f and takes the connection down unless f says that it goes on.
// It is the one place that recovers: a defect ends the connection that met it
// and no other.
func (st *stream) guard(f func() bool) {
	on := false
	defer func() {
		if recover() != nil {
			st.srv.cfg.Report(relay.InternalError)
			on = false
		}
		if !on {
			st.end()
		}
	}()
	on = f()
}

// end takes the connection down.
func (st *stream) end() {
	defer st.srv.release(st.nc, st.from)
	switch {
	case st.seat != nil:
		st.seat.Leave(&st.pass)
		st.out.Close(&st.pass, nil)
		st.pass.Flush()
	case st.conn != nil:
		st.conn.Close()
	default:
		st.nc.Close()
	}
	st.in.Close()
}

// read takes bytes from the peer into the reader.
func (st *stream) read() error {
	var n int
	var err error
	if st.conn != nil {
		n, err = st.conn.Read(st.in.Space())
	} else {
		n, err = st.nc.Read(st.in.Space())
	}
	st.in.Filled(n)
	if n > 0 {
		return nil
	}
	return err
}

// next waits for the next first-level element. Its end is io.EOF.
func (st *stream) next() (*wire.Stanza, error) {
	for {
		s, err := st.in.Next()
		if err != wire.ErrMore {
			return s, err
		}
		if err := st.read(); err != nil {
			return nil, err
		}
	}
}

// send writes while nobody else can: before the resource is bound.
func (st *stream) send(b []byte) error {
	var err error
	if st.conn != nil {
		_, err = st.conn.Write(b)
	} else {
		st.nc.SetWriteDeadline(time.Now().Add(st.srv.patience.handshake))
		_, err = st.nc.Write(b)
	}
	return err
}

// open reads the client's stream header, checks it and answers with ours and
// the features, which may depend on the domain (RFC 6120 §4.7, §4.3.2).
func (st *stream) open(features func() string) error {
	h, err := st.greeting()
	if err != nil {
		return err
	}
	if err := st.check(h); err != nil {
		st.caller = h
		return err
	}
	st.domain, st.lang = domain(h.To), h.Lang
	b := st.greet(nil, h)
	b = append(b, "<stream:features>"...)
	b = append(b, features()...)
	return st.send(append(b, "</stream:features>"...))
}

// greeting waits for the client's stream header.
func (st *stream) greeting() (*wire.Header, error) {
	st.greeted = false
	for {
		h, err := st.in.Open()
		if err != wire.ErrMore {
			return h, err
		}
		if err := st.read(); err != nil {
			return nil, err
		}
	}
}

func domain(to string) string {
	d, err := jid.Parse(to)
	if err != nil {
		return ""
	}
	return d.Domain()
}

func (st *stream) check(h *wire.Header) error {
	d := domain(h.To)
	switch {
	case h.NS != wire.NSClient:
		return wire.InvalidNamespace // RFC 6120 §4.8.2
	case h.Version != "1.0":
		return wire.UnsupportedVersion // RFC 6120 §4.7.5
	case !st.srv.domains[d]:
		return wire.HostUnknown // RFC 6120 §4.9.3.6
	case !st.user.IsZero() && d != st.user.Domain():
		return wire.NotAuthorized // RFC 6120 §4.9.3.12
	}
	return nil
}

// greet appends our stream header, in answer to h if that could be read.
func (st *stream) greet(b []byte, h *wire.Header) []byte {
	st.greeted = true
	from := st.srv.cfg.Domains[0]
	if h != nil && st.srv.domains[domain(h.To)] {
		from = domain(h.To)
	}
	b = append(b, "<?xml version='1.0'?><stream:stream xmlns='"+wire.NSClient+"' xmlns:stream='"+wire.NSStream+"' version='1.0' xml:lang='en'"...)
	b = wire.AppendAttr(b, "id", streamID()) // RFC 6120 §4.7.3: unpredictable
	b = wire.AppendAttr(b, "from", from)
	if h != nil && h.From != "" {
		if who, err := jid.Parse(h.From); err == nil {
			b = wire.AppendAttr(b, "to", who.Bare().String()) // RFC 6120 §4.7.2
		}
	}
	return append(b, '>')
}

func streamID() string {
	var id [16]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// fail ends a stream that is not bound: it tells the peer what was wrong, if
// the stream and not the connection broke.
func (st *stream) fail(err error) {
	var violation wire.StreamError
	switch {
	case errors.Is(err, io.EOF):
		if st.greeted {
			st.send([]byte("</stream:stream>")) // RFC 6120 §4.4
		}
	case errors.Is(err, os.ErrDeadlineExceeded):
		st.srv.cfg.Report(relay.NegotiationSlow)
		st.farewell(wire.ConnectionTimeout)
	case errors.As(err, &violation):
		st.srv.cfg.Report(relay.StreamViolation)
		st.farewell(violation)
	}
}

// farewell sends a stream error, behind a stream header where ours is not out
// yet: an error needs a stream to stand in (RFC 6120 §4.9.1.2).
func (st *stream) farewell(e wire.StreamError) {
	var b []byte
	if !st.greeted {
		b = st.greet(b, st.caller)
	}
	st.send(wire.AppendStreamError(b, e, ""))
}
