package account

import (
	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// A state is what is between a user and a contact (RFC 6121 §A.1), seen from
// the user: "to" means that the user sees the contact, "out" that the user has
// asked for that, "from" and "in" are the same the other way round.
type state uint8

const (
	none state = iota
	noneOut
	noneIn
	noneOutIn
	onlyTo
	toIn
	onlyFrom
	fromOut
	both

	states
	stop state = 255 // what changes nothing goes no further
)

func (s state) to() bool   { return s == onlyTo || s == toIn || s == both }
func (s state) from() bool { return s == onlyFrom || s == fromOut || s == both }
func (s state) out() bool  { return s == noneOut || s == noneOutIn || s == fromOut }
func (s state) in() bool   { return s == noneIn || s == noneOutIn || s == toIn }

// String is the subscription attribute of a roster item (RFC 6121 §2.1.2.5).
func (s state) String() string {
	switch {
	case s == both:
		return "both"
	case s.to():
		return "to"
	case s.from():
		return "from"
	}
	return "none"
}

// A change is a presence that changes a state.
type change uint8

const (
	subscribe change = iota
	unsubscribe
	subscribed
	unsubscribed

	changes
)

func changeOf(typ string) (change, bool) {
	switch typ {
	case "subscribe":
		return subscribe, true
	case "unsubscribe":
		return unsubscribe, true
	case "subscribed":
		return subscribed, true
	case "unsubscribed":
		return unsubscribed, true
	}
	return 0, false
}

// after returns what a state becomes when the user sends a change to the
// contact (RFC 6121 §A.2), or stop. Approval in advance is not offered
// (RFC 6121 §3.4).
func (s state) after(c change) state {
	//                none     noneOut  noneIn     noneOutIn  onlyTo  toIn    onlyFrom fromOut  both
	return [changes][states]state{
		subscribe:    {noneOut, noneOut, noneOutIn, noneOutIn, onlyTo, toIn, fromOut, fromOut, both},
		unsubscribe:  {none, none, noneIn, noneIn, none, noneIn, onlyFrom, onlyFrom, onlyFrom},
		subscribed:   {stop, stop, onlyFrom, fromOut, stop, both, stop, stop, stop},
		unsubscribed: {stop, stop, none, noneOut, stop, onlyTo, none, noneOut, onlyTo},
	}[c][s]
}

// upon returns what a state becomes when the contact sends a change to the
// user (RFC 6121 §A.3), or stop.
func (s state) upon(c change) state {
	//                none    noneOut    noneIn noneOutIn  onlyTo toIn    onlyFrom fromOut both
	return [changes][states]state{
		subscribe:    {noneIn, noneOutIn, stop, stop, toIn, stop, stop, stop, stop},
		unsubscribe:  {stop, stop, none, noneOut, stop, onlyTo, none, noneOut, onlyTo},
		subscribed:   {stop, onlyTo, stop, toIn, stop, stop, stop, both, stop},
		unsubscribed: {stop, none, stop, noneIn, none, noneIn, stop, onlyFrom, onlyFrom},
	}[c][s]
}

// subscription handles a change from the seat's client.
func (t *seat) subscription(p *relay.Pass, st *wire.Stanza, c change, to jid.JID) {
	a, s := t.account, t.account.server
	set := s.set.Load()
	// RFC 6121 §3.1.2: it is between accounts.
	st.SetFrom(a.jid.String())
	st.SetTo(to.String())
	switch {
	case to == a.jid:
		t.refuse(p, st, to, &fault{wire.CondNotAllowed, "You see your own presence already."})
	case !set.IsContact(a.jid, to):
		t.subscriptionInMemory(p, st, c, to)
	case c == subscribe:
		// RFC 6121 §A.2.1: in state both it is passed on all the same. A
		// contact's server that has not read our file has to be asked.
		s.router.Route(p, st, a.jid, to)
	case c == unsubscribe || c == unsubscribed:
		t.refuse(p, st, to, &fault{wire.CondNotAllowed, signedContact})
	}
}

func (t *seat) subscriptionInMemory(p *relay.Pass, st *wire.Stanza, c change, to jid.JID) {
	a, s := t.account, t.account.server
	a.mu.Lock()
	i := a.items[to]
	before := i.relation()
	after := before.after(c)
	if after == stop {
		a.mu.Unlock()
		return
	}
	if i == nil && after != before {
		if !a.hasRoom() {
			a.mu.Unlock()
			t.refuse(p, st, to, &fault{wire.CondResourceConstraint, "Your contact list is full."})
			return
		}
		i = a.newItem(to)
	}
	if after != before {
		i.state = after
		// Whoever asks or agrees to be asked has the other in the list
		// (RFC 6121 §3.1.2, §3.1.5).
		i.listed = i.listed || c == subscribe || c == subscribed
		a.changed(p, i)
	}
	a.mu.Unlock()
	if c == unsubscribed && before.from() {
		a.hide(p, to) // RFC 6121 §3.2.2: before it is said
	}
	s.router.Route(p, st, a.jid, to)
	if c == subscribed {
		a.reveal(p, to) // RFC 6121 §3.1.5
	}
}

// subscriptionFor handles a change from somebody else to a user's account; both
// addresses are bare.
func (s *Server) subscriptionFor(p *relay.Pass, st *wire.Stanza, c change, from, to jid.JID) relay.Drop {
	set := s.set.Load()
	if set.IsContact(to, from) {
		if c != subscribe {
			return relay.Unwanted // the signed file alone says so
		}
		s.welcome(p, from, to)
		return relay.Delivered
	}
	a := s.find(to)
	if a == nil && c != subscribe {
		return relay.Offline // in state none, nothing else changes it
	}
	a = s.enter(to)
	before := a.items[from].relation()
	if c == subscribe && before.from() {
		s.leave(a)
		s.welcome(p, from, to)
		return relay.Delivered
	}
	drop := a.receive(p, st, c, from)
	s.leave(a)
	if c == unsubscribe && before.from() && drop == relay.Delivered {
		a.hide(p, from) // RFC 6121 §3.3.3
	}
	return drop
}

// leave unlocks a, which enter locked.
func (s *Server) leave(a *account) {
	if len(a.seats) == 0 && a.forgettable() {
		s.remove(a)
	}
	a.mu.Unlock()
}

// welcome answers a request that was granted before (RFC 6121 §3.1.3). The
// asker may have forgotten, so presence follows.
func (s *Server) welcome(p *relay.Pass, from, to jid.JID) {
	s.send(p, newPresence("subscribed", to.String(), from.String()), to, from)
	if a := s.find(to); a != nil {
		a.reveal(p, from)
	}
}

// receive changes the state of a contact and tells the resources; mu is
// locked.
func (a *account) receive(p *relay.Pass, st *wire.Stanza, c change, from jid.JID) relay.Drop {
	i := a.items[from]
	after := i.relation().upon(c)
	if after == stop {
		return relay.Unwanted
	}
	if c == subscribe && a.requests() >= maxRequests {
		return relay.Full
	}
	if i == nil {
		i = a.newItem(from)
	}
	i.state = after
	st.SetFrom(from.String())
	st.SetTo(a.jid.String())
	if c == subscribe {
		// RFC 6121 §3.1.3: to those available, now or later. Nothing is
		// pushed: a request is no contact.
		i.request = requestOf(st, from, a.jid)
		a.offerAvailable(p, st)
		return relay.Delivered
	}
	// RFC 6121 §3.1.6, §3.2.3, §3.3.3
	a.offerInterested(p, st)
	a.changed(p, i)
	return relay.Delivered
}

// requests counts the subscription requests nobody has answered.
func (a *account) requests() int {
	n := 0
	for _, i := range a.items {
		if i.request != nil {
			n++
		}
	}
	return n
}

// requestOf returns what is kept of a request: all of it, as RFC 6121 §3.1.3
// wants, or when it is large no more than who asks.
func requestOf(st *wire.Stanza, from, to jid.JID) []byte {
	if len(st.Raw()) > maxRequest {
		st = newPresence("subscribe", from.String(), to.String())
	}
	return st.Append(make([]byte, 0, len(st.Raw())+128), wire.NSClient)
}
