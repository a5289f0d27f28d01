package rooms

import (
	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// A card is an occupant's presence as the others see it: what the client says of
// itself, from and to nobody yet.
type card []byte

// newCard makes the card of a presence, without what only the room may say.
func (r *room) newCard(st *wire.Stanza) (card, *fault) {
	if len(st.Raw()) > maxCard || st.Truncated() {
		return nil, &fault{wire.CondPolicyViolation, "This presence is too large for a room."}
	}
	st.SetFrom("")
	st.SetTo("")
	return st.AppendEdited(nil, wire.NSClient, r.forged, nil), nil
}

// goodbye is the card of who leaves without a word.
func goodbye() card { return card("<presence type='unavailable'/>") }

// A notice is what the room tells its occupants of one of them. The zero value
// says that the occupant is there.
type notice struct {
	gone   bool
	codes  []string
	self   []string // codes for the occupant alone
	card   card     // what the occupant says on leaving; may be nil
	nick   string   // the new one
	actor  string   // nick of who did it
	reason string
	end    []byte // a destroy element
}

// announce tells everybody in the room, the occupant's own clients included.
func (r *room) announce(p *relay.Pass, o *occupant, n *notice) {
	var views [2][2]*wire.Stanza // as they are needed
	for _, to := range r.occupants {
		own, full := index(to == o), index(r.shows(to, o))
		for _, session := range to.sessions {
			if views[own][full] == nil {
				views[own][full] = r.view(o, n, own == 1, full == 1)
			}
			told := r.present(p, views[own][full], o, session)
			if !told && own == 1 && !n.gone {
				r.failed = append(r.failed, session) // it would not know that it is in, or as what
			}
		}
	}
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// tell tells one session of an occupant about that occupant.
func (r *room) tell(p *relay.Pass, o *occupant, session jid.JID, n *notice) {
	r.present(p, r.view(o, n, true, true), o, session)
}

// introduce tells one session of another occupant.
func (r *room) introduce(p *relay.Pass, o, to *occupant, session jid.JID) {
	r.present(p, r.view(o, &notice{}, false, r.shows(to, o)), o, session)
}

// present sends a view of an occupant, and reports false if it is certain that
// it will not arrive.
func (r *room) present(p *relay.Pass, st *wire.Stanza, o *occupant, to jid.JID) bool {
	if st == nil {
		return true // with what the room adds it has become too large
	}
	st.SetTo(to.String())
	drop := r.server.router.Route(p, st, o.addr, to)
	return drop == relay.Delivered || drop == relay.Answered
}

// shows reports whether one occupant sees the real address of another (XEP-0045
// §4.2, §7.2.4).
func (r *room) shows(to, of *occupant) bool {
	return r.settings.realAddresses || to.role == moderator || to == of
}

// view writes the presence of an occupant for one kind of reader: the occupant's
// own clients or others, who see the real address or do not.
func (r *room) view(o *occupant, n *notice, own, full bool) *wire.Stanza {
	c := o.card
	switch {
	case n.card != nil:
		c = n.card
	case n.gone:
		c = goodbye()
	}
	base, err := wire.ParseStanza(c, wire.NSClient)
	if err != nil {
		return nil
	}
	base.SetFrom(o.addr.String())
	b := base.AppendEdited(nil, wire.NSClient, nil, appendOccupantID(r.appendX(nil, o, n, own, full), o.id))
	st, err := wire.ParseStanza(b, wire.NSClient)
	if err != nil {
		return nil
	}
	return st
}

// appendX appends what the room says of an occupant (XEP-0045 §7.2.2).
func (r *room) appendX(b []byte, o *occupant, n *notice, own, full bool) []byte {
	as, address := o.role, ""
	if n.gone && n.nick == "" {
		as = gone
	}
	if full {
		address = o.sessions[0].String()
	}
	of := o.affiliation
	if n.end != nil {
		of = none // XEP-0045 §10.9
	}
	b = append(open(b, "x", "xmlns", nsUser), '>')
	b = append(open(b, "item", "affiliation", of.String(), "role", as.String(), "jid", address, "nick", n.nick), '>')
	if n.actor != "" {
		b = append(open(b, "actor", "nick", n.actor), "/>"...)
	}
	b = append(text(b, "reason", n.reason), "</item>"...)
	b = append(b, n.end...)
	for _, code := range n.codes {
		b = appendStatus(b, code)
	}
	if own {
		for _, code := range n.self {
			b = appendStatus(b, code)
		}
		b = appendStatus(b, codeSelf)
	}
	return append(b, "</x>"...)
}

func appendStatus(b []byte, code string) []byte {
	return append(open(b, "status", "code", code), "/>"...)
}
