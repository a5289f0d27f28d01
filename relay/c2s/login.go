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

// A profile is how one exchange of SASL is written on the stream. There are
// two, [classic] and [extensible]; who may log in does not depend on them.
type profile interface {
	namespace() string
	// step takes one element to the mechanism, as sasl.Server does. Errors
	// that are no Failure end the stream.
	step(l *sasl.Server, s *wire.Stanza) (challenge []byte, done bool, err error)
	challenge(data []byte) []byte
	failure(f sasl.Failure, text string) []byte
	// welcome tells the client, who has logged in, and what it may do next.
	// data is nil if the mechanism has none for it.
	welcome(l *sasl.Server, data []byte) error
}

// login is the secured state: SASL until it succeeds (RFC 6120 §6, XEP-0388).
func (c *client) login() error {
	var l *sasl.Server
	err := c.open(func() string {
		l = c.sasl()
		return c.loginFeatures(l)
	})
	for failures := 0; err == nil && c.user.IsZero(); {
		var failure sasl.Failure
		if err = c.exchange(l); errors.As(err, &failure) {
			if failures++; failures == attempts {
				return wire.PolicyViolation // RFC 6120 §6.4.5
			}
			err = c.Send(c.profile.failure(failure, explain(failure)))
			l.Abort()
			c.profile = nil
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
		TLSVersion: c.TLS().Version(),
		From:       c.claimed,
		Plain:      c.srv.cfg.Plain,
		TolerateY:  !c.srv.cfg.StrictBinding,
		Identities: c.identities(),
	})
}

// loginFeatures offers both profiles, with the same mechanisms.
func (c *client) loginFeatures(l *sasl.Server) string {
	b := []byte("<mechanisms xmlns='" + nsSASL + "'>")
	b = appendMechanisms(b, l.Mechanisms())
	b = append(b, "</mechanisms>"...)
	b = c.appendAuthentication(b, l)
	if types := l.Bindings(); len(types) > 0 {
		b = append(b, "<sasl-channel-binding xmlns='"+nsBinding+"'>"...)
		for _, t := range types {
			b = wire.AppendAttr(append(b, "<channel-binding"...), "type", t)
			b = append(b, "/>"...)
		}
		b = append(b, "</sasl-channel-binding>"...)
	}
	return string(b) + c.limits(c.srv.patience.negotiation)
}

func appendMechanisms(b []byte, names []string) []byte {
	for _, m := range names {
		b = append(b, "<mechanism>"+m+"</mechanism>"...)
	}
	return b
}

// exchange handles one element of a login. A sasl.Failure is for the client to
// hear; any other error ends the stream.
func (c *client) exchange(l *sasl.Server) error {
	s, err := c.Next()
	if err != nil {
		return err
	}
	p := c.speaks(s)
	if p == nil {
		return wire.NotAuthorized // RFC 6120 §4.9.3.12, XEP-0388 §2.4
	}
	if c.srv.guesses.exhausted(c.from, time.Now()) {
		c.srv.cfg.Report(relay.LoginSlowed)
		return sasl.TemporaryAuthFailure
	}
	challenge, done, err := p.step(l, s)
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
		return c.Send(p.challenge(challenge))
	}
	if c.user, err = jid.New(l.Username(), c.domain, ""); err != nil {
		return sasl.NotAuthorized
	}
	c.srv.guesses.right(c.from, l.Username(), time.Now())
	return p.welcome(l, challenge)
}

// speaks returns the profile that an element belongs to: the one of the
// exchange that is going on, or that the element begins; nil if it is of
// another.
func (c *client) speaks(s *wire.Stanza) profile {
	ns := string(s.NS())
	switch {
	case c.profile != nil && c.profile.namespace() != ns:
		return nil
	case c.profile != nil:
	case ns == nsSASL:
		c.profile = classic{c}
	case ns == nsSASL2:
		c.profile = &extensible{c: c}
	}
	return c.profile
}

// explain is what a failure has to say to people, if anything.
func explain(f sasl.Failure) string {
	switch f {
	case sasl.TemporaryAuthFailure:
		return "Too many failed logins from your address. Wait a minute."
	case sasl.CredentialsExpired:
		return "This token is not valid any more. Log in with your password."
	}
	return ""
}

func appendExplanation(b []byte, text string) []byte {
	if text == "" {
		return b
	}
	b = append(b, "<text xml:lang='en'>"...)
	return append(wire.AppendText(b, text), "</text>"...)
}

// classic is the profile of RFC 6120 §6.
type classic struct{ c *client }

func (classic) namespace() string { return nsSASL }

// step reads data in base64, where "=" means empty data and nothing means no
// data (RFC 6120 §6.4.2).
func (classic) step(l *sasl.Server, s *wire.Stanza) (challenge []byte, done bool, err error) {
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
		return nil, false, l.Abort()
	}
	return nil, false, sasl.MalformedRequest
}

func (classic) challenge(data []byte) []byte { return appendSASL("challenge", data) }

func (classic) failure(f sasl.Failure, text string) []byte {
	b := []byte("<failure xmlns='" + nsSASL + "'><" + string(f) + "/>")
	return append(appendExplanation(b, text), "</failure>"...)
}

// welcome begins a new stream, on which to bind a resource (RFC 6120 §6.4.6).
func (p classic) welcome(_ *sasl.Server, data []byte) error {
	if err := p.c.Send(appendSASL("success", data)); err != nil {
		return err
	}
	p.c.Reader().Restart()
	return p.c.open(p.c.bindFeatures)
}

func appendSASL(name string, data []byte) []byte {
	b := []byte("<" + name + " xmlns='" + nsSASL + "'>")
	if data != nil {
		b = base64.StdEncoding.AppendEncode(b, data)
	}
	return append(b, "</"+name+">"...)
}
