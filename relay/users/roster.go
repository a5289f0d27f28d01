package users

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"iter"
	"slices"

	"lethe/relay/jid"
)

// Contacts yields the contact list of a user, given by bare address: everybody
// with a common group, then the contact lines, nobody twice. It is computed
// while it runs, because a group of a thousand would make a million entries.
func (s *Set) Contacts(of jid.JID) iter.Seq[Contact] {
	return func(yield func(Contact) bool) {
		u, ok := s.byJID[of]
		if !ok {
			return
		}
		for i, g := range u.groups {
			for _, m := range g.members {
				if m == u || share(m, u.groups[:i]) {
					continue // listed with the earlier group
				}
				if !yield(Contact{m.JID, m.Name, common(m, u.groups[i:])}) {
					return
				}
			}
		}
		for _, c := range u.contacts {
			if m, ok := s.byJID[c.JID]; ok && share(m, u.groups) {
				continue
			}
			if !yield(c) {
				return
			}
		}
	}
}

// IsContact reports whether b is in a's contact list; both are bare addresses.
// It does not allocate.
func (s *Set) IsContact(a, b jid.JID) bool {
	u, ok := s.byJID[a]
	if !ok || a == b {
		return false
	}
	if m, ok := s.byJID[b]; ok && share(m, u.groups) {
		return true
	}
	return s.pairs[pair{a, b}]
}

// share reports whether u is in one of the groups.
func share(u *User, groups []*group) bool {
	for _, g := range u.groups {
		if slices.Contains(groups, g) {
			return true
		}
	}
	return false
}

// common returns the shown names of those groups that u is in; groups[0] is
// one of them.
func common(u *User, groups []*group) []string {
	names := groups[0].shown
	for _, g := range groups[1:] {
		if slices.Contains(u.groups, g) {
			names = append(slices.Clip(names), g.shown[0])
		}
	}
	return names
}

// Version returns a short text that changes whenever the contact list of this
// user does and survives restarts, for roster versioning (RFC 6121 §2.6).
func (s *Set) Version(of jid.JID) string {
	u, ok := s.byJID[of]
	if !ok {
		return ""
	}
	h := sha256.New()
	for _, g := range u.groups {
		h.Write(g.digest[:])
	}
	for _, c := range u.contacts {
		writeText(h, c.JID.String())
		writeText(h, c.Name)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// sum computes a group's digest once its members are complete.
func (g *group) sum() {
	h := sha256.New()
	writeText(h, g.shown[0])
	for _, m := range g.members {
		writeText(h, m.JID.String())
		writeText(h, m.Name)
	}
	h.Sum(g.digest[:0])
}

// writeText writes s with its length before it, so that two texts never run
// into one.
func writeText(h hash.Hash, s string) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(s)))
	h.Write(n[:])
	h.Write([]byte(s))
}

// Blocks reports whether the file keeps a user, given by bare address, from
// exchanging anything with another address: by its bare form or its domain.
func (s *Set) Blocks(user, other jid.JID) bool {
	// Asked twice for every stanza, it is quick where nobody is blocked.
	if len(s.blocks) == 0 {
		return false
	}
	if u, ok := s.byJID[user]; !ok || len(u.blocked) == 0 {
		return false
	}
	if s.blocks[pair{user, other.Bare()}] {
		return true
	}
	domain, err := jid.New("", other.Domain(), "")
	return err == nil && s.blocks[pair{user, domain}]
}

// Blocked returns the addresses and domains the file blocks for a user. The
// slice is shared and must not be changed.
func (s *Set) Blocked(user jid.JID) []jid.JID {
	if u, ok := s.byJID[user]; ok {
		return u.blocked
	}
	return nil
}

// Rooms yields the standing rooms in the order of the file.
func (s *Set) Rooms() iter.Seq[*Room] { return slices.Values(s.rooms) }

// RoomsOf yields the standing rooms that an address, given bare, is a member
// of.
func (s *Set) RoomsOf(member jid.JID) iter.Seq[*Room] {
	return func(yield func(*Room) bool) {
		for _, r := range s.rooms {
			if s.IsMember(r, member) && !yield(r) {
				return
			}
		}
	}
}

// IsMember reports whether an address, given bare, belongs to a room.
func (s *Set) IsMember(r *Room, member jid.JID) bool {
	if slices.Contains(r.Members, member) || slices.Contains(r.Owners, member) {
		return true
	}
	u, ok := s.byJID[member]
	return ok && slices.ContainsFunc(u.Groups, func(g string) bool { return slices.Contains(r.Groups, g) })
}
