package account

import (
	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/users"
	"lethe/relay/wire"
)

// A handler answers the queries of one namespace. What nobody handles is
// answered service-unavailable.
type handler struct {
	ns, name string
	circle   circle
	get, set func(*query) relay.Drop // nil: not handled
}

// A circle says who may ask.
type circle uint8

const (
	owner    circle = iota // the account's own resources
	contacts               // these, and who may see the account's presence
	anybody
)

// A query is one IQ get or set to be answered in the name of an account or a
// domain.
type query struct {
	server   *Server
	pass     *relay.Pass
	st       *wire.Stanza
	from, to jid.JID
	users    *users.Set
}

// result returns the result that contains payload, which may be empty.
func (q *query) result(payload []byte) []byte {
	b := append(make([]byte, 0, len(payload)+256), "<iq type='result'"...)
	b = wire.AppendAttr(b, "id", string(q.st.ID()))
	b = wire.AppendAttr(b, "from", q.to.String())
	b = wire.AppendAttr(b, "to", q.from.String())
	if len(payload) == 0 {
		return append(b, "/>"...)
	}
	return append(append(append(b, '>'), payload...), "</iq>"...)
}

// reply sends a result that contains payload, which may be empty.
func (q *query) reply(payload []byte) relay.Drop {
	b := q.result(payload)
	if t := q.seat(); t != nil {
		t.offerBytes(q.pass, b) // of any size the Outbox holds
		return relay.Delivered
	}
	if st, err := wire.ParseStanza(b, wire.NSClient); err == nil {
		q.server.router.Route(q.pass, st, q.to, q.from)
	}
	return relay.Delivered
}

// refuse answers with an error and a sentence for people.
func (q *query) refuse(c wire.Condition, text string) relay.Drop {
	q.server.router.Answer(q.pass, q.st, q.from, q.to, c, text)
	return relay.Delivered
}

// seat returns the local resource that asks, or nil.
func (q *query) seat() *seat {
	a := q.server.find(q.from.Bare())
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seat(q.from)
}

// query handles an IQ to a known account.
func (s *Server) query(p *relay.Pass, st *wire.Stanza, from, to jid.JID, set *users.Set) relay.Drop {
	if !wire.Answerable(st) {
		return relay.Delivered // the client's word about a push
	}
	who := s.circleOf(set, from.Bare(), to)
	if who == anybody {
		// RFC 6121 §8.5.1, §11: as if there were no such account.
		return relay.Offline
	}
	q := &query{s, p, st, from, to, set}
	return q.dispatch(s.atUser, who)
}

// circleOf says what the account to is to asker.
func (s *Server) circleOf(set *users.Set, asker, to jid.JID) circle {
	if asker == to {
		return owner
	}
	if set.IsContact(to, asker) {
		return contacts
	}
	a := s.find(to)
	if a == nil {
		return anybody
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.showsTo(set, asker) {
		return contacts
	}
	return anybody
}

// deliverToDomain handles what is addressed to a domain itself (RFC 6120
// §10.5.1, §10.5.2).
func (s *Server) deliverToDomain(p *relay.Pass, st *wire.Stanza, from, to jid.JID) relay.Drop {
	if st.Kind != wire.IQ || !to.IsBare() {
		return relay.Unsupported
	}
	if !wire.Answerable(st) {
		return relay.Delivered
	}
	q := &query{s, p, st, from, to, s.set.Load()}
	return q.dispatch(s.atDomain, anybody)
}

// dispatch finds the handler, for somebody in the circle who.
func (q *query) dispatch(handlers []handler, who circle) relay.Drop {
	children := q.st.Children()
	if len(children) != 1 {
		// RFC 6120 §8.2.3
		return q.refuse(wire.CondBadRequest, "A request has exactly one child element.")
	}
	for _, h := range handlers {
		if who > h.circle || string(children[0].Name) != h.name || string(children[0].NS) != h.ns {
			continue
		}
		f := h.get
		if string(q.st.Type()) == "set" {
			f = h.set
		}
		if f != nil {
			return f(q)
		}
	}
	return relay.Unsupported
}
