package account_test

import (
	"testing"
	"time"

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

// A hasty room lets somebody take the resource of who is leaving it.
type hasty struct {
	lab   *lab
	bound chan *client
	early bool // before the leave was over
}

// Deliver implements [relay.Endpoint].
func (h *hasty) Deliver(_ *relay.Pass, st *wire.Stanza, from, _ jid.JID) relay.Drop {
	if string(st.Type()) == "unavailable" {
		go func() {
			c, _ := h.lab.tryBind(from.String(), 1<<20)
			h.bound <- c
		}()
		select {
		case c := <-h.bound:
			h.early = true
			h.bound <- c
		case <-time.After(50 * time.Millisecond):
		}
	}
	return relay.Delivered
}

// What a room makes of somebody's leave must not hit who comes next with the
// same address, also where nobody is thrown out.
func TestResourceIsFreeWhenAllAreTold(t *testing.T) {
	l := newLab(t)
	h := &hasty{lab: l, bound: make(chan *client, 1)}
	l.router.Handle("rooms.example.org", h)
	old := l.online("erin@example.org/x")
	old.send("<presence to='tea@rooms.example.org/erin'/>")
	old.leave()
	if c := <-h.bound; c == nil || h.early {
		t.Errorf("bound %v, before the room had let the old one go: %v", c != nil, h.early)
	}
}
