package c2s

import (
	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
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
func (st *stream) secure(direct bool) error {
	if !direct {
		if err := st.startTLS(); err != nil {
			return err
		}
	}
	shake := st.srv.cfg.TLS.Handshake
	if st.srv.cfg.Users().Certified() {
		shake = st.srv.cfg.TLS.HandshakeAsking
	}
	conn, err := shake(st.nc, st.srv.patience.handshake, "xmpp-client")
	if err != nil {
		st.srv.cfg.Report(relay.HandshakeFailed)
		return errEnd
	}
	st.conn = conn
	return nil
}

func (st *stream) startTLS() error {
	// RFC 6120 §5.3.1: required, and nothing beside it.
	err := st.open(func() string { return "<starttls xmlns='" + nsTLS + "'><required/></starttls>" })
	if err != nil {
		return err
	}
	s, err := st.next()
	if err != nil {
		return err
	}
	if string(s.NS()) != nsTLS || string(s.Name()) != "starttls" {
		return wire.PolicyViolation // RFC 6120 §5.3.1: nothing before TLS
	}
	// RFC 6120 §5.4.3.3: nothing in the clear may be taken for what comes
	// after. A client waits for <proceed/>; whoever does not is no client.
	if st.in.Buffered() > 0 {
		st.srv.cfg.Report(relay.CleartextBytes)
		return errEnd
	}
	st.in.Reset()
	return st.send([]byte("<proceed xmlns='" + nsTLS + "'/>"))
}

// negotiate is the secured and the known state.
func (st *stream) negotiate() error {
	if err := st.login(); err != nil {
		return err
	}
	// RFC 6120 §6.4.6: a new stream; §7.4: binding is mandatory.
	st.in.Restart()
	err := st.open(func() string {
		return "<bind xmlns='" + nsBind + "'/>" +
			"<session xmlns='" + nsSession + "'><optional/></session>" +
			"<ver xmlns='" + nsVersion + "'/>"
	})
	for err == nil && st.seat == nil {
		err = st.bind()
	}
	return err
}

// bind handles one element of the known state (RFC 6120 §7.6).
func (st *stream) bind() error {
	s, err := st.next()
	if err != nil {
		return err
	}
	if s.Kind != wire.IQ || !wire.Answerable(s) {
		return wire.NotAuthorized // RFC 6120 §4.9.3.12: no stanza before binding
	}
	request := s.Node().Child(nsBind, "bind")
	if request == nil || string(s.Type()) != "set" {
		return st.send(wire.AppendError(nil, s, "", "", "", wire.CondNotAllowed, "Bind a resource first."))
	}
	resource := ""
	if r := request.Child(nsBind, "resource"); r != nil {
		resource = r.Text
	}
	out := st.srv.cfg.Router.NewOutbox(st.conn, wire.NSClient, st.srv.cfg.Limits.OutboxBytes)
	seat, refusal := st.srv.cfg.Home.Bind(st.user, resource, out)
	if refusal != nil {
		return st.send(wire.AppendError(nil, s, "", "", "", refusal.Condition, refusal.Text))
	}
	st.seat, st.out = seat, out
	out.OfferBytes(&st.pass, bindResult(s, seat.JID()))
	st.pass.Flush()
	return nil
}

func bindResult(s *wire.Stanza, full jid.JID) []byte {
	b := wire.AppendAttr([]byte("<iq type='result'"), "id", string(s.ID()))
	b = append(b, "><bind xmlns='"+nsBind+"'><jid>"...)
	b = wire.AppendText(b, full.String())
	return append(b, "</jid></bind></iq>"...)
}
