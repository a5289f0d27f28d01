package proxy65

import (
	"slices"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

const (
	nsDiscoInfo   = "http://jabber.org/protocol/disco#info"  // XEP-0030
	nsDiscoItems  = "http://jabber.org/protocol/disco#items" // XEP-0030
	nsBytestreams = "http://jabber.org/protocol/bytestreams" // XEP-0065
)

// A query is one IQ get or set to be answered in the name of the proxy.
type query struct {
	server   *Server
	pass     *relay.Pass
	st       *wire.Stanza
	from, to jid.JID
	payload  *wire.Node
}

// Deliver implements [relay.Endpoint] for the proxy's own addresses.
func (s *Server) Deliver(p *relay.Pass, st *wire.Stanza, from, to jid.JID) relay.Drop {
	if st.Kind != wire.IQ || to.Local() != "" || !to.IsBare() {
		return relay.Unsupported
	}
	if !wire.Answerable(st) {
		return relay.Delivered
	}
	q := &query{server: s, pass: p, st: st, from: from, to: to}
	if len(st.Children()) != 1 {
		// RFC 6120 §8.2.3
		return q.refuse(wire.CondBadRequest, "A request has exactly one child element.")
	}
	q.payload = st.Node().Children[0]
	return q.answer(string(st.Type()) == "set")
}

func (q *query) answer(set bool) relay.Drop {
	if q.payload.Name != "query" {
		return relay.Unsupported
	}
	switch ns := q.payload.NS; {
	case ns == nsDiscoInfo && !set:
		return q.info()
	case ns == nsDiscoItems && !set:
		return q.reply("<query xmlns='" + nsDiscoItems + "'/>")
	case ns != nsBytestreams:
		return relay.Unsupported
	case !q.fromUser():
		// XEP-0065 §4
		return q.refuse(wire.CondForbidden, "This proxy is for the users of this server.")
	case set:
		return q.activate()
	}
	return q.address()
}

// fromUser reports whether a user of ours asks. Those have proved who they are:
// the relay itself wrote the address.
func (q *query) fromUser() bool {
	return q.from.Local() != "" && slices.Contains(q.server.cfg.Domains, q.from.Domain())
}

// info says what this is (XEP-0065 §4).
func (q *query) info() relay.Drop {
	if q.payload.Attr("node") != "" {
		return q.refuse(wire.CondItemNotFound, "There is no such node.")
	}
	return q.reply("<query xmlns='" + nsDiscoInfo + "'>" +
		"<identity category='proxy' type='bytestreams' name='File transfer'/>" +
		"<feature var='" + nsDiscoInfo + "'/><feature var='" + nsBytestreams + "'/></query>")
}

// address says where to connect (XEP-0065 §4).
func (q *query) address() relay.Drop {
	s := q.server
	s.mu.Lock()
	hosts := slices.Clone(s.hosts)
	s.mu.Unlock()
	if len(hosts) == 0 {
		return q.refuse(wire.CondNotAllowed, "The proxy is not ready.")
	}
	b := []byte("<query xmlns='" + nsBytestreams + "'>")
	for _, h := range hosts {
		b = append(b, "<streamhost"...)
		b = wire.AppendAttr(b, "jid", q.to.String())
		b = wire.AppendAttr(b, "host", h.host)
		b = wire.AppendAttr(b, "port", h.port)
		b = append(b, "/>"...)
	}
	return q.reply(string(append(b, "</query>"...)))
}

// activate begins a transfer (XEP-0065 §6.3.5). The digest is computed from the
// address of who asks: so nobody but the requester itself can begin it.
func (q *query) activate() relay.Drop {
	sid, child := q.payload.Attr("sid"), q.payload.Child(nsBytestreams, "activate")
	if sid == "" || child == nil {
		return q.refuse(wire.CondBadRequest, "An activation names the stream and the target.")
	}
	target, err := jid.Parse(child.Text)
	if err != nil {
		return q.refuse(wire.CondJIDMalformed, "The target is not a valid address.")
	}
	switch q.server.activate(q.from.Bare(), keyOf(sid, q.from, target)) {
	case nobodyHere:
		return q.refuse(wire.CondItemNotFound, "Nobody waits for this transfer.")
	case oneIsMissing:
		return q.refuse(wire.CondNotAllowed, "One of the two is not connected to the proxy.")
	case tooMany:
		return q.refuse(wire.CondResourceConstraint, "You have too many transfers at the same time.")
	}
	return q.reply("")
}

// reply sends a result that contains payload, which may be empty.
func (q *query) reply(payload string) relay.Drop {
	b := append(make([]byte, 0, len(payload)+256), "<iq type='result'"...)
	b = wire.AppendAttr(b, "id", string(q.st.ID()))
	b = wire.AppendAttr(b, "from", q.to.String())
	b = wire.AppendAttr(b, "to", q.from.String())
	b = append(append(append(b, '>'), payload...), "</iq>"...)
	if st, err := wire.ParseStanza(b, wire.NSClient); err == nil {
		q.server.cfg.Router.Route(q.pass, st, q.to, q.from)
	}
	return relay.Delivered
}

// refuse answers with an error and a sentence for people.
func (q *query) refuse(c wire.Condition, text string) relay.Drop {
	q.server.cfg.Router.Answer(q.pass, q.st, q.from, q.to, c, text)
	return relay.Delivered
}
