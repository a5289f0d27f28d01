package account_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lethe/relay"
	"lethe/relay/account"
)

var calls = account.Calls{
	Services: []account.CallService{
		{Type: "stun", Host: "stun.example.org", Port: 3478, Transport: "udp"},
		{Type: "turn", Host: "turn.example.org", Port: 3478, Transport: "udp"},
		{Type: "turn", Host: "turn.example.org", Port: 1234, Transport: "tcp"},
		{Type: "turns", Host: "2001:db8::1", Port: 5349, Transport: "tcp"},
	},
	Secret: []byte("swordfish"), Lifetime: time.Hour,
}

var feature = regexp.MustCompile(`<feature var='([^']*)'/>`)

// features are what to announces to c.
func (c *client) features(to string) []string {
	c.lab.t.Helper()
	c.got()
	c.send("<iq type='get' id='f' to='" + to + "'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
	var list []string
	for _, m := range feature.FindAllStringSubmatch(strings.Join(c.got(), ""), -1) {
		list = append(list, m[1])
	}
	return list
}

// announced are requests for what is announced, by feature; %s is the address.
func announced() map[string]string {
	requests := map[string]string{
		"http://jabber.org/protocol/disco#info":  "<iq type='get' id='1' to='%s'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
		"http://jabber.org/protocol/disco#items": "<iq type='get' id='1' to='%s'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>",
		"urn:xmpp:ping":                          "<iq type='get' id='1' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>",
		"urn:xmpp:time":                          "<iq type='get' id='1' to='%s'><time xmlns='urn:xmpp:time'/></iq>",
		"urn:xmpp:extdisco:2":                    "<iq type='get' id='1' to='%s'><services xmlns='urn:xmpp:extdisco:2'/></iq>",
		// What a domain does for its users is asked of one's own account.
		"jabber:iq:roster":   "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
		"urn:xmpp:blocking":  "<iq type='get' id='1'><blocklist xmlns='urn:xmpp:blocking'/></iq>",
		"urn:xmpp:carbons:2": "<iq type='set' id='1'><enable xmlns='urn:xmpp:carbons:2'/></iq>",
		"vcard-temp":         "<iq type='get' id='1'><vCard xmlns='vcard-temp'/></iq>",
	}
	maps.Copy(requests, pubsubAnnounced())
	return requests
}

// TestAnnouncedWorks asks for everything that a domain, one's own account and
// a contact's announce, and holds that whatever is answered is announced.
func TestAnnouncedWorks(t *testing.T) {
	l := newLab(t)
	l.server.SetAnswers(account.Answers{Calls: calls})
	alice := l.bind("alice@example.org/x")
	requests, all := announced(), []string{
		"urn:ietf:params:xml:ns:xmpp-session",     // RFC 3921 announces it before the login
		"http://jabber.org/protocol/pubsub#owner", // goes with the features of XEP-0060
	}
	for _, to := range []string{"example.org", "alice@example.org", "bob@example.org"} {
		for _, f := range alice.features(to) {
			all = append(all, f)
			request := requests[f]
			if request == "" {
				t.Errorf("%s announces %s: add a request for it", to, f)
				continue
			}
			alice.send(strings.Replace(request, "%s", to, 1))
			if got := alice.got(); len(got) != 1 || condition(got) != "" {
				t.Errorf("%s announces %s: %s: %q", to, f, request, got)
			}
		}
	}
	for _, ns := range account.Handled() {
		if !slices.Contains(all, ns) {
			t.Errorf("%s is answered and not announced", ns)
		}
	}
	for f := range requests {
		if !slices.Contains(all, f) {
			t.Errorf("%s is announced by nobody", f)
		}
	}
}

// TestNotOffered: what is left out is refused with its own words, and nothing
// of it is announced.
func TestNotOffered(t *testing.T) {
	l := newLab(t)
	alice := l.bind("alice@example.org/x")
	said := map[string]bool{}
	for _, request := range []string{
		"<query xmlns='urn:xmpp:mam:2'/>", "<offline xmlns='http://jabber.org/protocol/offline'/>",
		"<request xmlns='urn:xmpp:http:upload:0' filename='x' size='1'/>", "<enable xmlns='urn:xmpp:push:0' jid='x'/>",
		"<query xmlns='jabber:iq:register'/>", "<x xmlns='http://jabber.org/protocol/rosterx'/>",
		"<query xmlns='jabber:iq:privacy'/>", "<query xmlns='jabber:iq:last'/>", "<query xmlns='a:stranger:to:us'/>",
	} {
		for _, to := range []string{"example.org", "alice@example.org"} {
			for _, typ := range []string{"get", "set"} {
				alice.send(fmt.Sprintf("<iq id='1' type='%s' to='%s'>%s</iq>", typ, to, request))
				got := alice.got()
				if c := condition(got); c != "service-unavailable" {
					t.Fatalf("%s to %s: %s", request, to, c)
				}
				said[regexp.MustCompile(`>[^<]*</text>`).FindString(got[0])] = true
			}
		}
	}
	if len(said) != 9 {
		t.Errorf("%d different sentences: %v", len(said), said)
	}
	alice.send("<iq id='1' type='get' to='example.org'><query xmlns='jabber:iq:last'/></iq>")
	last := alice.got()[0]
	alice.send("<iq id='1' type='get' to='example.org'><query xmlns='jabber:iq:version'/></iq>")
	if version := alice.got()[0]; version != last {
		t.Errorf("version: %s", version)
	}
}

// fields returns the form of a domain's answer that has this FORM_TYPE: values
// by field.
func fields(c *client, formType string) map[string][]string {
	c.got()
	c.send("<iq type='get' id='f' to='example.org'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
	found := map[string][]string{}
	for _, x := range parse(c.lab.t, c.got()[0]).Node().Children[0].Children {
		if x.NS != "jabber:x:data" || x.Attr("type") != "result" || x.Children[0].Children[0].Text != formType {
			continue
		}
		for _, f := range x.Children {
			for _, v := range f.Children {
				found[f.Attr("var")] = append(found[f.Attr("var")], v.Text)
			}
		}
	}
	return found
}

// TestContact: the addresses that are configured, and no others (XEP-0157 §3).
func TestContact(t *testing.T) {
	const formType = "http://jabber.org/network/serverinfo"
	l := newLab(t)
	alice := l.bind("alice@example.org/x")
	if got := fields(alice, formType); len(got) != 0 {
		t.Errorf("without configuration: %v", got)
	}
	l.server.SetAnswers(account.Answers{Contact: account.Contact{
		Abuse: []string{"mailto:a&b@example.org"}, Support: []string{"xmpp:help@example.org?message", "https://example.org/help"},
	}})
	got := fields(alice, formType)
	want := map[string][]string{
		"FORM_TYPE": {formType}, "abuse-addresses": {"mailto:a&b@example.org"},
		"support-addresses": {"xmpp:help@example.org?message", "https://example.org/help"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	all := []string{"u:x"}
	l.server.SetAnswers(account.Answers{Contact: account.Contact{
		Abuse: all, Admin: all, Feedback: all, Sales: all, Security: all, Status: all, Support: all,
	}})
	if got := fields(alice, formType); len(got) != 8 {
		t.Errorf("of all seven: %v", got)
	}
}

// TestPolicyIsKept: what the domain says of itself is what it does.
func TestPolicyIsKept(t *testing.T) {
	const formType = "urn:xmpp:data-policy:0"
	l := newLab(t)
	alice := l.bind("alice@example.org/x")
	policy := fields(alice, formType)
	words := strings.Join(policy["extra_info"], "\n")
	if got := policy["data_retention"]; len(got) != 1 || got[0] != "0" {
		t.Fatalf("data_retention %q", got)
	}
	// Nothing waits for who is not there.
	alice.send("<message id='1' to='bob@example.org'><body>x</body></message>")
	alice.want(unavailable("message", "1", "bob@example.org", "alice@example.org/x"))
	l.online("bob@example.org/x").want()
	// Account memory lasts as long as is said, and can be removed before.
	if !strings.Contains(words, "1 hour after your last connection") || policy["data_deletion"][0] != "true" {
		t.Errorf("data_deletion %q, %s", policy["data_deletion"], words)
	}
	erin := l.bind("erin@example.org/x")
	erin.send(rosterSet("<item jid='a@away.example'/>"))
	erin.send(rosterSet("<item jid='b@away.example'/>"))
	erin.send(rosterSet("<item jid='a@away.example' subscription='remove'/>"))
	if n := len(erin.roster()); n != 1 {
		t.Errorf("%d contacts after one was removed", n)
	}
	erin.leave()
	l.server.Sweep(l.clock.Add(time.Hour - 1))
	if n := len(l.bind("erin@example.org/y").roster()); n != 1 {
		t.Errorf("%d contacts within the hour", n)
	}
	// As many addresses as is said can be blocked, and no more.
	for n, want := range map[int]string{500: "", 501: "resource-constraint"} {
		if !strings.Contains(words, "block, 500 at most") {
			t.Error(words)
		}
		c := l.bind("carol@example.org/x")
		var items []string
		for i := range n {
			items = append(items, fmt.Sprintf("%d@away.example", i))
		}
		c.send(unblock())
		c.got()
		c.send(block(items...))
		if got := condition(c.got()); got != want {
			t.Errorf("%d blocked: %s", n, got)
		}
	}
	// The account is the operator's to remove.
	if policy["full_erasure"][0] != "false" || policy["access_policy"][0] != "admins" {
		t.Errorf("%v", policy)
	}
	alice.send("<iq id='1' type='set' to='example.org'><query xmlns='jabber:iq:register'><remove/></query></iq>")
	if c := condition(alice.got()); c != "service-unavailable" {
		t.Errorf("removing one's account: %s", c)
	}
}

// TestPolicyFollowsTheConfiguration: each part says what is configured.
func TestPolicyFollowsTheConfiguration(t *testing.T) {
	for _, tt := range []struct {
		cfg   account.Config
		auth  string
		words []string // all of them, or with a ! none
	}{
		{account.Config{}, "hidden", []string{"until your last connection ends.", "!under way"}},
		{account.Config{Plain: true, Resume: 2 * time.Minute, ForgetAfter: 24 * time.Hour}, "plain", []string{
			"waits in memory for 2 minutes.", "until 24 hours after your last connection ended."}},
		{account.Config{Resume: time.Minute, ForgetAfter: 90 * time.Second}, "hidden", []string{"for 1 minute.", "until 90 seconds after"}},
	} {
		l := newLab(t)
		tt.cfg.Domains = []string{home}
		l.server = account.New(l.router, parseUsers(t, people), tt.cfg)
		l.router.Handle(home, l.server)
		policy := fields(l.bind("alice@example.org/x"), "urn:xmpp:data-policy:0")
		if got := policy["auth_data"]; len(got) != 1 || got[0] != tt.auth {
			t.Errorf("%+v: auth_data %q", tt.cfg, got)
		}
		info := strings.Join(policy["extra_info"], "\n")
		for _, w := range tt.words {
			w, none := strings.CutPrefix(w, "!")
			if strings.Contains(info, w) == none {
				t.Errorf("%+v: %s", tt.cfg, info)
			}
		}
	}
}

// TestCards: the name of the users file, for oneself and for contacts.
func TestCards(t *testing.T) {
	l := newLab(t)
	alice := l.bind("alice@example.org/x")
	card := func(from, content string) string {
		return "<iq type='result' id='1' from='" + from + "' to='alice@example.org/x'><vCard xmlns='vcard-temp'>" + content + "</vCard></iq>"
	}
	alice.send("<iq id='1' type='get'><vCard xmlns='vcard-temp'/></iq>")
	alice.want(card("alice@example.org", "<FN>Alice</FN>"))
	for name, content := range map[string]string{"alice": "<FN>Alice</FN>", "bob": "<FN>Bob</FN>", "carol": ""} {
		alice.send("<iq id='1' type='get' to='" + name + "@example.org'><vCard xmlns='vcard-temp'/></iq>")
		alice.want(card(name+"@example.org", content))
	}
	alice.send("<iq id='1' type='set'><vCard xmlns='vcard-temp'><FN>Queen</FN></vCard></iq>")
	if got := alice.got(); condition(got) != "not-allowed" || !strings.Contains(got[0], "signed list") {
		t.Errorf("a name of one's own: %q", got)
	}
	var p relay.Pass
	l.server.SetUsers(&p, parseUsers(t, strings.Replace(people, `"Alice"`, `"Alice & Co"`, 1)))
	p.Flush()
	alice.got()
	alice.send("<iq id='1' type='get'><vCard xmlns='vcard-temp'/></iq>")
	alice.want(card("alice@example.org", "<FN>Alice &amp; Co</FN>"))
}
