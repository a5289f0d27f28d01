package account

import (
	"slices"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/pep"
	"lethe/relay/users"
	"lethe/relay/wire"
)

// presence handles a presence from the seat's client.
func (t *seat) presence(p *relay.Pass, st *wire.Stanza, to jid.JID, addressed bool) {
	typ := string(st.Type())
	change, subscription := changeOf(typ)
	switch {
	case subscription && addressed:
		t.subscription(p, st, change, to.Bare())
	case typ == "" && addressed:
		t.direct(p, st, to)
	case typ == "unavailable" && addressed:
		t.undirect(p, st, to)
	case typ == "":
		t.announce(p, st)
	case typ == "unavailable":
		t.withdraw(p, st)
	case (typ == "probe" || typ == "error") && addressed:
		t.account.server.router.Route(p, st, t.jid, to)
	case typ == "error":
		// RFC 6120 §8.3.1: errors are not answered.
	default:
		// RFC 6121 §4.7.1: no other types, and most need an address.
		t.refuse(p, st, to, &fault{wire.CondBadRequest, "A presence of this type cannot be sent like this."})
	}
}

// announce makes the resource available, or changes how it is (RFC 6121 §4.2,
// §4.4).
func (t *seat) announce(p *relay.Pass, st *wire.Stanza) {
	a, s := t.account, t.account.server
	c, priority, wrong := newCard(st)
	if wrong != nil {
		t.refuse(p, st, a.jid, wrong)
		return
	}
	b := broadcast{server: s, pass: p, set: s.set.Load(), from: t, st: st}
	a.cast.Lock()
	a.mu.Lock()
	if t.left {
		a.mu.Unlock()
		a.cast.Unlock()
		return
	}
	b.initial = t.card == nil
	t.card, t.priority = c, priority
	b.toOwn()
	ties := a.ties()
	a.mu.Unlock()
	b.toContacts(ties)
	t.attend(p, b.set, pep.CapsOf(st))
	a.cast.Unlock()
	for _, from := range b.lapsed {
		// RFC 6121 §4.3.2: what a probe would have been answered.
		answer := newPresence("unsubscribed", from.String(), a.jid.String())
		s.subscriptionFor(p, answer, unsubscribed, from, a.jid)
	}
}

// withdraw makes the resource unavailable by its own word (RFC 6121 §4.5).
func (t *seat) withdraw(p *relay.Pass, st *wire.Stanza) {
	a := t.account
	a.cast.Lock()
	defer a.cast.Unlock()
	a.mu.Lock()
	if t.left {
		a.mu.Unlock()
		return
	}
	st.SetTo(a.jid.String())
	if t.card == nil {
		// RFC 6121 §4.5.2: the resource that said it hears it as well.
		t.offer(p, st)
	}
	t.farewell(p, st, a.server.set.Load())
}

// vacate takes t out of its account, and tells those who saw it (RFC 6121
// §4.5.2: whether or not the client said goodbye).
func (s *Server) vacate(p *relay.Pass, set *users.Set, t *seat) {
	a := t.account
	a.cast.Lock()
	defer a.cast.Unlock()
	a.mu.Lock()
	if t.left {
		a.mu.Unlock()
		return
	}
	t.left = true
	t.gone.Store(true)
	t.calm.end()
	defer s.leaves(t.jid)()
	a.seats = slices.DeleteFunc(a.seats, func(o *seat) bool { return o == t })
	a.company.Store(len(a.seats) > 1)
	s.settle(a)
	t.farewell(p, newPresence("unavailable", t.jid.String(), ""), set)
}

// farewell sends st, an unavailable presence, to everybody who saw t. Called
// with cast and mu locked, it unlocks mu.
func (t *seat) farewell(p *relay.Pass, st *wire.Stanza, set *users.Set) {
	a := t.account
	b := broadcast{server: a.server, pass: p, set: set, from: t, st: st}
	seen := t.card != nil
	if seen {
		b.toOwn()
	}
	ties, directed := a.ties(), t.directed
	t.card, t.directed, t.audience = nil, nil, audience{}
	a.mu.Unlock()
	if seen {
		b.toContacts(ties)
	}
	// RFC 6121 §4.6.3: and to those who were sent presence by itself.
	for _, d := range directed {
		st.SetTo(d.String())
		a.server.router.Route(p, st, t.jid, d)
	}
}

// direct sends presence to somebody by itself (RFC 6121 §4.6). It is
// remembered, for a goodbye, unless the broadcast says goodbye anyway.
func (t *seat) direct(p *relay.Pass, st *wire.Stanza, to jid.JID) {
	a, s := t.account, t.account.server
	a.cast.Lock()
	defer a.cast.Unlock()
	a.mu.Lock()
	left := t.left
	known := slices.Contains(t.directed, to) || t.card != nil && a.showsTo(s.set.Load(), to.Bare())
	full := !known && len(t.directed) >= maxDirected
	if !known && !full {
		t.directed = append(t.directed, to)
	}
	a.mu.Unlock()
	if left {
		return // nobody would take it back
	}
	if full {
		t.refuse(p, st, to, &fault{wire.CondResourceConstraint, "Your presence was sent to too many addresses outside your contacts."})
		return
	}
	s.router.Route(p, st, t.jid, to)
}

// undirect takes back what direct sent (RFC 6121 §4.6.3).
func (t *seat) undirect(p *relay.Pass, st *wire.Stanza, to jid.JID) {
	a := t.account
	a.cast.Lock()
	defer a.cast.Unlock()
	a.mu.Lock()
	t.directed = slices.DeleteFunc(t.directed, func(d jid.JID) bool { return d == to })
	a.mu.Unlock()
	a.server.router.Route(p, st, t.jid, to)
}

// A broadcast is one presence on its way to everybody who may see it.
type broadcast struct {
	server  *Server
	pass    *relay.Pass
	set     *users.Set
	from    *seat
	st      *wire.Stanza
	initial bool      // theirs is wanted in return (RFC 6121 §4.3)
	lapsed  []jid.JID // contacts who no longer show theirs
	scratch []byte
}

// toOwn sends to all available resources of the account, whose mu is locked
// (RFC 6121 §4.2.2, §4.4.2, §4.5.2: a user is subscribed to himself).
func (b *broadcast) toOwn() {
	a := b.from.account
	b.st.SetTo(a.jid.String())
	a.offerAvailable(b.pass, b.st)
	if !b.initial {
		return
	}
	b.fetch(a, b.from)
	for _, i := range a.items {
		if i.request != nil {
			// RFC 6121 §3.1.3: until it is answered.
			b.from.offerBytes(b.pass, i.request)
		}
	}
}

// toContacts sends to all contacts, of the file and in memory.
func (b *broadcast) toContacts(memory []tie) {
	own := b.from.account.jid
	for c := range b.set.Contacts(own) {
		b.exchange(c.JID, both, true)
	}
	for _, t := range memory {
		if !b.set.IsContact(own, t.jid) {
			b.exchange(t.jid, t.state, false)
		}
	}
}

// exchange sends presence to one contact and, if it is wanted, gets theirs.
func (b *broadcast) exchange(with jid.JID, rel state, signed bool) {
	own := b.from.account.jid
	if b.server.blocks(b.set, own, with) {
		return
	}
	if !b.server.local(with) {
		b.exchangeAfar(with, rel)
		return
	}
	a := b.server.find(with)
	if a == nil {
		if b.initial && rel.to() && !signed {
			b.lapsed = append(b.lapsed, with)
		}
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if b.server.blocks(b.set, with, b.from.jid) {
		return
	}
	if rel.from() {
		b.st.SetTo(with.String())
		a.offerAvailable(b.pass, b.st)
	}
	switch {
	case !b.initial || !rel.to():
	case a.showsTo(b.set, own):
		// RFC 6121 §4.3: no need to probe one's own accounts. With a
		// locked, no news of theirs can overtake this.
		b.fetch(a, b.from)
	default:
		b.lapsed = append(b.lapsed, with)
	}
}

// exchangeAfar is exchange with a contact in another domain.
func (b *broadcast) exchangeAfar(with jid.JID, rel state) {
	t := b.from
	if rel.from() {
		b.st.SetTo(with.String())
		b.server.router.Route(b.pass, b.st, t.jid, with)
	}
	if b.initial && rel.to() {
		// RFC 6121 §4.3.1
		own := t.account.jid
		b.server.router.Route(b.pass, newPresence("probe", own.String(), with.String()), own, with)
	}
}

// fetch gives to the presence of each resource of a, which is locked.
func (b *broadcast) fetch(a *account, to *seat) {
	for _, o := range a.seats {
		if o.card != nil && o != to && !b.server.blocks(b.set, to.account.jid, o.jid) {
			b.scratch = o.card.appendTo(b.scratch[:0], to.account.jid.String())
			to.offerBytes(b.pass, b.scratch)
		}
	}
}
