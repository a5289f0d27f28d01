package c2s

import (
	"encoding/base64"
	"errors"
	"time"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/sasl"
	"lethe/relay/wire"
)

// attempts is how many logins one stream may try (RFC 6120 §6.4.5: at least 2
// and at most 5).
const attempts = 5

// login is the secured state: SASL until it succeeds (RFC 6120 §6).
func (c *client) login() error {
	var l *sasl.Server
	err := c.open(func() string {
		l = c.sasl()
		return saslFeatures(l)
	})
	for failures := 0; err == nil && c.user.IsZero(); {
		var failure sasl.Failure
		if err = c.exchange(l); errors.As(err, &failure) {
			if failures++; failures == attempts {
				return wire.PolicyViolation // RFC 6120 §6.4.5
			}
			err = c.Send(appendFailure(nil, failure))
		}
	}
	return err
}

// sasl prepares the login of a user of this stream's domain. It hangs on this
// connection, whose channel bindings it holds.
func (c *client) sasl() *sasl.Server {
	set := c.srv.cfg.Users()
	c.set = set
	exporter, _ := c.TLS().Exporter() // absent: not offered
	endPoint, _ := c.TLS().EndPoint()
	return sasl.NewServer(sasl.Config{
		Domain:     c.domain,
		Lookup:     func(user string) (sasl.Account, bool) { return account(set, user, c.domain) },
		Secret:     set.Decoy(),
		Iterations: set.Iterations(),
		Exporter:   exporter,
		EndPoint:   endPoint,
		Plain:      c.srv.cfg.Plain,
		TolerateY:  !c.srv.cfg.StrictBinding,
		Identities: c.identities(),
	})
}

func saslFeatures(l *sasl.Server) string {
	b := []byte("<mechanisms xmlns='" + nsSASL + "'>")
	for _, m := range l.Mechanisms() {
		b = append(b, "<mechanism>"+m+"</mechanism>"...)
	}
	b = append(b, "</mechanisms>"...)
	if types := l.Bindings(); len(types) > 0 {
		b = append(b, "<sasl-channel-binding xmlns='"+nsBinding+"'>"...)
		for _, t := range types {
			b = wire.AppendAttr(append(b, "<channel-binding"...), "type", t)
			b = append(b, "/>"...)
		}
		b = append(b, "</sasl-channel-binding>"...)
	}
	return string(b)
}

// exchange handles one element of a login. A sasl.Failure is for the client to
// hear; any other error ends the stream.
func (c *client) exchange(l *sasl.Server) error {
	s, err := c.Next()
	if err != nil {
		return err
	}
	if string(s.NS()) != nsSASL {
		return wire.NotAuthorized // RFC 6120 §4.9.3.12
	}
	if c.srv.guesses.exhausted(c.from, time.Now()) {
		c.srv.cfg.Report(relay.LoginSlowed)
		return sasl.TemporaryAuthFailure
	}
	challenge, done, err := step(l, s)
	if done || errors.Is(err, sasl.NotAuthorized) {
		// The verdict waits for either, so that waiting says nothing.
		time.Sleep(c.srv.guesses.delay(c.from, l.Tried(), time.Now()))
	}
	switch {
	case errors.Is(err, sasl.NotAuthorized):
		c.srv.cfg.Report(relay.LoginFailed)
		c.srv.guesses.wrong(c.from, l.Tried(), time.Now())
		return err
	case err != nil:
		return err // no guess, but a mechanism or message that will not do
	case !done:
		return c.Send(appendSASL(nil, "challenge", challenge))
	}
	if c.user, err = jid.New(l.Username(), c.domain, ""); err != nil {
		return sasl.NotAuthorized
	}
	c.srv.guesses.right(c.from, l.Username(), time.Now())
	return c.Send(appendSASL(nil, "success", challenge))
}

// step takes one element to the mechanism. The data is base64, where "=" means
// empty data and nothing means no data (RFC 6120 §6.4.2).
func step(l *sasl.Server, s *wire.Stanza) (challenge []byte, done bool, err error) {
	n := s.Node()
	var data []byte
	switch n.Text {
	case "":
	case "=":
		data = []byte{}
	default:
		if data, err = base64.StdEncoding.Strict().DecodeString(n.Text); err != nil {
			return nil, false, sasl.IncorrectEncoding
		}
	}
	defer clear(data)
	switch n.Name {
	case "auth":
		return l.Start(n.Attr("mechanism"), data)
	case "response":
		return l.Step(data)
	case "abort":
		l.Abort()
		return nil, false, sasl.Aborted
	}
	return nil, false, sasl.MalformedRequest
}

func appendSASL(b []byte, name string, data []byte) []byte {
	b = append(b, "<"+name+" xmlns='"+nsSASL+"'>"...)
	if data != nil {
		b = base64.StdEncoding.AppendEncode(b, data)
	}
	return append(b, "</"+name+">"...)
}

func appendFailure(b []byte, f sasl.Failure) []byte {
	b = append(b, "<failure xmlns='"+nsSASL+"'><"+string(f)+"/>"...)
	if f == sasl.TemporaryAuthFailure {
		b = append(b, "<text xml:lang='en'>Too many failed logins from your address. Wait a minute.</text>"...)
	}
	return append(b, "</failure>"...)
}
