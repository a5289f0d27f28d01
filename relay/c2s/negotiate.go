package c2s

import (
	"lethe/relay"
	"lethe/relay/jid"
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
	if err := c.login(); err != nil {
		return err
	}
	// RFC 6120 §6.4.6: a new stream; §7.4: binding is mandatory.
	c.Reader().Restart()
	err := c.open(func() string {
		return "<bind xmlns='" + nsBind + "'/>" +
			"<session xmlns='" + nsSession + "'><optional/></session>" +
			"<ver xmlns='" + nsVersion + "'/>" +
			"<sm xmlns='" + nsSM + "'/>" +
			"<csi xmlns='" + nsState + "'/>"
	})
	for err == nil && c.seat == nil {
		err = c.bind()
	}
	return err
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
	// What others send waits until the client knows its address.
	out := c.srv.cfg.Router.NewWaitingOutbox(wire.NSClient, c.srv.cfg.Limits.OutboxBytes)
	seat, refusal := c.srv.cfg.Home.Bind(c.user, resource, out)
	if refusal != nil {
		return c.Send(wire.AppendError(nil, s, "", "", "", refusal.Condition, refusal.Text))
	}
	c.seat, c.out = seat, out
	if refusal := c.standing(); refusal != "" {
		out.Abandon()
		return refusal
	}
	if err := c.Send(bindResult(s, seat.JID())); err != nil {
		out.Abandon()
		return err
	}
	out.Connect(c.TLS())
	return nil
}

func bindResult(s *wire.Stanza, full jid.JID) []byte {
	b := wire.AppendAttr([]byte("<iq type='result'"), "id", string(s.ID()))
	b = append(b, "><bind xmlns='"+nsBind+"'><jid>"...)
	b = wire.AppendText(b, full.String())
	return append(b, "</jid></bind></iq>"...)
}
