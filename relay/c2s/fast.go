package c2s

import (
	"slices"
	"strconv"
	"time"

	"lethe/relay/jid"
	"lethe/relay/sasl"
)

// nsFAST is that of XEP-0484.
const nsFAST = "urn:xmpp:fast:0"

// byToken logs in with a token in place of a password (XEP-0484 §3.4).
func (p *extensible) byToken(l *sasl.Server, data []byte) (answer []byte, done bool, err error) {
	count := uint64(0)
	if s := p.fast.Attr("count"); s != "" {
		count, err = strconv.ParseUint(s, 10, 64)
	}
	if err != nil || p.agent == "" {
		return nil, false, sasl.MalformedRequest
	}
	c := p.c
	return l.StartToken(p.mech, data, func(user string, right func([]byte) bool) error {
		who, err := jid.New(user, c.domain, "")
		if err != nil {
			return sasl.CredentialsExpired
		}
		return c.srv.tokens.use(c.srv.cfg.Users(), who, p.agent, claim{p.mech, count, right}, time.Now())
	})
}

// token is what the client is told of tokens once it has logged in, nil if
// nothing: a new one if it asked for one, or if the one that it used is due to
// be replaced.
func (p *extensible) token(l *sasl.Server, now time.Time) []byte {
	c, t := p.c, p.c.srv.tokens
	if p.agent == "" || t.forget <= 0 {
		return nil
	}
	mech, wanted := "", false
	if p.request != nil { // XEP-0484 §3.2
		mech = p.request.Attr("mechanism")
		wanted = slices.Contains(l.TokenMechanisms(), mech)
	}
	switch {
	case p.fast != nil && truth(p.fast.Attr("invalidate")):
		t.drop(c.user, p.agent) // XEP-0484 §3.6
	case p.fast != nil && !wanted && t.due(c.user, p.agent, now):
		mech, wanted = p.mech, true // XEP-0484 §3.5
	}
	var b []byte
	if user, ok := c.set.Lookup(c.user); ok && wanted {
		b = t.give(user, p.agent, mech, now)
	}
	c.device = t.enter(c.user, p.agent)
	return b
}
