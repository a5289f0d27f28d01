package account

import (
	"time"

	"lethe/relay"
	"lethe/relay/pep"
	"lethe/relay/wire"
)

// The namespaces of what is answered here.
const (
	nsDiscoInfo  = "http://jabber.org/protocol/disco#info"  // XEP-0030
	nsDiscoItems = "http://jabber.org/protocol/disco#items" // XEP-0030
	nsPing       = "urn:xmpp:ping"                          // XEP-0199
	nsTime       = "urn:xmpp:time"                          // XEP-0202
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
		{nsServices, "services", anybody, callServices, nil},
		{nsServices, "credentials", anybody, callCredentials, nil},
		{nsSession, "session", anybody, nil, done},
	}
}

// userHandlers is all an account answers.
func userHandlers() []handler {
	return []handler{
		{nsRoster, "query", owner, rosterGet, rosterSet},
		{nsDiscoInfo, "query", owner, userInfo(owner), nil},
		{nsDiscoInfo, "query", contacts, userInfo(contacts), nil},
		{nsDiscoItems, "query", owner, userItems(owner), nil},
		{nsDiscoItems, "query", contacts, userItems(contacts), nil},
		{pep.NS, "pubsub", owner, askedByOwner, askedByOwner},
		{pep.NS, "pubsub", contacts, askedByOthers, askedByOthers},
		{pep.NSOwner, "pubsub", owner, askedByOwner, askedByOwner},
		{pep.NSOwner, "pubsub", contacts, askedByOthers, askedByOthers},
		{nsPrivate, "query", owner, privateGet, privateSet},
		{nsPing, "ping", contacts, done, nil},
		{nsBlocking, "blocklist", owner, blocklistGet, nil},
		{nsBlocking, "block", owner, nil, blockSet},
		{nsBlocking, "unblock", owner, nil, unblockSet},
		{nsCarbons, "enable", owner, nil, carbonsOn},
		{nsCarbons, "disable", owner, nil, carbonsOff},
		{nsVCard, "vCard", owner, vCard, vCardSet},
		{nsVCard, "vCard", contacts, vCard, nil},
		{nsSession, "session", owner, nil, done},
	}
}

// done answers what needs no more than an answer: a ping (XEP-0199 §4.2), and
// the session that clients of RFC 3921 ask for.
func done(q *query) relay.Drop { return q.reply(nil) }

// domainInfo says what the domain answers, and what it does for its users.
func domainInfo(q *query) relay.Drop {
	features := []string{nsDiscoInfo, nsDiscoItems, nsPing, nsTime, nsRoster, nsBlocking, nsCarbons, nsVCard, nsPrivate}
	features = append(features, pubsubFeatures()...) // where clients from before XEP-0163 §6.1 look for them
	answers := q.server.answers.Load()
	if len(answers.Calls.Services) > 0 {
		features = append(features, nsServices)
	}
	q.forms = []*form{q.server.policy()}
	if f := answers.Contact.form(); f != nil {
		q.forms = append(q.forms, f)
	}
	return q.info("<identity category='server' type='im' name='lethe'/>"+pubsubIdentity, features...)
}

// info answers disco#info (XEP-0030 §3.1), with what the query's forms add to
// it (XEP-0128).
func (q *query) info(identity string, features ...string) relay.Drop {
	if q.node() != "" {
		return q.noNode()
	}
	b := append([]byte(nil), "<query xmlns='"+nsDiscoInfo+"'>"+identity...)
	for _, f := range features {
		b = append(b, "<feature var='"+f+"'/>"...)
	}
	for _, f := range q.forms {
		b = f.append(b)
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
	return q.payload().Attr("node")
}

func (q *query) noNode() relay.Drop {
	return q.refuse(wire.CondItemNotFound, "There is no such node.")
}

// entityTime answers XEP-0202: the relay's clock, but not where it stands.
func entityTime(q *query) relay.Drop {
	utc := q.server.now().UTC().Format(time.RFC3339)
	return q.reply([]byte("<time xmlns='" + nsTime + "'><tzo>+00:00</tzo><utc>" + utc + "</utc></time>"))
}
