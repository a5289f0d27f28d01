package account

import (
	"crypto/rand"
	"strconv"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/users"
	"lethe/relay/wire"
)

// signedContact tells a user why a contact stays.
const signedContact = "This contact is on the signed list of this server. Only its operator can remove it."

// An item is a contact in memory: one the user added, a signed one the user
// gave a name to, or somebody who asks to become one.
type item struct {
	jid     jid.JID
	name    string
	groups  []string
	state   state
	listed  bool   // in the roster (RFC 6121 §2); else a request only
	request []byte // the subscribe that awaits an answer, as it was shown
}

// relation is the state; a contact that is not in memory has none.
func (i *item) relation() state {
	if i == nil {
		return none
	}
	return i.state
}

// A tie is a contact in memory and how the two stand.
type tie struct {
	jid   jid.JID
	state state
}

// ties returns the contacts in memory with whom presence is shared; mu is
// locked.
func (a *account) ties() []tie {
	var ties []tie
	for j, i := range a.items {
		if i.state.to() || i.state.from() {
			ties = append(ties, tie{j, i.state})
		}
	}
	return ties
}

// hasRoom reports whether one more contact fits; mu is locked.
func (a *account) hasRoom() bool { return len(a.items) < maxContacts }

// newItem adds a contact in state none; mu is locked.
func (a *account) newItem(j jid.JID) *item {
	if a.items == nil {
		a.items = make(map[jid.JID]*item)
	}
	i := &item{jid: j}
	a.items[j] = i
	return i
}

// changed tidies an item up whose state is new, and pushes it if it is in the
// roster; mu is locked.
func (a *account) changed(p *relay.Pass, i *item) {
	if !i.state.in() {
		i.request = nil
	}
	switch {
	case i.listed:
		a.touch()
		set, shown := a.server.set.Load(), *i
		if set.IsContact(a.jid, i.jid) {
			shown.state = both
		}
		a.push(p, set, shown.append(nil))
	case i.state == none:
		delete(a.items, i.jid)
	}
}

// touch makes the roster another version; mu is locked.
func (a *account) touch() {
	if a.born == "" {
		a.born = rand.Text()[:8]
	}
	a.changes++
}

// version names what the roster is now (RFC 6121 §2.6): the signed part, which
// outlives a restart, and the part in memory, which does not.
func (a *account) version(set *users.Set) string {
	v := set.Version(a.jid)
	if a.changes > 0 {
		v += "." + a.born + strconv.FormatUint(a.changes, 10)
	}
	return v
}

// merged returns contact c of the file under the name and in the groups that
// the user prefers.
func (a *account) merged(c users.Contact) item {
	m := item{jid: c.JID, name: c.Name, groups: c.Groups, state: both, listed: true}
	if i := a.items[c.JID]; i != nil && i.listed {
		m.name, m.groups = i.name, i.groups
	}
	return m
}

// appendRoster appends all items; mu is locked.
func (a *account) appendRoster(dst []byte, set *users.Set) []byte {
	for c := range set.Contacts(a.jid) {
		m := a.merged(c)
		dst = m.append(dst)
	}
	for j, i := range a.items {
		if i.listed && !set.IsContact(a.jid, j) {
			dst = i.append(dst)
		}
	}
	return dst
}

// append appends the item as RFC 6121 §2.1.2 has it.
func (i *item) append(dst []byte) []byte {
	dst = append(dst, "<item"...)
	dst = wire.AppendAttr(dst, "jid", i.jid.String())
	if i.name != "" {
		dst = wire.AppendAttr(dst, "name", i.name)
	}
	dst = wire.AppendAttr(dst, "subscription", i.state.String())
	if i.state.out() {
		dst = wire.AppendAttr(dst, "ask", "subscribe")
	}
	if len(i.groups) == 0 {
		return append(dst, "/>"...)
	}
	dst = append(dst, '>')
	for _, g := range i.groups {
		dst = append(dst, "<group>"...)
		dst = wire.AppendText(dst, g)
		dst = append(dst, "</group>"...)
	}
	return append(dst, "</item>"...)
}

// push tells every resource that asked for the roster about one item (RFC 6121
// §2.1.6); mu is locked.
func (a *account) push(p *relay.Pass, set *users.Set, item []byte) {
	ver := a.version(set)
	for _, t := range a.seats {
		if !t.interested {
			continue
		}
		b := append(make([]byte, 0, len(item)+512), "<iq type='set'"...)
		b = wire.AppendAttr(b, "id", rand.Text())
		b = wire.AppendAttr(b, "to", t.jid.String())
		b = append(b, "><query xmlns='jabber:iq:roster'"...)
		b = wire.AppendAttr(b, "ver", ver) // RFC 6121 §2.6.3
		b = append(append(b, '>'), item...)
		t.offerBytes(p, append(b, "</query></iq>"...))
	}
}

// removed is what is pushed of a contact that is not in the roster any more
// (RFC 6121 §2.5.2).
func removed(j jid.JID) []byte {
	b := wire.AppendAttr([]byte("<item"), "jid", j.String())
	return append(b, " subscription='remove'/>"...)
}
