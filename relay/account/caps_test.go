package account_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestCapsAreVerified: what one client says of a hash counts for others only if
// the hash is of what it says (XEP-0115 §5.4).
func TestCapsAreVerified(t *testing.T) {
	l := newLab(t)
	honest := app{devices}
	asked := func(c *client) string {
		c.raw()
		c.send(honest.presence())
		if m := questionID.FindStringSubmatch(c.raw()); m != nil {
			return m[1]
		}
		return ""
	}
	mallory := l.bind("mallory@example.org/m")
	id := asked(mallory)
	if id == "" {
		t.Fatal("an unknown hash is believed")
	}
	mallory.send("<iq type='result' id='" + id + "' to='mallory@example.org'>" + app{tune}.info() + "</iq>")
	alice := l.bind("alice@example.org/a")
	if id = asked(alice); id == "" {
		t.Fatal("a lie is believed")
	}
	// Nobody but who was asked answers, to no other question, and once.
	bob := l.bind("bob@example.org/b")
	answer := "<iq type='result' id='%s' to='alice@example.org'>" + honest.info() + "</iq>"
	bob.send(fmt.Sprintf(answer, id))
	alice.send(fmt.Sprintf(answer, "other"))
	alice.send("<iq type='error' id='" + id + "' to='alice@example.org'><query xmlns='http://jabber.org/protocol/disco#info'/><error/></iq>")
	if id = asked(alice); id == "" {
		t.Fatal("who did not answer is not asked again")
	}
	if asked(alice) != "" {
		t.Error("asked again before the answer")
	}
	carol := l.bind("carol@example.org/c")
	if asked(carol) == "" {
		t.Error("somebody else's answer is believed")
	}
	alice.send(fmt.Sprintf(answer, id))
	if asked(bob) != "" {
		t.Error("the hash is not remembered")
	}
	alice.send(strings.Replace(fmt.Sprintf(answer, id), devices, "other", 1))
	bob.ask(publish(devices, "1", "<x xmlns='u'/>"))
	if got := alice.notes(); len(got) != 1 {
		t.Errorf("an answer that was given already counts again: %q", got)
	}
	// A hash of a kind nobody here knows is asked of everybody.
	for _, c := range []*client{alice, bob} {
		c.raw()
		c.send("<presence><c xmlns='http://jabber.org/protocol/caps' hash='md5' node='app' ver='x'/></presence>")
		m := questionID.FindStringSubmatch(c.raw())
		if m == nil {
			t.Fatal("a hash of another kind is believed")
		}
		c.send("<iq type='result' id='" + m[1] + "' to='" + c.seat.JID().Bare().String() + "'>" + app{tune}.info() + "</iq>")
	}
	bob.raw()
	alice.ask(publish(tune, "1", "<x xmlns='u'/>"))
	if got := bob.notes(); len(got) != 1 {
		t.Errorf("bob, who says so himself, hears %q", got)
	}
}

// TestListenersAreBounded: however many come, elsewhere and with whatever
// programs.
func TestListenersAreBounded(t *testing.T) {
	l := newLab(t)
	alice, bob := l.bind("alice@example.org/a"), l.bind("bob@example.org/b")
	for i := range 600 {
		bob.runs(app{fmt.Sprint(i)})
	}
	if n := l.server.Known(); n != 500 {
		t.Errorf("%d programs are known", n)
	}
	bob.runs(app{devices})
	for i := range 1100 {
		l.inject(strings.Replace(app{devices}.presence(), "<presence>", fmt.Sprintf("<presence from='ann@away.example/%d' to='alice@example.org'>", i), 1))
	}
	l.away()
	alice.ask(publish(devices, "1", "<x xmlns='u'/>"))
	if n := len(l.away()); n != 1000 {
		t.Errorf("%d are told", n)
	}
}
