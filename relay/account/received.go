package account

import (
	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/users"
	"lethe/relay/wire"
)

// received handles a presence addressed to a known user's account; a is nil if
// that is not in memory.
func (s *Server) received(p *relay.Pass, st *wire.Stanza, from, to jid.JID, set *users.Set, a *account) relay.Drop {
	typ := string(st.Type())
	if change, ok := changeOf(typ); ok {
		// RFC 6121 §3: it is between accounts, whatever resource is named.
		return s.subscriptionFor(p, st, change, from.Bare(), to.Bare())
	}
	switch typ {
	case "probe":
		return s.probed(p, from, to.Bare(), set, a)
	case "", "unavailable", "error":
		if a != nil && !s.local(from) && !s.service(from) {
			a.watch(p, st, from)
		}
		return a.show(p, st, to)
	}
	return relay.Unsupported
}

// show hands a presence, or an error about one, to the account's resources.
func (a *account) show(p *relay.Pass, st *wire.Stanza, to jid.JID) relay.Drop {
	if a == nil {
		return relay.Offline // RFC 6121 §8.5.2.2.2
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	taken, asked := 0, 0
	if to.IsBare() {
		taken, asked = a.offerAvailable(p, st) // RFC 6121 §8.5.2.1.2
	} else if t := a.seat(to); t != nil {
		return offerTo(t, p, st) // RFC 6121 §8.5.3.1
	}
	return outcome(taken, asked)
}

// probed answers a presence probe (RFC 6121 §4.3.2).
func (s *Server) probed(p *relay.Pass, from, to jid.JID, set *users.Set, a *account) relay.Drop {
	if a == nil {
		if set.IsContact(to, from.Bare()) {
			s.send(p, newPresence("unavailable", to.String(), from.String()), to, from)
			return relay.Delivered
		}
		return s.unprobed(p, from, to)
	}
	a.cast.Lock()
	defer a.cast.Unlock()
	a.mu.Lock()
	allowed, cards := a.showsTo(set, from.Bare()), a.cards()
	a.mu.Unlock()
	if !allowed {
		return s.unprobed(p, from, to)
	}
	for _, c := range cards {
		s.sendCard(p, c, from)
	}
	if len(cards) == 0 {
		s.send(p, newPresence("unavailable", to.String(), from.String()), to, from)
	}
	return relay.Delivered
}

// unprobed is the answer to a probe by somebody who has no subscription, to an
// account that may not even exist (RFC 6121 §4.3.2, §8.5.1).
func (s *Server) unprobed(p *relay.Pass, from, to jid.JID) relay.Drop {
	s.send(p, newPresence("unsubscribed", to.String(), from.Bare().String()), to, from.Bare())
	return relay.Unwanted
}

// send routes what the relay itself says in a user's name.
func (s *Server) send(p *relay.Pass, st *wire.Stanza, from, to jid.JID) {
	s.router.Route(p, st, from, to)
}

// A cardOf is a resource's card with its address.
type cardOf struct {
	jid  jid.JID
	card card
}

// cards returns those of the available resources; mu is locked.
func (a *account) cards() []cardOf {
	var cards []cardOf
	for _, t := range a.seats {
		if t.card != nil {
			cards = append(cards, cardOf{t.jid, t.card})
		}
	}
	return cards
}

// sendCard sends a card to one address; cast is locked.
func (s *Server) sendCard(p *relay.Pass, c cardOf, to jid.JID) {
	st, err := wire.ParseStanza(c.card.appendTo(nil, to.String()), wire.NSClient)
	if err != nil {
		return // with the address it goes beyond a limit
	}
	s.send(p, st, c.jid, to)
}

// reveal sends the presence of every available resource to one address
// (RFC 6121 §3.1.5).
func (a *account) reveal(p *relay.Pass, to jid.JID) {
	a.cast.Lock()
	defer a.cast.Unlock()
	for _, c := range a.lockedCards() {
		a.server.sendCard(p, c, to)
	}
	a.introduce(p, to)
}

// hide takes back what reveal sends (RFC 6121 §3.2.2).
func (a *account) hide(p *relay.Pass, to jid.JID) {
	a.cast.Lock()
	defer a.cast.Unlock()
	for _, c := range a.lockedCards() {
		a.server.send(p, newPresence("unavailable", c.jid.String(), to.String()), c.jid, to)
	}
}

func (a *account) lockedCards() []cardOf {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cards()
}
