package account

import (
	"slices"
	"strings"

	"lethe/relay"
	"lethe/relay/pep"
	"lethe/relay/wire"
)

const nsPrivate = "jabber:iq:private" // XEP-0049

// privateGet answers with what a client has stored under a name, or with an
// empty element of that name (XEP-0049 §2.2).
func privateGet(q *query) relay.Drop {
	asked := q.st.Outline(2).Children[0].Children
	if len(asked) != 1 || reserved(asked[0].NS) {
		return q.refuse(wire.CondNotAcceptable, "Ask for one element, in a namespace of its own.")
	}
	n := asked[0]
	b := []byte("<query xmlns='" + nsPrivate + "'>")
	q.locked(func(a *account) {
		switch i, ok := a.shelf(n.NS + " " + n.Name).Item(""); {
		case a != nil && n.NS == nodeOldBookmarks && n.Name == "storage":
			b = append(b, a.oldBookmarks(q.users)...)
		case ok:
			b = append(b, i.Payload...)
		default:
			b = append(wire.AppendAttr(append(append(b, '<'), n.Name...), "xmlns", n.NS), "/>"...)
		}
	})
	return q.reply(append(b, "</query>"...))
}

// privateSet stores elements (XEP-0049 §2.2), bookmarks where all others find
// them.
func privateSet(q *query) relay.Drop {
	elements := q.st.Outline(2).Children[0].Children
	if len(elements) == 0 || slices.ContainsFunc(elements, func(n *wire.Node) bool { return n.Raw == nil || reserved(n.NS) }) {
		return q.refuse(wire.CondNotAcceptable, "Store elements in namespaces of their own.")
	}
	return q.changing(func(c *nodeChange) *pep.Fault {
		for _, n := range elements {
			var fault *pep.Fault
			if n.NS == nodeOldBookmarks && n.Name == "storage" {
				fault = c.setOldBookmarks(n.Raw)
			} else {
				fault = c.account.store(n.NS+" "+n.Name, n.Raw)
			}
			if fault != nil {
				return fault
			}
		}
		return nil
	})
}

// reserved reports whether a namespace is not for private storage (XEP-0049
// §2.3).
func reserved(ns string) bool {
	return ns == "" || strings.HasPrefix(ns, "jabber:") || strings.HasPrefix(ns, "http://jabber.org/") || ns == nsVCard
}

// shelf returns what is stored under a name, nil if nothing is; mu is locked.
func (a *account) shelf(name string) *pep.Node {
	if a == nil {
		return nil
	}
	return a.private.Node(name)
}

// store puts bytes under a name, or takes away what is there if there are none;
// mu is locked.
func (a *account) store(name string, b []byte) *pep.Fault {
	n := a.private.Node(name)
	if len(b) == 0 {
		if n != nil {
			a.private.Delete(n)
		}
		return nil
	}
	fresh := n == nil
	if fresh {
		var fault *pep.Fault
		if n, fault = a.private.Create(name, pep.Defaults()); fault != nil {
			return fault
		}
	}
	fault := a.private.Publish(n, pep.Item{Payload: b})
	if fault != nil && fresh {
		a.private.Delete(n)
	}
	return fault
}
