package rooms

import (
	"slices"

	"lethe/relay/jid"
	"lethe/relay/wire"
)

// aside handles a message to the room itself that is not meant for all: an
// invitation, its refusal, a request for voice.
func (v *visit) aside() *fault {
	if c, ok := v.st.Child(nsForm, "x"); ok {
		if form := parseForm(parseChild(c)); form.is(nsRequest) {
			return v.voice(form)
		}
	}
	c, ok := v.st.Child(nsUser, "x")
	x := parseChild(c)
	if !ok || x == nil {
		return &fault{wire.CondBadRequest, "A message to all in a room has the type groupchat."}
	}
	if decline := x.Child(nsUser, "decline"); decline != nil {
		return v.decline(decline)
	}
	return v.invite(x)
}

// invite sends invitations in the name of the room (XEP-0045 §7.8.2). Into a
// room for members they bring membership.
func (v *visit) invite(x *wire.Node) *fault {
	r := v.room
	switch {
	case v.who == nil:
		return notInside()
	case v.who.affiliation < admin && (!r.settings.invites || v.who.role < participant):
		return &fault{wire.CondForbidden, "You may not invite others to this room."}
	}
	var guests []guest
	for _, n := range x.Children {
		if n.NS != nsUser || n.Name != "invite" {
			continue
		}
		to, err := jid.Parse(n.Attr("to"))
		if err != nil || to.Local() == "" {
			return &fault{wire.CondJIDMalformed, "An invitation needs a person's address."}
		}
		guests = append(guests, guest{to, reasonOf(n), n.Child(nsUser, "continue")})
	}
	switch {
	case len(guests) == 0 || len(guests) > maxItems:
		return &fault{wire.CondBadRequest, "This invites nobody, or too many at once."}
	case r.settings.membersOnly && len(r.people)+len(guests) > maxPeople:
		return tooManyPeople()
	}
	for _, g := range guests {
		if r.affiliationOf(g.to.Bare()) == outcast {
			return &fault{wire.CondNotAllowed, "Somebody who is banned from the room cannot be invited."}
		}
	}
	for _, g := range guests {
		v.inviteOne(g)
	}
	return nil
}

// A guest is somebody to be invited.
type guest struct {
	to     jid.JID
	reason string
	goesOn *wire.Node // a continue element; may be nil
}

func (v *visit) inviteOne(g guest) {
	r, user := v.room, g.to.Bare()
	if r.settings.membersOnly && r.affiliationOf(user) < member {
		r.affiliate(v.pass, change{user: user, affiliation: member, actor: v.who})
	}
	if !slices.Contains(r.invited, user) {
		r.invited = append(r.invited[max(0, len(r.invited)+1-maxInvited):], user)
	}
	inviter := v.who.addr
	if r.settings.realAddresses {
		inviter = v.who.user
	}
	b := open(nil, "message", "id", string(v.st.ID()), "from", r.jid.String(), "to", g.to.String())
	b = append(open(append(b, '>'), "x", "xmlns", nsUser), '>')
	b = append(open(b, "invite", "from", inviter.String()), '>')
	b = text(b, "reason", g.reason)
	if g.goesOn != nil {
		b = append(open(b, "continue", "thread", g.goesOn.Attr("thread")), "/>"...)
	}
	b = text(append(b, "</invite>"...), "password", r.settings.password)
	r.say(v.pass, append(b, "</x></message>"...), r.jid, g.to)
}

// decline tells an inviter that an invited one does not come (XEP-0045 §7.8.2).
// From who was not invited it goes nowhere.
func (v *visit) decline(n *wire.Node) *fault {
	r, user := v.room, v.from.Bare()
	to, err := jid.Parse(n.Attr("to"))
	i := slices.Index(r.invited, user)
	if err != nil || i < 0 {
		return &fault{wire.CondNotAcceptable, "This declines no invitation of the room."}
	}
	r.invited = slices.Delete(r.invited, i, i+1)
	for _, o := range r.occupants {
		if o.addr != to && o.user != to.Bare() {
			continue
		}
		for _, session := range o.sessions {
			b := open(nil, "message", "id", string(v.st.ID()), "from", r.jid.String(), "to", session.String())
			b = append(open(append(b, '>'), "x", "xmlns", nsUser), '>')
			b = append(open(b, "decline", "from", user.String()), '>')
			b = text(b, "reason", reasonOf(n))
			r.say(v.pass, append(b, "</decline></x></message>"...), r.jid, session)
		}
	}
	return nil
}

// reasonOf is the reason that a request gives, as far as it is kept.
func reasonOf(n *wire.Node) string {
	reason := n.Child(n.NS, "reason")
	if reason == nil || len(reason.Text) > maxText {
		return ""
	}
	return reason.Text
}

// voice asks the moderators to let a visitor speak, or is a moderator's answer
// (XEP-0045 §7.13, §8.6).
func (v *visit) voice(form form) *fault {
	r := v.room
	switch {
	case v.who == nil:
		return notInside()
	case v.who.role == visitor:
		for _, o := range r.occupants {
			for _, session := range o.sessions {
				if o.role == moderator {
					r.say(v.pass, v.voiceForm(session), r.jid, session)
				}
			}
		}
		return nil
	case v.who.role != moderator:
		return &fault{wire.CondNotAllowed, "You may speak already."}
	case !form.yes("muc#request_allow"):
		return nil
	}
	addr, err := r.jid.WithResource(form.value("muc#roomnick"))
	o := r.byAddr[addr]
	if err != nil || o == nil {
		return &fault{wire.CondItemNotFound, "Nobody in the room has this name."}
	}
	if o.role == visitor {
		o.role = participant
		r.announce(v.pass, o, &notice{actor: v.who.addr.Resource()})
	}
	return nil
}

// voiceForm asks a moderator whether the sender may speak.
func (v *visit) voiceForm(to jid.JID) []byte {
	b := open(nil, "message", "from", v.room.jid.String(), "to", to.String())
	b = appendForm(append(b, '>'), "form", nsRequest, "Somebody asks to speak", []field{
		{name: "muc#role", kind: "text-single", label: "Role asked for", values: []string{participant.String()}},
		{name: "muc#jid", kind: "jid-single", label: "Address", values: []string{v.from.String()}},
		{name: "muc#roomnick", kind: "text-single", label: "Name in the room", values: []string{v.who.addr.Resource()}},
		{name: "muc#request_allow", kind: "boolean", label: "Let this person speak?", values: []string{"0"}},
	})
	return append(b, "</message>"...)
}
