package account

import (
	"crypto/rand"
	"slices"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/users"
	"lethe/relay/wire"
)

const (
	nsBlocking = "urn:xmpp:blocking" // XEP-0191

	// blockedError says why what a user sends goes nowhere (XEP-0191 §3.3).
	blockedError = "<blocked xmlns='urn:xmpp:blocking:errors'/>"
)

// blocklistGet answers XEP-0191 §3.2 with the signed list and the user's own,
// and from then on keeps the resource up to date.
func blocklistGet(q *query) relay.Drop {
	a := q.server.find(q.to)
	if a == nil {
		return relay.Offline
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.seat(q.from)
	if t == nil {
		return relay.Offline
	}
	t.blocklist = true
	items := slices.Clone(q.users.Blocked(q.to))
	for _, j := range q.server.blocked.get(q.to) {
		if !slices.Contains(items, j) {
			items = append(items, j)
		}
	}
	t.answer(q, appendBlocks(nil, "blocklist", items))
	return relay.Delivered
}

// appendBlocks appends an element of XEP-0191 with its items. What else a
// client says of an item (XEP-0377) goes nowhere.
func appendBlocks(dst []byte, name string, items []jid.JID) []byte {
	dst = append(append(append(dst, '<'), name...), " xmlns='"+nsBlocking+"'"...)
	if len(items) == 0 {
		return append(dst, "/>"...)
	}
	dst = append(dst, '>')
	for _, j := range items {
		dst = append(wire.AppendAttr(append(dst, "<item"...), "jid", j.String()), "/>"...)
	}
	return append(append(append(dst, "</"...), name...), '>')
}

// blockSet handles XEP-0191 §3.3.
func blockSet(q *query) relay.Drop {
	items, wrong := blockItems(q.payload())
	if wrong == nil && slices.ContainsFunc(items, func(j jid.JID) bool { return j.Bare() == q.to }) {
		wrong = &fault{wire.CondNotAllowed, "You cannot block yourself."}
	}
	if wrong != nil {
		return q.refuse(wrong.condition, wrong.text)
	}
	return q.editBlocks(items, true, appendBlocks(nil, "block", items))
}

// unblockSet handles XEP-0191 §3.4, §3.5: where no item is named, all are meant.
func unblockSet(q *query) relay.Drop {
	n, signed := q.payload(), q.users.Blocked(q.to)
	if len(n.Children) == 0 {
		pushes := [][]byte{appendBlocks(nil, "unblock", nil)}
		if len(signed) > 0 {
			// What the file blocks stays, and clients are told so.
			pushes = append(pushes, appendBlocks(nil, "block", signed))
		}
		return q.editBlocks(nil, false, pushes...)
	}
	items, wrong := blockItems(n)
	if wrong == nil && slices.ContainsFunc(items, func(j jid.JID) bool { return slices.Contains(signed, j) }) {
		wrong = &fault{wire.CondNotAllowed, "This address is blocked by the signed list of this server. Only its operator can unblock it."}
	}
	if wrong != nil {
		return q.refuse(wrong.condition, wrong.text)
	}
	return q.editBlocks(items, false, appendBlocks(nil, "unblock", items))
}

// blockItems reads the addresses in a block or unblock element.
func blockItems(n *wire.Node) ([]jid.JID, *fault) {
	var items []jid.JID
	for _, c := range n.Children {
		if c.NS != nsBlocking || c.Name != "item" {
			continue
		}
		j, err := jid.Parse(c.Attr("jid"))
		if err != nil {
			return nil, &fault{wire.CondJIDMalformed, "That is not a valid address."}
		}
		items = append(items, j)
	}
	if len(items) == 0 {
		// XEP-0191 §3.3
		return nil, &fault{wire.CondBadRequest, "Name at least one address."}
	}
	return items, nil
}

// editBlocks puts items on the user's list or takes them off, nil for all of
// it; answers, pushes, and lets presence follow.
func (q *query) editBlocks(items []jid.JID, block bool, pushes ...[]byte) relay.Drop {
	s, a := q.server, q.server.find(q.to)
	if a == nil {
		return relay.Offline
	}
	a.mu.Lock()
	t := a.seat(q.from)
	if t == nil {
		a.mu.Unlock()
		return relay.Offline
	}
	if items == nil {
		items = s.blocked.get(q.to)
	}
	before := make(map[jid.JID]bool)
	for _, j := range a.named(q.users, listOf(items)) {
		before[j] = s.blocks(q.users, q.to, j)
	}
	if block {
		if wrong := s.blocked.add(q.to, items); wrong != nil {
			a.mu.Unlock()
			return q.refuse(wrong.condition, wrong.text)
		}
	} else {
		s.blocked.remove(q.to, items)
	}
	// With the account locked, pushes go out in the order of the changes.
	t.answer(q, nil)
	for _, b := range pushes {
		a.pushBlocks(q.pass, b)
	}
	a.mu.Unlock()
	for j, was := range before {
		if s.blocks(q.users, q.to, j) != was {
			a.adjust(q.pass, j)
		}
	}
	a.retract(q.pass)
	return relay.Delivered
}

// answer sends the result of a request of t's client, or says that there is no
// room for it; mu is locked.
func (t *seat) answer(q *query, payload []byte) {
	if !t.offerBytes(q.pass, q.result(payload)) {
		c, text := relay.Full.Condition()
		t.out.Answer(q.pass, wire.AppendError(nil, q.st, "", q.to.String(), q.from.String(), c, text))
	}
}

// pushBlocks tells every resource that asked for the list (XEP-0191 §3.3); mu
// is locked.
func (a *account) pushBlocks(p *relay.Pass, payload []byte) {
	for _, t := range a.seats {
		if !t.blocklist {
			continue
		}
		b := append(make([]byte, 0, len(payload)+256), "<iq type='set'"...)
		b = wire.AppendAttr(b, "id", rand.Text())
		b = wire.AppendAttr(b, "to", t.jid.String())
		b = append(append(b, '>'), payload...)
		t.offerBytes(p, append(b, "</iq>"...))
	}
}

// named returns those of list, and of the contacts it names, who may see the
// account's presence or show it theirs; mu is locked.
func (a *account) named(set *users.Set, list blocklist) []jid.JID {
	var named []jid.JID
	for c := range set.Contacts(a.jid) {
		if list.matches(c.JID) {
			named = append(named, c.JID)
		}
	}
	for _, t := range a.ties() {
		if list.matches(t.jid) && !set.IsContact(a.jid, t.jid) {
			named = append(named, t.jid)
		}
	}
	for _, j := range list {
		if !j.IsBare() && a.showsTo(set, j.Bare()) {
			named = append(named, j)
		}
	}
	return named
}

// sees reports whether the account may see the presence of other, a bare
// address; mu is locked.
func (a *account) sees(set *users.Set, other jid.JID) bool {
	return set.IsContact(a.jid, other) || a.items[other].relation().to()
}

// adjust lets the presence between a and other, both ways, be what the block
// lists say now (XEP-0191 §3.3, §3.4).
func (a *account) adjust(p *relay.Pass, other jid.JID) {
	s := a.server
	a.cast.Lock()
	set := s.set.Load()
	a.mu.Lock()
	shows, sees := a.showsTo(set, other.Bare()), a.sees(set, other.Bare())
	a.mu.Unlock()
	blocked := s.blocks(set, a.jid, other)
	if shows {
		for _, c := range a.lockedCards() {
			if blocked {
				s.send(p, newPresence("unavailable", c.jid.String(), other.String()), c.jid, other)
			} else {
				s.sendCard(p, c, other)
			}
		}
	}
	a.cast.Unlock()
	switch {
	case !sees:
	case blocked:
		a.lose(p, other)
	case s.local(other):
		a.regain(p, other)
	default:
		s.send(p, newPresence("probe", a.jid.String(), other.Bare().String()), a.jid, other.Bare())
	}
}

// lose shows a's resources that other, whom a blocks now, is gone. It takes no
// way through the Router, where the block would stop it.
func (a *account) lose(p *relay.Pass, other jid.JID) {
	gone := []jid.JID{other}
	if a.server.local(other) {
		gone = a.server.available(other)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.server.blocks(a.server.set.Load(), a.jid, other) {
		return // unblocked meanwhile, by another resource
	}
	for _, j := range gone {
		a.offerAvailable(p, newPresence("unavailable", j.String(), a.jid.String()))
	}
}

// regain shows a the presence of other, a local address that a blocked.
func (a *account) regain(p *relay.Pass, other jid.JID) {
	s, set := a.server, a.server.set.Load()
	b := s.find(other.Bare())
	if b == nil || s.blocks(set, b.jid, a.jid) {
		return
	}
	b.cast.Lock()
	defer b.cast.Unlock()
	b.mu.Lock()
	shows, cards := b.showsTo(set, a.jid), b.cards()
	b.mu.Unlock()
	for _, c := range cards {
		if shows && (other.IsBare() || c.jid == other) {
			s.sendCard(p, c, a.jid)
		}
	}
}

// available returns the available resources of a local address, which may name
// one.
func (s *Server) available(j jid.JID) []jid.JID {
	a := s.find(j.Bare())
	if a == nil {
		return nil
	}
	var list []jid.JID
	for _, c := range a.lockedCards() {
		if j.IsBare() || c.jid == j {
			list = append(list, c.jid)
		}
	}
	return list
}

// retract takes back the presence that went by itself to whoever is blocked
// now.
func (a *account) retract(p *relay.Pass) {
	type showing struct{ from, to jid.JID }
	var over []showing
	a.cast.Lock()
	defer a.cast.Unlock()
	set := a.server.set.Load()
	a.mu.Lock()
	for _, t := range a.seats {
		t.directed = slices.DeleteFunc(t.directed, func(d jid.JID) bool {
			blocked := a.server.blocks(set, a.jid, d)
			if blocked {
				over = append(over, showing{t.jid, d})
			}
			return blocked
		})
	}
	a.mu.Unlock()
	for _, v := range over {
		a.server.send(p, newPresence("unavailable", v.from.String(), v.to.String()), v.from, v.to)
	}
}

// refuseBlocked answers what the seat's client sends to a blocked address
// (XEP-0191 §3.3).
func (t *seat) refuseBlocked(p *relay.Pass, st *wire.Stanza, to jid.JID) {
	if wire.Answerable(st) {
		t.out.Answer(p, wire.AppendErrorWith(nil, st, "", to.String(), t.jid.String(),
			wire.CondNotAcceptable, "This address is blocked for you.", blockedError))
	}
}

// barred is where a stanza goes whose receiver blocks the sender: where it
// would go if nobody had the address (XEP-0191 §3.3). The two exceptions tell
// the sender nothing that it did not know.
func (s *Server) barred(p *relay.Pass, st *wire.Stanza, from, to jid.JID, set *users.Set) relay.Drop {
	friend, joined := set.IsContact(to.Bare(), from.Bare()), false
	if a := s.find(to.Bare()); a != nil {
		a.mu.Lock()
		friend, joined = a.showsTo(set, from.Bare()), a.joined(from.Bare())
		a.mu.Unlock()
	}
	switch {
	case st.Kind == wire.Presence && friend:
		// XEP-0191 §4: a contact stays one. "Unsubscribed", which answers a
		// stranger's probe, would end that.
		return relay.Unwanted
	case st.Kind == wire.Message && kindOf(st) == groupchat && joined:
		// From somebody in a room the user is in. An error would have the
		// room throw the user out.
		return relay.Delivered
	}
	return s.nobody(p, st, from, to, relay.Unwanted)
}

// joined reports whether presence went by itself to an address in room; mu is
// locked.
func (a *account) joined(room jid.JID) bool {
	return slices.ContainsFunc(a.seats, func(t *seat) bool {
		return slices.ContainsFunc(t.directed, func(d jid.JID) bool { return d.Bare() == room })
	})
}
