package account

import (
	"slices"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// rosterGet answers RFC 6121 §2.1.3 and from then on keeps the resource up to
// date (§2.2).
func rosterGet(q *query) relay.Drop {
	request := q.st.Node().Children[0]
	a := q.server.find(q.to)
	if a == nil {
		return relay.Offline
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.seat(q.from)
	if t == nil {
		return relay.Offline
	}
	t.interested = true
	ver := a.version(q.users)
	b := append([]byte(nil), "<iq type='result'"...)
	b = wire.AppendAttr(b, "id", string(q.st.ID()))
	b = wire.AppendAttr(b, "to", q.from.String())
	if request.Attr("ver") == ver {
		// RFC 6121 §2.6.3: the client has it.
		b = append(b, "/>"...)
	} else {
		b = append(b, "><query xmlns='"+nsRoster+"'"...)
		b = wire.AppendAttr(b, "ver", ver)
		b = a.appendRoster(append(b, '>'), q.users)
		b = append(b, "</query></iq>"...)
	}
	if !t.offerBytes(q.pass, b) {
		return relay.Full
	}
	return relay.Delivered
}

// rosterSet handles RFC 6121 §2.3 to §2.5.
func rosterSet(q *query) relay.Drop {
	w, wrong := parseWish(q.st.Node().Children[0])
	if wrong != nil {
		return q.refuse(wrong.condition, wrong.text)
	}
	if w.jid == q.to {
		return q.refuse(wire.CondNotAllowed, "You cannot be a contact of your own.")
	}
	a := q.server.find(q.to)
	if a == nil {
		return relay.Offline
	}
	if w.remove {
		return q.removeContact(a, w.jid)
	}
	return q.setContact(a, w)
}

// A wish is what a roster set asks for.
type wish struct {
	jid    jid.JID
	name   string
	groups []string
	remove bool
}

// parseWish reads a roster set.
func parseWish(n *wire.Node) (w wish, wrong *fault) {
	if len(n.Children) != 1 || n.Children[0].NS != nsRoster || n.Children[0].Name != "item" {
		return w, &fault{wire.CondBadRequest, "A change names exactly one contact."} // RFC 6121 §2.3.3
	}
	n = n.Children[0]
	var err error
	if w.jid, err = jid.Parse(n.Attr("jid")); err != nil || !w.jid.IsBare() {
		return w, &fault{wire.CondBadRequest, "That is not a contact's address."}
	}
	// RFC 6121 §2.1.2.5: any other value is ignored, and so is ask (§2.1.2.2).
	w.remove = n.Attr("subscription") == "remove"
	if w.name = n.Attr("name"); len(w.name) > maxName {
		return w, &fault{wire.CondNotAcceptable, "That name is too long."} // RFC 6121 §2.3.3
	}
	for _, g := range n.Children {
		if g.NS != nsRoster || g.Name != "group" {
			continue
		}
		switch {
		case slices.Contains(w.groups, g.Text):
			return w, &fault{wire.CondBadRequest, "A group is named twice."} // RFC 6121 §2.3.3
		case g.Text == "" || len(g.Text) > maxGroup:
			return w, &fault{wire.CondNotAcceptable, "A group's name is empty or too long."} // RFC 6121 §2.3.3
		case len(w.groups) == maxGroups:
			return w, &fault{wire.CondNotAcceptable, "A contact cannot be in so many groups."}
		}
		w.groups = append(w.groups, g.Text)
	}
	return w, nil
}

// setContact adds a contact or gives it a name and groups (RFC 6121 §2.3,
// §2.4); with a signed one this is the user's own view.
func (q *query) setContact(a *account, w wish) relay.Drop {
	a.mu.Lock()
	i := a.items[w.jid]
	if i == nil {
		if !a.hasRoom() {
			a.mu.Unlock()
			return q.refuse(wire.CondResourceConstraint, "Your contact list is full.")
		}
		i = a.newItem(w.jid)
	}
	i.name, i.groups, i.listed = w.name, w.groups, true
	a.changed(q.pass, i)
	a.mu.Unlock()
	return q.reply(nil)
}

// removeContact ends subscriptions both ways and forgets the contact (RFC 6121
// §2.5).
func (q *query) removeContact(a *account, j jid.JID) relay.Drop {
	if q.users.IsContact(a.jid, j) {
		return q.refuse(wire.CondNotAllowed, signedContact)
	}
	a.mu.Lock()
	i := a.items[j]
	if i == nil || !i.listed {
		a.mu.Unlock()
		return q.refuse(wire.CondItemNotFound, "This is no contact of yours.") // RFC 6121 §2.5.3
	}
	delete(a.items, j)
	a.touch()
	a.push(q.pass, q.users, removed(j))
	was := i.state
	a.mu.Unlock()
	q.reply(nil)
	// RFC 6121 §2.5.2
	if was.to() || was.out() {
		q.server.send(q.pass, newPresence("unsubscribe", a.jid.String(), j.String()), a.jid, j)
	}
	if was.from() {
		a.hide(q.pass, j)
	}
	if was.from() || was.in() {
		q.server.send(q.pass, newPresence("unsubscribed", a.jid.String(), j.String()), a.jid, j)
	}
	return relay.Delivered
}
