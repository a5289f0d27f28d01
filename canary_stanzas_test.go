//go:build linux

package main

import (
	"encoding/base64"
	"regexp"
	"strings"
)

// What canaries are put into: {c} is one, {e} the same one each time in a
// template, {to} an address, {text} a text, {b:...} base64 of what follows, with
// CANARY for one.

func (b *bird) pick(list []string) string { return list[b.rng.IntN(len(list))] }

var (
	places  = regexp.MustCompile(`\{(to|text)\}`)
	encoded = regexp.MustCompile(`\{b:([^}]*)\}`)
)

// fill makes a template into what is sent.
func (b *bird) fill(template string) string {
	text := places.ReplaceAllStringFunc(template, func(place string) string {
		if place == "{to}" {
			return b.pick(targets)
		}
		return b.pick(texts)
	})
	text = strings.ReplaceAll(text, "{e}", b.canary())
	text = encoded.ReplaceAllStringFunc(text, func(place string) string {
		text := encoded.FindStringSubmatch(place)[1]
		for strings.Contains(text, "CANARY") {
			text = strings.Replace(text, "CANARY", b.canary(), 1)
		}
		return base64.StdEncoding.EncodeToString([]byte(text))
	})
	for strings.Contains(text, "{c}") {
		text = strings.Replace(text, "{c}", b.canary(), 1)
	}
	return text
}

var targets = []string{
	"ana@here.test", "ben@here.test", "cleo@here.test/{c}", "dora@here.test", "emil@here.test", "fritz@there.test",
	"fritz@there.test/{c}", "here.test", "there.test", "rooms.here.test", "room@rooms.here.test", "room@rooms.here.test/ana",
	"room@rooms.here.test/{c}", "{c}@rooms.here.test", "{c}@here.test", "{c}@there.test", "{c}@{c}.test", "{c}",
	"@{c}", "{c}@", "{c}@{c}@here.test", "here.test/{c}", "{c}@here.test/", "ANA@HERE.test/{c}",
}

var texts = []string{
	"{c}", "{c} &amp; {c}", "&lt;{c}&gt;", "{c}\n\t{c}", "ü{c}&#x1F426;", "?OTR:AAMD{c}.", "?OTRv23?{c}", "/me {c}", "{c}" + strings.Repeat(" {c}", 20),
	"{c}" + strings.Repeat("x", 3000), "<![CDATA[{c}]]>",
}

// stanzas leave the stream as it is.
var stanzas = []string{
	"<message to='{to}' type='chat' id='{c}'><body>{text}</body></message>",
	"<message to='{to}' type='chat' id='{c}'><subject>{text}</subject><thread parent='{c}'>{c}</thread><body xml:lang='{c}'>{text}</body></message>",
	"<message to='{to}' id='{c}' xml:lang='{c}'><body>{text}</body><nick xmlns='http://jabber.org/protocol/nick'>{c}</nick></message>",
	"<message to='{to}' type='groupchat' id='{c}'><body>{text}</body></message>",
	"<message to='{to}' type='groupchat' id='{c}'><subject>{text}</subject></message>",
	"<message to='{to}' type='headline' id='{c}'><{e} xmlns='{c}' {c}='{c}'>{text}</{e}></message>",
	"<message to='{to}' type='{c}' id='{c}'><body>{text}</body></message>",
	"<message to='{to}' from='{c}@here.test/{c}' id='{c}'><body>{text}</body></message>",
	"<message to='{to}' type='error' id='relayed{c}'><body>{text}</body><error type='{c}'><{c} xmlns='{c}'/><text>{text}</text></error></message>",
	"<message to='{to}' id='{c}'><encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='{c}'><key rid='1'>{c}</key></header><payload>{c}</payload></encrypted></message>",
	"<message to='{to}' id='{c}'><received xmlns='urn:xmpp:receipts' id='{c}'/><private xmlns='urn:xmpp:carbons:2'/></message>",
	"<message to='{to}' id='{c}'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='{to}'><reason>{text}</reason></invite><password>{c}</password></x></message>",
	"<message id='{c}'><body>{text}</body></message>",
	"<presence id='{c}'><show>{c}</show><status xml:lang='{c}'>{text}</status><priority>{c}</priority></presence>",
	"<presence><c xmlns='http://jabber.org/protocol/caps' hash='{c}' node='{c}' ver='{c}'/></presence>",
	"<presence to='{to}' id='{c}'><status>{text}</status></presence>",
	"<presence to='{c}@{c}.test' type='subscribe' id='{c}'><status>{text}</status></presence>",
	"<presence to='{to}' type='{c}' id='{c}'/>",
	"<presence to='{to}' type='probe' id='{c}'/>",
	"<presence to='room@rooms.here.test/{c}' id='{c}'><x xmlns='http://jabber.org/protocol/muc'><password>{c}</password><history since='{c}'/></x></presence>",
	"<presence to='{c}@rooms.here.test/{c}' id='{c}'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
	"<presence to='{c}@rooms.there.test/{c}' id='{c}'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
	"<iq type='get' to='{to}' id='{c}'><{e} xmlns='{c}' {c}='{c}'>{text}</{e}></iq>",
	"<iq type='set' to='{to}' id='{c}'><query xmlns='jabber:iq:{c}'>{text}</query></iq>",
	"<iq type='{c}' to='{to}' id='{c}'><query xmlns='{c}'/></iq>",
	"<iq type='get' to='{to}' id='{c}'/>",
	"<iq type='result' to='{to}' id='{c}'>{text}</iq>",
	"<iq type='get' to='{to}' id='{c}'><query xmlns='http://jabber.org/protocol/disco#info' node='{c}'/></iq>",
	"<iq type='get' to='{to}' id='{c}'><query xmlns='http://jabber.org/protocol/disco#items' node='{c}'/></iq>",
	"<iq type='get' to='{to}' id='{c}'><vCard xmlns='vcard-temp'>{c}</vCard></iq>",
	"<iq type='set' id='{c}'><vCard xmlns='vcard-temp'><FN>{text}</FN></vCard></iq>",
	"<iq type='set' id='{c}'><query xmlns='jabber:iq:roster'><item jid='{c}@{c}.test' name='{text}'><group>{c}</group></item></query></iq>",
	"<iq type='set' id='{c}'><query xmlns='jabber:iq:roster'><item jid='{to}' subscription='{c}'/></query></iq>",
	"<iq type='get' id='{c}'><query xmlns='jabber:iq:roster' ver='{c}'/></iq>",
	"<iq type='set' id='{c}'><query xmlns='jabber:iq:private'><{e} xmlns='{c}'>{text}</{e}></query></iq>",
	"<iq type='get' id='{c}'><query xmlns='jabber:iq:private'><{c} xmlns='{c}'/></query></iq>",
	"<iq type='set' id='{c}'><query xmlns='jabber:iq:register'><username>{c}</username><password>{c}</password></query></iq>",
	"<iq type='set' id='{c}'><block xmlns='urn:xmpp:blocking'><item jid='{c}@{c}.test'/></block></iq>",
	"<iq type='set' id='{c}'><block xmlns='urn:xmpp:blocking'><item jid='@{c}@'/></block></iq>",
	"<iq type='set' id='{c}'><unblock xmlns='urn:xmpp:blocking'><item jid='{c}@{c}.test'/></unblock></iq>",
	"<iq type='set' id='{c}'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='http://jabber.org/protocol/mood'><item id='{c}'><{e} xmlns='{c}'>{text}</{e}></item></publish></pubsub></iq>",
	"<iq type='set' id='{c}'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='{c}'><item id='{c}'><{e} xmlns='{c}'>{text}</{e}></item></publish><publish-options><x xmlns='jabber:x:data' type='submit'><field var='{c}'><value>{c}</value></field></x></publish-options></pubsub></iq>",
	"<iq type='get' to='{to}' id='{c}'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='{c}'><item id='{c}'/></items></pubsub></iq>",
	"<iq type='set' to='{to}' id='{c}'><pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='{c}' jid='{c}@here.test'/></pubsub></iq>",
	"<iq type='set' id='{c}'><pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='{c}'><item id='{c}'/></retract></pubsub></iq>",
	"<iq type='set' id='{c}'><pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><delete node='http://jabber.org/protocol/mood'/></pubsub></iq>",
	"<iq type='set' to='room@rooms.here.test' id='{c}'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='{c}' role='{c}'><reason>{text}</reason></item></query></iq>",
	"<iq type='set' to='{c}@rooms.here.test' id='{c}'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='{c}'><value>{text}</value></field></x></query></iq>",
	"<iq type='set' to='{to}' id='{c}'><open xmlns='http://jabber.org/protocol/ibb' sid='{c}' block-size='{c}'/></iq>",
	"<iq type='set' to='{to}' id='{c}'><jingle xmlns='urn:xmpp:jingle:1' action='{c}' sid='{c}'/></iq>",
	"<iq type='get' to='{to}' id='{c}'><query xmlns='urn:xmpp:mam:2' queryid='{c}'/></iq>",
	"<iq type='get' to='{to}' id='{c}'><services xmlns='urn:xmpp:extdisco:2' type='{c}'/></iq>",
	"<iq type='set' to='{to}' id='{c}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{c}</resource></bind></iq>",
	"<resume xmlns='urn:xmpp:sm:3' previd='{c}' h='1'/>",
}

// broken ends the stream.
var broken = []string{
	"<message to='{to}'><body>{c}</message>", "<message {c}={c}>", "<{c}:message/>", "<message><{c}:body>{c}</{c}:body></message>",
	"<message to='{to}'><body>&{c};</body></message>", "<!DOCTYPE {c}>", "<!--{c}-->", "<?{c} {c}?>", "{c}", "<{c}/>", "<{c} xmlns='{c}'>{c}</{c}>",
	"<message xmlns='{c}'><body>{c}</body></message>", "<message to='{to}'><body>{c}\x00</body></message>", "<message id='{c}' id='{c}'/>",
	"<message xmlns:{c}=''/>", "<a xmlns='urn:xmpp:sm:3' h='{c}'/>", "</{c}>", "</stream:stream>{c}", "<stream:error><{c} xmlns='{c}'/></stream:error>",
	"<message>" + strings.Repeat("<a {c}='{c}'>", 70), "<message id='{c}' {c}" + strings.Repeat("{c}", 40) + "=''/>", "<message to='\xff{c}'/>",
}

// attempts at logging in have no success.
var attempts = []string{
	"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{b:\x00CANARY\x00CANARY}</auth>",
	"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{b:\x00ana\x00CANARY}</auth>",
	"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{b:CANARY@here.test\x00ben\x00CANARY}</auth>",
	"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{c}</auth>",
	"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>{b:n,,n=CANARY,r=CANARY}</auth>",
	"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>{b:n,,n=ana,r=CANARY}</auth>",
	"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>{b:n,a=CANARY,n=ana,r=CANARY}</auth>",
	"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256-PLUS'>{b:p=CANARY,,n=CANARY,r=CANARY}</auth>",
	"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{c}'>{c}</auth>",
	"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>{b:CANARY@here.test}</auth>",
	"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{c}</auth>",
	"<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>{b:\x00CANARY\x00CANARY}</initial-response><user-agent id='{c}'><software>{c}</software><device>{c}</device></user-agent></authenticate>",
	"<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'><initial-response>{b:n,,n=CANARY,r=CANARY}</initial-response><bind xmlns='urn:xmpp:bind:0'><tag>{c}</tag></bind></authenticate>",
	"<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-EXPR'><initial-response>{b:CANARY\x00CANARY}</initial-response></authenticate>",
	"<authenticate xmlns='urn:xmpp:sasl:2' mechanism='{c}'><{c}/></authenticate>",
	"<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{c}</response>",
	"<iq type='set' id='{c}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{c}</resource></bind></iq>",
	"<message to='ana@here.test' id='{c}'><body>{c}</body></message>",
	"<iq type='get' id='{c}'><query xmlns='jabber:iq:auth'><username>{c}</username></query></iq>",
}

// openings of a stream lead nowhere.
var openings = []string{
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='{c}.test' from='{c}@{c}.test' version='1.0'>",
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='here.test' id='{c}' xml:lang='{c}' version='{c}'>",
	"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' to='{c}.test' from='{c}.test' version='1.0'>",
	"<stream:stream xmlns='{c}' xmlns:stream='http://etherx.jabber.org/streams' to='here.test' version='1.0'>",
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='here.test' version='1.0'><{c} xmlns='{c}'/>",
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='here.test' version='1.0'><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>{c}",
	"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' to='here.test' from='{c}.test' version='1.0'><db:result xmlns:db='jabber:server:dialback' from='{c}.test' to='here.test'>{c}</db:result>",
	"<{c}:stream xmlns:{c}='http://etherx.jabber.org/streams' to='{c}'>", "<{c}>", "{c}", "GET /{c} HTTP/1.1\r\nHost: {c}\r\n\r\n", "\x16\x03\x01\x00\x20\x01{c}", "<?xml version='{c}'?>", "<?xml version='1.0' encoding='{c}'?><a>",
}

// claimed is what is sent after a header in the name of a domain that is not
// proved.
var claimed = []string{
	"<db:result xmlns:db='jabber:server:dialback' from='{from}' to='here.test'>{c}</db:result>",
	"<db:result xmlns:db='jabber:server:dialback' from='{c}.test' to='{c}.test'>{c}</db:result>",
	"<db:result xmlns:db='jabber:server:dialback' from='there.test' to='here.test'>{c}</db:result>",
	"<db:verify xmlns:db='jabber:server:dialback' from='{from}' to='here.test' id='{c}'>{c}</db:verify>",
	"<db:verify xmlns:db='jabber:server:dialback' from='@{c}' to='{c}@' id='{c}'>{c}</db:verify>",
	"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>{b:CANARY.test}</auth>",
	"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{c}'>{c}</auth>",
	"<message from='{c}@{from}/{c}' to='ana@here.test' id='{c}'><body>{text}</body></message>",
	"<presence from='{c}@there.test/{c}' to='ana@here.test' type='subscribe'/>",
	"<iq from='{c}@{from}' to='here.test' type='get' id='{c}'><ping xmlns='urn:xmpp:ping'/></iq>",
	"<{c} xmlns='{c}'/>", "<{c}", "</stream:stream>", "<enable xmlns='urn:xmpp:sm:3'/><r xmlns='urn:xmpp:sm:3'/>",
}
