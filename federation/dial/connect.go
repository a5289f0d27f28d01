package dial

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"lethe/dane"
	"lethe/relay/stream"
	"lethe/relay/wire"
	"lethe/tls"
)

const (
	nsTLS = "urn:ietf:params:xml:ns:xmpp-tls" // RFC 6120 §5

	// ConnectTimeout is how long one address has to answer.
	ConnectTimeout = 10 * time.Second
	// HandshakeTimeout is how long STARTTLS and TLS may take, each.
	HandshakeTimeout = 15 * time.Second
	// headStart is how long an address has before the next is tried beside it
	// (RFC 8305 §5).
	headStart = 250 * time.Millisecond
)

// Config is what connecting takes.
type Config struct {
	From        string            // our domain, in normal form
	To          string            // the peer's, in normal form
	Roots       *x509.CertPool    // certificate authorities; nil: none
	Own         *tls.Certificates // ours, shown if asked for
	TLS12       bool              // TLS 1.2 will do
	StanzaBytes int               // limit of what the peer sends
	Now         func() time.Time
	// Accept decides on a judged target, within the handshake.
	Accept func(*Target) error
	// Dial opens one TCP connection.
	Dial func(ctx context.Context, to netip.AddrPort) (net.Conn, error)
	// Tor connects to an onion service. nil: there is no way to any.
	Tor func(ctx context.Context, host string, port uint16) (net.Conn, error)
}

// A Stage is how far a connection came.
type Stage uint8

// The stages, in order.
const (
	Connecting Stage = iota // TCP
	Upgrading               // STARTTLS
	Securing                // TLS and the judgement of the certificate
)

// String names the stage.
func (s Stage) String() string { return [...]string{"TCP", "STARTTLS", "TLS"}[s] }

// An Error says at which stage a connection failed. The cause may be the
// caller's own refusal.
type Error struct {
	Stage Stage
	Cause error
}

func (e *Error) Error() string { return e.Stage.String() + ": " + e.Cause.Error() }
func (e *Error) Unwrap() error { return e.Cause }

// ErrNoTLS is the cause when a peer does not offer STARTTLS.
var ErrNoTLS = errors.New("the peer does not offer STARTTLS")

// ErrNoTor is the cause when there is no way to an onion service.
var ErrNoTor = errors.New("there is no way to onion services")

// Connect connects to t and returns the stream in TLS, before its first header.
// Once there is a certificate, t.DANE and t.PKIX are set. The error is an
// [*Error].
func (t *Target) Connect(ctx context.Context, c Config) (*stream.Stream, error) {
	nc, err := t.dial(ctx, c)
	if err != nil {
		return nil, &Error{Connecting, err}
	}
	s := stream.New(nc, wire.NewReader(wire.Limits{Bytes: c.StanzaBytes}), HandshakeTimeout)
	alpn := []string{"xmpp-server"} // XEP-0368 §3
	if !t.Direct {
		alpn = nil
		s.Deadline(time.Now().Add(HandshakeTimeout))
		if err := upgrade(s, c.From, c.To); err != nil {
			abandon(s)
			return nil, &Error{Upgrading, err}
		}
	}
	conn, err := tls.Client(nc, HandshakeTimeout, tls.ClientConfig{
		ServerName: ascii(t.Domain), // RFC 6120 §13.7.2.1 and RFC 7712 §5: the domain, not its server
		ALPN:       alpn,
		Own:        c.Own, As: c.From,
		MinTLS12: c.TLS12,
		Verify: func(chain []*x509.Certificate) error {
			if !t.Onion {
				t.Judge(chain, c.Roots, c.Now())
			}
			return c.Accept(t)
		},
	})
	if err != nil {
		abandon(s)
		return nil, &Error{Securing, err}
	}
	s.Secure(conn)
	return s, nil
}

// dial connects to the first address that answers, or through Tor.
func (t *Target) dial(ctx context.Context, c Config) (net.Conn, error) {
	if !t.Onion {
		return race(ctx, t.addresses(), c.Dial)
	}
	if c.Tor == nil {
		return nil, ErrNoTor
	}
	nc, err := c.Tor(ctx, t.Host, t.Port)
	t.Reached = err == nil
	return nc, err
}

func abandon(s *stream.Stream) {
	s.Reader().Close()
	s.Close()
}

// Judge weighs a presented chain, by the TLSA records where there are any that
// count, else by the certificate authorities (RFC 6698 §4.1).
func (t *Target) Judge(chain []*x509.Certificate, roots *x509.CertPool, now time.Time) {
	t.PKIX = dane.Outcome{}
	t.DANE = dane.Judge(t.Records, chain, t.names, roots, now)
	if t.DANE.Verdict == dane.Authorities {
		t.PKIX = dane.PKIX(chain, t.names, roots, now)
	}
}

func (t *Target) addresses() []netip.AddrPort {
	list := make([]netip.AddrPort, len(t.Addresses))
	for i, a := range t.Addresses {
		list[i] = netip.AddrPortFrom(a, t.Port)
	}
	return list
}

// upgrade asks for STARTTLS in the clear (RFC 6120 §5.4).
func upgrade(s *stream.Stream, from, to string) error {
	if _, err := Open(s, from, to); err != nil {
		return err
	}
	features, err := s.Next()
	if err != nil {
		return err
	}
	if string(features.NS()) != wire.NSStream || string(features.Name()) != "features" {
		return io.EOF // it ends the stream with an error, e.g. host-unknown
	}
	if _, ok := features.Child(nsTLS, "starttls"); !ok {
		return ErrNoTLS
	}
	if err := s.Send([]byte("<starttls xmlns='" + nsTLS + "'/>")); err != nil {
		return err
	}
	answer, err := s.Next()
	switch {
	case err != nil:
		return err
	case string(answer.NS()) != nsTLS || string(answer.Name()) != "proceed":
		return ErrNoTLS
	case s.Reader().Buffered() > 0: // RFC 6120 §5.4.3.3
		return wire.PolicyViolation
	}
	return nil
}

// Declarations are the prefixes that our streams between servers declare: that
// of dialback, which RFC 3920 and XEP-0220 §2.1.1 want there.
const Declarations = " xmlns:db='jabber:server:dialback'"

// Open sends the header of a stream between servers and returns the peer's.
func Open(s *stream.Stream, from, to string) (*wire.Header, error) {
	ours := wire.Header{NS: wire.NSServer, From: from, To: to}
	if err := s.Send(stream.AppendHeader(nil, ours, Declarations)); err != nil {
		return nil, err
	}
	h, err := s.Open()
	switch {
	case err != nil:
		return nil, err
	case h.NS != wire.NSServer:
		return nil, wire.InvalidNamespace // RFC 6120 §4.8.2
	case h.Version != "1.0":
		return nil, wire.UnsupportedVersion // RFC 6120 §4.7.5: without, there is no TLS
	}
	return h, nil
}

// attempt is one address that answered or did not.
type attempt struct {
	conn net.Conn
	err  error
}

// race connects to the first address that answers. Each has a head start over
// the next (RFC 8305).
func race(ctx context.Context, list []netip.AddrPort, dial func(context.Context, netip.AddrPort) (net.Conn, error)) (net.Conn, error) {
	if len(list) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan attempt)
	next, running := 0, 0
	timer := time.NewTimer(0)
	defer timer.Stop()
	var failure error
	for {
		select {
		case <-timer.C:
			if next < len(list) {
				go try(ctx, list[next], dial, answers)
				next, running = next+1, running+1
				timer.Reset(headStart)
			}
		case a := <-answers:
			running--
			if a.err == nil {
				cancel()
				go discard(answers, running)
				return a.conn, nil
			}
			if failure = a.err; next < len(list) {
				timer.Reset(0)
			} else if running == 0 {
				return nil, failure
			}
		}
	}
}

func try(ctx context.Context, to netip.AddrPort, dial func(context.Context, netip.AddrPort) (net.Conn, error), answers chan<- attempt) {
	ctx, cancel := context.WithTimeout(ctx, ConnectTimeout)
	defer cancel()
	conn, err := dial(ctx, to)
	answers <- attempt{conn, err}
}

// discard closes connections that came too late.
func discard(answers <-chan attempt, running int) {
	for range running {
		if a := <-answers; a.err == nil {
			a.conn.Close()
		}
	}
}
