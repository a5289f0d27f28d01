package server_test

import (
	"fmt"
	"strings"
)

// A user of the conservation test, with all resources there will be.
type user struct {
	name     string
	reckless bool // has one resource, without acknowledgements, that is cut
	peers    []*peer
}

// send writes messages in one piece.
func (p *peer) send(n int) {
	batch := make([]string, n)
	for i := range batch {
		batch[i] = p.compose()
	}
	p.check("send", p.c.SendAll(batch...))
}

// compose writes a message to somebody.
func (p *peer) compose() string {
	m := message{sender: p, session: p.session, size: 20 + p.dice.IntN(400), secret: p.chance(10)}
	to, typ := p.addressee(&m)
	if typ != "groupchat" && m.only == nil && m.user != nil && strings.Contains(to, "/") && (typ == "normal" || m.secret) {
		// RFC 6121 §8.5.3.2.1, and what one device alone can read.
		m.only, m.nobody = m.user.resource(to), m.user.resource(to) == nil
	}
	id := p.ledger.enter(m)
	p.unknown, p.unsettled = append(p.unknown, id), append(p.unsettled, id)
	return fmt.Sprintf("<message to='%s' type='%s' id='%s'><body>%s</body></message>", to, typ, id, bodyOf(id, m.secret, m.size))
}

// bodyOf is the text of a message, or its beginning.
func bodyOf(id string, secret bool, size int) string {
	b := id + " "
	if secret {
		b = "?OTR:" + b
	}
	return b + strings.Repeat("x", max(0, size-len(b)))
}

// addressee finds somebody to write to, and says who may get it.
func (p *peer) addressee(m *message) (to, typ string) {
	m.nobody, typ = true, "chat"
	if p.chance(20) {
		typ = "normal"
	}
	switch n := p.dice.IntN(100); {
	case n < 5:
		return fmt.Sprintf("nobody%d@%s", p.dice.IntN(9), domain), typ
	case n < 8:
		return fmt.Sprintf("absent%d@%s/x", p.dice.IntN(2), domain), typ
	case n < 11:
		return "somebody@unserved.example", typ
	case n < 25:
		return p.toHall(m)
	}
	return p.toUser(m), typ
}

func (p *peer) toUser(m *message) string {
	if frozen := p.frozen.Load(); frozen != nil && frozen != p && p.chance(15) {
		m.size = 4000 + p.dice.IntN(8000)
		return p.writeTo(m, frozen.user, "/"+frozen.resource)
	}
	u := p.users[p.dice.IntN(len(p.users))]
	switch n := p.dice.IntN(10); {
	case n < 4:
		return p.writeTo(m, u, "")
	case n < 5:
		return p.writeTo(m, u, "/nowhere")
	}
	return p.writeTo(m, u, "/"+u.peers[p.dice.IntN(len(u.peers))].resource)
}

func (p *peer) writeTo(m *message, u *user, resource string) string {
	if p.blocked[p.user] != u && p.blocked[u] != p.user {
		m.user, m.nobody = u, false
	}
	return u.bare() + resource
}

func (u *user) bare() string { return u.name + "@" + domain }

func (u *user) resource(full string) *peer {
	for _, p := range u.peers {
		if u.bare()+"/"+p.resource == full {
			return p
		}
	}
	return nil
}
