package rooms

import (
	"lethe/relay/buffer"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// message handles what somebody writes to the room or to an occupant.
func (v *visit) message() *fault {
	typ := string(v.st.Type())
	switch {
	case typ == "error":
		v.returned()
		return nil
	case v.st.Truncated():
		return &fault{wire.CondPolicyViolation, "This message has more elements than a room looks through."}
	case typ == "groupchat" && !v.to.IsBare():
		// XEP-0045 §7.5
		return &fault{wire.CondBadRequest, "A message to all goes to the room, one to a single person has another type."}
	case typ == "groupchat":
		return v.groupchat()
	case !v.to.IsBare():
		return v.private()
	}
	return v.aside()
}

// groupchat sends a message to everybody in the room (XEP-0045 §7.4).
func (v *visit) groupchat() *fault {
	r := v.room
	if v.who == nil {
		return notInside()
	}
	subject := v.setsSubject()
	if subject {
		if f := v.maySetSubject(); f != nil {
			return f
		}
	} else if v.who.role < participant {
		return &fault{wire.CondForbidden, "Only who has been given the right to speak writes in this room."}
	}
	added := appendOccupantID(nil, v.who.id)
	added = appendStanzaID(added, r.jid)
	b, st := v.rewrite(v.who.addr, added)
	if st == nil {
		return tooLarge()
	}
	r.toAll(v.pass, st, v.who.addr)
	m := kept{b, v.who.addr, r.server.now()}
	switch {
	case subject:
		r.subject.Free()
		r.subject = m
	case r.settings.history > 0 && keeps(v.st):
		r.history.add(m, r.settings.history)
	default:
		b.Free()
	}
	return nil
}

// rewrite writes the visiting message as it goes on from the room: in the
// sender's name there, without what is forged, with what is added. The stanza is
// a view into the Buffer; it is nil, and the Buffer gone, if that has become too
// large.
func (v *visit) rewrite(from jid.JID, added []byte) (*buffer.Buffer, *wire.Stanza) {
	v.st.SetFrom(from.String())
	v.st.SetTo("")
	b := buffer.Get(v.st.MaxAppendEdited(wire.NSClient, added))
	b.B = v.st.AppendEdited(b.B, wire.NSClient, v.room.forged, added)
	st, err := wire.ParseStanza(b.B, wire.NSClient)
	if err != nil {
		b.Free()
		return nil, nil
	}
	return b, st
}

func tooLarge() *fault {
	return &fault{wire.CondPolicyViolation, "This message is too large for a room."}
}

// keeps reports whether a message may be remembered: it is one a person wrote,
// and it does not ask to be forgotten (XEP-0334 §4.1, §4.2).
func keeps(st *wire.Stanza) bool {
	for _, hint := range [...]string{"no-store", "no-permanent-store"} {
		if _, ok := st.Child(nsHints, hint); ok {
			return false
		}
	}
	return st.HasBody()
}

// setsSubject reports whether the message says what the room is about, and
// nothing else (XEP-0045 §8.1).
func (v *visit) setsSubject() bool {
	_, subject := v.st.Child(string(v.st.NS()), "subject")
	_, thread := v.st.Child(string(v.st.NS()), "thread")
	return subject && !thread && !v.st.HasBody()
}

// maySetSubject says why the sender may not, if that is so (XEP-0045 §7.3, §8.1).
func (v *visit) maySetSubject() *fault {
	switch {
	case v.who.role < participant, v.who.role < moderator && !v.room.settings.changeSubject:
		return &fault{wire.CondForbidden, "You may not change what this room is about."}
	case len(v.st.Raw()) > maxSubject:
		return &fault{wire.CondNotAcceptable, "This subject is too long."}
	}
	return nil
}

// tellSubject ends what a newcomer is told. Without a subject it is empty
// (XEP-0045 §7.2.15).
func (r *room) tellSubject(v *visit) {
	if r.subject.Buffer != nil {
		r.replay(v.pass, r.subject, v.from)
		return
	}
	b := open(nil, "message", "type", "groupchat", "from", r.jid.String())
	r.say(v.pass, append(b, "><subject/></message>"...), r.jid, v.from)
}

// private hands a message to one occupant (XEP-0045 §7.5).
func (v *visit) private() *fault {
	r := v.room
	if v.who == nil {
		return notInside()
	}
	o := r.byAddr[v.to]
	if o == nil {
		return &fault{wire.CondItemNotFound, "Nobody in the room has this name."}
	}
	added := append(open(nil, "x", "xmlns", nsUser), "/>"...)
	b, st := v.rewrite(v.who.addr, appendOccupantID(added, v.who.id))
	if st == nil {
		return tooLarge()
	}
	defer b.Free()
	r.told.add(entry{r.server.sum(v.who.addr, o.user, v.st.ID()), v.from, o.addr, len(o.sessions)})
	for _, to := range o.sessions {
		st.SetTo(to.String())
		r.server.router.Route(v.pass, st, v.who.addr, to)
	}
	return nil
}
