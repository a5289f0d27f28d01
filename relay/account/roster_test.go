package account_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// version asks for the roster's version; nothing else of what the client
// received is lost.
func version(t *testing.T, c *client) string {
	t.Helper()
	kept := c.link.take()
	c.send("<iq type='get' id='v'><query xmlns='jabber:iq:roster'/></iq>")
	got := c.got()
	c.link.b = append(kept, c.link.b...)
	m := regexp.MustCompile(` ver='([^']*)'`).FindStringSubmatch(got[0])
	if m == nil {
		t.Fatalf("no version in %q", got)
	}
	return m[1]
}

func push(to, ver, item string) string {
	return fmt.Sprintf("<iq type='set' id='*' to='%s'><query xmlns='jabber:iq:roster' ver='%s'>%s</query></iq>", to, ver, item)
}

func rosterSet(item string) string {
	return "<iq type='set' id='set'><query xmlns='jabber:iq:roster'>" + item + "</query></iq>"
}

func result(id, bare, full string) string {
	return fmt.Sprintf("<iq type='result' id='%s' from='%s' to='%s'/>", id, bare, full)
}

func TestRosterComesFromTheFile(t *testing.T) {
	l := newLab(t)
	alice := l.bind("alice@example.org/x")
	compare(t, "alice", alice.roster(), []string{
		"<item jid='ann@away.example' name='Ann' subscription='both'/>",
		"<item jid='bob@example.org' name='Bob' subscription='both'><group>The Team</group></item>",
		"<item jid='carol@example.org' subscription='both'><group>The Team</group></item>",
	})
	compare(t, "erin", l.bind("erin@example.org/x").roster(), nil)
}

// TestRosterSet: RFC 6121 §2.3, §2.4.
func TestRosterSet(t *testing.T) {
	l := newLab(t)
	erin, second, mute := l.bind("erin@example.org/x"), l.bind("erin@example.org/y"), l.bind("erin@example.org/z")
	erin.roster()
	second.roster()
	erin.send(rosterSet("<item jid='Romeo@Away.example' name='R &amp; J' subscription='both' ask='subscribe'><group>Verona</group><group>Pals</group></item>"))
	item := "<item jid='romeo@away.example' name='R &amp; J' subscription='none'><group>Verona</group><group>Pals</group></item>"
	ver := version(t, erin)
	erin.want(push("erin@example.org/x", ver, item), result("set", "erin@example.org", "erin@example.org/x"))
	second.want(push("erin@example.org/y", ver, item))
	mute.want() // RFC 6121 §2.1.6: it has not asked for the roster
	l.wantAway()
	erin.send(rosterSet("<item jid='romeo@away.example'/>"))
	compare(t, "erin", erin.roster(), []string{"<item jid='romeo@away.example' subscription='none'/>"})
}

// TestRosterSetErrors: RFC 6121 §2.3.3, §2.5.3 and our own limits.
func TestRosterSetErrors(t *testing.T) {
	group := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "<group>%d</group>", i)
		}
		return b.String()
	}
	for _, tt := range []struct{ item, want string }{
		{"", "bad-request"},
		{"<item jid='a@away.example'/><item jid='b@away.example'/>", "bad-request"},
		{"<thing jid='a@away.example'/>", "bad-request"},
		{"<item/>", "bad-request"},
		{"<item jid='a@b@c'/>", "bad-request"},
		{"<item jid='a@away.example/x'/>", "bad-request"},
		{"<item jid='a@away.example'><group>A</group><group>A</group></item>", "bad-request"},
		{"<item jid='a@away.example'><group/></item>", "not-acceptable"},
		{"<item jid='a@away.example'><group>" + strings.Repeat("x", 257) + "</group></item>", "not-acceptable"},
		{"<item jid='a@away.example'>" + group(9) + "</item>", "not-acceptable"},
		{"<item jid='a@away.example' name='" + strings.Repeat("x", 513) + "'/>", "not-acceptable"},
		{"<item jid='alice@example.org'/>", "not-allowed"},
		{"<item jid='a@away.example' subscription='remove'/>", "item-not-found"},
		{"<item jid='bob@example.org' subscription='remove'/>", "not-allowed"},
	} {
		l := newLab(t)
		alice := l.bind("alice@example.org/x")
		before := alice.roster()
		alice.send(rosterSet(tt.item))
		if c := condition(alice.got()); c != tt.want {
			t.Errorf("%s: %s, want %s", tt.item, c, tt.want)
		}
		compare(t, tt.item, alice.roster(), before)
	}
}

func TestRosterIsBounded(t *testing.T) {
	l := newLab(t)
	erin := l.bind("erin@example.org/x")
	for i := range 1000 {
		erin.send(rosterSet(fmt.Sprintf("<item jid='c%d@away.example'/>", i)))
	}
	erin.got()
	erin.send(rosterSet("<item jid='one@more.example'/>"))
	if c := condition(erin.got()); c != "resource-constraint" {
		t.Errorf("contact 1001: %s", c)
	}
	erin.send("<presence id='1' type='subscribe' to='one@more.example'/>")
	if c := condition(erin.got()); c != "resource-constraint" {
		t.Errorf("subscription 1001: %s", c)
	}
	erin.send(rosterSet("<item jid='c7@away.example' name='x'/>"))
	erin.want(result("set", "erin@example.org", "erin@example.org/x"))
}

// TestSignedContactsAreRenamedOnly: name and groups are the user's own view.
func TestSignedContactsAreRenamedOnly(t *testing.T) {
	l := newLab(t)
	alice, bob := l.bind("alice@example.org/x"), l.bind("bob@example.org/y")
	alice.roster()
	bob.roster()
	alice.send(rosterSet("<item jid='bob@example.org' name='Bobby'><group>Friends</group></item>"))
	item := "<item jid='bob@example.org' name='Bobby' subscription='both'><group>Friends</group></item>"
	alice.want(push("alice@example.org/x", version(t, alice), item), result("set", "alice@example.org", "alice@example.org/x"))
	bob.want()
	if got := alice.roster(); len(got) != 3 || got[1] != item {
		t.Errorf("roster is %q", got)
	}
	alice.send(rosterSet("<item jid='bob@example.org' subscription='remove'/>"))
	got := alice.got()
	if condition(got) != "not-allowed" || !strings.Contains(got[0], "signed list") {
		t.Errorf("removal: %q", got)
	}
}

// TestRosterRemove: RFC 6121 §2.5.2, in each state.
func TestRosterRemove(t *testing.T) {
	const (
		unsubscribe  = "<presence type='unsubscribe' from='erin@example.org' to='romeo@away.example'/>"
		unsubscribed = "<presence type='unsubscribed' from='erin@example.org' to='romeo@away.example'/>"
		unavailable  = "<presence type='unavailable' from='erin@example.org/x' to='romeo@away.example'/>"
	)
	for state, want := range map[string][]string{
		"None":                  nil,
		"None + Pending Out":    {unsubscribe},
		"None + Pending In":     {unsubscribed},
		"None + Pending Out+In": {unsubscribe, unsubscribed},
		"To":                    {unsubscribe},
		"To + Pending In":       {unsubscribe, unsubscribed},
		"From":                  {unavailable, unsubscribed},
		"From + Pending Out":    {unsubscribe, unavailable, unsubscribed},
		"Both":                  {unsubscribe, unavailable, unsubscribed},
	} {
		l := newLab(t)
		erin := l.online("erin@example.org/x")
		for _, step := range reach[state] {
			step(l, erin)
		}
		erin.roster()
		l.away()
		erin.send(rosterSet("<item jid='romeo@away.example' subscription='remove'/>"))
		erin.want(push("erin@example.org/x", version(t, erin), "<item jid='romeo@away.example' subscription='remove'/>"),
			result("set", "erin@example.org", "erin@example.org/x"))
		l.wantAway(want...)
		if got := l.state(erin); got != "None" {
			t.Errorf("%s became %s", state, got)
		}
	}
}

// TestRosterVersion: RFC 6121 §2.6.
func TestRosterVersion(t *testing.T) {
	l := newLab(t)
	alice := l.bind("alice@example.org/x")
	ask := func(ver string) []string {
		alice.send("<iq type='get' id='1'><query xmlns='jabber:iq:roster' ver='" + ver + "'/></iq>")
		return alice.got()
	}
	const unchanged = "<iq type='result' id='1' to='alice@example.org/x'/>"
	first := version(t, alice)
	compare(t, "the same version", ask(first), []string{unchanged})
	for _, ver := range []string{"", "0", first + "x"} {
		if got := ask(ver); len(got) != 1 || !strings.Contains(got[0], "ver='"+first+"'") || !strings.Contains(got[0], "bob@example.org") {
			t.Errorf("version %q: %q", ver, got)
		}
	}
	alice.send(rosterSet("<item jid='romeo@away.example'/>"))
	alice.got()
	second := version(t, alice)
	if second == first {
		t.Error("the version did not change with the roster")
	}
	compare(t, "the new version", ask(second), []string{unchanged})

	// Another server with the same file, or this one after it forgot.
	if v := version(t, newLab(t).bind("alice@example.org/y")); v != first {
		t.Errorf("the version does not outlive a restart: %s, %s", first, v)
	}
	other := newLab(t).bind("alice@example.org/y")
	other.send(rosterSet("<item jid='somebody@else.example'/>"))
	other.got()
	if version(t, other) == second {
		t.Error("two memories make the same version")
	}
	renamed := newLabWith(t, strings.Replace(people, `name="Bob"`, `name="Bert"`, 1)).bind("alice@example.org/x")
	if version(t, renamed) == first {
		t.Error("the version is the same under another file")
	}
}
