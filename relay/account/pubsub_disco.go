package account

import (
	"lethe/relay"
	"lethe/relay/pep"
	"lethe/relay/wire"
)

// userInfo answers disco#info of an account, and of each of its nodes that the
// asker may see (XEP-0060 §5.3, §5.4).
func userInfo(who circle) func(*query) relay.Drop {
	return func(q *query) relay.Drop {
		name := q.node()
		if name == "" {
			features := append([]string{nsDiscoInfo, nsDiscoItems, nsPing, nsVCard}, pubsubFeatures()...)
			if who == owner {
				features = append(append(features, nsPrivate), bookmarkFeatures()...)
			}
			return q.info("<identity category='account' type='registered'/>"+pubsubIdentity, features...)
		}
		var b []byte
		q.locked(func(a *account) {
			if v, ok := q.server.visible(q.users, q.to, a, name, who); ok {
				b = wire.AppendAttr([]byte("<query xmlns='"+nsDiscoInfo+"'"), "node", name)
				b = append(b, "><identity category='pubsub' type='leaf'/><feature var='"+pep.NS+"'/>"...)
				b = append(pep.AppendMetadata(b, v.config), "</query>"...)
			}
		})
		if b == nil {
			return q.noNode()
		}
		return q.reply(b)
	}
}

// userItems answers disco#items of an account with its nodes (XEP-0060 §5.2),
// and of a node with its items (XEP-0060 §5.5).
func userItems(who circle) func(*query) relay.Drop {
	return func(q *query) relay.Drop {
		name, found := q.node(), true
		b := []byte("<query xmlns='" + nsDiscoItems + "'")
		q.locked(func(a *account) {
			if name == "" {
				b = append(b, '>')
				for _, n := range q.server.names(q.users, q.to, a) {
					// XEP-0163 §6.2: what the asker may see.
					if _, ok := q.server.visible(q.users, q.to, a, n, who); ok {
						b = q.appendItem(b, "node", n)
					}
				}
				return
			}
			var v view
			v, found = q.server.visible(q.users, q.to, a, name, who)
			b = append(wire.AppendAttr(b, "node", name), '>')
			for _, i := range v.items {
				if len(b) > maxAnswer {
					break
				}
				b = q.appendItem(b, "name", i.ID)
			}
		})
		if !found {
			return q.noNode()
		}
		return q.reply(append(b, "</query>"...))
	}
}

func (q *query) appendItem(dst []byte, attr, value string) []byte {
	dst = wire.AppendAttr(append(dst, "<item"...), "jid", q.to.String())
	return append(wire.AppendAttr(dst, attr, value), "/>"...)
}
