package rooms

import (
	"iter"
	"slices"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/users"
)

// standing is a users file, with its rooms by address. It does not change.
type standing struct {
	*users.Set
	rooms map[jid.JID]*users.Room
}

func newStanding(set *users.Set) *standing {
	s := &standing{set, make(map[jid.JID]*users.Room)}
	for r := range set.Rooms() {
		s.rooms[r.JID] = r
	}
	return s
}

// affiliation is what the file says a user, given bare, is to a room. It is
// never less than that, whatever somebody in the room wants.
func (s *standing) affiliation(room, user jid.JID) affiliation {
	r := s.rooms[room]
	switch {
	case r == nil:
		return outcast
	case slices.Contains(r.Owners, user):
		return owner
	case s.IsMember(r, user):
		return member
	}
	return outcast
}

// members yields those whom the users file makes members of a room.
func (s *standing) members(room jid.JID) iter.Seq[jid.JID] {
	return func(yield func(jid.JID) bool) {
		r := s.rooms[room]
		if r == nil {
			return
		}
		named := slices.Concat(r.Owners, r.Members)
		for i, m := range named {
			if !slices.Contains(named[:i], m) && !yield(m) {
				return
			}
		}
		for u := range s.Users() {
			if !slices.Contains(named, u.JID) && s.IsMember(r, u.JID) && !yield(u.JID) {
				return
			}
		}
	}
}

// standingSettings are those of a room from the file: for its members, who see
// who they are (OMEMO asks for that), and on no list.
func standingSettings(file *users.Room) settings {
	s := temporarySettings()
	s.name = file.Name
	s.membersOnly, s.realAddresses, s.invites = true, true, false
	return s
}

// SetUsers puts another users file in force. Who is in a standing room and no
// member any more is removed, as is everybody from a room that the file has no
// more. A temporary room that becomes a standing one is for the file's members,
// whoever made it.
func (s *Server) SetUsers(p *relay.Pass, set *users.Set) {
	s.reload.Lock()
	defer s.reload.Unlock()
	old, now := s.set.Load(), newStanding(set)
	s.set.Store(now)
	s.each(p, func(r *room) {
		was, is := old.rooms[r.jid], now.rooms[r.jid]
		switch {
		case was == nil && is == nil:
			return
		case is == nil:
			r.clear(p, &notice{gone: true, codes: []string{codeNoMember}})
			return
		case was == nil:
			// Who had opened a room of this name gains nothing by that.
			r.settings, r.locked = standingSettings(is), false
			clear(r.people)
			r.history.trim(r.settings.history)
			r.subject.Free()
			r.subject = kept{}
		default:
			r.settings.name = is.Name
		}
		for _, o := range slices.Clone(r.occupants) {
			r.reconsider(p, o)
		}
	})
}

// reconsider lets an occupant be what the users file says now.
func (r *room) reconsider(p *relay.Pass, o *occupant) {
	a := r.affiliationOf(o.user)
	if a == o.affiliation && (a >= member || !r.settings.membersOnly) {
		return
	}
	was := o.affiliation
	o.affiliation = a
	if r.settings.membersOnly && a < member {
		// XEP-0045 §9.4
		r.expel(p, o, &notice{gone: true, codes: []string{codeNoMember}})
		return
	}
	o.role = roleAfter(o.role, was, a, r.settings.moderated)
	r.announce(p, o, &notice{})
}
