package account_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestPresenceLife follows one resource from its first presence to its last
// (RFC 6121 §4.2 to §4.5).
func TestPresenceLife(t *testing.T) {
	l := newLab(t)
	bob := l.bind("bob@example.org/desk")
	bob.send("<presence><show>away</show><priority>3</priority></presence>")
	// RFC 6121 §4.2.2: to oneself; the contacts are not there.
	bob.want("<presence from='bob@example.org/desk' to='bob@example.org'><show>away</show><priority>3</priority></presence>")
	mute := l.bind("carol@example.org/mute")

	alice := l.bind("alice@example.org/x")
	bob.want()
	alice.send("<presence xml:lang='en'/>")
	alice.want("<presence xml:lang='en' from='alice@example.org/x' to='alice@example.org'/>",
		"<presence to='alice@example.org' from='bob@example.org/desk'><show>away</show><priority>3</priority></presence>")
	bob.want("<presence xml:lang='en' from='alice@example.org/x' to='bob@example.org'/>")
	mute.want()
	// RFC 6121 §4.3.1: the contact elsewhere is probed, by the account.
	l.wantAway("<presence xml:lang='en' from='alice@example.org/x' to='ann@away.example'/>",
		"<presence type='probe' from='alice@example.org' to='ann@away.example'/>")

	// RFC 6121 §4.4.2: a change goes the same way, without probes.
	alice.send("<presence><show>dnd</show></presence>")
	alice.want("<presence from='alice@example.org/x' to='alice@example.org'><show>dnd</show></presence>")
	bob.want("<presence from='alice@example.org/x' to='bob@example.org'><show>dnd</show></presence>")
	l.wantAway("<presence from='alice@example.org/x' to='ann@away.example'><show>dnd</show></presence>")

	// A second resource gets the first one's presence, and the other way round.
	phone := l.bind("alice@example.org/phone")
	phone.send("<presence/>")
	phone.want("<presence from='alice@example.org/phone' to='alice@example.org'/>",
		"<presence to='alice@example.org' from='alice@example.org/x'><show>dnd</show></presence>",
		"<presence to='alice@example.org' from='bob@example.org/desk'><show>away</show><priority>3</priority></presence>")
	alice.want("<presence from='alice@example.org/phone' to='alice@example.org'/>")
	bob.got()
	l.away()

	// RFC 6121 §4.5.2: by word, heard by the resource itself as well.
	const bye = "<presence type='unavailable' from='alice@example.org/x' to='%s'><status>bye</status></presence>"
	alice.send("<presence type='unavailable'><status>bye</status></presence>")
	alice.want(fmt.Sprintf(bye, "alice@example.org"))
	phone.want(fmt.Sprintf(bye, "alice@example.org"))
	bob.want(fmt.Sprintf(bye, "bob@example.org"))
	l.wantAway(fmt.Sprintf(bye, "ann@away.example"))

	// And without a word, only once.
	phone.leave()
	const gone = "<presence type='unavailable' from='alice@example.org/phone' to='%s'/>"
	bob.want(fmt.Sprintf(gone, "bob@example.org"))
	l.wantAway(fmt.Sprintf(gone, "ann@away.example"))
	alice.want() // not available
	phone.leave()
	alice.leave()
	bob.want()
	l.wantAway()
}

// TestPriority: RFC 6121 §4.7.2.3.
func TestPriority(t *testing.T) {
	for _, tt := range []struct {
		priority string
		ok       bool
	}{
		{"", true},
		{"<priority>127</priority>", true},
		{"<priority>-128</priority>", true},
		{"<priority> 5\n</priority>", true},
		{"<priority xmlns='other'>high</priority>", true},
		{"<priority>128</priority>", false},
		{"<priority>-129</priority>", false},
		{"<priority>high</priority>", false},
		{"<priority/>", false},
		{"<priority>1</priority><priority>1</priority>", false},
	} {
		l := newLab(t)
		alice := l.bind("alice@example.org/x")
		alice.send("<presence id='1'>" + tt.priority + "</presence>")
		got := alice.got()
		if ok := condition(got) != "bad-request"; ok != tt.ok {
			t.Errorf("%s: %q", tt.priority, got)
		}
		if sent := l.away(); len(sent) > 0 != tt.ok {
			t.Errorf("%s: sent %q", tt.priority, sent)
		}
	}
}

func TestBadPresence(t *testing.T) {
	for _, tt := range []struct{ presence, want string }{
		{"<presence id='1' type='here'/>", "bad-request"},
		{"<presence id='1' type='here' to='bob@example.org'/>", "bad-request"},
		{"<presence id='1' type='subscribe'/>", "bad-request"}, // RFC 6121 §3.1.1
		{"<presence id='1' type='probe'/>", "bad-request"},
		{"<presence id='1'><status>" + strings.Repeat("x", 17000) + "</status></presence>", "policy-violation"},
		{"<presence id='1'>" + strings.Repeat("<x xmlns='y'/>", 17) + "</presence>", "policy-violation"},
		{"<presence id='1' type='error'><error type='cancel'/></presence>", "0 stanzas"},
	} {
		l := newLab(t)
		alice, bob := l.online("alice@example.org/x"), l.online("bob@example.org/y")
		alice.got()
		bob.got()
		alice.send(tt.presence)
		if c := condition(alice.got()); c != tt.want {
			t.Errorf("%.60s: %s", tt.presence, c)
		}
		bob.want()
	}
}

// TestDirectedPresence: RFC 6121 §4.6.
func TestDirectedPresence(t *testing.T) {
	l := newLab(t)
	erin, dave := l.online("erin@example.org/x"), l.online("dave@example.org/y")
	erin.send("<presence to='dave@example.org'/>")
	erin.send("<presence to='room@away.example/nick'/>")
	erin.send("<presence to='left@away.example/nick'/>")
	dave.want("<presence to='dave@example.org' from='erin@example.org/x'/>")
	// RFC 6121 §4.6.3: taken back by word.
	erin.send("<presence to='left@away.example/nick' type='unavailable'/>")
	if got := l.away(); len(got) != 3 {
		t.Errorf("sent %q", got)
	}
	// A change is not for them, the goodbye is.
	erin.send("<presence><show>away</show></presence>")
	dave.want()
	l.wantAway()
	erin.leave()
	dave.want("<presence type='unavailable' from='erin@example.org/x' to='dave@example.org'/>")
	l.wantAway("<presence type='unavailable' from='erin@example.org/x' to='room@away.example/nick'/>")

	// Contacts get one goodbye, not two.
	alice, bob := l.online("alice@example.org/x"), l.online("bob@example.org/y")
	alice.send("<presence to='bob@example.org/y'/>")
	bob.got()
	alice.leave()
	bob.want("<presence type='unavailable' from='alice@example.org/x' to='bob@example.org'/>")
}

func TestDirectedPresenceIsBounded(t *testing.T) {
	l := newLab(t)
	erin := l.online("erin@example.org/x")
	for i := range 256 {
		erin.send(fmt.Sprintf("<presence to='r%d@away.example/n'/>", i))
	}
	erin.want()
	l.away()
	erin.send("<presence id='1' to='one@more.example/n'/>")
	if c := condition(erin.got()); c != "resource-constraint" {
		t.Errorf("room 257: %s", c)
	}
	l.wantAway()
	erin.send("<presence to='r7@away.example/n'/>")
	erin.leave()
	if n := len(l.away()); n != 1+256 {
		t.Errorf("%d goodbyes", n)
	}
}

// TestProbes: RFC 6121 §4.3.2.
func TestProbes(t *testing.T) {
	const probe = "<presence type='probe' from='%s' to='%s'/>"
	l := newLab(t)
	// Allowed, but nobody is there.
	l.inject(fmt.Sprintf(probe, "ann@away.example", "alice@example.org"))
	l.wantAway("<presence type='unavailable' from='alice@example.org' to='ann@away.example'/>")
	alice := l.bind("alice@example.org/mute")
	l.inject(fmt.Sprintf(probe, "ann@away.example", "alice@example.org"))
	l.wantAway("<presence type='unavailable' from='alice@example.org' to='ann@away.example'/>")
	// All available resources answer, as they last were.
	alice.send("<presence><show>away</show></presence>")
	l.online("alice@example.org/two")
	l.inject(fmt.Sprintf(probe, "ann@away.example", "alice@example.org"))
	l.wantAway("<presence to='ann@away.example' from='alice@example.org/mute'><show>away</show></presence>",
		"<presence to='ann@away.example' from='alice@example.org/two'/>")
	// Not allowed.
	l.inject(fmt.Sprintf(probe, "eve@away.example", "alice@example.org"))
	l.wantAway("<presence type='unsubscribed' from='alice@example.org' to='eve@away.example'/>")

	// By a subscription in memory.
	erin := l.online("erin@example.org/x")
	for _, step := range reach["From"] {
		step(l, erin)
	}
	l.away()
	l.inject(fmt.Sprintf(probe, romeo, "erin@example.org"))
	l.wantAway("<presence to='romeo@away.example' from='erin@example.org/x'/>")
}

// TestPresenceReceived: RFC 6121 §4.2.3, §4.5.3 from another domain.
func TestPresenceReceived(t *testing.T) {
	l := newLab(t)
	alice, mute := l.online("alice@example.org/x"), l.bind("alice@example.org/mute")
	for _, st := range []string{
		"<presence from='ann@away.example/a' to='alice@example.org'/>",
		"<presence from='ann@away.example/a' to='alice@example.org' type='unavailable'/>",
		"<presence from='ann@away.example' to='alice@example.org' type='error'><error type='cancel'/></presence>",
	} {
		l.inject(st)
		alice.want(st)
		mute.want()
	}
	l.inject("<presence from='ann@away.example/a' to='alice@example.org' type='odd'/>")
	alice.want()
	l.wantAway()
}

// TestLapsedSubscription: who forgot a subscriber in memory tells so at the
// subscriber's next login, as a probe would.
func TestLapsedSubscription(t *testing.T) {
	l := newLab(t)
	erin, dave := l.online("erin@example.org/x"), l.online("dave@example.org/y")
	erin.send("<presence type='subscribe' to='dave@example.org'/>")
	dave.send("<presence type='subscribed' to='erin@example.org'/>")
	dave.leave()
	l.server.Sweep(l.clock.Add(2 * 3600e9))
	second := l.bind("erin@example.org/y")
	if got := second.roster(); len(got) != 1 || !strings.Contains(got[0], "subscription='to'") {
		t.Fatalf("roster is %q", got)
	}
	second.send("<presence/>")
	if got := second.roster(); len(got) != 1 || !strings.Contains(got[0], "subscription='none'") {
		t.Errorf("roster is %q", got)
	}
}
