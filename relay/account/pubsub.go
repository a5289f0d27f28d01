package account

import (
	"crypto/rand"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/pep"
	"lethe/relay/users"
	"lethe/relay/wire"
)

// Bounds of what a user publishes and stores, in bytes. It goes with the rest
// of the account's memory.
const (
	maxPublished = 1 << 20  // what others may see, and bookmarks
	maxPrivate   = 64 << 10 // XEP-0049
)

// maxAnswer is how large an answer to another domain may be: with addresses and
// tags around it, it fits into one stanza.
const maxAnswer = pep.MaxPayload + 4<<10

// nodeNick is where the name in the signed file can be read (XEP-0172).
const nodeNick = "http://jabber.org/protocol/nick"

// pubsubIdentity and pubsubFeatures are what an account says of its service
// (XEP-0163 §6.1, XEP-0060 §11): what of it there is, and no more.
const pubsubIdentity = "<identity category='pubsub' type='pep'/>"

func pubsubFeatures() []string {
	features := []string{pep.NS}
	for _, f := range []string{
		"access-open", "access-presence", "access-whitelist", "auto-create", "auto-subscribe", "config-node",
		"config-node-max", "create-and-configure", "create-nodes", "delete-items", "delete-nodes",
		"filtered-notifications", "instant-nodes", "item-ids", "last-published", "meta-data", "multi-items",
		"persistent-items", "presence-subscribe", "publish", "publish-options", "purge-nodes", "retract-items",
		"retrieve-default", "retrieve-items", "subscribe",
	} {
		features = append(features, pep.NS+"#"+f)
	}
	return features
}

// forgettable reports whether nothing a user added is in memory; mu is locked.
func (a *account) forgettable() bool {
	return len(a.items) == 0 && a.published.Empty() && a.private.Empty()
}

// fault answers with what pep says is wrong.
func (q *query) fault(f *pep.Fault) relay.Drop {
	return q.write(pep.AppendFault(nil, q.st, q.to.String(), q.from.String(), f))
}

func noSuchNode() *pep.Fault {
	return &pep.Fault{Condition: wire.CondItemNotFound, Text: "There is no such node."}
}

// A view is a node as it is read: what was published, and what the signed file
// has to say.
type view struct {
	config      pep.Config
	items       []pep.Item // the oldest first; valid while the account is locked
	subscribers []jid.JID
}

// node returns a node of the user bare. The account is locked; it is nil if it
// is not in memory.
func (s *Server) node(set *users.Set, bare jid.JID, a *account, name string) (view, bool) {
	var n *pep.Node
	if a != nil {
		n = a.published.Node(name)
	}
	switch name {
	case nodeNick:
		if nick, ok := signedNick(set, bare); ok {
			return view{config: pep.Config{MaxItems: 1, Persist: true, SendLast: pep.Never}, items: []pep.Item{nick}}, true
		}
	case nodeBookmarks:
		v := view{config: defaultsOf(name), items: s.bookmarks(set, bare, a)}
		if n != nil {
			v.config = n.Config
		}
		return v, n != nil || len(v.items) > 0
	case nodeOldBookmarks:
		return s.oldBookmarks(set, bare, a)
	}
	if n == nil {
		return view{}, false
	}
	return view{n.Config, n.Items(), n.Subscribers()}, true
}

// signedNick returns the item with the name the file gives a user, if it does.
func signedNick(set *users.Set, bare jid.JID) (pep.Item, bool) {
	u, ok := set.Lookup(bare)
	if !ok || u.Name == "" {
		return pep.Item{}, false
	}
	b := wire.AppendText([]byte("<nick xmlns='"+nodeNick+"'>"), u.Name)
	return pep.Item{ID: "current", Payload: append(b, "</nick>"...)}, true
}

// defaultsOf is how a node is set up that its owner's clients create.
func defaultsOf(name string) pep.Config {
	c := pep.Defaults()
	switch name {
	case nodeBookmarks:
		// As XEP-0402 §3.3 wants it, and to hear of what goes.
		return pep.Config{
			Access: pep.Whitelist, SendLast: pep.Never, MaxItems: pep.MaxItems,
			Persist: true, NotifyRetract: true, NotifyDelete: true,
		}
	case nodeOldBookmarks:
		c.Access = pep.Whitelist // XEP-0048 §3.1
	}
	return c
}

// visible is node for those who may see it. To all others it is not there.
func (s *Server) visible(set *users.Set, bare jid.JID, a *account, name string, who circle) (view, bool) {
	if who != owner && (name == nodeBookmarks || name == nodeOldBookmarks) {
		return view{}, false // however the node is set up
	}
	v, ok := s.node(set, bare, a, name)
	switch {
	case !ok, v.config.Access == pep.Whitelist && who != owner, v.config.Access == pep.Presence && who == anybody:
		return view{}, false
	}
	return v, true
}

// names lists the nodes of a user in their order, whoever may see them. The
// account is locked, or nil.
func (s *Server) names(set *users.Set, bare jid.JID, a *account) []string {
	var names []string
	if a != nil {
		for _, n := range a.published.Nodes() {
			names = append(names, n.Name)
		}
	}
	for _, n := range []string{nodeNick, nodeBookmarks} {
		if _, ok := s.node(set, bare, a, n); ok && (a == nil || a.published.Node(n) == nil) {
			names = append(names, n)
		}
	}
	return names
}

// locked runs f with the account of the address q is for locked, or with nil
// if that is not in memory.
func (q *query) locked(f func(*account)) {
	a := q.server.find(q.to)
	if a != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
	}
	f(a)
}

// askedByOthers handles what somebody asks of another's nodes.
func askedByOthers(q *query) relay.Drop {
	r, fault := pep.Parse(q.st)
	if fault == nil && r.Verb.ForOwner() {
		// XEP-0060 §7.1.3.1, §8.2.3.2
		fault = &pep.Fault{Condition: wire.CondForbidden, Text: "Only the owner of a node can do that."}
	}
	if fault != nil {
		return q.fault(fault)
	}
	return q.read(r, contacts)
}

// openly handles what a stranger asks of an account. There is nothing but what
// its owner has published for all the world: RFC 6121 §8.5.1, §11, as if there
// were no such account.
func (q *query) openly() relay.Drop {
	c := q.st.Children()
	if len(c) != 1 || string(c[0].NS) != pep.NS || string(c[0].Name) != "pubsub" {
		return relay.Offline
	}
	r, fault := pep.Parse(q.st)
	if fault != nil || r.Verb.ForOwner() {
		return relay.Offline
	}
	there := false
	q.locked(func(a *account) {
		v, ok := q.server.visible(q.users, q.to, a, r.Node, anybody)
		there = ok && len(v.items) > 0
	})
	if !there {
		return relay.Offline
	}
	return q.read(r, anybody)
}

// read handles what those may ask who may see a node.
func (q *query) read(r *pep.Request, who circle) relay.Drop {
	if r.Verb != pep.Items {
		return q.subscription(r, who)
	}
	limit := maxAnswer
	if q.seat() != nil {
		limit = maxPublished * 2 // all of it, a little of which is names
	}
	var b []byte
	q.locked(func(a *account) {
		if v, ok := q.server.visible(q.users, q.to, a, r.Node, who); ok {
			b = pep.AppendItems(nil, r.Node, chosen(v.items, r), limit)
		}
	})
	if b == nil {
		return q.fault(noSuchNode()) // XEP-0060 §6.5.9.11
	}
	return q.reply(b)
}

// chosen returns the items a request asks for.
func chosen(items []pep.Item, r *pep.Request) []pep.Item {
	if len(r.IDs) > 0 {
		var named []pep.Item
		for _, i := range items {
			for _, id := range r.IDs {
				if i.ID == id {
					named = append(named, i)
					break
				}
			}
		}
		items = named
	}
	if r.Max > 0 && r.Max < len(items) {
		items = items[len(items)-r.Max:] // XEP-0060 §6.5.7
	}
	return items
}

// subscription handles a wish to hear of a node, or not to any more, apart
// from what comes with presence (XEP-0060 §6.1, §6.2).
func (q *query) subscription(r *pep.Request, who circle) relay.Drop {
	if r.Subscriber != q.from && r.Subscriber != q.from.Bare() {
		// XEP-0060 §6.1.3.1
		return q.fault(&pep.Fault{Condition: wire.CondBadRequest, Detail: "invalid-jid", Text: "Nobody subscribes for somebody else."})
	}
	fault := noSuchNode()
	q.locked(func(a *account) {
		if _, ok := q.server.visible(q.users, q.to, a, r.Node, who); !ok {
			return
		}
		fault = nil
		if a == nil || a.published.Node(r.Node) == nil {
			return // what the file says is not published
		}
		n := a.published.Node(r.Node)
		switch {
		case r.Verb == pep.Subscribe:
			fault = a.published.Subscribe(n, r.Subscriber)
		case r.Verb == pep.Unsubscribe && !a.published.Unsubscribe(n, r.Subscriber) && who == anybody:
			// XEP-0060 §6.2.3.2
			fault = &pep.Fault{Condition: wire.CondUnexpectedRequest, Detail: "not-subscribed", Text: "You were not subscribed."}
		}
	})
	switch {
	case fault != nil:
		return q.fault(fault)
	case r.Verb == pep.Unsubscribe:
		return q.reply(nil)
	}
	return q.reply(pep.AppendSubscribed(nil, r.Node, r.Subscriber.String()))
}

// instant makes up what a request leaves to us to name (XEP-0060 §7.1.2,
// §8.1.2).
func instant(name *string) bool {
	missing := *name == ""
	if missing {
		*name = rand.Text()
	}
	return missing
}
