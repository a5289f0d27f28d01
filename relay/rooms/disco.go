package rooms

import (
	"cmp"
	"slices"
	"strconv"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// info says what a room is like (XEP-0045 §6.4).
func (v *visit) info(query *wire.Node) *fault {
	r := v.room
	switch query.Attr("node") {
	case "":
	case "x-roomuser-item":
		// XEP-0045 §7.12: nobody's nick is reserved.
		v.reply(append(open(nil, "query", "xmlns", nsDiscoInfo, "node", "x-roomuser-item"), "/>"...))
		return nil
	default:
		return noNode()
	}
	if r.hides(v.from.Bare()) {
		return noRoom()
	}
	b := append(open(nil, "query", "xmlns", nsDiscoInfo), '>')
	b = append(open(b, "identity", "category", "conference", "type", "text", "name", cmp.Or(r.settings.name, r.jid.Local())), "/>"...)
	for _, f := range r.features() {
		b = append(open(b, "feature", "var", f), "/>"...)
	}
	b = appendForm(b, "result", nsMUC+"#roominfo", "", []field{
		{name: "muc#roomconfig_roomname", kind: "text-single", values: []string{r.settings.name}},
		{name: "muc#roominfo_description", kind: "text-single", values: []string{r.settings.description}},
		{name: "muc#roominfo_occupants", kind: "text-single", values: []string{strconv.Itoa(len(r.occupants))}},
		{name: fieldSubject, kind: "boolean", values: []string{boolean(r.settings.changeSubject)}},
		{name: "muc#roomconfig_allowinvites", kind: "boolean", values: []string{boolean(r.settings.invites)}},
		{name: "muc#maxhistoryfetch", kind: "text-single", values: []string{strconv.Itoa(r.settings.history)}},
	})
	v.reply(append(b, "</query>"...))
	return nil
}

// hides reports whether a room is as good as not there for a user: while it is
// made, and a standing one for all but its members.
func (r *room) hides(user jid.JID) bool {
	a := r.affiliationOf(user)
	return r.locked && a < owner || r.standing() && a < member
}

// features are what clients go by (XEP-0045 §16.3).
func (r *room) features() []string {
	s := r.settings
	choose := func(yes bool, then, otherwise string) string {
		if yes {
			return then
		}
		return otherwise
	}
	return []string{
		nsMUC, nsDiscoInfo, nsDiscoItems, nsPing, nsStableID, nsSelfPing, nsRequest, nsOccupantID, nsStanzaID,
		choose(s.public, "muc_public", "muc_hidden"),
		choose(r.standing(), "muc_persistent", "muc_temporary"),
		choose(s.membersOnly, "muc_membersonly", "muc_open"),
		choose(s.moderated, "muc_moderated", "muc_unmoderated"),
		choose(s.realAddresses, "muc_nonanonymous", "muc_semianonymous"),
		choose(s.password != "", "muc_passwordprotected", "muc_unsecured"),
	}
}

// items lists who is in the room, to those who are (XEP-0045 §6.5).
func (v *visit) items(query *wire.Node) *fault {
	if query.Attr("node") != "" {
		return noNode()
	}
	b := append(open(nil, "query", "xmlns", nsDiscoItems), '>')
	if v.who != nil {
		for _, o := range v.room.occupants {
			b = append(open(b, "item", "jid", o.addr.String()), "/>"...)
		}
	}
	v.reply(append(b, "</query>"...))
	return nil
}

func noNode() *fault { return &fault{wire.CondItemNotFound, "There is no such node."} }

// host answers what is addressed to a domain of rooms itself.
func (s *Server) host(p *relay.Pass, st *wire.Stanza, from, to jid.JID) relay.Drop {
	if st.Kind != wire.IQ || !to.IsBare() {
		return relay.Unsupported
	}
	if !wire.Answerable(st) {
		return relay.Delivered
	}
	query := st.Node()
	if len(query.Children) != 1 || string(st.Type()) != "get" {
		return relay.Unsupported
	}
	query = query.Children[0]
	switch {
	case query.Attr("node") != "":
		s.router.Answer(p, st, from, to, wire.CondItemNotFound, "There is no such node.")
	case query.NS == nsPing:
		s.reply(p, st, from, to, nil)
	case query.NS == nsDiscoInfo:
		// XEP-0045 §6.2
		b := append(open(nil, "query", "xmlns", nsDiscoInfo), '>')
		b = append(b, "<identity category='conference' type='text' name='Rooms'/>"...)
		for _, f := range []string{nsMUC, nsDiscoInfo, nsDiscoItems, nsPing, nsOccupantID} {
			b = append(open(b, "feature", "var", f), "/>"...)
		}
		s.reply(p, st, from, to, append(b, "</query>"...))
	case query.NS == nsDiscoItems:
		s.reply(p, st, from, to, s.list(from.Bare(), to.Domain()))
	default:
		return relay.Unsupported
	}
	return relay.Delivered
}

// list names the rooms of a host: those that want to be known, and the standing
// ones that the asker is a member of (XEP-0045 §6.3).
func (s *Server) list(asker jid.JID, host string) []byte {
	type line struct{ addr, name string }
	var lines []line
	set := s.set.Load()
	for addr, file := range set.rooms {
		if addr.Domain() == host && set.IsMember(file, asker) {
			lines = append(lines, line{addr.String(), cmp.Or(file.Name, addr.Local())})
		}
	}
	for _, r := range s.all() {
		r.mu.Lock()
		if r.jid.Domain() == host && set.rooms[r.jid] == nil && r.settings.public && !r.locked && len(lines) < maxListed {
			lines = append(lines, line{r.jid.String(), cmp.Or(r.settings.name, r.jid.Local())})
		}
		r.mu.Unlock()
	}
	slices.SortFunc(lines, func(a, b line) int { return cmp.Compare(a.addr, b.addr) })
	b := append(open(nil, "query", "xmlns", nsDiscoItems), '>')
	for _, l := range lines {
		b = append(open(b, "item", "jid", l.addr, "name", l.name), "/>"...)
	}
	return append(b, "</query>"...)
}
