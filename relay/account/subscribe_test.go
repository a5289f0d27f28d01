package account_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const romeo = "romeo@away.example"

// out and in send a change between erin and romeo, who is in another domain.
func out(typ string) func(*lab, *client) {
	return func(_ *lab, erin *client) { erin.send("<presence type='" + typ + "' to='" + romeo + "'/>") }
}

func in(typ string) func(*lab, *client) {
	return func(l *lab, _ *client) {
		l.inject("<presence type='" + typ + "' from='" + romeo + "' to='erin@example.org'/>")
	}
}

func list(_ *lab, erin *client) {
	erin.send("<iq type='set' id='l'><query xmlns='jabber:iq:roster'><item jid='" + romeo + "'/></query></iq>")
}

// reach says how each state of RFC 6121 §A.1 is reached.
var reach = map[string][]func(*lab, *client){
	"None":                       {list},
	"None + Pending Out":         {out("subscribe")},
	"None + Pending In":          {list, in("subscribe")},
	"None + Pending Out+In":      {out("subscribe"), in("subscribe")},
	"To":                         {out("subscribe"), in("subscribed")},
	"To + Pending In":            {out("subscribe"), in("subscribed"), in("subscribe")},
	"From":                       {in("subscribe"), out("subscribed")},
	"From + Pending Out":         {in("subscribe"), out("subscribed"), out("subscribe")},
	"Both":                       {in("subscribe"), out("subscribed"), out("subscribe"), in("subscribed")},
	"None + Pending In unlisted": {in("subscribe")},
}

// state reads off what is between erin and romeo: from her roster, and from
// what a new resource of hers is asked.
func (l *lab) state(erin *client) string {
	l.t.Helper()
	state, item := "None", ""
	for _, i := range erin.roster() {
		if strings.Contains(i, romeo) {
			item = i
		}
	}
	for _, s := range []string{"To", "From", "Both"} {
		if strings.Contains(item, "subscription='"+strings.ToLower(s)+"'") {
			state = s
		}
	}
	asked := strings.Contains(item, "ask='subscribe'")
	probe := l.bind("erin@example.org/probe")
	probe.send("<presence/>")
	pending := slices.ContainsFunc(probe.got(), func(s string) bool { return strings.Contains(s, "type='subscribe'") })
	probe.leave()
	erin.got()
	l.away()
	switch {
	case asked && pending:
		state += " + Pending Out+In"
	case asked:
		state += " + Pending Out"
	case pending:
		state += " + Pending In"
	}
	if item == "" && pending {
		state += " unlisted"
	}
	return state
}

// appendixA is RFC 6121 §A.2 and §A.3: what each state, in the order of the
// tables there, becomes; a dash where the stanza must not pass.
var appendixA = []struct {
	section, typ string
	outbound     bool
	after        string
}{
	// the states:               N   N+O N+I N+OI  T  T+I F   F+O B
	{"A.2.1", "subscribe", true, "N+O N+O N+OI N+OI T T+I F+O F+O B"},
	{"A.2.2", "unsubscribe", true, "N N N+I N+I N N+I F F F"},
	{"A.2.3", "subscribed", true, "- - F F+O - B - - -"},
	{"A.2.4", "unsubscribed", true, "- - N N+O - T N N+O T"},
	{"A.3.1", "subscribe", false, "N+I N+OI - - T+I - - - -"},
	{"A.3.2", "unsubscribe", false, "- - N N+O - T N N+O T"},
	{"A.3.3", "subscribed", false, "- T - T+I - - - B -"},
	{"A.3.4", "unsubscribed", false, "- N - N+I N N+I - F F"},
}

var abbreviations = []struct{ short, long string }{
	{"N", "None"},
	{"N+O", "None + Pending Out"},
	{"N+I", "None + Pending In"},
	{"N+OI", "None + Pending Out+In"},
	{"T", "To"},
	{"T+I", "To + Pending In"},
	{"F", "From"},
	{"F+O", "From + Pending Out"},
	{"B", "Both"},
}

func TestSubscriptionStates(t *testing.T) {
	for _, table := range appendixA {
		after := strings.Fields(table.after)
		if len(after) != len(abbreviations) {
			t.Fatalf("%s has %d states", table.section, len(after))
		}
		for i, before := range abbreviations {
			want, passes := before.long, after[i] != "-"
			for _, a := range abbreviations {
				if a.short == after[i] {
					want = a.long
				}
			}
			t.Run(table.section+"/"+before.short, func(t *testing.T) {
				testChange(t, before.long, table.typ, table.outbound, passes, want)
			})
		}
	}
	// A request by somebody who is not in the roster.
	const request = "None + Pending In unlisted"
	testChange(t, request, "subscribed", true, true, "From")
	testChange(t, request, "unsubscribed", true, true, "None")
	testChange(t, request, "unsubscribe", false, true, "None")
	testChange(t, request, "subscribe", false, false, request)
}

// testChange brings erin and romeo into a state and sends a change.
func testChange(t *testing.T, before, typ string, outbound, passes bool, after string) {
	t.Helper()
	l := newLab(t)
	erin := l.online("erin@example.org/x")
	erin.roster()
	for _, step := range reach[before] {
		step(l, erin)
	}
	if got := l.state(erin); got != before {
		t.Fatalf("reached %s, want %s", got, before)
	}
	change, from, to := in(typ), romeo, "erin@example.org"
	if outbound {
		change, from, to = out(typ), to, from
	}
	change(l, erin)
	seen := erin.got()
	if outbound {
		seen = l.away()
	}
	passed := slices.ContainsFunc(seen, func(s string) bool {
		return s == fmt.Sprintf("<presence type='%s' to='%s' from='%s'/>", typ, to, from) ||
			s == fmt.Sprintf("<presence type='%s' from='%s' to='%s'/>", typ, from, to)
	})
	if passed != passes {
		t.Errorf("passed %v: %q", passed, seen)
	}
	if got := l.state(erin); got != after {
		t.Errorf("state is %s, want %s", got, after)
	}
}

// TestSubscriptionDialogue follows RFC 6121 §3.1 to §3.3 between two accounts
// here.
func TestSubscriptionDialogue(t *testing.T) {
	l := newLab(t)
	erin, dave := l.online("erin@example.org/x"), l.bind("dave@example.org/y")
	erin.roster()
	dave.roster()

	// RFC 6121 §3.1.2: stamped with the bare address, pushed as asked.
	erin.send("<presence id='s' type='subscribe' to='dave@example.org/y'><status>Please</status></presence>")
	ver := version(t, erin)
	erin.want(push("erin@example.org/x", ver, "<item jid='dave@example.org' subscription='none' ask='subscribe'/>"))
	dave.want() // not available

	// RFC 6121 §3.1.3: kept with its content, delivered at every login until answered.
	const request = "<presence id='s' type='subscribe' to='dave@example.org' from='erin@example.org'><status>Please</status></presence>"
	const selfDave = "<presence from='dave@example.org/y' to='dave@example.org'/>"
	dave.send("<presence/>")
	dave.want(request, selfDave)
	other := l.bind("dave@example.org/z")
	other.send("<presence/>")
	if got := other.got(); !slices.Contains(got, request) {
		t.Errorf("second resource got %q", got)
	}
	other.leave()
	dave.got()

	// RFC 6121 §3.1.5, §3.1.6
	dave.send("<presence type='subscribed' to='erin@example.org'/>")
	dave.want(push("dave@example.org/y", version(t, dave), "<item jid='erin@example.org' subscription='from'/>"))
	erin.want("<presence type='subscribed' to='erin@example.org' from='dave@example.org'/>",
		push("erin@example.org/x", version(t, erin), "<item jid='dave@example.org' subscription='to'/>"),
		"<presence to='erin@example.org' from='dave@example.org/y'/>")
	third := l.bind("dave@example.org/z")
	third.send("<presence/>")
	if slices.Contains(third.got(), request) {
		t.Error("asked again after the answer")
	}
	third.leave()
	dave.got()
	erin.got()

	// RFC 6121 §3.1.3: granted before, so it is answered by the server.
	erin.send("<presence type='subscribe' to='dave@example.org'/>")
	dave.want()

	// RFC 6121 §3.2.2, §3.2.3: first unavailable, then unsubscribed.
	erin.got()
	dave.send("<presence type='unsubscribed' to='erin@example.org'/>")
	dave.want(push("dave@example.org/y", version(t, dave), "<item jid='erin@example.org' subscription='none'/>"))
	got := erin.got()
	if len(got) != 3 || !strings.Contains(got[0], "type='unavailable'") || !strings.Contains(got[1], "type='unsubscribed'") ||
		!strings.Contains(got[2], "subscription='none'") {
		t.Errorf("erin got %q", got)
	}
	dave.send("<presence><status>secret</status></presence>")
	erin.want()
}

// TestUnsubscribe is RFC 6121 §3.3.
func TestUnsubscribe(t *testing.T) {
	l := newLab(t)
	erin, dave := l.online("erin@example.org/x"), l.online("dave@example.org/y")
	erin.send("<presence type='subscribe' to='dave@example.org'/>")
	dave.send("<presence type='subscribed' to='erin@example.org'/>")
	erin.roster()
	dave.roster()
	erin.send("<presence type='unsubscribe' to='dave@example.org'/>")
	dave.want("<presence type='unsubscribe' to='dave@example.org' from='erin@example.org'/>",
		push("dave@example.org/y", version(t, dave), "<item jid='erin@example.org' subscription='none'/>"))
	erin.want(push("erin@example.org/x", version(t, erin), "<item jid='dave@example.org' subscription='none'/>"),
		"<presence type='unavailable' from='dave@example.org/y' to='erin@example.org'/>")
}

// TestSignedContactsAreSubscribed: the signed file grants, and nothing else
// takes away.
func TestSignedContactsAreSubscribed(t *testing.T) {
	l := newLab(t)
	alice, bob := l.online("alice@example.org/x"), l.online("bob@example.org/y")
	alice.got()
	alice.roster()
	alice.send("<presence type='subscribe' to='bob@example.org'/>")
	alice.want("<presence to='alice@example.org' from='bob@example.org/y'/>")
	bob.want()
	for _, typ := range []string{"unsubscribe", "unsubscribed"} {
		alice.send("<presence id='1' type='" + typ + "' to='bob@example.org'/>")
		if c := condition(alice.got()); c != "not-allowed" {
			t.Errorf("%s: %s", typ, c)
		}
	}
	bob.want()

	// A signed contact elsewhere: its server has to be asked, and is answered.
	alice.send("<presence type='subscribe' to='ann@away.example'/>")
	l.wantAway("<presence type='subscribe' to='ann@away.example' from='alice@example.org'/>")
	alice.got()
	l.inject("<presence type='subscribe' from='ann@away.example' to='alice@example.org'/>")
	alice.want()
	l.wantAway("<presence type='subscribed' from='alice@example.org' to='ann@away.example'/>",
		"<presence to='ann@away.example' from='alice@example.org/x'/>")
	for _, typ := range []string{"unsubscribe", "unsubscribed", "subscribed"} {
		l.inject("<presence type='" + typ + "' from='ann@away.example' to='alice@example.org'/>")
	}
	alice.want()
	alice.send("<presence><status>still here</status></presence>")
	if got := l.away(); len(got) != 1 {
		t.Errorf("ann got %q", got)
	}
}

// TestRequestsAreBounded: strangers fill no memory.
func TestRequestsAreBounded(t *testing.T) {
	l := newLab(t)
	for i := range 120 {
		l.inject(fmt.Sprintf("<presence type='subscribe' from='s%d@away.example' to='erin@example.org'><status>%s</status></presence>",
			i, strings.Repeat("x", 50*i)))
	}
	erin := l.bind("erin@example.org/x")
	erin.send("<presence/>")
	n := 0
	for _, st := range erin.got() {
		if strings.Contains(st, "type='subscribe'") {
			n++
		}
		if len(st) > 5000 {
			t.Errorf("a request of %d bytes was kept", len(st))
		}
	}
	if n != 100 {
		t.Errorf("%d requests kept", n)
	}
	erin.send("<presence id='1' type='subscribe' to='erin@example.org'/>")
	if c := condition(erin.got()); c != "not-allowed" {
		t.Errorf("subscribing to oneself: %s", c)
	}
}
