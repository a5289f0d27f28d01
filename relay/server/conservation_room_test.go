package server_test

import (
	"fmt"
	"strings"

	"lethe/relay/wire"
)

const (
	nsUser  = "http://jabber.org/protocol/muc#user"
	nsOwner = "http://jabber.org/protocol/muc#owner"
)

// A hall is a room of the conservation test. A scribe sits in it from the
// beginning to the end and writes down what is said: all others must hear a part
// of that, without gap, change of order or repetition.
type hall struct {
	address string
	said    []string
	index   map[string]int // where in said
	stays   []*stay
}

// A stay is the time between a peer's entry to a hall and its exit.
type stay struct {
	peer  *peer
	heard []string
	open  bool // as far as the peer knows
}

func newHall(name string) *hall {
	return &hall{address: name + "@rooms." + domain, index: make(map[string]int)}
}

// nick is what a peer is called in all rooms.
func (p *peer) nick() string { return p.user.name + "-" + p.resource }

// visit enters a hall or, being in there, leaves it.
func (p *peer) visit(h *hall) {
	presence := "<presence to='%s/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
	if p.stays[h] == nil {
		p.asked[h] = true
	} else {
		presence = "<presence to='%s/%s' type='unavailable'/>"
	}
	p.check("visit", p.c.Send(fmt.Sprintf(presence, h.address, p.nick())))
	p.confirm()
}

// hallOf finds the hall a stanza comes from.
func (w *world) hallOf(n *wire.Node) *hall {
	address, _, _ := strings.Cut(n.Attr("from"), "/")
	for _, h := range w.halls {
		if h.address == address {
			return h
		}
	}
	return nil
}

// moved notes what the presence of an occupant says of the peer itself.
func (p *peer) moved(n *wire.Node) {
	h, x := p.hallOf(n), n.Child(nsUser, "x")
	if h == nil {
		return
	}
	if n.Attr("type") == "error" {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.fault("%s is refused by %s", p, h.address)
		return
	}
	if x == nil {
		return
	}
	for _, c := range x.Children {
		if c.Name != "status" || c.Attr("code") != "110" { // XEP-0045 §7.2.2
			continue
		}
		switch {
		case n.Attr("type") == "unavailable":
			p.exit(h)
		case p.stays[h] == nil:
			p.enter(h)
		}
	}
}

func (p *peer) enter(h *hall) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begins(h)
}

func (p *peer) begins(h *hall) *stay {
	s := &stay{peer: p, open: true}
	p.stays[h] = s
	h.stays = append(h.stays, s)
	return s
}

func (p *peer) exit(h *hall) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.stays[h]; s != nil {
		s.open = false
	}
	delete(p.stays, h)
	delete(p.asked, h)
}

// hear writes down what was said in a hall.
func (p *peer) hear(n *wire.Node, r receipt) {
	h, id := p.hallOf(n), n.Attr("id")
	if n.Child(wire.NSClient, "subject") != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stays[h]
	if s == nil {
		if !p.asked[h] {
			p.fault("%s heard %s in a room where it is not", p, id)
			return
		}
		s = p.begins(h) // there was no room for the word that it is in
	}
	s.heard = append(s.heard, id)
	if p == p.scribe {
		m := p.find(id)
		m.got = append(m.got, r)
		h.index[id] = len(h.said)
		h.said = append(h.said, id)
	}
}

// toHall addresses a message to all in a hall, or to one there.
func (p *peer) toHall(m *message) (to, typ string) {
	h := p.halls[p.dice.IntN(len(p.halls))]
	m.nobody = false
	if p.chance(90) {
		m.user, m.only, m.secret = p.scribe.user, p.scribe, true
		return h.address, "groupchat"
	}
	u := p.users[p.dice.IntN(len(p.users))]
	for u == p.user { // a copy of what one writes to oneself there is right
		u = p.users[p.dice.IntN(len(p.users))]
	}
	m.user, m.only = u, u.peers[p.dice.IntN(len(u.peers))]
	return h.address + "/" + m.only.nick(), "chat"
}

// listen keeps the scribe reading, to the end of its stream.
func (p *peer) listen() {
	for _, h := range p.halls {
		p.visit(h)
		// XEP-0045 §10.1.2: a room with the usual settings.
		p.check("open", p.c.Send("<iq type='set' id='open' to='"+h.address+"'><query xmlns='"+nsOwner+"'><x xmlns='jabber:x:data' type='submit'/></query></iq>"))
		p.until(func(n *wire.Node) bool { return n.Name == "iq" && n.Attr("id") == "open" && n.Attr("type") == "result" })
	}
	close(p.opened)
	p.drain()
}

// stillThere asks every hall whether the peer is in it (XEP-0410), as somebody
// for whom there was no room is not told to be removed.
func (p *peer) stillThere() {
	for _, h := range p.halls {
		if p.stays[h] == nil {
			continue
		}
		p.check("ask", p.c.Send(fmt.Sprintf("<iq type='get' id='there' to='%s/%s'><ping xmlns='urn:xmpp:ping'/></iq>", h.address, p.nick())))
		p.until(func(n *wire.Node) bool {
			if n.Name != "iq" || n.Attr("id") != "there" {
				return false
			}
			if n.Attr("type") == "error" {
				p.exit(h)
			}
			return true
		})
	}
}

// gather holds what was heard against what was said, with the ledger locked.
func (l *ledger) gather(h *hall) (heard int) {
	for _, s := range h.stays {
		heard += len(s.heard)
		for i, id := range s.heard {
			at, ok := h.index[id]
			if !ok {
				l.fault("%s heard %s, the scribe did not", s.peer, id)
				break
			}
			if i > 0 && at != h.index[s.heard[i-1]]+1 {
				l.fault("%s heard %s (%d) after %s (%d) in %s", s.peer, id, at, s.heard[i-1], h.index[s.heard[i-1]], h.address)
				break
			}
		}
		if n := len(s.heard); s.open && (n == 0 || s.heard[n-1] != h.said[len(h.said)-1]) {
			l.fault("%s is in %s and did not hear the end", s.peer, h.address)
		}
	}
	return heard
}
