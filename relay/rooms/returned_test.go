package rooms_test

import (
	"strings"
	"testing"
)

// What cannot be delivered comes back while the room is sending. Who was not
// reached is removed, and all others hear of it, after they all have had the
// message.
func TestUnreachableIsRemoved(t *testing.T) {
	l := newLab(t)
	l.open(nil, "bob/x", "carol/x")
	l.gone["bob@example.org/x"] = true
	l.send("alice/x", "<message type='groupchat' id='1' to='"+tea+"'><body>hello</body></message>")
	for _, who := range []string{"alice/x", "carol/x"} {
		got := l.take(who)
		if len(got) != 2 || !strings.Contains(got[0], "<body>hello</body>") ||
			!strings.Contains(got[1], "from='"+tea+"/bob'") || !strings.Contains(got[1], "<status code='333'/>") {
			t.Errorf("%s got %q", who, got)
		}
	}
	l.size(1, 2)
}

// All cannot be reached: the room ends, and nothing goes on for ever.
func TestAllUnreachable(t *testing.T) {
	l := newLab(t)
	l.open(nil, "bob/x", "carol/x")
	for _, who := range []string{"alice", "bob", "carol"} {
		l.gone[who+"@example.org/x"] = true
	}
	l.send("alice/x", "<message type='groupchat' id='1' to='"+tea+"'><body>hello</body></message>")
	l.size(0, 0)
}

func report(typ, condition string) string {
	return "<error type='" + typ + "'><" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
}

// An error that comes later, from afar, removes an occupant if it says that this
// cannot be reached.
func TestErrors(t *testing.T) {
	tests := []struct {
		stanza  string
		removed bool
	}{
		{"<message type='error' id='1' to='" + tea + "/alice'>" + report("cancel", "service-unavailable") + "</message>", true},
		{"<message type='error' id='1' to='" + tea + "'>" + report("cancel", "gone") + "</message>", true},
		{"<presence type='error' to='" + tea + "/alice'>" + report("cancel", "remote-server-not-found") + "</presence>", true},
		{"<message type='error' id='1' to='" + tea + "/alice'/>", true},
		{"<message type='error' id='1' to='" + tea + "/alice'>" + report("modify", "not-acceptable") + "</message>", false},
		{"<message type='error' id='1' to='" + tea + "/alice'>" + report("auth", "forbidden") + "</message>", false},
		{"<iq type='error' id='1' to='" + tea + "/alice'>" + report("cancel", "service-unavailable") + "</iq>", false},
	}
	for _, tt := range tests {
		l := newLab(t)
		l.open(nil, "ann@away.example/x")
		l.send("ann@away.example/x", tt.stanza)
		if tt.removed {
			l.one("alice/x", "type='unavailable'", "<status code='333'/>")
		} else {
			l.nothing("alice/x")
		}
	}
}

// An error about a private message is its writer's to know, and no reason to
// remove anybody.
func TestPrivateMessageReturns(t *testing.T) {
	l := newLab(t)
	l.open(nil, "bob/x", "ann@away.example/x")
	// At once.
	l.gone["bob@example.org/x"] = true
	l.send("alice/x", "<message type='chat' id='p' to='"+tea+"/bob'><body>psst</body></message>")
	l.one("alice/x", "<message", "type='error'", "id='p'", "from='"+tea+"/bob'", "to='alice@example.org/x'", "<service-unavailable")
	l.nothing("ann@away.example/x")
	l.gone["bob@example.org/x"] = false
	// Later, when the writer has another nick; and once only.
	l.send("alice/x", "<message type='chat' id='q' to='"+tea+"/ann'><body>psst</body></message>")
	l.enter(tea, "alice/x", "alicia")
	l.forget()
	fail := "<message type='error' id='q' to='" + tea + "/alice'>" + report("cancel", "service-unavailable") + "</message>"
	l.send("ann@away.example/x", fail)
	l.one("alice/x", "type='error'", "id='q'", "from='"+tea+"/ann'", "<service-unavailable")
	l.size(1, 3)
	l.send("ann@away.example/x", fail) // no private message any more
	l.one("alice/x", "type='unavailable'", "<status code='333'/>")
}

// A private message to two clients of one occupant has not failed before both
// have.
func TestPrivateMessageToTwoClients(t *testing.T) {
	l := newLab(t)
	l.open(nil, "bob/x", "bob/y")
	l.gone["bob@example.org/x"] = true
	l.send("alice/x", "<message type='chat' id='p' to='"+tea+"/bob'><body>psst</body></message>")
	l.one("bob/y", "<body>psst</body>")
	l.nothing("alice/x")
	l.gone["bob@example.org/y"] = true
	l.send("alice/x", "<message type='chat' id='q' to='"+tea+"/bob'><body>psst</body></message>")
	l.one("alice/x", "type='error'", "id='q'")
}

// A room remembers so many private messages. Of the older ones it takes an error
// for one about a message to all; the newest are known.
func TestLedgerIsBounded(t *testing.T) {
	l := newLab(t)
	l.open(nil, "ann@away.example/x")
	for i := range 2000 {
		l.send("alice/x", "<message type='chat' id='"+strings.Repeat("i", i%40)+"' to='"+tea+"/ann'><body>psst</body></message>")
	}
	l.send("alice/x", "<message type='chat' id='last' to='"+tea+"/ann'><body>psst</body></message>")
	l.forget()
	l.send("ann@away.example/x", "<message type='error' id='last' to='"+tea+"/alice'>"+report("cancel", "service-unavailable")+"</message>")
	l.one("alice/x", "id='last'", "type='error'")
	l.send("ann@away.example/x", "<message type='error' id='other' to='"+tea+"/alice'>"+report("cancel", "service-unavailable")+"</message>")
	l.one("alice/x", "<status code='333'/>")
}

// An answer finds the client that asked, whatever it is called by now.
func TestAnswersFindTheAsker(t *testing.T) {
	l := newLab(t)
	l.open(nil, "bob/x", "bob/y")
	l.send("bob/y", "<iq type='get' id='v' to='"+tea+"/alice'><query xmlns='jabber:iq:version'/></iq>")
	l.one("alice/x", "from='"+tea+"/bob'", "id='v'")
	l.send("bob/x", "<iq type='get' id='w' to='"+tea+"/alice'><vCard xmlns='vcard-temp'/></iq>")
	l.one("alice", "from='"+tea+"/bob'", "id='w'", "to='alice@example.org'")
	l.enter(tea, "bob/x", "bert")
	l.forget()
	l.send("alice/x", "<iq type='result' id='v' to='"+tea+"/bob'/>")
	l.one("bob/y", "type='result'", "id='v'", "from='"+tea+"/alice'", "to='bob@example.org/y'")
	l.send("alice", "<iq type='result' id='w' to='"+tea+"/bob'/>")
	l.one("bob/x", "id='w'", "to='bob@example.org/x'")
	l.send("alice/x", "<iq type='result' id='v' to='"+tea+"/bob'/>") // answered already
	l.nothing("bob/x", "bob/y")
}

// Who cannot be told that it is in the room is not in it.
func TestWhoIsNotToldIsNotIn(t *testing.T) {
	l := newLab(t)
	l.open(nil)
	l.gone["bob@example.org/x"] = true
	l.enter(tea, "bob/x", "bob")
	l.size(1, 1)
	got := strings.Join(l.take("alice/x"), "\n")
	if !strings.Contains(got, "type='unavailable'") || !strings.Contains(got, tea+"/bob") {
		t.Errorf("the others hear: %s", got)
	}
	l.gone["bob@example.org/x"] = false
	l.join(tea, "bob/x")
	l.size(1, 2)
}
