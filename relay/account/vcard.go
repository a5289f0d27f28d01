package account

import (
	"lethe/relay"
	"lethe/relay/wire"
)

const nsVCard = "vcard-temp" // XEP-0054

// vCard answers XEP-0054 §3.1 and §3.3, for oneself and for contacts, with the
// name in the signed file.
func vCard(q *query) relay.Drop {
	b := []byte("<vCard xmlns='" + nsVCard + "'>")
	if u, ok := q.users.Lookup(q.to); ok && u.Name != "" {
		b = append(wire.AppendText(append(b, "<FN>"...), u.Name), "</FN>"...)
	}
	return q.reply(append(b, "</vCard>"...))
}

// vCardSet refuses XEP-0054 §3.2: who has which name is signed.
func vCardSet(q *query) relay.Drop {
	return q.refuse(wire.CondNotAllowed, "Your name comes from the signed list of this server. Only its operator can change it.")
}
