package account

import (
	"crypto/rand"
	"slices"
	"sync"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/pep"
	"lethe/relay/users"
	"lethe/relay/wire"
)

// Bounds of what is known of clients.
const (
	maxWatchers = 1000     // resources of contacts elsewhere, for one account
	maxInfo     = 64 << 10 // bytes of a disco#info answer that is read
	maxKnown    = 500      // sets of capabilities remembered by their hash
)

// An audience is what one resource wants to hear of (XEP-0060 §9.2), as far as
// it is known.
type audience struct {
	caps  pep.Caps // what its presence says
	nodes []string // in order; shared with others, never changed
	asked string   // the id of the question that is under way, "" if none is
}

// attend takes note of what a presence says. It returns the nodes the resource
// was not known to want before, or asks as true if it has to be asked. Presence
// that says nothing changes nothing (XEP-0115 §8.4).
func (u *audience) attend(s *Server, caps pep.Caps) (fresh []string, asks bool) {
	if caps == (pep.Caps{}) || caps == u.caps {
		return nil, false
	}
	u.caps, u.asked = caps, ""
	if nodes, ok := s.known.get(caps); ok {
		return u.learn(nodes), false
	}
	u.asked = rand.Text()
	return nil, true
}

// learn sets the nodes and returns those that are new.
func (u *audience) learn(nodes []string) (fresh []string) {
	for _, n := range nodes {
		if !u.hears(n) {
			fresh = append(fresh, n)
		}
	}
	u.nodes = nodes
	return fresh
}

// question asks a resource of its capabilities in an account's name (XEP-0115
// §6.2).
func (u *audience) question(from, to jid.JID) []byte {
	b := wire.AppendAttr([]byte("<iq type='get'"), "id", u.asked)
	b = wire.AppendAttr(b, "from", from.String())
	b = wire.AppendAttr(b, "to", to.String())
	b = wire.AppendAttr(append(b, "><query xmlns='"+nsDiscoInfo+"'"...), "node", u.caps.Node+"#"+u.caps.Ver)
	return append(b, "/></iq>"...)
}

// attend takes note of what the client's presence says of its capabilities,
// and sends what follows from it. The account's cast is locked.
func (t *seat) attend(p *relay.Pass, set *users.Set, caps pep.Caps) {
	a := t.account
	a.mu.Lock()
	if t.card == nil {
		a.mu.Unlock()
		return
	}
	fresh, asks := t.audience.attend(a.server, caps)
	if asks {
		t.offerBytes(p, t.audience.question(a.jid, t.jid))
	}
	a.mu.Unlock()
	t.greet(p, set, fresh)
}

// watch takes note of a presence, shown to the account, of somebody elsewhere
// who may see the account's.
func (a *account) watch(p *relay.Pass, st *wire.Stanza, from jid.JID) {
	if from.IsBare() {
		return
	}
	s, set := a.server, a.server.set.Load()
	a.cast.Lock()
	defer a.cast.Unlock()
	a.mu.Lock()
	if string(st.Type()) != "" || !a.showsTo(set, from.Bare()) {
		delete(a.watchers, from)
		a.mu.Unlock()
		return
	}
	fresh, asks := a.watcher(from).attend(s, pep.CapsOf(st))
	var question []byte
	if asks {
		question = a.watchers[from].question(a.jid, from)
	}
	a.mu.Unlock()
	if asks {
		s.send(p, mustParse(question), a.jid, from)
	}
	a.greetWatcher(p, set, from, fresh)
}

// watcher returns what is known of a resource elsewhere; mu is locked. When
// there are too many, any other gives way.
func (a *account) watcher(from jid.JID) *audience {
	w := a.watchers[from]
	if w != nil {
		return w
	}
	if a.watchers == nil {
		a.watchers = make(map[jid.JID]*audience)
	}
	for j := range a.watchers {
		if len(a.watchers) < maxWatchers {
			break
		}
		delete(a.watchers, j)
	}
	w = &audience{}
	a.watchers[from] = w
	return w
}

// greetWatcher is greet for a resource elsewhere. The account's cast is locked.
func (a *account) greetWatcher(p *relay.Pass, set *users.Set, to jid.JID, nodes []string) {
	var events [][]byte
	a.mu.Lock()
	for _, name := range nodes {
		if event := a.lastOf(set, name, contacts); event != nil {
			events = append(events, appendNotice(nil, rand.Text(), a.jid, to, event))
		}
	}
	a.mu.Unlock()
	for _, b := range events {
		if st, err := wire.ParseStanza(b, wire.NSClient); err == nil {
			a.server.send(p, st, a.jid, to)
		}
	}
}

// answered takes an answer to the bare address of an account. Only one that was
// asked for is looked at.
func (s *Server) answered(p *relay.Pass, st *wire.Stanza, from, to jid.JID, set *users.Set) {
	a := s.find(to)
	if a == nil {
		return
	}
	info, ok := st.Child(nsDiscoInfo, "query")
	ok = ok && string(st.Type()) == "result" && len(info.Raw) <= maxInfo
	caps, expected := a.expected(from, string(st.ID()), ok)
	if !ok || !expected {
		return
	}
	query := st.Node().Child(nsDiscoInfo, "query")
	nodes := pep.Interests(query)
	if caps.Verify(query) {
		s.known.put(caps, nodes) // XEP-0115 §5.4
	}
	a.cast.Lock()
	defer a.cast.Unlock()
	a.mu.Lock()
	t, u := a.listener(from)
	var fresh []string
	if u != nil && u.caps == caps {
		fresh = u.learn(nodes)
	}
	a.mu.Unlock()
	if t != nil {
		t.greet(p, set, fresh)
	} else {
		a.greetWatcher(p, set, from, fresh)
	}
}

// listener returns what is known of a resource, which is one of the account's
// own or one elsewhere; mu is locked.
func (a *account) listener(full jid.JID) (*seat, *audience) {
	if t := a.seat(full); t != nil {
		return t, &t.audience
	}
	return nil, a.watchers[full]
}

// expected returns the capabilities that an answer is about, if it answers the
// question that is under way. If the answer is no good the next presence has
// the question asked again.
func (a *account) expected(from jid.JID, id string, good bool) (caps pep.Caps, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, u := a.listener(from)
	if u == nil || u.asked == "" || u.asked != id {
		return pep.Caps{}, false
	}
	u.asked, caps = "", u.caps
	if !good {
		u.caps = pep.Caps{}
	}
	return caps, true
}

// A capsCache remembers what clients want to hear of by the hash of all they
// can do, after it was checked, and nothing of who they are. The zero value is
// ready; many goroutines may use it at once.
type capsCache struct {
	mu    sync.Mutex
	known map[hashed][]string
}

// hashed is that part of Caps which means the same for everybody.
type hashed struct{ hash, ver string }

func (c *capsCache) get(caps pep.Caps) ([]string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	nodes, ok := c.known[hashed{caps.Hash, caps.Ver}]
	return nodes, ok
}

// put remembers the nodes. When there is no room, any other entry gives way: its
// clients are asked again.
func (c *capsCache) put(caps pep.Caps, nodes []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil {
		c.known = make(map[hashed][]string)
	}
	for h := range c.known {
		if len(c.known) < maxKnown {
			break
		}
		delete(c.known, h)
	}
	c.known[hashed{caps.Hash, caps.Ver}] = slices.Clip(nodes)
}
