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
	forms    []*form // of an answer to disco#info
}

// payload returns the request's one child.
func (q *query) payload() *wire.Node { return q.st.Node().Children[0] }

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
func (q *query) reply(payload []byte) relay.Drop { return q.write(q.result(payload)) }

// write sends an answer that is written out.
func (q *query) write(b []byte) relay.Drop {
	if t := q.seat(); t != nil {
		if !t.offerBytes(q.pass, b) { // of any size the Outbox holds
			return relay.Full
		}
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
		s.answered(p, st, from, to, set) // or it is the client's word about a push
		return relay.Delivered
	}
	who := s.circleOf(set, from.Bare(), to)
	q := &query{server: s, pass: p, st: st, from: from, to: to, users: set}
	if who == anybody {
		return q.openly()
	}
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
	q := &query{server: s, pass: p, st: st, from: from, to: to, users: s.set.Load()}
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
	if text := notOffered(string(children[0].NS)); text != "" {
		// RFC 6120 §8.3.3.19
		return q.refuse(wire.CondServiceUnavailable, text)
	}
	return relay.Unsupported
}

// notOffered says to people why there is no answer to requests of a namespace
// that is left out on purpose; "" of all others.
func notOffered(ns string) string {
	switch ns {
	case "urn:xmpp:mam:1", "urn:xmpp:mam:2": // XEP-0313
		return "There is no archive here: this server keeps no messages. Your client can keep its own."
	case "http://jabber.org/protocol/offline": // XEP-0013
		return "There are no offline messages here: what cannot be delivered goes back to its sender."
	case "urn:xmpp:http:upload:0": // XEP-0363
		return "Files are not stored here. Send them directly, while the other is online."
	case "urn:xmpp:push:0": // XEP-0357
		return "There is no push here: it would tell others when you get messages."
	case "jabber:iq:register": // XEP-0077
		return "Accounts are made, changed and removed by the operator of this server."
	case "http://jabber.org/protocol/rosterx": // XEP-0144
		return "Contacts are not exchanged here."
	case "jabber:iq:privacy": // XEP-0016
		return "There are no privacy lists here. Use the block list."
	case "jabber:iq:version", "jabber:iq:last": // XEP-0092, XEP-0012
		return "This is not told to anybody here."
	}
	return ""
}
