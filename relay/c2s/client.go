package c2s

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/stream"
	"lethe/relay/users"
	"lethe/relay/wire"
)

// maxLang bounds a stream's language in bytes. Those in use are far shorter.
const maxLang = 64

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

// errEnd says that the connection ends without a word.
var errEnd = errors.New("c2s: end of connection")

// client is one connection. All of it belongs to the connection's goroutine;
// others reach the peer only through the Outbox.
type client struct {
	*stream.Stream
	srv  *Server
	from netip.Prefix

	greeted bool         // our header of the present stream is out
	caller  *wire.Header // what the client said, if that is why the stream ends

	domain   string
	lang     string     // xml:lang of the client's stream
	claimed  string     // the user it says to be, who need not have logged in
	profile  profile    // of the exchange of SASL that is going on
	user     jid.JID    // who logged in
	set      *users.Set // by this set's word
	device   *device    // with tokens, nil if without
	out      *relay.Outbox
	seat     relay.Seat
	pass     relay.Pass
	rate     bucket
	elements int       // read since the last pause
	alive    time.Time // when the read deadline was last moved
	asked    bool      // a ping is out

	counting bool     // stream management is on
	taken    uint32   // stanzas handled since
	session  *session // to resume; nil: the stream ends with its connection
	lost     bool     // the connection broke, the stream did not end
}

// connection leads a connection to a bound resource, in a goroutine of its own.
func (s *Server) connection(nc net.Conn, from netip.Prefix, direct bool) {
	in := s.readers.NewReader(wire.Limits{Bytes: s.cfg.Limits.StanzaBytes})
	c := &client{Stream: stream.New(nc, in, s.patience.handshake), srv: s, from: from}
	c.guard(func() bool { return c.lead(direct) })
}

// lead is the states before bound. It reports whether the connection goes on.
func (c *client) lead(direct bool) bool {
	deadline := time.Now().Add(c.srv.patience.negotiation)
	c.Deadline(deadline)
	err := c.secure(direct)
	if err == nil {
		c.Deadline(deadline)
		err = c.negotiate()
	}
	if err != nil {
		c.fail(err)
		return false
	}
	// TLS and login have grown this goroutine's stack; the quiet hours that
	// follow need a small one.
	go c.guard(c.serve)
	return true
}

// guard runs f and takes the connection down unless f says that it goes on.
func (c *client) guard(f func() bool) {
	on := false
	if !stream.Contain(func() { on = f() }) {
		c.srv.cfg.Report(relay.InternalError)
		on = false
	}
	if !on {
		c.end()
	}
}

// end takes the connection down.
func (c *client) end() {
	defer c.srv.release(c.Net(), c.from)
	defer c.Release()
	c.srv.tokens.leave(c.device, time.Now())
	if c.seat == nil {
		c.Close()
		return
	}
	if c.lost {
		c.TLS().Cut()
		c.pass.Flush() // what it has claimed is nobody's otherwise
		if c.srv.leave(c) {
			return
		}
	}
	if c.session != nil {
		c.srv.forget(c.session)
	}
	c.seat.Leave(&c.pass)
	c.out.Close(&c.pass, nil)
	c.pass.Flush()
	if c.counting {
		// XEP-0198 §4: what is not acknowledged has not arrived.
		c.out.Break(&c.pass)
		c.pass.Flush()
	}
}

// open reads the client's stream header, checks it and answers with ours and
// the features, which may depend on the domain (RFC 6120 §4.7, §4.3.2).
func (c *client) open(features func() string) error {
	c.greeted = false
	h, err := c.Open()
	if err != nil {
		return err
	}
	if err := c.check(h); err != nil {
		c.caller = h
		return err
	}
	c.domain, c.lang, c.claimed = domain(h.To), h.Lang, ""
	if from, err := jid.Parse(h.From); err == nil {
		c.claimed = from.Local()
	}
	if len(c.lang) > maxLang {
		c.lang = "" // it would be written into every stanza
	}
	b := c.greet(nil, h)
	b = append(b, "<stream:features>"...)
	b = append(b, features()...)
	return c.Send(append(b, "</stream:features>"...))
}

func domain(to string) string {
	d, err := jid.Parse(to)
	if err != nil {
		return ""
	}
	return d.Domain()
}

func (c *client) check(h *wire.Header) error {
	d := domain(h.To)
	switch {
	case h.NS != wire.NSClient:
		return wire.InvalidNamespace // RFC 6120 §4.8.2
	case h.Version != "1.0":
		return wire.UnsupportedVersion // RFC 6120 §4.7.5
	case !c.srv.domains[d]:
		return wire.HostUnknown // RFC 6120 §4.9.3.6
	case h.From != "" && domain(h.From) != d:
		return wire.InvalidFrom // XEP-0388 §2.1
	case !c.user.IsZero() && d != c.user.Domain():
		return wire.NotAuthorized // RFC 6120 §4.9.3.12
	}
	return nil
}

// greet appends our stream header, in answer to h if that could be read.
func (c *client) greet(b []byte, h *wire.Header) []byte {
	c.greeted = true
	ours := wire.Header{NS: wire.NSClient, ID: stream.ID(), From: c.srv.cfg.Domains[0]}
	if h != nil && c.srv.domains[domain(h.To)] {
		ours.From = domain(h.To)
	}
	if h != nil && h.From != "" {
		if who, err := jid.Parse(h.From); err == nil {
			ours.To = who.Bare().String() // RFC 6120 §4.7.2
		}
	}
	return stream.AppendHeader(b, ours, "")
}

// fail ends a stream that is not bound: it tells the peer what was wrong, if
// the stream and not the connection broke.
func (c *client) fail(err error) {
	var violation wire.StreamError
	switch {
	case errors.Is(err, io.EOF):
		if c.greeted {
			c.Send([]byte("</stream:stream>")) // RFC 6120 §4.4
		}
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.srv.cfg.Report(relay.NegotiationSlow)
		c.farewell(wire.ConnectionTimeout)
	case errors.As(err, &violation):
		if violation != wire.SystemShutdown {
			c.srv.cfg.Report(relay.StreamViolation)
		}
		c.farewell(violation)
	}
}

// farewell sends a stream error, behind a stream header where ours is not out
// yet: an error needs a stream to stand in (RFC 6120 §4.9.1.2).
func (c *client) farewell(e wire.StreamError) {
	var b []byte
	if !c.greeted {
		b = c.greet(b, c.caller)
	}
	c.Send(wire.AppendStreamError(b, e, ""))
}
