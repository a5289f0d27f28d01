package c2s

import (
	"encoding/base64"
	"time"

	"lethe/relay/sasl"
	"lethe/relay/wire"
)

// nsSASL2 is that of XEP-0388.
const nsSASL2 = "urn:xmpp:sasl:2"

// extensible is the profile of XEP-0388, for one exchange: it logs in, then
// resumes a session or binds a resource, all in one round of questions and
// answers. Nothing of it is ever in early data (XEP-0388 §3), which our TLS
// does not take.
type extensible struct {
	c     *client
	begun bool
	agent string // the client's installation, a UUID; "" if it did not say

	// What it wants once it has logged in; nil: not that.
	resume  *wire.Node
	bind    *wire.Node
	request *wire.Node // a token

	fast *wire.Node // it logs in by token; nil: by password or certificate
	mech string
}

// appendAuthentication offers the profile and what it can do in line (XEP-0388
// §2.1).
func (c *client) appendAuthentication(b []byte, l *sasl.Server) []byte {
	b = append(b, "<authentication xmlns='"+nsSASL2+"'>"...)
	b = appendMechanisms(b, l.Mechanisms())
	b = append(b, "<inline>"...)
	if c.srv.cfg.Limits.Resume > 0 {
		b = append(b, "<sm xmlns='"+nsSM+"'/>"...) // XEP-0198 §9.2
	}
	b = append(b, inlineBind...)
	if names := l.TokenMechanisms(); len(names) > 0 && c.srv.tokens.forget > 0 {
		b = append(b, "<fast xmlns='"+nsFAST+"'>"...) // XEP-0484 §3.1
		b = append(appendMechanisms(b, names), "</fast>"...)
	}
	return append(b, "</inline></authentication>"...)
}

func (*extensible) namespace() string { return nsSASL2 }

func (p *extensible) step(l *sasl.Server, s *wire.Stanza) (challenge []byte, done bool, err error) {
	n := s.Node()
	switch n.Name {
	case "authenticate":
		if p.begun {
			return nil, false, wire.NotAuthorized // XEP-0388 §2.4
		}
		return p.authenticate(l, n)
	case "response":
		data, err := decode(n.Text)
		if err != nil {
			return nil, false, err
		}
		defer clear(data)
		return l.Step(data)
	case "abort":
		return nil, false, l.Abort() // XEP-0388 §4.5
	}
	return nil, false, sasl.MalformedRequest
}

// authenticate begins the exchange and notes what the client wants of it.
func (p *extensible) authenticate(l *sasl.Server, n *wire.Node) (challenge []byte, done bool, err error) {
	p.begun = true
	var data []byte
	if r := n.Child(nsSASL2, "initial-response"); r != nil {
		if data, err = decode(r.Text); err != nil {
			return nil, false, err
		}
		defer clear(data)
	}
	if a := n.Child(nsSASL2, "user-agent"); a != nil && isUUID4(a.Attr("id")) {
		p.agent = a.Attr("id")
	}
	p.resume, p.bind = n.Child(nsSM, "resume"), n.Child(nsBind2, "bind")
	p.request, p.fast = n.Child(nsFAST, "request-token"), n.Child(nsFAST, "fast")
	p.mech = n.Attr("mechanism")
	if p.fast != nil {
		return p.byToken(l, data)
	}
	return l.Start(p.mech, data)
}

// decode reads data in base64, where nothing means empty data (XEP-0388 §2.2).
func decode(text string) ([]byte, error) {
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, sasl.IncorrectEncoding
	}
	return data, nil
}

// isUUID4 reports whether id is a random UUID (RFC 9562 §5.4). A client with
// another kind of id is one without (XEP-0388 §2.3).
func isUUID4(id string) bool {
	if len(id) != 36 || id[14] != '4' {
		return false
	}
	for i := range len(id) {
		b := id[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if b != '-' {
				return false
			}
		case '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'f':
		default:
			return false
		}
	}
	return true
}

func (*extensible) challenge(data []byte) []byte {
	b := base64.StdEncoding.AppendEncode([]byte("<challenge xmlns='"+nsSASL2+"'>"), data)
	return append(b, "</challenge>"...)
}

func (*extensible) failure(f sasl.Failure, text string) []byte {
	b := []byte("<failure xmlns='" + nsSASL2 + "'><" + string(f) + " xmlns='" + nsSASL + "'/>")
	return append(appendExplanation(b, text), "</failure>"...)
}

// welcome does what the client wanted and tells it all at once (XEP-0388
// §2.6.1). What others send waits until it knows.
func (p *extensible) welcome(l *sasl.Server, data []byte) error {
	c := p.c
	inline, resumed, err := p.establish()
	if err != nil {
		return err
	}
	inline = append(inline, p.token(l, time.Now())...)
	b := []byte("<success xmlns='" + nsSASL2 + "'>")
	if data != nil {
		b = append(b, "<additional-data>"...)
		b = append(base64.StdEncoding.AppendEncode(b, data), "</additional-data>"...)
	}
	who := c.user
	if c.seat != nil {
		who = c.seat.JID()
	}
	b = wire.AppendText(append(b, "<authorization-identifier>"...), who.String())
	b = append(b, "</authorization-identifier>"...)
	b = append(append(b, inline...), "</success>"...)
	switch {
	case resumed: // XEP-0198 §9.2: no features
		return c.reattach(b)
	case c.seat == nil:
		return c.Send(append(b, "<stream:features>"+c.bindFeatures()+"</stream:features>"...))
	}
	return c.announce(append(b, "<stream:features>"+c.boundFeatures()+"</stream:features>"...))
}

// establish resumes a session or binds a resource, as the client wanted, and
// returns what there is to tell of either.
func (p *extensible) establish() (told []byte, resumed bool, err error) {
	if p.resume != nil { // XEP-0198 §9.2: first, and if it works the only one
		if told, resumed, err = p.c.resumeFrom(p.resume); resumed || err != nil {
			return told, resumed, err
		}
	}
	if p.bind == nil {
		return told, false, nil
	}
	bound, err := p.c.bindInline(p.bind, p.agent)
	return append(told, bound...), false, err
}
