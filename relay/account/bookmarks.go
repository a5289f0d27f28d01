package account

import (
	"bytes"
	"slices"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/pep"
	"lethe/relay/users"
	"lethe/relay/wire"
)

// Bookmarks are what a user's clients have published and, as long as they have
// not published another under the same address, one for each standing room the
// user belongs to. There are three ways to them, which show the same: a node
// with an item for each, a node with one item for all, and private storage.
const (
	nodeBookmarks    = "urn:xmpp:bookmarks:1" // XEP-0402
	nodeOldBookmarks = "storage:bookmarks"    // XEP-0048
)

// bookmarkFeatures say that the three ways show the same (XEP-0402 §6, XEP-0411
// §2).
func bookmarkFeatures() []string {
	return []string{nodeBookmarks + "#compat", nodeBookmarks + "#compat-pep", "urn:xmpp:bookmarks-conversion:0"}
}

// A bookmark is what both ways of writing one have in common.
type bookmark struct {
	name, nick, password string
	autojoin             bool
}

// readBookmark reads a conference element of either namespace.
func readBookmark(n *wire.Node) bookmark {
	b := bookmark{name: n.Attr("name")}
	b.autojoin = n.Attr("autojoin") == "true" || n.Attr("autojoin") == "1"
	for _, c := range n.Children {
		switch {
		case c.NS != n.NS:
		case c.Name == "nick":
			b.nick = c.Text
		case c.Name == "password":
			b.password = c.Text
		}
	}
	return b
}

// append writes a conference element in the namespace ns; the attribute jid
// belongs to XEP-0048, and more, behind the rest, is written already.
func (b *bookmark) append(dst []byte, ns, jid string, more []byte) []byte {
	dst = wire.AppendAttr(append(dst, "<conference"...), "xmlns", ns)
	if jid != "" {
		dst = wire.AppendAttr(dst, "jid", jid)
	}
	if b.name != "" {
		dst = wire.AppendAttr(dst, "name", b.name)
	}
	if b.autojoin {
		dst = append(dst, " autojoin='true'"...)
	}
	dst = append(dst, '>')
	if b.nick != "" {
		dst = append(wire.AppendText(append(dst, "<nick>"...), b.nick), "</nick>"...)
	}
	if b.password != "" {
		dst = append(wire.AppendText(append(dst, "<password>"...), b.password), "</password>"...)
	}
	return append(append(dst, more...), "</conference>"...)
}

// parsed returns the element of a payload down to a depth, nil if it is not of
// that name.
func parsed(payload []byte, ns, name string, depth int) *wire.Node {
	st, err := wire.ParseStanza(payload, ns)
	if err != nil {
		return nil
	}
	if n := st.Outline(depth); n.NS == ns && n.Name == name {
		return n
	}
	return nil
}

// isBookmark reports whether an item may lie among the bookmarks: its id is the
// address of a room as all others write it (XEP-0402 §3.3).
func isBookmark(i pep.Item) bool {
	j, err := jid.Parse(i.ID)
	return err == nil && j.IsBare() && parsed(i.Payload, nodeBookmarks, "conference", 1) != nil
}

// standing returns the bookmark of a standing room, as the file has it.
func standing(set *users.Set, bare jid.JID, r *users.Room) pep.Item {
	b := bookmark{name: r.Name, nick: bare.Local(), autojoin: true}
	if u, ok := set.Lookup(bare); ok && u.Name != "" {
		b.nick = u.Name
	}
	return pep.Item{ID: r.JID.String(), Payload: b.append(nil, nodeBookmarks, "", nil)}
}

// stands reports whether the file says that a user belongs to a room.
func (s *Server) stands(set *users.Set, bare jid.JID, room string) bool {
	for r := range set.RoomsOf(bare) {
		if r.JID.String() == room {
			return true
		}
	}
	return false
}

// bookmarks returns all of a user's, those of the file first. The account is
// locked, or nil.
func (s *Server) bookmarks(set *users.Set, bare jid.JID, a *account) []pep.Item {
	var own *pep.Node
	if a != nil {
		own = a.published.Node(nodeBookmarks)
	}
	var items []pep.Item
	for r := range set.RoomsOf(bare) {
		if _, ok := own.Item(r.JID.String()); !ok {
			items = append(items, standing(set, bare, r))
		}
	}
	return append(items, own.Items()...)
}

// oldBookmarks returns the node that has them in one item. The account is
// locked, or nil.
func (s *Server) oldBookmarks(set *users.Set, bare jid.JID, a *account) (view, bool) {
	v := view{config: defaultsOf(nodeOldBookmarks)}
	if a != nil {
		v.items = []pep.Item{{ID: "current", Payload: a.oldBookmarks(set)}}
	}
	return v, a != nil
}

// oldBookmarks writes them as XEP-0048 §2 has them, with what else clients keep
// there; mu is locked.
func (a *account) oldBookmarks(set *users.Set) []byte {
	dst := []byte("<storage xmlns='" + nodeOldBookmarks + "'>")
	for _, i := range a.server.bookmarks(set, a.jid, a) {
		if n := parsed(i.Payload, nodeBookmarks, "conference", -1); n != nil {
			b := readBookmark(n)
			dst = b.append(dst, nodeOldBookmarks, i.ID, nil)
		}
	}
	if rest, ok := a.private.Node(nodeOldBookmarks).Item(""); ok {
		dst = append(dst, rest.Payload...)
	}
	return append(dst, "</storage>"...)
}

// setOldBookmarks makes the bookmarks those that a client has written in one
// piece, which replaces the list as it was (XEP-0402 §5.3.2). Rooms of the file
// that are not in it stay as they are nevertheless.
func (c *nodeChange) setOldBookmarks(payload []byte) *pep.Fault {
	storage := parsed(payload, nodeOldBookmarks, "storage", 1)
	if storage == nil {
		return &pep.Fault{Condition: wire.CondBadRequest, Detail: "invalid-payload", Text: "This node holds bookmarks."}
	}
	var rest []byte
	wanted := make(map[string]bookmark)
	for _, child := range storage.Children {
		n := parsed(child.Raw, nodeOldBookmarks, "conference", -1)
		if n == nil {
			rest = append(rest, child.Raw...)
			continue
		}
		if j, err := jid.Parse(n.Attr("jid")); err == nil && j.IsBare() {
			wanted[j.String()] = readBookmark(n)
		}
	}
	if len(wanted) > pep.MaxItems {
		return &pep.Fault{Condition: wire.CondResourceConstraint, Text: "These are more bookmarks than this server keeps."}
	}
	if fault := c.account.store(nodeOldBookmarks, rest); fault != nil {
		return fault
	}
	if fault := c.replaceBookmarks(wanted); fault != nil {
		return fault
	}
	c.tellOldBookmarks()
	return nil
}

// replaceBookmarks publishes what is new or different, and retracts what is no
// longer wanted.
func (c *nodeChange) replaceBookmarks(wanted map[string]bookmark) *pep.Fault {
	store := &c.account.published
	n := store.Node(nodeBookmarks)
	for _, i := range slices.Clone(n.Items()) {
		if _, ok := wanted[i.ID]; !ok && !c.server.stands(c.users, c.to, i.ID) {
			store.Retract(n, i.ID)
			c.tellBookmark(i.ID)
		}
	}
	for _, i := range c.server.bookmarks(c.users, c.to, c.account) {
		old := parsed(i.Payload, nodeBookmarks, "conference", -1)
		if b, ok := wanted[i.ID]; ok && old != nil && readBookmark(old) == b {
			delete(wanted, i.ID)
		}
	}
	for id, b := range wanted {
		if n == nil {
			var fault *pep.Fault
			if n, fault = store.Create(nodeBookmarks, defaultsOf(nodeBookmarks)); fault != nil {
				return fault
			}
		}
		i, _ := n.Item(id)
		payload := b.append(nil, nodeBookmarks, "", extensions(i.Payload))
		if fault := store.Publish(n, pep.Item{ID: id, Payload: slices.Clip(payload)}); fault != nil {
			return fault
		}
		c.tellBookmark(id)
	}
	return nil
}

// extensions returns those of a bookmark, which the old way of writing does not
// have and a client that uses it must not destroy (XEP-0402 §3.4).
func extensions(payload []byte) []byte {
	if n := parsed(payload, nodeBookmarks, "conference", 1); n != nil {
		for _, c := range n.Children {
			if c.NS == nodeBookmarks && c.Name == "extensions" {
				return c.Raw
			}
		}
	}
	return nil
}

// tellBookmark tells the owner's resources what has become of one bookmark.
func (c *nodeChange) tellBookmark(id string) {
	event := pep.AppendRetractEvent(nil, nodeBookmarks, id)
	for _, i := range c.server.bookmarks(c.users, c.to, c.account) {
		if i.ID == id {
			event = pep.AppendItemEvent(nil, nodeBookmarks, i)
		}
	}
	c.tellOwner(nodeBookmarks, event)
}

// tellStanding tells of the rooms that are bookmarks still, or again, when all
// others are gone.
func (c *nodeChange) tellStanding(n *pep.Node) {
	if n.Name != nodeBookmarks {
		return
	}
	for r := range c.users.RoomsOf(c.to) {
		c.tellBookmark(r.JID.String())
	}
}

// tellOldBookmarks tells those who know only the old way that something has
// changed.
func (c *nodeChange) tellOldBookmarks() {
	if !slices.ContainsFunc(c.account.seats, func(t *seat) bool { return t.audience.hears(nodeOldBookmarks) }) {
		return
	}
	i := pep.Item{ID: "current", Payload: c.account.oldBookmarks(c.users)}
	c.tellOwner(nodeOldBookmarks, pep.AppendItemEvent(nil, nodeOldBookmarks, i))
}

func (c *nodeChange) tellOwner(node string, event []byte) {
	v := view{config: defaultsOf(node)}
	c.notices = append(c.notices, c.account.newNotice(c.pass, c.users, node, v, event))
}

// compareRooms tells a's resources how its bookmarks differ by a new file.
func (s *Server) compareRooms(p *relay.Pass, a *account, old, set *users.Set) {
	q := &query{server: s, pass: p, to: a.jid, users: set}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.seats) == 0 {
		return
	}
	c := nodeChange{query: q, account: a}
	before := make(map[string][]byte)
	for _, i := range s.bookmarks(old, a.jid, a) {
		before[i.ID] = i.Payload
	}
	for _, i := range s.bookmarks(set, a.jid, a) {
		was, ok := before[i.ID]
		delete(before, i.ID)
		if !ok || !bytes.Equal(was, i.Payload) {
			c.tellBookmark(i.ID)
		}
	}
	for id := range before {
		c.tellBookmark(id)
	}
	if len(c.notices) > 0 {
		c.tellOldBookmarks()
	}
	for _, n := range c.notices {
		n.toOwn()
	}
}
