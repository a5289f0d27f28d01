package rooms

import (
	"bytes"
	"crypto/subtle"

	"lethe/relay/jid"
	"lethe/relay/wire"
)

// presence handles what an occupant, or who wants to be one, says of itself.
func (v *visit) presence() *fault {
	switch string(v.st.Type()) {
	case "":
		return v.available()
	case "unavailable":
		v.exit()
		return nil
	case "error":
		v.returned()
		return nil
	case "probe":
		return nil // whoever is in the room has been told
	}
	return &fault{wire.CondServiceUnavailable, "A room has no subscribers. Enter it instead."}
}

// available lets somebody enter, change the nick or say something new.
func (v *visit) available() *fault {
	if v.to.IsBare() {
		// XEP-0045 §7.2.1
		return &fault{wire.CondJIDMalformed, "Choose a name for yourself in the room."}
	}
	if v.from.IsBare() {
		return &fault{wire.CondBadRequest, "Only a connected client enters a room."}
	}
	if len(v.to.Resource()) > maxNick {
		return &fault{wire.CondNotAcceptable, "This name is too long for the room."}
	}
	_, entering := v.st.Child(nsMUC, "x")
	switch {
	case v.who == nil && !entering:
		return notInside()
	case v.who == nil:
		return v.enter()
	case v.who.addr != v.to:
		return v.rename()
	}
	card, f := v.room.newCard(v.st)
	if f != nil {
		return f
	}
	v.who.card = card
	if entering { // the client has forgotten that it is inside
		v.introductions(v.who)
		v.room.tell(v.pass, v.who, v.from, v.greeting(v.who))
		v.replays()
		return nil
	}
	v.room.announce(v.pass, v.who, &notice{}) // XEP-0045 §7.7
	return nil
}

// notInside answers who does what is for occupants.
func notInside() *fault {
	return &fault{wire.CondNotAcceptable, "You are not in this room."}
}

// enter makes the sender an occupant, or one more client of one.
func (v *visit) enter() *fault {
	r, user := v.room, v.from.Bare()
	if r.maker.IsZero() && !r.standing() {
		if f := v.create(); f != nil {
			return f
		}
	}
	if f := v.admit(user); f != nil {
		return f
	}
	card, f := r.newCard(v.st)
	if f != nil {
		return f
	}
	o := r.byAddr[v.to]
	if o == nil {
		o = &occupant{addr: v.to, user: user, id: occupantID(r.key, user), affiliation: r.affiliationOf(user)}
		o.role = defaultRole(o.affiliation, r.settings.moderated)
	}
	o.card = card
	v.introductions(o)
	r.enroll(o, v.from)
	r.announce(v.pass, o, v.greeting(o))
	v.replays()
	return nil
}

// create makes the sender the owner of a room that did not exist (XEP-0045
// §10.1.1).
func (v *visit) create() *fault {
	s, user := v.room.server, v.from.Bare()
	if !s.local[user.Domain()] {
		return &fault{wire.CondNotAllowed, "There is no such room, and only users of this server can open one."}
	}
	if !s.made(v.room, user) {
		return &fault{wire.CondResourceConstraint, "You have too many rooms. Leave one first."}
	}
	v.room.people[user], v.room.locked = owner, true
	return nil
}

// admit says why a user may not enter, if that is so.
func (v *visit) admit(user jid.JID) *fault {
	r := v.room
	own := r.affiliationOf(user)
	switch {
	case r.locked && own < owner:
		// XEP-0045 §7.2.10
		return noRoom()
	case own == outcast:
		// XEP-0045 §7.2.7
		return &fault{wire.CondForbidden, "You are banned from this room."}
	case r.settings.membersOnly && own < member:
		// XEP-0045 §7.2.6
		return &fault{wire.CondRegistrationRequired, "This room is for its members only."}
	case r.settings.password != "" && !same(r.settings.password, v.password()):
		// XEP-0045 §7.2.5
		return &fault{wire.CondNotAuthorized, "This room asks for a password, and this is not it."}
	}
	clients := len(r.bySession)
	if clients >= maxOccupants || clients >= r.settings.maxUsers && own < admin {
		// XEP-0045 §7.2.9
		return &fault{wire.CondServiceUnavailable, "This room is full."}
	}
	if o := r.byAddr[v.to]; o != nil && o.user != user {
		return taken()
	} else if o != nil && len(o.sessions) >= maxSessions {
		return &fault{wire.CondResourceConstraint, "You are in this room with too many clients."}
	}
	return nil
}

// same compares passwords in a time that does not tell where they differ.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// noRoom answers for a room that is not there, or not for the asker.
func noRoom() *fault { return &fault{wire.CondItemNotFound, "There is no such room."} }

// taken answers who wants the nick of somebody else (XEP-0045 §7.2.8).
func taken() *fault {
	return &fault{wire.CondConflict, "Somebody else has this name in the room."}
}

// x is the element with which a client enters.
func (v *visit) x() *wire.Node {
	if c, ok := v.st.Child(nsMUC, "x"); ok {
		return parseChild(c)
	}
	return nil
}

// parseChild reads a child on its own; nil if it depends on a prefix that is
// declared further out.
func parseChild(c wire.Child) *wire.Node {
	st, err := wire.ParseStanza(c.Raw, string(c.NS))
	if err != nil {
		return nil
	}
	return st.Node()
}

func (v *visit) password() string {
	if x := v.x(); x != nil {
		if p := x.Child(nsMUC, "password"); p != nil {
			return p.Text
		}
	}
	return ""
}

// introductions tell the sender's client of all others. With what follows in
// the order of XEP-0045 §7.1 it learns who is there, who it is itself, what was
// said and what it is about.
func (v *visit) introductions(o *occupant) {
	for _, other := range v.room.occupants {
		if other != o {
			v.room.introduce(v.pass, other, o, v.from)
		}
	}
}

// greeting is what an occupant is told who has just entered.
func (v *visit) greeting(o *occupant) *notice {
	n := &notice{}
	if v.room.settings.realAddresses {
		n.self = append(n.self, codeRealAddresses) // XEP-0045 §7.2.3
	}
	if v.room.locked {
		n.self = append(n.self, codeCreated) // XEP-0045 §10.1.1
	}
	if _, nick, _ := bytes.Cut(v.st.To(), []byte("/")); string(nick) != o.addr.Resource() {
		n.self = append(n.self, codeNickChanged)
	}
	return n
}

// replays send the history and the subject (XEP-0045 §7.2.13, §7.2.15).
func (v *visit) replays() {
	r := v.room
	for _, m := range r.history.wanted(wishOf(v.x(), r.server.now())) {
		r.replay(v.pass, m, v.from)
	}
	r.tellSubject(v)
}

// rename gives an occupant another nick (XEP-0045 §7.6). Who is in under both
// is under one then.
func (v *visit) rename() *fault {
	r, o, other := v.room, v.who, v.room.byAddr[v.to]
	if other != nil && other.user != o.user {
		return taken()
	}
	if other != nil && len(other.sessions)+len(o.sessions) > maxSessions {
		return &fault{wire.CondResourceConstraint, "You are in this room with too many clients."}
	}
	card, f := r.newCard(v.st)
	if f != nil {
		return f
	}
	r.announce(v.pass, o, &notice{gone: true, codes: []string{codeNewNick}, nick: v.to.Resource()})
	if other == nil {
		delete(r.byAddr, o.addr)
		o.addr = v.to
		r.byAddr[o.addr] = o
		other = o
	} else {
		r.strike(o)
		for _, session := range o.sessions {
			r.enroll(other, session)
		}
	}
	other.card = card
	r.announce(v.pass, other, &notice{})
	return nil
}

// exit takes the sender's client out of the room (XEP-0045 §7.14), under
// whatever nick it says goodbye.
func (v *visit) exit() {
	if v.who == nil {
		return
	}
	card, f := v.room.newCard(v.st)
	if f != nil {
		card = nil // leaving must succeed
	}
	v.room.depart(v.pass, v.who, v.from, &notice{gone: true, card: card})
}
