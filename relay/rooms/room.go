package rooms

import (
	"slices"
	"sync"
	"sync/atomic"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// Bounds of what is kept. What exceeds them is refused.
const (
	maxRooms        = 10000    // in memory, of all hosts
	maxRoomsOf      = 100      // temporary rooms that one user made
	maxOccupants    = 5000     // clients in one room
	maxSessions     = 32       // clients of one occupant
	maxPeople       = 2000     // affiliations of one room, those of the users file aside
	maxNick         = 256      // bytes
	maxCard         = 8 << 10  // bytes of an occupant's presence
	maxSubject      = 4 << 10  // bytes of the message that sets it
	maxText         = 1 << 10  // bytes of a name, a description, a password, a reason
	maxHistory      = 50       // messages
	maxHistoryBytes = 64 << 10 // of one room's messages
	maxItems        = 100      // changes in one request
	maxInvited      = 500      // people whose refusal is passed on
	maxListed       = 500      // rooms in the list of a host
)

// A room is one conversation.
type room struct {
	server *Server
	jid    jid.JID
	key    []byte // for occupant ids

	holder atomic.Pointer[relay.Pass] // of whom mu is locked by; nil: of nobody, or not for a stanza
	mu     sync.Mutex                 // guards what follows

	closed    bool // no longer in the Server's table
	maker     jid.JID
	locked    bool // made, and not yet configured (XEP-0045 §10.1)
	settings  settings
	people    map[jid.JID]affiliation // in memory; the users file may give more
	occupants []*occupant             // as they came
	byAddr    map[jid.JID]*occupant
	bySession map[jid.JID]*occupant
	subject   kept
	history   history
	invited   []jid.JID
	told      ledger // private messages
	asked     ledger // requests to occupants
	failed    []jid.JID
}

func newRoom(s *Server, addr jid.JID, set *standing) *room {
	r := &room{
		server:    s,
		jid:       addr,
		people:    make(map[jid.JID]affiliation),
		byAddr:    make(map[jid.JID]*occupant),
		bySession: make(map[jid.JID]*occupant),
	}
	if file := set.rooms[addr]; file != nil {
		r.key, r.settings = standingKey(set.Decoy(), addr), standingSettings(file)
	} else {
		r.key, r.settings = newKey(), temporarySettings()
	}
	return r
}

// affiliationOf is what a user, given bare, is to the room: what the room
// remembers, or what the users file says if that is more.
func (r *room) affiliationOf(user jid.JID) affiliation {
	a, known := r.people[user]
	if !known {
		a = none
	}
	return max(a, r.server.set.Load().affiliation(r.jid, user))
}

// standing reports whether the users file has the room.
func (r *room) standing() bool { return r.server.set.Load().rooms[r.jid] != nil }

// leave ends a visit: who could not be reached is removed, and a room without
// anybody in it is forgotten.
func (r *room) leave(p *relay.Pass) {
	for len(r.failed) > 0 {
		session := r.failed[0]
		r.failed = r.failed[1:]
		if o := r.bySession[session]; o != nil {
			// XEP-0045 §11.1
			r.depart(p, o, session, &notice{gone: true, codes: []string{codeFailed}})
		}
	}
	if len(r.occupants) == 0 {
		r.forget()
	}
	r.holder.Store(nil)
	r.mu.Unlock()
}

// forget clears the room and takes it out of the Server's table.
func (r *room) forget() {
	r.closed = true
	r.history.trim(0)
	r.subject.Free()
	r.subject = kept{}
	r.server.remove(r)
}

// say sends what the room itself has written.
func (r *room) say(p *relay.Pass, b []byte, from, to jid.JID) {
	if st, err := wire.ParseStanza(b, wire.NSClient); err == nil {
		r.server.router.Route(p, st, from, to)
	}
}

// toAll sends a stanza to every session, in the order in which they came. It
// is addressed to one after the other and otherwise written once.
func (r *room) toAll(p *relay.Pass, st *wire.Stanza, from jid.JID) {
	for _, o := range r.occupants {
		for _, to := range o.sessions {
			st.SetTo(to.String())
			r.server.router.Route(p, st, from, to)
		}
	}
}

// enroll puts a session in the room.
func (r *room) enroll(o *occupant, session jid.JID) {
	o.sessions = append(o.sessions, session)
	r.bySession[session] = o
	if r.byAddr[o.addr] == nil {
		r.byAddr[o.addr] = o
		r.occupants = append(r.occupants, o)
	}
}

// strike takes an occupant out of the room.
func (r *room) strike(o *occupant) {
	for _, session := range o.sessions {
		delete(r.bySession, session)
	}
	delete(r.byAddr, o.addr)
	r.occupants = slices.DeleteFunc(r.occupants, func(other *occupant) bool { return other == o })
}

// depart takes one session out of the room, and the occupant with the last one.
// The others hear of that, the session always.
func (r *room) depart(p *relay.Pass, o *occupant, session jid.JID, n *notice) {
	if len(o.sessions) == 1 {
		r.expel(p, o, n)
		return
	}
	r.tell(p, o, session, n)
	o.sessions = slices.DeleteFunc(o.sessions, func(s jid.JID) bool { return s == session })
	delete(r.bySession, session)
}

// expel tells all that an occupant is gone, and makes it so.
func (r *room) expel(p *relay.Pass, o *occupant, n *notice) {
	r.announce(p, o, n)
	r.strike(o)
}

// clear empties the room. Each occupant is told of itself only: the others go
// as well.
func (r *room) clear(p *relay.Pass, n *notice) {
	for _, o := range slices.Clone(r.occupants) {
		for _, session := range o.sessions {
			r.tell(p, o, session, n)
		}
		r.strike(o)
	}
}
