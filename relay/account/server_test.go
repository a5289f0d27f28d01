package account_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lethe/relay"
	"lethe/relay/wire"
)

func TestBind(t *testing.T) {
	l := newLab(t)
	for _, tt := range []struct {
		full, want string // want: address, or condition
	}{
		{"alice@example.org/desk", "alice@example.org/desk"},
		{"alice@example.org/\u00a0", "alice@example.org/ "}, // RFC 7622 §3.4: spaces are mapped
		{"alice@example.org/a\tb", "bad-request"},           // RFC 6120 §7.7.2.1
		{"alice@example.org/" + strings.Repeat("x", 1024), "bad-request"},
		{"nobody@example.org/desk", "not-authorized"},
	} {
		c, err := l.tryBind(tt.full, 1<<16)
		got := ""
		if err != nil {
			got = err.Condition.String()
		} else {
			got = c.seat.JID().String()
		}
		if got != tt.want {
			t.Errorf("%q: %s, want %s", tt.full, got, tt.want)
		}
	}
	// RFC 6120 §7.6: made up, and not twice the same.
	a, b := l.bind("alice@example.org").seat.JID(), l.bind("alice@example.org").seat.JID()
	if a == b || len(a.Resource()) < 16 {
		t.Errorf("made up %s and %s", a, b)
	}
	if accounts, connections := l.server.Size(); accounts != 1 || connections != 4 {
		t.Errorf("%d accounts, %d connections", accounts, connections)
	}
}

// TestBindConflict: RFC 6120 §7.7.2.2, the new connection lives.
func TestBindConflict(t *testing.T) {
	l := newLab(t)
	bob, old := l.online("bob@example.org/x"), l.online("alice@example.org/x")
	bob.got()
	fresh := l.bind("alice@example.org/x")
	if got := string(old.link.take()); !strings.Contains(got, "<stream:error><conflict ") || !old.link.isClosed() {
		t.Errorf("the old connection got %s", got)
	}
	bob.want("<presence type='unavailable' from='alice@example.org/x' to='bob@example.org'/>")
	// What still comes from the old one is not heard.
	old.send("<message to='bob@example.org'><body>x</body></message>")
	old.send("<presence/>")
	old.leave()
	bob.want()
	fresh.send("<presence/>")
	bob.want("<presence from='alice@example.org/x' to='bob@example.org'/>")
	if _, connections := l.server.Size(); connections != 2 {
		t.Errorf("%d connections", connections)
	}
}

func TestBindLimit(t *testing.T) {
	l := newLab(t)
	for i := range 32 {
		l.bind(fmt.Sprintf("alice@example.org/%d", i))
	}
	if _, err := l.tryBind("alice@example.org/one-more", 1<<16); err == nil || err.Condition != wire.CondResourceConstraint {
		t.Errorf("resource 33: %v", err)
	}
	l.bind("alice@example.org/7")
}

// TestSetUsers: who is gone or has other keys is cut off, the others hear what
// changed.
func TestSetUsers(t *testing.T) {
	keys := func(salt string) string {
		return " scram-sha-256=4096:" + salt + ":AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	}
	file := func(lines ...string) string {
		return "lethe-users 1\nserial 1\n" + strings.Join(lines, "\n") + "\n"
	}
	l := newLabWith(t, file(
		"user alice@example.org groups=team",
		"user bob@example.org groups=team"+keys("AAAAAAAAAAA="),
		"user carol@example.org groups=team",
		"user dave@example.org groups=team",
		"user erin@example.org",
		"contact alice@example.org ann@away.example"))
	all := map[string]*client{}
	for _, name := range []string{"alice", "bob", "carol", "dave", "erin"} {
		c := l.online(name + "@example.org/x")
		c.roster()
		all[name] = c
	}
	for _, c := range all {
		c.got()
	}
	l.away()
	var p relay.Pass
	l.server.SetUsers(&p, parseUsers(t, file(
		"user alice@example.org groups=team",
		"user bob@example.org groups=team"+keys("BBBBBBBBBBA="), // other keys
		"user dave@example.org name=\"Dave\"",                   // not in the group any more
		"user erin@example.org groups=team",                     // new in it
		"contact alice@example.org eve@away.example")))          // instead of ann; carol is gone
	p.Flush()

	for _, name := range []string{"bob", "carol"} {
		if got := string(all[name].link.take()); !strings.Contains(got, "<stream:error><not-authorized ") || !all[name].link.isClosed() {
			t.Errorf("%s got %s", name, got)
		}
	}
	alice := all["alice"]
	ver := version(t, alice)
	item := func(s string) string { return push("alice@example.org/x", ver, "<item jid="+s+"/>") }
	alice.want(
		"<presence type='unavailable' from='bob@example.org/x' to='alice@example.org'/>",
		"<presence type='unavailable' from='carol@example.org/x' to='alice@example.org'/>",
		"<presence type='unavailable' from='dave@example.org/x' to='alice@example.org'/>",
		"<presence to='alice@example.org' from='erin@example.org/x'/>",
		item("'carol@example.org' subscription='remove'"),
		item("'dave@example.org' subscription='remove'"),
		item("'ann@away.example' subscription='remove'"),
		item("'eve@away.example' subscription='both'"),
		push("alice@example.org/x", ver, "<item jid='erin@example.org' subscription='both'><group>team</group></item>"))
	l.wantAway(
		"<presence type='unavailable' from='alice@example.org/x' to='ann@away.example'/>",
		"<presence to='eve@away.example' from='alice@example.org/x'/>",
		"<presence type='probe' from='alice@example.org' to='eve@away.example'/>")
	if _, err := l.tryBind("carol@example.org/y", 1<<16); err == nil || err.Condition != wire.CondNotAuthorized {
		t.Errorf("carol binds: %v", err)
	}
	l.bind("bob@example.org/y")

	// The same once more changes nothing.
	alice.got()
	all["erin"].got()
	l.server.SetUsers(&p, parseUsers(t, file(
		"user alice@example.org groups=team",
		"user bob@example.org groups=team"+keys("BBBBBBBBBBA="),
		"user dave@example.org name=\"Dave\"",
		"user erin@example.org groups=team",
		"contact alice@example.org eve@away.example")))
	p.Flush()
	alice.want()
	all["erin"].want()
	l.wantAway()
}

// TestCloseAll: RFC 6120 §4.9.3.20.
func TestCloseAll(t *testing.T) {
	l := newLab(t)
	alice, bob := l.online("alice@example.org/x"), l.online("bob@example.org/x")
	alice.got()
	var p relay.Pass
	l.server.CloseAll(&p, wire.SystemShutdown)
	p.Flush()
	for _, c := range []*client{alice, bob} {
		if got := string(c.link.take()); !strings.HasPrefix(got, "<stream:error><system-shutdown ") || !c.link.isClosed() {
			t.Errorf("%s got %s", c.seat.JID(), got)
		}
		c.leave()
	}
	if _, connections := l.server.Size(); connections != 0 {
		t.Errorf("%d connections", connections)
	}
}

// TestForgetting: memory stays for the time configured, and not a moment for
// who has nothing to remember.
func TestForgetting(t *testing.T) {
	l := newLab(t)
	erin, dave := l.online("erin@example.org/x"), l.online("dave@example.org/x")
	erin.send(rosterSet("<item jid='romeo@away.example'/>"))
	erin.leave()
	dave.leave()
	if accounts, _ := l.server.Size(); accounts != 1 {
		t.Errorf("%d accounts are remembered, want erin's", accounts)
	}
	l.server.Sweep(l.clock.Add(59 * time.Minute))
	again := l.bind("erin@example.org/x")
	if n := len(again.roster()); n != 1 {
		t.Errorf("after 59 minutes erin has %d contacts", n)
	}
	// Connected, nothing is forgotten, and the hour begins at the end.
	l.server.Sweep(l.clock.Add(48 * time.Hour))
	l.clock = l.clock.Add(48 * time.Hour)
	again.leave()
	l.server.Sweep(l.clock.Add(59 * time.Minute))
	if accounts, _ := l.server.Size(); accounts != 1 {
		t.Errorf("%d accounts after 59 minutes", accounts)
	}
	l.server.Sweep(l.clock.Add(time.Hour))
	if accounts, _ := l.server.Size(); accounts != 0 {
		t.Errorf("%d accounts after an hour", accounts)
	}
	if n := len(l.bind("erin@example.org/x").roster()); n != 0 {
		t.Errorf("after an hour erin has %d contacts", n)
	}
}
