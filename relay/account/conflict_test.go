package account_test

import (
	"testing"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// A gossip is a room that says something to whoever leaves it.
type gossip struct {
	lab  *lab
	drop relay.Drop // what became of that
}

// Deliver implements [relay.Endpoint].
func (g *gossip) Deliver(p *relay.Pass, st *wire.Stanza, from, to jid.JID) relay.Drop {
	if string(st.Type()) == "unavailable" {
		said := parse(g.lab.t, "<message type='groupchat' from='tea@rooms.example.org/ann' to='"+from.String()+"'><body>x</body></message>")
		g.drop = g.lab.server.Deliver(p, said, to, from)
	}
	return relay.Delivered
}

// A connection that takes the resource of another does not get what was meant
// for that one by those who do not yet know (RFC 6120 §7.7.2.2).
func TestNewcomerIsNotItsPredecessor(t *testing.T) {
	l := newLab(t)
	g := &gossip{lab: l}
	l.router.Handle("rooms.example.org", g)
	l.online("alice@example.org/x").send("<presence to='tea@rooms.example.org/ann'/>")
	newcomer := l.bind("alice@example.org/x")
	newcomer.want()
	if g.drop != relay.Offline {
		t.Errorf("what the room said to the old connection: %v", g.drop)
	}
}
