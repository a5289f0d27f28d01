package account

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"lethe/relay/jid"
	"lethe/relay/users"
	"lethe/relay/wire"
)

// Bounds of what users block. It is kept until the relay stops, so it is
// bounded for all of them together too.
const (
	maxBlocks     = 500      // addresses of one account
	maxBlockBytes = 32 << 10 // of these, as they are written
	maxAllBlocks  = 32 << 20 // bytes, of all accounts
)

// A blocklist is a set of addresses, by their normal form.
type blocklist map[string]jid.JID

func listOf(items []jid.JID) blocklist {
	list := make(blocklist, len(items))
	for _, j := range items {
		list[j.String()] = j
	}
	return list
}

// matches reports whether the list names other, its account or its domain
// (XEP-0191 §6). A domain with a resource is like any full address.
func (l blocklist) matches(other jid.JID) bool {
	for _, form := range [...]string{other.String(), other.Bare().String(), other.Domain()} {
		if _, ok := l[form]; ok {
			return true
		}
	}
	return false
}

// blocklists are what users have blocked from their clients. It hangs on no
// account: what is blocked stays so, however long the user is away.
type blocklists struct {
	bytes atomic.Int64 // of all addresses; 0: there is nothing to look up

	mu sync.RWMutex
	of map[jid.JID]blocklist // by the user's bare address
}

// match reports whether user, a bare address, blocks other.
func (b *blocklists) match(user, other jid.JID) bool {
	if b.bytes.Load() == 0 {
		return false
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.of[user].matches(other)
}

// get returns the addresses user has blocked, sorted.
func (b *blocklists) get(user jid.JID) []jid.JID {
	b.mu.RLock()
	defer b.mu.RUnlock()
	items := make([]jid.JID, 0, len(b.of[user]))
	for _, j := range b.of[user] {
		items = append(items, j)
	}
	slices.SortFunc(items, func(a, b jid.JID) int { return strings.Compare(a.String(), b.String()) })
	return items
}

// add adds all items to the user's list, or none.
func (b *blocklists) add(user jid.JID, items []jid.JID) *fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.of[user]
	fresh := listOf(items)
	for form := range list {
		delete(fresh, form)
	}
	more := fresh.bytes()
	switch {
	case len(list)+len(fresh) > maxBlocks || list.bytes()+more > maxBlockBytes:
		return &fault{wire.CondResourceConstraint, "Your block list is full."}
	case b.bytes.Load()+int64(more) > maxAllBlocks:
		return &fault{wire.CondResourceConstraint, "This server can remember no more blocked addresses."}
	}
	if list == nil {
		if b.of == nil {
			b.of = make(map[jid.JID]blocklist)
		}
		list = make(blocklist)
		b.of[user] = list
	}
	maps.Copy(list, fresh)
	b.bytes.Add(int64(more))
	return nil
}

// remove takes items off the user's list.
func (b *blocklists) remove(user jid.JID, items []jid.JID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.of[user]
	for _, j := range items {
		if _, ok := list[j.String()]; ok {
			delete(list, j.String())
			b.bytes.Add(-int64(len(j.String())))
		}
	}
	if len(list) == 0 {
		delete(b.of, user)
	}
}

// keep forgets the lists of all who are not in set.
func (b *blocklists) keep(set *users.Set) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for user, list := range b.of {
		if _, ok := set.Lookup(user); !ok {
			b.bytes.Add(-int64(list.bytes()))
			delete(b.of, user)
		}
	}
}

func (l blocklist) bytes() (n int) {
	for form := range l {
		n += len(form)
	}
	return n
}

// blocks reports whether nothing passes between user, a bare address, and
// other: by the signed file or by the user's own list. Asked twice for every
// stanza, it is quick where nobody blocks.
func (s *Server) blocks(set *users.Set, user, other jid.JID) bool {
	if !set.Blocks(user, other) && !s.blocked.match(user, other) {
		return false
	}
	// XEP-0191 §5: never one's own resources. Nor one's own server: who
	// blocks its domain means the people there.
	return other.Bare() != user && (other.Local() != "" || !s.local(other))
}
