package account

import (
	"time"

	"lethe/relay"
	"lethe/relay/wire"
)

// The namespaces of what is answered here.
const (
	nsDiscoInfo  = "http://jabber.org/protocol/disco#info"  // XEP-0030
	nsDiscoItems = "http://jabber.org/protocol/disco#items" // XEP-0030
	nsPing       = "urn:xmpp:ping"                          // XEP-0199
	nsTime       = "urn:xmpp:time"                          // XEP-0202
	nsVCard      = "vcard-temp"                             // XEP-0054
	nsRoster     = "jabber:iq:roster"                       // RFC 6121 §2
	nsSession    = "urn:ietf:params:xml:ns:xmpp-session"    // RFC 3921 §3
)

// domainHandlers is all a domain answers. Version, uptime and last activity
// are not among it: they help nobody but an attacker.
func domainHandlers() []handler {
	return []handler{
		{nsDiscoInfo, "query", anybody, domainInfo, nil},
		{nsDiscoItems, "query", anybody, domainItems, nil},
		{nsPing, "ping", anybody, done, nil},
		{nsTime, "time", anybody, entityTime, nil},
		{nsSession, "session", anybody, nil, done},
	}
}

// userHandlers is all an account answers.
func userHandlers() []handler {
	return []handler{
		{nsRoster, "query", owner, rosterGet, rosterSet},
		{nsDiscoInfo, "query", contacts, userInfo, nil},
		{nsDiscoItems, "query", contacts, noItems, nil},
		{nsPing, "ping", contacts, done, nil},
		{nsBlocking, "blocklist", owner, blocklistGet, nil},
		{nsBlocking, "block", owner, nil, blockSet},
		{nsBlocking, "unblock", owner, nil, unblockSet},
		{nsVCard, "vCard", owner, vCard, vCardSet},
		{nsVCard, "vCard", contacts, vCard, nil},
		{nsSession, "session", owner, nil, done},
	}
}

// done answers what needs no more than an answer: a ping (XEP-0199 §4.2), and
// the session that clients of RFC 3921 ask for.
func done(q *query) relay.Drop { return q.reply(nil) }

func domainInfo(q *query) relay.Drop {
	return q.info("<identity category='server' type='im' name='lethe'/>",
		nsDiscoInfo, nsDiscoItems, nsPing, nsTime)
}

func userInfo(q *query) relay.Drop {
	return q.info("<identity category='account' type='registered'/>",
		nsDiscoInfo, nsDiscoItems, nsPing, nsVCard)
}

// info answers disco#info (XEP-0030 §3.1).
func (q *query) info(identity string, features ...string) relay.Drop {
	if q.node() != "" {
		return q.noNode()
	}
	b := append([]byte(nil), "<query xmlns='"+nsDiscoInfo+"'>"+identity...)
	for _, f := range features {
		b = append(b, "<feature var='"+f+"'/>"...)
	}
	return q.reply(append(b, "</query>"...))
}

// domainItems names the services below a domain (XEP-0030 §4.1).
func domainItems(q *query) relay.Drop {
	if q.node() != "" || len(q.server.services) == 0 {
		return noItems(q)
	}
	b := []byte("<query xmlns='" + nsDiscoItems + "'>")
	for _, label := range q.server.services {
		b = append(wire.AppendAttr(append(b, "<item"...), "jid", label+"."+q.to.Domain()), "/>"...)
	}
	return q.reply(append(b, "</query>"...))
}

func noItems(q *query) relay.Drop {
	if q.node() != "" {
		return q.noNode()
	}
	return q.reply([]byte("<query xmlns='" + nsDiscoItems + "'/>"))
}

// node is what a disco query asks about in particular (XEP-0030 §3.2).
func (q *query) node() string {
	n := q.st.Node()
	return n.Children[0].Attr("node")
}

func (q *query) noNode() relay.Drop {
	return q.refuse(wire.CondItemNotFound, "There is no such node.")
}

// entityTime answers XEP-0202: the relay's clock, but not where it stands.
func entityTime(q *query) relay.Drop {
	utc := q.server.now().UTC().Format(time.RFC3339)
	return q.reply([]byte("<time xmlns='" + nsTime + "'><tzo>+00:00</tzo><utc>" + utc + "</utc></time>"))
}

// vCard answers XEP-0054 with the name in the signed file.
func vCard(q *query) relay.Drop {
	b := append([]byte(nil), "<vCard xmlns='"+nsVCard+"'>"...)
	if u, ok := q.users.Lookup(q.to); ok && u.Name != "" {
		b = append(wire.AppendText(append(b, "<FN>"...), u.Name), "</FN>"...)
	}
	return q.reply(append(b, "</vCard>"...))
}

func vCardSet(q *query) relay.Drop {
	return q.refuse(wire.CondNotAllowed, "Your name comes from the signed list of this server. Only its operator can change it.")
}
