package c2s

import (
	"time"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/stream"
	"lethe/relay/wire"
	"lethe/tls"
)

const (
	nsTLS     = "urn:ietf:params:xml:ns:xmpp-tls"     // RFC 6120 §5
	nsSASL    = "urn:ietf:params:xml:ns:xmpp-sasl"    // RFC 6120 §6
	nsBind    = "urn:ietf:params:xml:ns:xmpp-bind"    // RFC 6120 §7
	nsSession = "urn:ietf:params:xml:ns:xmpp-session" // RFC 3921 §3, for old clients
	nsVersion = "urn:xmpp:features:rosterver"         // RFC 6121 §2.6.1
	nsBinding = "urn:xmpp:sasl-cb:0"                  // XEP-0440
)

// secure is the cleartext state: TLS comes about or the connection ends.
func (c *client) secure(direct bool) error {
	if !direct {
		if err := c.startTLS(); err != nil {
			return err
		}
	}
	conn, err := c.srv.cfg.TLS.HandshakeWith(c.Net(), c.srv.patience.handshake, tls.Options{
		Domain: c.domain, Ask: c.srv.cfg.Users().Certified(), ALPN: []string{"xmpp-client"},
	})
	if err != nil {
		c.srv.cfg.Report(relay.HandshakeFailed)
		return errEnd
	}
	c.Secure(conn)
	return nil
}

func (c *client) startTLS() error {
	// RFC 6120 §5.3.1: required, and nothing beside it.
	err := c.open(func() string { return "<starttls xmlns='" + nsTLS + "'><required/></starttls>" })
	if err != nil {
		return err
	}
	s, err := c.Next()
	if err != nil {
		return err
	}
	if string(s.NS()) != nsTLS || string(s.Name()) != "starttls" {
		return wire.PolicyViolation // RFC 6120 §5.3.1: nothing before TLS
	}
	// RFC 6120 §5.4.3.3: nothing in the clear may be taken for what comes
	// after. A client waits for <proceed/>; whoever does not is no client.
	if c.Reader().Buffered() > 0 {
		c.srv.cfg.Report(relay.CleartextBytes)
		return errEnd
	}
	return c.Send([]byte("<proceed xmlns='" + nsTLS + "'/>"))
}

// negotiate is the secured and the known state.
func (c *client) negotiate() error {
	err := c.login()
	for err == nil && c.seat == nil { // RFC 6120 §7.3.1: binding is mandatory
		err = c.bind()
	}
	return err
}

// bindFeatures are those of the known state.
func (c *client) bindFeatures() string {
	return "<bind xmlns='" + nsBind + "'/>" +
		"<session xmlns='" + nsSession + "'><optional/></session>" +
		c.boundFeatures()
}

// boundFeatures are those of a stream that needs no binding any more.
func (c *client) boundFeatures() string {
	return "<ver xmlns='" + nsVersion + "'/>" +
		"<sm xmlns='" + nsSM + "'/>" +
		"<csi xmlns='" + nsState + "'/>" +
		c.limits(c.srv.patience.idle)
}

// limits are those of a client that may be silent for so long.
func (c *client) limits(idle time.Duration) string {
	return stream.Limits(c.srv.cfg.Limits.StanzaBytes, idle)
}

// bind handles one element of the known state (RFC 6120 §7.6).
func (c *client) bind() error {
	s, err := c.Next()
	if err != nil {
		return err
	}
	if string(s.NS()) == nsSM {
		if string(s.Name()) == "resume" {
			return c.resumeInstead(s)
		}
		return c.Send(failed("unexpected-request")) // XEP-0198 §3
	}
	if s.Kind != wire.IQ || !wire.Answerable(s) {
		return wire.NotAuthorized // RFC 6120 §4.9.3.12: no stanza before binding
	}
	request := s.Node().Child(nsBind, "bind")
	if request == nil || string(s.Type()) != "set" {
		return c.Send(wire.AppendError(nil, s, "", "", "", wire.CondNotAllowed, "Bind a resource first."))
	}
	resource := ""
	if r := request.Child(nsBind, "resource"); r != nil {
		resource = r.Text
	}
	refusal, err := c.occupy(resource)
	switch {
	case err != nil:
		return err
	case refusal != nil:
		return c.Send(wire.AppendError(nil, s, "", "", "", refusal.Condition, refusal.Text))
	}
	return c.announce(bindResult(s, c.seat.JID()))
}

// occupy binds a resource. What others send waits until announce. An error
// ends the stream.
func (c *client) occupy(resource string) (*relay.BindError, error) {
	out := c.srv.cfg.Router.NewWaitingOutbox(wire.NSClient, c.srv.cfg.Limits.OutboxBytes)
	seat, refusal := c.srv.cfg.Home.Bind(c.user, resource, out)
	if refusal != nil {
		return refusal, nil
	}
	c.seat, c.out = seat, out
	if refusal := c.standing(); refusal != "" {
		out.Abandon()
		return nil, refusal
	}
	return nil, nil
}

// announce tells the client its address, and behind it what has waited.
func (c *client) announce(b []byte) error {
	if err := c.Send(b); err != nil {
		c.out.Abandon()
		return err
	}
	c.out.Connect(c.TLS())
	c.pass.Flush()
	return nil
}

func bindResult(s *wire.Stanza, full jid.JID) []byte {
	b := wire.AppendAttr([]byte("<iq type='result'"), "id", string(s.ID()))
	b = append(b, "><bind xmlns='"+nsBind+"'><jid>"...)
	b = wire.AppendText(b, full.String())
	return append(b, "</jid></bind></iq>"...)
}
