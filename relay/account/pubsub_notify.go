package account

import (
	"crypto/rand"
	"slices"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/pep"
	"lethe/relay/users"
	"lethe/relay/wire"
)

// A notice is one event of a node on its way to all who want to hear of it:
// the owner's resources, contacts who may see the owner's presence, both as far
// as their clients say so (XEP-0163 §4), and who subscribed in particular.
type notice struct {
	pass    *relay.Pass
	users   *users.Set
	account *account // whose node it is
	node    string
	access  pep.Access
	id      string
	event   []byte
	scratch []byte

	// Copied while the account was locked.
	ties     []tie
	watchers []jid.JID // elsewhere
	asked    []jid.JID // subscribers

	told map[jid.JID]bool // so that no subscriber hears it twice; nil without
}

// newNotice begins a notice; the account is locked.
func (a *account) newNotice(p *relay.Pass, set *users.Set, node string, v view, event []byte) *notice {
	n := &notice{
		pass: p, users: set, account: a, node: node,
		access: v.config.Access, id: rand.Text(), event: event,
	}
	if n.access != pep.Whitelist {
		n.ties = a.ties()
		for j, w := range a.watchers {
			if w.hears(node) && a.showsTo(set, j.Bare()) {
				n.watchers = append(n.watchers, j)
			}
		}
	}
	for _, j := range v.subscribers {
		// XEP-0163 §7.1: whoever has lost the sight of it hears no more.
		if j.Bare() == a.jid || n.access == pep.Open || n.access == pep.Presence && a.showsTo(set, j.Bare()) {
			n.asked = append(n.asked, j)
			n.told = make(map[jid.JID]bool)
		}
	}
	return n
}

// to returns the message to one address (XEP-0163 §4.3.1), valid until the
// next call.
func (n *notice) to(address jid.JID) []byte {
	n.scratch = appendNotice(n.scratch[:0], n.id, n.account.jid, address, n.event)
	return n.scratch
}

func appendNotice(dst []byte, id string, from, to jid.JID, event []byte) []byte {
	dst = append(dst, "<message type='headline'"...)
	dst = wire.AppendAttr(dst, "id", id)
	dst = wire.AppendAttr(dst, "from", from.String())
	dst = wire.AppendAttr(dst, "to", to.String())
	return append(append(append(dst, '>'), event...), "</message>"...)
}

// toOwn tells the owner's resources; the account is locked.
func (n *notice) toOwn() { n.toSeats(n.account) }

// toSeats tells those resources of a, which is locked, that want to hear it
// (XEP-0060 §9.2).
func (n *notice) toSeats(a *account) {
	for _, t := range a.seats {
		if t.audience.hears(n.node) {
			t.offerBytes(n.pass, n.to(t.jid))
			n.tick(t.jid)
		}
	}
}

func (n *notice) tick(j jid.JID) {
	if n.told != nil {
		n.told[j], n.told[j.Bare()] = true, true
	}
}

// toOthers tells everybody else. No account is locked, but for the owner's
// cast.
func (n *notice) toOthers() {
	own := n.account.jid
	if n.access != pep.Whitelist {
		for c := range n.users.Contacts(own) {
			n.toContact(c.JID)
		}
	}
	for _, t := range n.ties {
		if t.state.from() && !n.users.IsContact(own, t.jid) {
			n.toContact(t.jid)
		}
	}
	for _, j := range n.watchers {
		n.send(j)
		n.tick(j)
	}
	for _, j := range n.asked {
		if !n.told[j] {
			n.send(j)
		}
	}
}

// toContact tells the resources of a contact in a served domain.
func (n *notice) toContact(with jid.JID) {
	s, own := n.account.server, n.account.jid
	a := s.find(with)
	if a == nil || s.blocks(n.users, own, with) || s.blocks(n.users, with, own) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	n.toSeats(a)
}

// send routes the message to one address.
func (n *notice) send(to jid.JID) {
	s, own := n.account.server, n.account.jid
	// XEP-0163 §4.3.3: not to whom the user blocks.
	if st, err := wire.ParseStanza(n.to(to), wire.NSClient); err == nil && !s.blocks(n.users, own, to) {
		s.send(n.pass, st, own, to)
	}
}

// greet sends a resource the last item of each of the nodes that it has just
// said it wants to hear of: the account's own, and those of contacts here
// (XEP-0163 §4.3.4). Those elsewhere do the same. The account's cast is locked.
func (t *seat) greet(p *relay.Pass, set *users.Set, nodes []string) {
	if len(nodes) == 0 {
		return
	}
	a := t.account
	a.mu.Lock()
	ties := a.ties()
	for _, name := range nodes {
		t.giveLast(p, set, a, name, owner)
	}
	a.mu.Unlock()
	for c := range set.Contacts(a.jid) {
		t.greetFrom(p, set, c.JID, nodes)
	}
	for _, tie := range ties {
		if tie.state.to() && !set.IsContact(a.jid, tie.jid) {
			t.greetFrom(p, set, tie.jid, nodes)
		}
	}
}

// greetFrom sends the last items of a contact's nodes.
func (t *seat) greetFrom(p *relay.Pass, set *users.Set, with jid.JID, nodes []string) {
	s, own := t.account.server, t.account.jid
	a := s.find(with)
	if a == nil || s.blocks(set, own, with) || s.blocks(set, with, own) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.published.Empty() || !a.showsTo(set, own) {
		return
	}
	for _, name := range nodes {
		if a.published.Node(name) != nil {
			t.giveLast(p, set, a, name, contacts)
		}
	}
}

// introduce sends to the resources of somebody here, who has just become a
// contact, the last items of a's nodes. Nobody's mu is locked.
func (a *account) introduce(p *relay.Pass, to jid.JID) {
	s, set := a.server, a.server.set.Load()
	b := s.find(to)
	if b == nil {
		return
	}
	wants := make(map[*seat][]string)
	b.mu.Lock()
	for _, t := range b.seats {
		wants[t] = t.audience.nodes
	}
	b.mu.Unlock()
	for t, nodes := range wants {
		t.greetFrom(p, set, a.jid, nodes)
	}
}

// giveLast sends the last item of a node of a, which is locked.
func (t *seat) giveLast(p *relay.Pass, set *users.Set, a *account, name string, who circle) {
	if event := a.lastOf(set, name, who); event != nil {
		t.offerBytes(p, appendNotice(nil, rand.Text(), a.jid, t.jid, event))
	}
}

// lastOf returns the event of a node that is sent to whoever comes, nil if
// there is none. The account is locked.
func (a *account) lastOf(set *users.Set, name string, who circle) []byte {
	v, ok := a.server.visible(set, a.jid, a, name, who)
	if !ok || v.config.SendLast != pep.OnPresence || len(v.items) == 0 {
		return nil
	}
	return pep.AppendItemEvent(nil, name, v.items[len(v.items)-1])
}

// hears reports whether a resource wants to hear of a node.
func (u *audience) hears(node string) bool {
	_, ok := slices.BinarySearch(u.nodes, node)
	return ok
}
