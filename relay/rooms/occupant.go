package rooms

import "lethe/relay/jid"

// An affiliation is what somebody is to a room, present or not (XEP-0045 §5.2).
// A higher one can do all that a lower one can.
type affiliation uint8

const (
	outcast affiliation = iota
	none
	member
	admin
	owner
	affiliations // their number
)

// String returns the name on the wire.
func (a affiliation) String() string {
	return [...]string{"outcast", "none", "member", "admin", "owner", ""}[min(a, affiliations)]
}

func parseAffiliation(s string) (affiliation, bool) {
	for a := outcast; a < affiliations; a++ {
		if a.String() == s {
			return a, true
		}
	}
	return outcast, false
}

// A role is what an occupant may do for the time of the visit (XEP-0045 §5.1).
// A higher one can do all that a lower one can.
type role uint8

const (
	gone role = iota // not in the room
	visitor
	participant
	moderator
	roles // their number
)

// String returns the name on the wire.
func (r role) String() string {
	return [...]string{"none", "visitor", "participant", "moderator", ""}[min(r, roles)]
}

func parseRole(s string) (role, bool) {
	for r := gone; r < roles; r++ {
		if r.String() == s {
			return r, true
		}
	}
	return gone, false
}

// An occupant is somebody in a room, under one nick.
type occupant struct {
	addr        jid.JID // the room's, with the nick
	user        jid.JID // bare real address
	id          string  // see occupantID
	affiliation affiliation
	role        role
	card        card
	sessions    []jid.JID // full real addresses, at least one
}

// defaultRole is the role that comes with an affiliation (XEP-0045 §5.1.2).
func defaultRole(a affiliation, moderated bool) role {
	switch {
	case a >= admin:
		return moderator
	case a == none && moderated:
		return visitor
	}
	return participant
}

// mayAffiliate reports whether somebody may make one affiliation of a user
// another (XEP-0045 §5.2.2).
func mayAffiliate(by, from, to affiliation) bool {
	least := [affiliations][affiliations]affiliation{
		//       to outcast, none, member, admin, owner
		outcast: {admin, admin, admin, owner, owner},
		none:    {admin, admin, admin, owner, owner},
		member:  {admin, admin, admin, owner, owner},
		admin:   {owner, owner, owner, owner, owner},
		owner:   {owner, owner, owner, owner, owner},
	}
	return by >= least[from][to]
}

// A rank is all that decides what one occupant may do to another.
type rank struct {
	role        role
	affiliation affiliation
}

// mayRole reports whether somebody may give another, who has a role, the role
// to (XEP-0045 §5.1.3). Nobody does so to who stands higher, and an admin or
// owner is a moderator or not in the room (XEP-0045 §8.4, §9.7).
func mayRole(by, of rank, to role) bool {
	moderators, admins := rank{role: moderator}, rank{moderator, admin}
	least := [roles][roles]rank{
		//           to none, visitor, participant, moderator
		visitor:     {moderators, moderators, moderators, admins},
		participant: {moderators, moderators, moderators, admins},
		moderator:   {admins, admins, admins, admins},
	}
	need := least[of.role][to]
	return of.role != gone && by.role >= need.role && by.affiliation >= need.affiliation &&
		by.affiliation >= of.affiliation && (of.affiliation < admin || to == gone || to == moderator)
}
