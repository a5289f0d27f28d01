package rooms

import (
	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// A change is one item of a request to make somebody something else.
type change struct {
	actor       *occupant // may be nil
	user        jid.JID   // bare; for an affiliation
	affiliation affiliation
	of          *occupant // for a role
	role        role
	reason      string
}

// adminGet lists who is what (XEP-0045 §7.11, §8.5, §9.2, §9.5, §9.8).
func (v *visit) adminGet(query *wire.Node) *fault {
	item := query.Child(nsAdmin, "item")
	if item == nil {
		return &fault{wire.CondBadRequest, "This asks for no list."}
	}
	b := append(open(nil, "query", "xmlns", nsAdmin), '>')
	if a, ok := parseAffiliation(item.Attr("affiliation")); ok {
		if !v.maySeeAffiliation(a) {
			return &fault{wire.CondForbidden, "You may not see this list."}
		}
		v.reply(append(v.room.appendPeople(b, a), "</query>"...))
		return nil
	}
	as, ok := parseRole(item.Attr("role"))
	switch {
	case !ok || as == gone:
		return &fault{wire.CondBadRequest, "This asks for no list."}
	case v.who == nil || v.who.role < moderator:
		return &fault{wire.CondForbidden, "You may not see this list."}
	}
	for _, o := range v.room.occupants {
		if o.role == as {
			b = append(open(b, "item", "affiliation", o.affiliation.String(), "role", as.String(),
				"nick", o.addr.Resource(), "jid", o.sessions[0].String()), "/>"...)
		}
	}
	v.reply(append(b, "</query>"...))
	return nil
}

// maySeeAffiliation: admins see every list. Where addresses are no secret,
// members see who belongs to the room, without which they could not encrypt to
// them (XEP-0045 §5.2.1).
func (v *visit) maySeeAffiliation(a affiliation) bool {
	own := v.room.affiliationOf(v.from.Bare())
	return own >= admin || own == member && v.room.settings.realAddresses && a >= member
}

// appendPeople appends those who have an affiliation that is kept: by the room,
// or by the users file.
func (r *room) appendPeople(b []byte, a affiliation) []byte {
	if a == none {
		return b
	}
	item := func(user jid.JID) {
		b = append(open(b, "item", "affiliation", a.String(), "jid", user.String()), "/>"...)
	}
	for user := range r.people {
		if r.affiliationOf(user) == a {
			item(user)
		}
	}
	set := r.server.set.Load()
	for user := range set.members(r.jid) {
		if _, listed := r.people[user]; !listed && set.affiliation(r.jid, user) == a {
			item(user)
		}
	}
	return b
}

// adminSet makes people something else: all items of the request, or none.
func (v *visit) adminSet(query *wire.Node) *fault {
	if len(query.Children) == 0 || len(query.Children) > maxItems {
		return &fault{wire.CondBadRequest, "This changes nothing, or too much at once."}
	}
	var changes []change
	for _, item := range query.Children {
		c, f := v.parseChange(item)
		if f == nil {
			f = v.mayChange(c)
		}
		if f != nil {
			return f
		}
		changes = append(changes, c)
	}
	if f := v.room.bounds(changes); f != nil {
		return f
	}
	v.reply(nil)
	for _, c := range changes {
		if c.of != nil {
			v.room.appoint(v.pass, c)
		} else {
			v.room.affiliate(v.pass, c)
		}
	}
	return nil
}

// bounds says why all changes together cannot be made, if that is so.
func (r *room) bounds(changes []change) *fault {
	people, had := len(r.people), 0
	for _, a := range r.people {
		if a == owner {
			had++
		}
	}
	owners := had
	for _, c := range changes {
		if c.of != nil {
			continue
		}
		was, known := r.people[c.user]
		switch {
		case !known && c.affiliation != none:
			people++
		case was == owner && c.affiliation < owner:
			owners--
		}
		if c.affiliation == owner && was != owner {
			owners++
		}
	}
	switch {
	case people > maxPeople:
		return tooManyPeople()
	case owners < min(had, 1):
		// XEP-0045 §10.4
		return &fault{wire.CondConflict, "A room needs an owner. Make somebody else one first."}
	}
	return nil
}

func tooManyPeople() *fault {
	return &fault{wire.CondResourceConstraint, "This room has too many people on its lists."}
}

// parseChange reads an item. It names a user by address or, who is there, by
// nick.
func (v *visit) parseChange(item *wire.Node) (change, *fault) {
	c := change{actor: v.who, reason: reasonOf(item)}
	if item.Name != "item" {
		return c, &fault{wire.CondBadRequest, "This changes nothing."}
	}
	var who *occupant
	if nick := item.Attr("nick"); nick != "" {
		addr, err := v.room.jid.WithResource(nick)
		if who = v.room.byAddr[addr]; err != nil || who == nil && item.Attr("jid") == "" {
			return c, &fault{wire.CondItemNotFound, "Nobody in the room has this name."}
		}
	}
	if as, ok := parseRole(item.Attr("role")); ok && item.Attr("affiliation") == "" {
		if who == nil {
			return c, &fault{wire.CondBadRequest, "A role is given to a name in the room."}
		}
		c.of, c.role = who, as
		return c, nil
	}
	a, ok := parseAffiliation(item.Attr("affiliation"))
	if !ok {
		return c, &fault{wire.CondBadRequest, "There is no such role or affiliation."}
	}
	c.affiliation = a
	if item.Attr("jid") == "" && who != nil {
		c.user = who.user
		return c, nil
	}
	user, err := jid.Parse(item.Attr("jid"))
	if err != nil || user.Local() == "" {
		return c, &fault{wire.CondJIDMalformed, "An affiliation is given to a person's address."}
	}
	c.user = user.Bare()
	return c, nil
}

// mayChange says why the sender may not do it, if that is so.
func (v *visit) mayChange(c change) *fault {
	own := v.room.affiliationOf(v.from.Bare())
	if c.of != nil {
		by := rank{affiliation: own}
		if v.who != nil {
			by.role = v.who.role
		}
		switch of := (rank{c.of.role, c.of.affiliation}); {
		case mayRole(by, of, c.role):
			return nil
		case by.role == moderator:
			return &fault{wire.CondNotAllowed, "This person stands too high in the room for that."}
		}
		return &fault{wire.CondForbidden, "Only a moderator may do this."}
	}
	from := v.room.affiliationOf(c.user)
	file := v.room.server.set.Load().affiliation(v.room.jid, c.user)
	switch {
	case own < admin:
		return &fault{wire.CondForbidden, "Only an admin or owner of the room may do this."}
	case !mayAffiliate(own, from, c.affiliation):
		return &fault{wire.CondNotAllowed, "Only an owner of the room may do this."}
	case c.affiliation < file:
		return &fault{wire.CondNotAllowed, "This person belongs to the room by the signed list of this server. Only its operator can change that."}
	case c.user == v.from.Bare() && c.affiliation == outcast:
		// XEP-0045 §9.1
		return &fault{wire.CondConflict, "You cannot ban yourself."}
	}
	return nil
}

// appoint gives an occupant another role, or none: that is a kick (XEP-0045 §8.2).
func (r *room) appoint(p *relay.Pass, c change) {
	if r.byAddr[c.of.addr] != c.of {
		return // an earlier item has removed it
	}
	n := &notice{actor: nickOf(c.actor), reason: c.reason}
	if c.role == gone {
		n.gone, n.codes = true, []string{codeKicked}
		r.expel(p, c.of, n)
		return
	}
	c.of.role = c.role
	r.announce(p, c.of, n)
}

func nickOf(o *occupant) string {
	if o == nil {
		return ""
	}
	return o.addr.Resource()
}

// affiliate gives a user another affiliation, and what follows from it: a ban
// (XEP-0045 §9.1), the end of a visit to a room for members (XEP-0045 §9.4), or
// another role.
func (r *room) affiliate(p *relay.Pass, c change) {
	if c.affiliation == none {
		delete(r.people, c.user)
	} else {
		r.people[c.user] = c.affiliation
	}
	present := false
	for i := len(r.occupants) - 1; i >= 0; i-- {
		o := r.occupants[i]
		if o.user != c.user {
			continue
		}
		present = true
		was := o.affiliation
		o.affiliation = r.affiliationOf(c.user)
		n := &notice{actor: nickOf(c.actor), reason: c.reason}
		switch {
		case o.affiliation == outcast:
			n.gone, n.codes = true, []string{codeBanned}
		case r.settings.membersOnly && o.affiliation < member:
			n.gone, n.codes = true, []string{codeNoMember}
		}
		if n.gone {
			r.expel(p, o, n)
			continue
		}
		o.role = roleAfter(o.role, was, o.affiliation, r.settings.moderated)
		r.announce(p, o, n)
	}
	if !present {
		r.tellAffiliation(p, c)
	}
}

// roleAfter is the role of somebody whose affiliation has changed: an admin
// gains the moderator's and loses it, a member of a moderated room may speak,
// all else stays (XEP-0045 §5.1.3).
func roleAfter(as role, was, is affiliation, moderated bool) role {
	if was >= admin && is < admin {
		return defaultRole(is, moderated)
	}
	return max(as, defaultRole(is, moderated && is < member))
}

// tellAffiliation tells those who see real addresses what somebody outside has
// become (XEP-0045 §9.3), so that they encrypt to the right people.
func (r *room) tellAffiliation(p *relay.Pass, c change) {
	b := open(nil, "message", "from", r.jid.String())
	b = append(open(append(b, '>'), "x", "xmlns", nsUser), '>')
	b = append(open(b, "item", "affiliation", c.affiliation.String(), "jid", c.user.String(), "role", "none"), "/></x></message>"...)
	st, err := wire.ParseStanza(b, wire.NSClient)
	if err != nil {
		return
	}
	for _, o := range r.occupants {
		if !r.settings.realAddresses && o.role < moderator {
			continue
		}
		for _, to := range o.sessions {
			st.SetTo(to.String())
			r.server.router.Route(p, st, r.jid, to)
		}
	}
}
