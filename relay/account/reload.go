package account

import (
	"slices"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/users"
	"lethe/relay/wire"
)

// SetUsers makes set the users. Connections of users who are gone, or whose
// means to log in changed, end at once with not-authorized (RFC 6120
// §4.9.3.12). All others are told how their contacts changed.
func (s *Server) SetUsers(p *relay.Pass, set *users.Set) {
	s.reload.Lock()
	defer s.reload.Unlock()
	old := s.set.Swap(set)
	s.blocked.keep(set)
	all := s.all()
	for _, a := range all {
		before, _ := old.Lookup(a.jid)
		now, ok := set.Lookup(a.jid)
		if !ok || before == nil || !before.SameKeys(now) {
			s.dismiss(p, old, a, !ok)
		}
	}
	for _, a := range all {
		s.compare(p, a, old, set)
		s.compareRooms(p, a, old, set)
	}
}

// dismiss ends all connections of a. Goodbyes go to the contacts it had.
func (s *Server) dismiss(p *relay.Pass, old *users.Set, a *account, forget bool) {
	a.mu.Lock()
	seats := slices.Clone(a.seats)
	a.mu.Unlock()
	for _, t := range seats {
		s.expel(p, old, t, wire.NotAuthorized, "Your account was changed by the operator of this server.")
	}
	if forget {
		a.mu.Lock()
		a.items = nil
		s.remove(a)
		a.mu.Unlock()
	}
}

// compare pushes to the resources of a what is new in its contact list
// (RFC 6121 §2.1.6), and shows them the presence that follows from it.
func (s *Server) compare(p *relay.Pass, a *account, old, set *users.Set) {
	a.mu.Lock()
	connected := len(a.seats) > 0
	a.mu.Unlock()
	if !connected {
		return
	}
	s.compareBlocks(p, a, old, set)
	if old.Version(a.jid) == set.Version(a.jid) {
		return
	}
	before := make(map[jid.JID]users.Contact)
	for c := range old.Contacts(a.jid) {
		before[c.JID] = c
	}
	for c := range set.Contacts(a.jid) {
		b, ok := before[c.JID]
		delete(before, c.JID)
		if ok && b.Name == c.Name && slices.Equal(b.Groups, c.Groups) {
			continue
		}
		a.pushSigned(p, set, c)
		if !ok {
			s.meet(p, a, set, c.JID)
		}
	}
	for j := range before {
		a.pushUnsigned(p, set, j)
		s.part(p, a, set, j)
	}
}

func (a *account) pushSigned(p *relay.Pass, set *users.Set, c users.Contact) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.merged(c)
	a.push(p, set, m.append(nil))
}

// pushUnsigned tells what is left of a contact that was signed: the user's own
// entry, or nothing.
func (a *account) pushUnsigned(p *relay.Pass, set *users.Set, j jid.JID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := a.items[j]; i != nil && i.listed {
		a.push(p, set, i.append(nil))
		return
	}
	a.push(p, set, removed(j))
}

// compareBlocks pushes to the resources of a what the file blocks now, or no
// longer, and lets presence follow.
func (s *Server) compareBlocks(p *relay.Pass, a *account, old, set *users.Set) {
	before, now := old.Blocked(a.jid), set.Blocked(a.jid)
	added, gone := without(now, before), without(before, now)
	if len(added)+len(gone) == 0 {
		return
	}
	a.mu.Lock()
	named := a.named(set, listOf(slices.Concat(added, gone)))
	// What the user has blocked too stays on the list.
	if gone = without(gone, s.blocked.get(a.jid)); len(gone) > 0 {
		a.pushBlocks(p, appendBlocks(nil, "unblock", gone))
	}
	if len(added) > 0 {
		a.pushBlocks(p, appendBlocks(nil, "block", added))
	}
	a.mu.Unlock()
	for _, j := range named {
		if s.blocks(old, a.jid, j) != s.blocks(set, a.jid, j) {
			a.adjust(p, j)
		}
	}
	a.retract(p)
}

// without returns what of list is not in others.
func without(list, others []jid.JID) []jid.JID {
	return slices.DeleteFunc(slices.Clone(list), func(j jid.JID) bool { return slices.Contains(others, j) })
}

// meet shows a its new contact with, and the other way round if that is
// elsewhere; a local one is compared by itself.
func (s *Server) meet(p *relay.Pass, a *account, set *users.Set, with jid.JID) {
	if s.blocks(set, a.jid, with) || s.blocks(set, with, a.jid) {
		return
	}
	if !s.local(with) {
		a.reveal(p, with)
		s.send(p, newPresence("probe", a.jid.String(), with.String()), a.jid, with)
		return
	}
	if b := s.find(with); b != nil {
		b.reveal(p, a.jid)
	}
}

// part takes from a the sight of a former contact, and the other way round.
func (s *Server) part(p *relay.Pass, a *account, set *users.Set, with jid.JID) {
	a.mu.Lock()
	shown, sees := a.showsTo(set, with), a.items[with].relation().to()
	a.mu.Unlock()
	switch {
	case !s.local(with):
		if !shown {
			a.hide(p, with)
		}
	case !sees:
		if b := s.find(with); b != nil {
			b.hide(p, a.jid)
		}
	}
}
