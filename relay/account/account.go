package account

import (
	"sync"
	"sync/atomic"
	"time"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/pep"
	"lethe/relay/users"
	"lethe/relay/wire"
)

// Bounds of what is kept for one account. What exceeds them is refused.
const (
	maxSeats    = 32       // connections
	maxContacts = 1000     // contacts in memory, renamed ones of the file included
	maxRequests = 100      // subscription requests nobody has answered
	maxRequest  = 4 << 10  // bytes of one; of a longer one only the asking is kept
	maxDirected = 256      // addresses one resource has sent presence to by itself
	maxPresence = 16 << 10 // bytes of a resource's presence
	maxName     = 512      // bytes of a contact's name
	maxGroups   = 8        // groups a contact is in
	maxGroup    = 256      // bytes of a group's name
)

// An account is what is known of one user beside the users file.
type account struct {
	server *Server
	jid    jid.JID // bare

	cast sync.Mutex // held while presence goes out; see the package comment

	company atomic.Bool // there are several seats

	mu      sync.Mutex // guards what follows
	seats   []*seat    // bound resources
	items   map[jid.JID]*item
	born    string // tells this memory from an earlier one; "" before the first change
	changes uint64 // of items
	shared  *shared
	copied  *copied
	talks   []talk    // in OTR, the latest last
	turn    uint64    // of messages from and to its resources
	idle    time.Time // since when there is no seat

	published, private pep.Store             // XEP-0163, XEP-0049
	watchers           map[jid.JID]*audience // resources of contacts elsewhere

	removed bool // no longer in the Server's table
}

// seat returns the one bound to this full address, or nil.
func (a *account) seat(full jid.JID) *seat {
	for _, t := range a.seats {
		if t.jid == full {
			return t
		}
	}
	return nil
}

// showsTo reports whether other, a bare address, may see the account's
// presence.
func (a *account) showsTo(set *users.Set, other jid.JID) bool {
	return other == a.jid || set.IsContact(a.jid, other) || a.items[other].relation().from()
}

// offerAvailable hands st to every available resource.
func (a *account) offerAvailable(p *relay.Pass, st *wire.Stanza) (taken, asked int) {
	for _, t := range a.seats {
		if t.card == nil {
			continue
		}
		asked++
		if t.offer(p, st) {
			taken++
		}
	}
	return taken, asked
}

// offerInterested hands st to every resource that asked for the roster.
func (a *account) offerInterested(p *relay.Pass, st *wire.Stanza) {
	for _, t := range a.seats {
		if t.interested {
			t.offer(p, st)
		}
	}
}
