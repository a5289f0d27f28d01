package rooms

import (
	"slices"

	"lethe/relay/jid"
	"lethe/relay/wire"
)

// ownerGet shows an owner the form (XEP-0045 §10.1.3, §10.2).
func (v *visit) ownerGet(*wire.Node) *fault {
	if f := v.ownersOnly(); f != nil {
		return f
	}
	b := append(open(nil, "query", "xmlns", nsOwner), '>')
	b = appendForm(b, "form", nsMUC+"#roomconfig", "Settings of this room", v.room.settings.fields())
	v.reply(append(b, "</query>"...))
	return nil
}

func (v *visit) ownersOnly() *fault {
	if v.room.affiliationOf(v.from.Bare()) == owner {
		return nil
	}
	if v.room.standing() {
		return &fault{wire.CondForbidden, "This room comes from the signed list of this server, which says who may configure it."}
	}
	return &fault{wire.CondForbidden, "Only an owner of the room may do this."}
}

// ownerSet takes an owner's form, or the end of the room.
func (v *visit) ownerSet(query *wire.Node) *fault {
	if f := v.ownersOnly(); f != nil {
		return f
	}
	if end := query.Child(nsOwner, "destroy"); end != nil {
		return v.destroy(end)
	}
	x := query.Child(nsForm, "x")
	switch {
	case x == nil:
		return &fault{wire.CondBadRequest, "This has no form and no end of the room."}
	case x.Attr("type") == "cancel":
		v.reply(nil)
		if v.room.locked { // XEP-0045 §10.1.3
			v.room.clear(v.pass, &notice{gone: true})
		}
		return nil
	case x.Attr("type") != "submit":
		return &fault{wire.CondBadRequest, "This form was not submitted."}
	}
	changed, f := v.room.settings.with(parseForm(x))
	if f != nil {
		return f
	}
	v.reply(nil)
	v.configure(changed)
	return nil
}

// configure puts settings in force. The room is open from now on.
func (v *visit) configure(now settings) {
	r, was := v.room, v.room.settings
	r.settings = now
	r.history.trim(now.history)
	if r.locked {
		r.locked = false
		return // nobody else is inside
	}
	if now != was {
		r.tellSettings(v, was)
	}
	if !now.membersOnly {
		return
	}
	for _, o := range slices.Clone(r.occupants) {
		if o.affiliation < member {
			// XEP-0045 §10.2.1
			r.expel(v.pass, o, &notice{gone: true, codes: []string{codeMembersOnly}})
		}
	}
}

// tellSettings tells everybody that settings have changed (XEP-0045 §10.2.1).
func (r *room) tellSettings(v *visit, was settings) {
	b := open(nil, "message", "type", "groupchat", "from", r.jid.String())
	b = append(open(append(b, '>'), "x", "xmlns", nsUser), '>')
	switch {
	case r.settings.realAddresses && !was.realAddresses:
		b = appendStatus(b, codeNowReal)
	case !r.settings.realAddresses && was.realAddresses:
		b = appendStatus(b, codeNowHidden)
	}
	b = appendStatus(b, codeConfigured)
	if st, err := wire.ParseStanza(append(b, "</x></message>"...), wire.NSClient); err == nil {
		r.toAll(v.pass, st, r.jid)
	}
}

// destroy ends a room (XEP-0045 §10.9). Everybody hears why, and where to go on.
func (v *visit) destroy(end *wire.Node) *fault {
	if v.room.standing() {
		return &fault{wire.CondNotAllowed, "This room comes from the signed list of this server. Only its operator can remove it."}
	}
	next := ""
	if to := end.Attr("jid"); to != "" {
		j, err := jid.Parse(to)
		if err != nil {
			return &fault{wire.CondJIDMalformed, "The room to go on in has no valid address."}
		}
		next = j.String()
	}
	b := append(open(nil, "destroy", "jid", next), '>')
	if password := end.Child(nsOwner, "password"); password != nil && len(password.Text) <= maxText {
		b = text(b, "password", password.Text)
	}
	b = append(text(b, "reason", reasonOf(end)), "</destroy>"...)
	v.room.clear(v.pass, &notice{gone: true, end: b})
	v.reply(nil)
	return nil
}
