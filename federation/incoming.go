package federation

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"lethe/federation/dial"
	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/stream"
	"lethe/relay/wire"
	"lethe/tls"
)

const (
	nsTLS = "urn:ietf:params:xml:ns:xmpp-tls" // RFC 6120 §5

	// negotiation is the time a peer has to prove its first domain. What we
	// have to look up for it counts too.
	negotiation = 60 * time.Second

	// verifications bounds how many dialback keys of one stream are being
	// verified at once.
	verifications = 8
)

// errEnd says that the connection ends without a word.
var errEnd = errors.New("federation: end of connection")

// An incoming is a stream that a peer opened. Until it has proved a domain,
// it is nobody's.
type incoming struct {
	session
	source   netip.Prefix
	since    time.Time
	id       string       // of the stream, as we gave it; dialback keys hang on it
	greeted  bool         // our header of the present stream is out
	caller   *wire.Header // the peer's
	asks     bool         // the peer came to have a dialback key verified
	bidi     bool         // the peer takes stanzas on this stream too (XEP-0288)
	waiting  chan struct{}
	links    []*link                      // that go over this stream; guarded by srv.mu
	writable atomic.Pointer[relay.Outbox] // out, for others to close
	external error                        // why the certificate does not prove the domain; nil: it does
	verdict  Verdict                      // by what it does
	counted  atomic.Uint32                // the proof by which Links has it; 0: it has not
}

// Serve accepts connections on l until l is closed. On a direct listener TLS
// begins with the first byte (XEP-0368).
func (s *Server) Serve(l net.Listener, direct bool) error {
	return stream.Accept(l, func(nc net.Conn) {
		if in := s.receive(nc); in != nil {
			go in.guard(direct)
			return
		}
		nc.Close()
	})
}

// receive counts a connection in, or refuses it.
func (s *Server) receive(nc net.Conn) *incoming {
	in := &incoming{source: stream.Source(nc), since: s.cfg.Now(), waiting: make(chan struct{}, verifications)}
	in.srv = s
	in.Stream = stream.New(nc, s.readers.NewReader(wire.Limits{Bytes: s.cfg.Limits.StanzaBytes}), dial.HandshakeTimeout)
	in.nonza = in.negotiated
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return nil
	}
	if limit := s.cfg.Limits.ConnectionsPerAddress; limit > 0 && s.sources[in.source] >= limit {
		s.cfg.Report(relay.ConnectionLimit)
		return nil
	}
	s.sources[in.source]++
	s.incoming[in] = struct{}{}
	s.running.Add(1)
	return in
}

func (s *Server) release(in *incoming) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.incoming, in)
	s.closed++
	if s.sources[in.source]--; s.sources[in.source] <= 0 {
		delete(s.sources, in.source)
	}
	s.running.Done()
}

// guard leads a connection from its first byte to its end.
func (in *incoming) guard(direct bool) {
	if !stream.Contain(func() { in.lead(direct) }) {
		in.srv.cfg.Report(relay.InternalError)
	}
	in.end()
	in.srv.release(in)
}

func (in *incoming) lead(direct bool) {
	deadline := time.Now().Add(negotiation)
	in.Deadline(deadline)
	if err := in.secure(direct); err != nil {
		in.fail(err)
		return
	}
	in.Deadline(deadline)
	if err := in.greet(in.secured); err != nil {
		in.fail(err)
		return
	}
	in.alive = deadline // no longer until a domain is proved
	in.out = in.srv.cfg.Router.NewOutbox(in.TLS(), wire.NSServer, in.srv.cfg.Limits.OutboxBytes)
	in.out.OnLost(func(p *relay.Pass, st *wire.Stanza) { in.srv.lost(p, st, broken()) })
	in.writable.Store(in.out)
	in.serve()
}

// speaksFor reports whether the stream has proved a domain for which that is
// so, or none at all.
func (in *incoming) speaksFor(is func(domain string) bool) bool {
	set := in.proved.Load()
	if set == nil {
		return true
	}
	for d := range *set {
		if is(d) {
			return true
		}
	}
	return false
}

func (in *incoming) end() {
	in.srv.dropLinks(in)
	in.srv.standing.leave(in)
	in.unproved()
	if in.out == nil {
		in.discard()
		return
	}
	in.leave()
}

// secure is the cleartext state: TLS comes about or the connection ends.
func (in *incoming) secure(direct bool) error {
	if !direct {
		if err := in.startTLS(); err != nil {
			return err
		}
	}
	conn, err := in.srv.cfg.TLS.HandshakeWith(in.Net(), dial.HandshakeTimeout, tls.Options{Domain: in.local, Ask: true, ALPN: []string{"xmpp-server"}})
	if err != nil {
		in.srv.cfg.Report(relay.HandshakeFailed)
		return errEnd
	}
	in.Secure(conn)
	return nil
}

func (in *incoming) startTLS() error {
	// RFC 6120 §5.3.1: required, and nothing beside it.
	err := in.greet(func() string { return "<starttls xmlns='" + nsTLS + "'><required/></starttls>" })
	if err != nil {
		return err
	}
	st, err := in.Next()
	if err != nil {
		return err
	}
	if string(st.NS()) != nsTLS || string(st.Name()) != "starttls" {
		return wire.PolicyViolation // not even dialback in the clear
	}
	if in.Reader().Buffered() > 0 { // RFC 6120 §5.4.3.3
		in.srv.cfg.Report(relay.CleartextBytes)
		return errEnd
	}
	return in.Send([]byte("<proceed xmlns='" + nsTLS + "'/>"))
}

// greet reads the peer's stream header and answers with ours and the features.
func (in *incoming) greet(features func() string) error {
	in.greeted = false
	h, err := in.Open()
	if err != nil {
		return err
	}
	in.caller = h
	switch {
	case h.NS != wire.NSServer:
		return wire.InvalidNamespace // RFC 6120 §4.8.2
	case h.Version != "1.0":
		return wire.UnsupportedVersion // RFC 6120 §4.7.5
	case !in.srv.local(normal(h.To)):
		return wire.HostUnknown // RFC 6120 §4.9.3.6
	}
	in.local, in.remote = normal(h.To), normal(h.From)
	b := in.header(nil)
	b = append(b, "<stream:features>"...)
	b = append(b, features()...)
	return in.Send(append(b, "</stream:features>"...))
}

// header appends our stream header.
func (in *incoming) header(b []byte) []byte {
	in.greeted = true
	in.id = stream.ID()
	ours := wire.Header{NS: wire.NSServer, ID: in.id, From: in.local, To: in.remote}
	if ours.From == "" {
		ours.From = in.srv.cfg.Domains[0]
	}
	return stream.AppendHeader(b, ours, dial.Declarations)
}

// normal is a domain in normal form, "" if it is none.
func normal(domain string) string {
	d, err := jid.Domain(domain)
	if err != nil {
		return ""
	}
	return d
}

// secured is what we offer in TLS: EXTERNAL to whom the certificate proves,
// dialback to all others.
func (in *incoming) secured() string {
	in.external = errNoMechanism
	offer := ""
	if in.remote != "" {
		ctx, cancel := context.WithTimeout(in.srv.done, negotiation/2)
		in.verdict, in.external = in.srv.examine(ctx, in.remote, in.TLS().PeerCertificates())
		cancel()
	}
	if in.external == nil {
		offer = "<mechanisms xmlns='" + nsSASL + "'><mechanism>EXTERNAL</mechanism></mechanisms>"
	}
	return offer + "<dialback xmlns='" + nsFeature + "'/><bidi xmlns='" + nsBidiFeat + "'/><sm xmlns='" + nsSM + "'/>" +
		stream.Limits(in.srv.cfg.Limits.StanzaBytes, negotiation)
}

// negotiated handles what is no stanza: authentication, dialback, bidi.
func (in *incoming) negotiated(st *wire.Stanza) error {
	switch ns, name := string(st.NS()), string(st.Name()); {
	case ns == nsSASL && name == "auth":
		return in.auth(st)
	case ns == nsDialback && name == "result":
		return in.result(st)
	case ns == nsDialback && name == "verify":
		return in.verify(st)
	case ns == nsBidi && name == "bidi" && in.proved.Load() == nil:
		in.bidi = true // XEP-0288 §2.2
		return nil
	}
	return wire.UnsupportedStanzaType // RFC 6120 §4.9.3.24
}

// auth is SASL EXTERNAL (RFC 6120 §6, XEP-0178 §3).
func (in *incoming) auth(st *wire.Stanza) error {
	n := st.Node()
	condition := ""
	switch {
	case n.Attr("mechanism") != "EXTERNAL":
		condition = "invalid-mechanism"
	case in.external != nil:
		condition = "not-authorized"
	case !in.identifies(n.Text):
		condition = "invalid-authzid"
	}
	if condition != "" {
		in.srv.cfg.Report(relay.PeerRefused)
		in.say([]byte("<failure xmlns='" + nsSASL + "'><" + condition + "/></failure>"))
		return wire.NotAuthorized
	}
	in.prove(in.remote)
	// RFC 6120 §6.4.6: success, then a new stream on both sides. What others
	// send over bidi must not come in between.
	if err := in.Send([]byte("<success xmlns='" + nsSASL + "'/>")); err != nil {
		return err
	}
	in.Reader().Restart()
	remote := in.remote
	err := in.greet(func() string {
		return "<dialback xmlns='" + nsFeature + "'/><sm xmlns='" + nsSM + "'/>" +
			stream.Limits(in.srv.cfg.Limits.StanzaBytes, in.srv.idle)
	})
	if err != nil {
		return err
	}
	if in.remote != remote && in.caller.From != "" {
		return wire.InvalidFrom // RFC 6120 §4.9.3.9
	}
	in.remote = remote
	in.srv.standing.arrive(in, proofOf(in.verdict))
	in.arrive(remote)
	return nil
}

// identifies reports whether an authorisation identity is the peer's domain,
// or leaves it at the stream's.
func (in *incoming) identifies(text string) bool {
	if text == "" || text == "=" {
		return true
	}
	name, err := base64.StdEncoding.DecodeString(text)
	return err == nil && normal(string(name)) == in.remote
}

// arrive reports a proved domain and, over bidi, makes this stream the link to
// it.
func (in *incoming) arrive(domain string) {
	in.srv.cfg.Report(relay.LinkUp)
	in.srv.forgive(domain)
	in.Deadline(time.Now().Add(in.srv.idle)) // from now on it is kept while it is used
	if in.bidi {
		in.srv.adopt(in, domain)
	}
}

// say writes what belongs to the stream itself, among what others send.
func (in *incoming) say(b []byte) {
	in.out.OfferNonza(&in.pass, b)
	in.pass.Flush()
}

// fail ends a stream whose negotiation failed.
func (in *incoming) fail(err error) {
	var violation wire.StreamError
	switch {
	case errors.Is(err, io.EOF):
		if in.greeted {
			in.Send([]byte("</stream:stream>")) // RFC 6120 §4.4
		}
		return
	case errors.Is(err, os.ErrDeadlineExceeded):
		in.srv.cfg.Report(relay.NegotiationSlow)
		violation = wire.ConnectionTimeout
	case errors.As(err, &violation):
		in.srv.cfg.Report(relay.StreamViolation)
	default:
		return
	}
	var b []byte
	if !in.greeted {
		b = in.header(b)
	}
	in.Send(wire.AppendStreamError(b, violation, ""))
}
