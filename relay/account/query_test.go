package account_test

import (
	"fmt"
	"strings"
	"testing"

	"lethe/relay/account"
)

// TestQueries: what a domain and an account answer, and to whom.
func TestQueries(t *testing.T) {
	const (
		info    = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
		items   = "<query xmlns='http://jabber.org/protocol/disco#items'/>"
		node    = "<query xmlns='http://jabber.org/protocol/disco#info' node='x'/>"
		inode   = "<query xmlns='http://jabber.org/protocol/disco#items' node='x'/>"
		ping    = "<ping xmlns='urn:xmpp:ping'/>"
		time    = "<time xmlns='urn:xmpp:time'/>"
		vcard   = "<vCard xmlns='vcard-temp'/>"
		session = "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"

		noItems  = "<query xmlns='http://jabber.org/protocol/disco#items'/>"
		nickOnly = "<query xmlns='http://jabber.org/protocol/disco#items'><item jid='alice@example.org' node='http://jabber.org/protocol/nick'/></query>"
	)
	tests := []struct {
		to, typ, request string
		want             string // payload of the result, or the condition
	}{
		{"example.org", "get", node, "item-not-found"},
		{"example.org", "get", items, noItems},
		{"example.org", "get", inode, "item-not-found"},
		{"example.org", "get", ping, ""},
		{"example.org", "get", time, "<time xmlns='urn:xmpp:time'><tzo>+00:00</tzo><utc>2026-01-02T03:04:05Z</utc></time>"},
		{"example.org", "set", session, ""},
		{"example.org", "get", "<query xmlns='jabber:iq:version'/>", "service-unavailable"},
		{"example.org", "get", "<query xmlns='jabber:iq:last'/>", "service-unavailable"},
		{"example.org", "set", ping, "service-unavailable"},
		{"example.org", "get", "", "bad-request"},
		{"example.org", "get", ping + ping, "bad-request"},
		{"example.org/x", "get", ping, "service-unavailable"},

		{"alice@example.org", "get", node, "item-not-found"},
		{"alice@example.org", "get", items, nickOnly},
		{"alice@example.org", "get", ping, ""},
		{"alice@example.org", "set", session, ""},
		{"alice@example.org", "get", vcard, "<vCard xmlns='vcard-temp'><FN>Alice</FN></vCard>"},
		{"alice@example.org", "set", vcard, "not-allowed"},
		{"alice@example.org", "get", "<query xmlns='jabber:iq:private'/>", "not-acceptable"},
		{"alice@example.org", "get", ping + ping, "bad-request"},

		// Contacts, there or not.
		{"bob@example.org", "get", ping, ""},
		{"bob@example.org", "get", vcard, "<vCard xmlns='vcard-temp'><FN>Bob</FN></vCard>"},
		{"carol@example.org", "get", vcard, "<vCard xmlns='vcard-temp'></vCard>"},
		{"bob@example.org", "set", vcard, "service-unavailable"},
		{"bob@example.org", "get", "<query xmlns='jabber:iq:roster'/>", "service-unavailable"},
		{"bob@example.org", "set", session, "service-unavailable"},

		// Strangers.
		{"erin@example.org", "get", info, "service-unavailable"},
		{"erin@example.org", "get", vcard, "service-unavailable"},
	}
	for _, tt := range tests {
		l := newLab(t)
		alice := l.bind("alice@example.org/x")
		alice.send(fmt.Sprintf("<iq id='1' type='%s' to='%s'>%s</iq>", tt.typ, tt.to, tt.request))
		got := alice.got()
		want := fmt.Sprintf("<iq type='result' id='1' from='%s' to='alice@example.org/x'>%s</iq>", tt.to, tt.want)
		if tt.want == "" {
			want = fmt.Sprintf("<iq type='result' id='1' from='%s' to='alice@example.org/x'/>", tt.to)
		}
		if c := condition(got); c != "" {
			got, want = []string{c}, tt.want
		}
		if len(got) != 1 || got[0] != want {
			t.Errorf("%s %s to %s: %q\nwant %q", tt.typ, tt.request, tt.to, got, want)
		}
	}
}

// TestServicesAreListed: a domain names what lies below it.
func TestServicesAreListed(t *testing.T) {
	l := newLab(t)
	l.server = account.New(l.router, parseUsers(t, people), account.Config{
		Domains: []string{home}, Services: []string{"rooms", "proxy"},
	})
	l.router.Handle(home, l.server)
	alice := l.bind("alice@example.org/x")
	alice.send("<iq id='1' type='get' to='example.org'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>")
	alice.want("<iq type='result' id='1' from='example.org' to='alice@example.org/x'>" +
		"<query xmlns='http://jabber.org/protocol/disco#items'>" +
		"<item jid='rooms.example.org'/><item jid='proxy.example.org'/></query></iq>")
}

// TestQueriesWithoutAddress are for the account (RFC 6120 §10.3.3).
func TestQueriesWithoutAddress(t *testing.T) {
	l := newLab(t)
	alice := l.bind("alice@example.org/x")
	alice.send("<iq id='1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
	alice.want(result("1", "alice@example.org", "alice@example.org/x"))
	alice.send("<iq id='2' type='get'><query xmlns='jabber:iq:version'/></iq>")
	if c := condition(alice.got()); c != "service-unavailable" {
		t.Errorf("version: %s", c)
	}
}

// TestQueriesFromAfar: the domain answers anybody, an account its contacts.
func TestQueriesFromAfar(t *testing.T) {
	l := newLab(t)
	const ping = "<iq id='1' type='get' from='%s' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>"
	l.inject(fmt.Sprintf(ping, "eve@away.example/x", "example.org"))
	l.wantAway("<iq type='result' id='1' from='example.org' to='eve@away.example/x'/>")
	l.inject(fmt.Sprintf(ping, "ann@away.example/x", "alice@example.org"))
	l.wantAway("<iq type='result' id='1' from='alice@example.org' to='ann@away.example/x'/>")
	l.inject(fmt.Sprintf(ping, "eve@away.example/x", "alice@example.org"))
	if got := l.away(); condition(got) != "service-unavailable" {
		t.Errorf("eve got %q", got)
	}
	l.inject("<message from='eve@away.example/x' to='example.org'><body>x</body></message>")
	if got := l.away(); condition(got) != "service-unavailable" {
		t.Errorf("a message to the domain: %q", got)
	}
	l.inject("<presence from='eve@away.example/x' to='example.org'/>")
	l.inject("<iq id='1' type='result' from='eve@away.example/x' to='example.org'/>")
	l.wantAway()
}

// TestLargeRoster: a list beyond the limit of one stanza still arrives.
func TestLargeRoster(t *testing.T) {
	var b strings.Builder
	b.WriteString("lethe-users 1\nserial 1\n")
	for i := range 1500 {
		fmt.Fprintf(&b, "user somebody%04d@example.org name=\"%s\" groups=all\n", i, strings.Repeat("n", 200))
	}
	l := newLabWith(t, b.String())
	c := l.bind("somebody0000@example.org/x")
	if n := len(c.roster()); n != 1499 {
		t.Errorf("%d contacts", n)
	}
}
