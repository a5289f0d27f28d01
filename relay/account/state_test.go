package account_test

import (
	"fmt"
	"strings"
	"testing"

	"lethe/relay"
)

// active says whether somebody looks at the client.
func (c *client) active(on bool) {
	var p relay.Pass
	c.seat.Active(&p, on)
	p.Flush()
}

// hears has ann send bob's phone something.
func (l *lab) hears(kind, from, attributes, content string) string {
	xml := fmt.Sprintf("<%s from='%s' to='bob@example.org/phone'%s>%s</%[1]s>", kind, from, attributes, content)
	l.inject(xml)
	return xml
}

const (
	ann1 = "ann@away.example/1"
	ann2 = "ann@away.example/2"
)

// TestWhatAnInactiveClientHears: XEP-0352 §3.2, what may wait and what not.
func TestWhatAnInactiveClientHears(t *testing.T) {
	const state = "<paused xmlns='http://jabber.org/protocol/chatstates'/>"
	for _, tt := range []struct {
		kind, attributes, content string
		held                      bool
	}{
		{"presence", "", "", true},
		{"presence", "", "<show>away</show>", true},
		{"presence", " type='unavailable'", "", true},
		{"presence", " type='error'", "", false},
		{"presence", " type='subscribe'", "", false},
		{"message", " type='chat'", state, true},
		{"message", "", state, true},
		{"message", " type='groupchat'", state, true},
		{"message", " type='chat'", state + "<thread>1</thread><no-store xmlns='urn:xmpp:hints'/>", true},
		{"message", " type='chat'", state + "<origin-id xmlns='urn:xmpp:sid:0' id='1'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='1'/>", true},
		{"message", " type='chat'", state + body, false},
		{"message", " type='chat'", "<active xmlns='http://jabber.org/protocol/chatstates'/>" + "<subject>x</subject>", false},
		{"message", " type='chat'", state + "<received xmlns='urn:xmpp:receipts' id='1'/>", false},
		{"message", " type='chat'", state + "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", false},
		{"message", " type='chat'", state + "<encrypted xmlns='urn:xmpp:omemo:2'/>", false},
		{"message", " type='chat'", state + strings.Repeat("<thread/>", 16), false},
		{"message", " type='error'", state, false},
		{"message", " type='chat'", "", false},
		{"message", " type='headline'", "<event xmlns='http://jabber.org/protocol/pubsub#event'/>", false},
		{"message", "", "<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>", false},
		{"iq", " type='get' id='1'", "<ping xmlns='urn:xmpp:ping'/>", false},
	} {
		l := newLab(t)
		phone := l.online("bob@example.org/phone")
		phone.active(false)
		xml := l.hears(tt.kind, ann1, tt.attributes, tt.content)
		got := phone.got()
		if held := len(got) == 0; held != tt.held {
			t.Errorf("%s: held %v", xml, held)
		}
		phone.active(true)
		if now := phone.got(); tt.held && len(now) != 1 || !tt.held && len(now) != 0 {
			t.Errorf("%s: active again the client gets %q", xml, now)
		}
		l.hears("presence", ann1, "", "")
		if now := phone.got(); len(now) != 1 {
			t.Errorf("the active client gets %q", now)
		}
	}
}

// TestInactiveMerges: of each sender the latest, in the order it came, before
// anything that passes.
func TestInactiveMerges(t *testing.T) {
	l := newLab(t)
	phone := l.bind("bob@example.org/phone")
	phone.active(false)
	const chat = " type='chat'"
	state := func(s string) string { return "<" + s + " xmlns='http://jabber.org/protocol/chatstates'/>" }
	l.hears("presence", ann1, "", "<show>away</show>")
	l.hears("message", ann1, chat, state("composing"))
	two := l.hears("presence", ann2, "", "<status>long, longer than what it is merged with</status>")
	l.hears("presence", ann1, "", "<show>dnd</show>")
	l.hears("message", ann1, chat, state("paused"))
	one := l.hears("presence", ann1, " type='unavailable'", "")
	composing := l.hears("message", ann1, chat, state("composing"))
	if got := phone.got(); len(got) != 0 {
		t.Fatalf("the inactive client gets %q", got)
	}
	said := l.hears("message", ann1, chat, body)
	inOrder(t, phone.got(), two, one, composing, said)
	// What has gone out is not held any more.
	three := l.hears("presence", ann1, "", "")
	four := l.hears("iq", ann2, " type='get' id='1'", "<ping xmlns='urn:xmpp:ping'/>")
	inOrder(t, phone.got(), three, four)
	l.hears("presence", ann1, "", "")
	five := l.hears("presence", ann1, " type='unavailable'", "")
	phone.active(true)
	inOrder(t, phone.got(), five)
	phone.active(true)
	inOrder(t, phone.got())
}

func inOrder(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// TestInactiveAmongUs: what comes from clients of this relay is merged by the
// address they speak from, whatever they write.
func TestInactiveAmongUs(t *testing.T) {
	l := newLab(t)
	phone, alice := l.online("bob@example.org/phone"), l.online("alice@example.org/x")
	phone.got()
	phone.active(false)
	alice.send("<presence><show>away</show></presence>")
	alice.send("<presence from='mallory@example.org'><show>dnd</show></presence>")
	alice.leave()
	phone.want()
	phone.active(true)
	phone.want("<presence type='unavailable' from='alice@example.org/x' to='bob@example.org'/>")
}

// TestInactiveIsBounded: more than is held makes all of it go out.
func TestInactiveIsBounded(t *testing.T) {
	for _, tt := range []struct {
		what, content string
		senders, got  int
	}{
		{"few", "", 256, 0},
		{"many", "", 257, 257},
		{"many, twice", "", 400, 257},
		{"long", "<status>" + strings.Repeat("x", 8000) + "</status>", 7, 0},
		{"too long", "<status>" + strings.Repeat("x", 8000) + "</status>", 9, 9},
		{"one too long", "<status>" + strings.Repeat("x", 80000) + "</status>", 1, 1},
	} {
		l := newLab(t)
		phone := l.bind("bob@example.org/phone")
		phone.active(false)
		for i := range tt.senders {
			l.hears("presence", fmt.Sprintf("p%d@away.example/x", i), "", tt.content)
		}
		if got := phone.got(); len(got) != tt.got {
			t.Errorf("%s: got %d of %d, want %d", tt.what, len(got), tt.senders, tt.got)
		}
		phone.active(true)
		if got := phone.got(); len(got) != tt.senders-tt.got {
			t.Errorf("%s: then %d", tt.what, len(got))
		}
	}
}

// TestInactiveCopies: a copy of a chat state waits like the chat state.
func TestInactiveCopies(t *testing.T) {
	l := newLab(t)
	all := l.household("bob@example.org", "desk:1 phone:0+")
	desk, phone := all["desk"], all["phone"]
	phone.active(false)
	for range 2 {
		l.inject(fmt.Sprintf(fromAnn, "/desk", typing))
		desk.send(fmt.Sprintf(toAnn, "", typing))
	}
	phone.want()
	desk.send(fmt.Sprintf(toAnn, "", body))
	if got := tally(map[string]*client{"phone": phone}); got != "phone< phone> phone>" {
		t.Errorf("got %q", got)
	}
}

// TestInactiveLeaves: what is held goes with the connection.
func TestInactiveLeaves(t *testing.T) {
	l := newLab(t)
	phone := l.bind("bob@example.org/phone")
	phone.active(false)
	l.hears("presence", ann1, "", "")
	phone.leave()
	phone.active(true)
	phone.want()
	l.wantAway()
}
