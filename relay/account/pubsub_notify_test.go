package account_test

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lethe/relay"
)

// An app is a client program that wants to hear of these nodes.
type app []string

// info is its answer to disco#info.
func (a app) info() string {
	b := "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='client' type='pc'/>"
	for _, n := range a {
		b += "<feature var='" + n + "+notify'/>"
	}
	return b + "</query>"
}

func (a app) ver() string {
	s := "client/pc//<"
	for _, n := range slices.Sorted(slices.Values(a)) {
		s += n + "+notify<"
	}
	sum := sha1.Sum([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// presence is what it sends, hash and all.
func (a app) presence() string {
	return "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='app' ver='" + a.ver() + "'/></presence>"
}

var questionID = regexp.MustCompile(`<iq type='get' id='([A-Z2-7]{26})'`)

// raw is got with the ids as they are.
func (c *client) raw() string { return string(c.link.take()) }

// runs makes c available as a client of a program, which tells what it can do
// if it is asked. What that sends c is returned, without presence.
func (c *client) runs(a app) []string {
	c.lab.t.Helper()
	c.raw()
	c.send(a.presence())
	all := c.raw()
	if m := questionID.FindStringSubmatch(all); m != nil {
		c.send("<iq type='result' id='" + m[1] + "' to='" + c.seat.JID().Bare().String() + "'>" + a.info() + "</iq>")
		all += c.raw()
	}
	return regexp.MustCompile(`<message .*?</message>`).FindAllString(all, -1)
}

// note is the message that tells of an item.
func note(from, to, node, content string) string {
	return "<message type='headline' id='*' from='" + from + "' to='" + to + "'><event xmlns='" + nsPubsub + "#event'>" +
		"<items node='" + node + "'>" + content + "</items></event></message>"
}

// notes is what the client received since the last call, without all but the
// messages.
func (c *client) notes() []string {
	c.lab.t.Helper()
	return slices.DeleteFunc(c.got(), func(s string) bool { return !strings.HasPrefix(s, "<message") })
}

func (c *client) wantNotes(want ...string) {
	c.lab.t.Helper()
	compare(c.lab.t, c.seat.JID().String(), c.notes(), want)
}

// TestNotifications: those hear of what is published who want to and may.
func TestNotifications(t *testing.T) {
	l := newLab(t)
	wants := app{devices, tune}
	desk, phone, bob := l.bind("alice@example.org/desk"), l.bind("alice@example.org/phone"), l.bind("bob@example.org/b")
	carol, erin := l.bind("carol@example.org/c"), l.bind("erin@example.org/e")
	for _, c := range []*client{desk, phone, bob, erin} {
		c.runs(wants)
	}
	carol.runs(app{tune}) // XEP-0060 §9.2: and of nothing else
	all := []*client{desk, phone, bob, carol, erin}
	for _, c := range all {
		c.got()
	}
	one := item("1", "<x xmlns='u'/>")
	desk.send(publish(devices, "1", "<x xmlns='u'/>"))
	desk.wantNotes(note("alice@example.org", "alice@example.org/desk", devices, one))
	phone.wantNotes(note("alice@example.org", "alice@example.org/phone", devices, one))
	bob.wantNotes(note("alice@example.org", "bob@example.org/b", devices, one))
	carol.wantNotes()
	erin.wantNotes() // who may not see alice's presence

	// Nobody but the owner hears of what is the owner's alone.
	desk.send(pubsub("set", publishing(tune, "1", "<x xmlns='u'/>")+"<publish-options>"+options("publish-options", "access_model", "whitelist")+"</publish-options>"))
	phone.wantNotes(note("alice@example.org", "alice@example.org/phone", tune, one))
	bob.wantNotes()
	carol.wantNotes()
	desk.got()

	// Who is not available hears nothing, nor who was and is no more.
	bob.send("<presence type='unavailable'/>")
	phone.got()
	phone.send("<presence><show>away</show></presence>") // which says nothing of what it can do
	if got := phone.raw(); questionID.MatchString(got) {
		t.Errorf("asked for what was not said: %q", got) // XEP-0115 §8.4
	}
	desk.got()
	desk.send(publish(devices, "1", "<y xmlns='u'/>"))
	bob.wantNotes()
	phone.wantNotes(note("alice@example.org", "alice@example.org/phone", devices, item("1", "<y xmlns='u'/>")))
}

// TestRemovals: of what is removed those hear who are to (XEP-0060 §7.2.2.1,
// §8.5.2), and nobody sees an empty list.
func TestRemovals(t *testing.T) {
	l := newLab(t)
	alice, bob := l.bind("alice@example.org/a"), l.bind("bob@example.org/b")
	bob.runs(app{devices})
	from, to := "alice@example.org", "bob@example.org/b"
	fill := func() { alice.ask(publish(devices, "1", "<x xmlns='u'/>")); bob.got() }
	event := func(s string) string {
		return "<message type='headline' id='*' from='" + from + "' to='" + to + "'><event xmlns='" + nsPubsub + "#event'>" + s + "</event></message>"
	}
	retract := func(attr string) string {
		return pubsub("set", "<retract node='"+devices+"'"+attr+"><item id='1'/></retract>")
	}
	purge, remove := pubsubOwner("set", "<purge node='"+devices+"'/>"), pubsubOwner("set", "<delete node='"+devices+"'/>")
	gone := note(from, to, devices, "<retract id='1'/>")
	for _, tt := range []struct {
		request, retract, delete string // the latter two as configured
		want                     []string
	}{
		{retract(""), "0", "0", nil},
		{retract(" notify='true'"), "0", "0", []string{gone}},
		{retract(" notify='1'"), "0", "0", []string{gone}},
		{retract(""), "1", "0", []string{gone}},
		{purge, "0", "1", nil},
		{purge, "1", "0", []string{event("<purge node='" + devices + "'/>")}},
		{remove, "1", "0", nil},
		{remove, "0", "1", []string{event("<delete node='" + devices + "'/>")}},
	} {
		fill()
		alice.ask(pubsubOwner("set", "<configure node='"+devices+"'>"+options("node_config", "notify_retract", tt.retract, "notify_delete", tt.delete)+"</configure>"))
		if got := alice.ask(tt.request); got != "" {
			t.Errorf("%s: %s", tt.request, got)
		}
		bob.wantNotes(tt.want...)
	}
}

// TestLastItem: who comes gets what was published last (XEP-0163 §4.3.4), once.
func TestLastItem(t *testing.T) {
	l := newLab(t)
	alice := l.bind("alice@example.org/a")
	for _, n := range []string{devices, tune, "never", "private"} {
		alice.ask(pubsub("set", "<create node='"+n+"'/><configure>"+options("node_config", "max_items", "2")+"</configure>"))
	}
	set := func(node string, pairs ...string) {
		alice.ask(pubsubOwner("set", "<configure node='"+node+"'>"+options("node_config", pairs...)+"</configure>"))
	}
	set("never", "send_last_published_item", "never")
	set("private", "access_model", "whitelist")
	for _, n := range []string{devices, tune, "never", "private"} {
		alice.ask(publish(n, "1", "<x xmlns='u'/>"))
		alice.ask(publish(n, "2", "<y xmlns='u'/>"))
	}
	last := func(to, node string) string {
		return note("alice@example.org", to, node, item("2", "<y xmlns='u'/>"))
	}
	wants := app{devices, tune, "never", "private"}
	tidy := func(s []string) (t []string) {
		for _, m := range s {
			t = append(t, randomID.ReplaceAllString(m, "id='*'"))
		}
		return t
	}
	compare(t, "alice", tidy(alice.runs(wants)),
		[]string{last("alice@example.org/a", devices), last("alice@example.org/a", tune), last("alice@example.org/a", "private")})
	alice.send("<presence/>")
	alice.send(wants.presence())
	alice.wantNotes() // nothing has changed

	bob := l.bind("bob@example.org/b")
	compare(t, "bob", tidy(bob.runs(app{tune})), []string{last("bob@example.org/b", tune)})
	// More is wanted: only of this is told (XEP-0115 §6.1).
	compare(t, "bob", tidy(bob.runs(app{devices, tune})), []string{last("bob@example.org/b", devices)})
	// Who left and comes back is told again.
	bob.send("<presence type='unavailable'/>")
	compare(t, "bob", tidy(bob.runs(app{devices, tune})), []string{last("bob@example.org/b", devices), last("bob@example.org/b", tune)})
	// Strangers, and who is blocked, are told nothing.
	erin := l.bind("erin@example.org/e")
	compare(t, "erin", tidy(erin.runs(wants)), nil)
	alice.ask("<iq type='set' id='1'><block xmlns='urn:xmpp:blocking'><item jid='carol@example.org'/></block></iq>")
	carol := l.bind("carol@example.org/c")
	compare(t, "carol", tidy(carol.runs(wants)), nil)
	alice.ask(publish(devices, "2", "<y xmlns='u'/>"))
	carol.wantNotes()

	// The account's memory outlives the connection, and is shown to who comes.
	alice.leave()
	bob.send("<presence type='unavailable'/>")
	compare(t, "bob", tidy(bob.runs(app{devices})), []string{last("bob@example.org/b", devices)})
}

// TestLastItemOfANewContact: who has just been let in is told as well.
func TestLastItemOfANewContact(t *testing.T) {
	l := newLab(t)
	erin, dave := l.bind("erin@example.org/e"), l.online("dave@example.org/d")
	erin.runs(app{devices})
	dave.ask(publish(devices, "1", "<x xmlns='u'/>"))
	erin.send("<presence type='subscribe' to='dave@example.org'/>")
	erin.wantNotes()
	dave.send("<presence type='subscribed' to='erin@example.org'/>")
	erin.wantNotes(note("dave@example.org", "erin@example.org/e", devices, item("1", "<x xmlns='u'/>")))
}

// TestLastItemOfAFormerContact: who has forgotten somebody shows nothing to them
// any more, though they remember.
func TestLastItemOfAFormerContact(t *testing.T) {
	l := newLab(t)
	erin, dave := l.online("erin@example.org/e"), l.online("dave@example.org/d")
	erin.send("<presence type='subscribe' to='dave@example.org'/>")
	dave.send("<presence type='subscribed' to='erin@example.org'/>")
	dave.ask(publish(devices, "1", "<x xmlns='u'/>"))
	if got := erin.runs(app{devices}); len(got) != 1 {
		t.Fatalf("a contact is told %q", got)
	}
	dave.leave()
	l.server.Sweep(l.clock.Add(time.Hour))
	l.bind("dave@example.org/d").ask(publish(devices, "1", "<x xmlns='u'/>"))
	erin.send("<presence type='unavailable'/>")
	if got := erin.runs(app{devices}); len(got) != 0 {
		t.Errorf("a former contact is told %q", got)
	}
}

// TestNotificationsAfar: contacts elsewhere are asked and told in the account's
// name.
func TestNotificationsAfar(t *testing.T) {
	l := newLab(t)
	alice := l.bind("alice@example.org/a")
	alice.ask(publish(devices, "1", "<x xmlns='u'/>"))
	wants := app{devices}
	come := func(who string) {
		l.inject(strings.Replace(wants.presence(), "<presence>", "<presence from='"+who+"' to='alice@example.org'>", 1))
	}
	come("ann@away.example/x")
	got := l.away()
	if len(got) != 1 || !strings.Contains(got[0], " from='alice@example.org' to='ann@away.example/x'><query xmlns='http://jabber.org/protocol/disco#info' node='app#"+wants.ver()+"'/>") {
		t.Fatalf("ann is asked %q", got) // XEP-0115 §6.2
	}
	l.inject("<iq type='result' id='" + questionID.FindStringSubmatch(got[0])[1] + "' from='ann@away.example/x' to='alice@example.org'>" + wants.info() + "</iq>")
	told := func(to, payload string) string {
		return note("alice@example.org", to, devices, item("1", payload))
	}
	away := func() (got []string) {
		for _, s := range l.away() {
			got = append(got, randomID.ReplaceAllString(s, "id='*'"))
		}
		return got
	}
	compare(t, "ann", away(), []string{told("ann@away.example/x", "<x xmlns='u'/>")})
	come("ann@away.example/y") // whose hash is known by now
	compare(t, "ann", away(), []string{told("ann@away.example/y", "<x xmlns='u'/>")})
	come("eve@away.example/z") // no contact
	compare(t, "eve", away(), nil)
	alice.ask(publish(devices, "1", "<y xmlns='u'/>"))
	compare(t, "ann", away(), []string{told("ann@away.example/x", "<y xmlns='u'/>"), told("ann@away.example/y", "<y xmlns='u'/>")})
	l.inject("<presence type='unavailable' from='ann@away.example/x' to='alice@example.org'/>")
	alice.ask(publish(devices, "1", "<z xmlns='u'/>"))
	compare(t, "ann", away(), []string{told("ann@away.example/y", "<z xmlns='u'/>")})
	// When the file no longer has her she hears no more.
	var p relay.Pass
	l.server.SetUsers(&p, parseUsers(t, strings.Replace(people, "contact alice@example.org ann@away.example name=\"Ann\"\n", "", 1)))
	p.Flush()
	away()
	alice.ask(publish(devices, "1", "<x xmlns='u'/>"))
	compare(t, "ann", away(), nil)
}

// TestSubscribe: who may see a node and does not say so by presence can ask to
// hear of it (XEP-0060 §6.1).
func TestSubscribe(t *testing.T) {
	l := newLab(t)
	alice, bob, erin := l.bind("alice@example.org/a"), l.online("bob@example.org/b"), l.online("erin@example.org/e")
	open := "<publish-options>" + options("publish-options", "access_model", "open") + "</publish-options>"
	alice.ask(pubsub("set", publishing(devices, "1", "<x xmlns='u'/>")+open))
	subscribe := func(who string) string {
		return to("alice@example.org", pubsub("set", "<subscribe node='"+devices+"' jid='"+who+"'/>"))
	}
	want := "<pubsub xmlns='" + nsPubsub + "'><subscription node='" + devices + "' jid='%s' subscription='subscribed'/></pubsub>"
	for who, c := range map[string]*client{"erin@example.org": erin, "bob@example.org/b": bob} {
		if got := c.ask(subscribe(who)); got != fmt.Sprintf(want, who) {
			t.Errorf("%s: %s", who, got)
		}
	}
	l.inject(strings.Replace(subscribe("eve@away.example"), "<iq ", "<iq from='eve@away.example/z' ", 1))
	l.away()
	one := item("1", "<y xmlns='u'/>")
	alice.ask(publish(devices, "1", "<y xmlns='u'/>"))
	erin.wantNotes(note("alice@example.org", "erin@example.org", devices, one))
	bob.wantNotes(note("alice@example.org", "bob@example.org/b", devices, one))
	if got := l.away(); len(got) != 1 || !strings.Contains(got[0], " to='eve@away.example'>") {
		t.Errorf("eve got %q", got)
	}
	// Who says so by presence as well hears it once.
	bob.runs(app{devices})
	alice.ask(publish(devices, "1", "<y xmlns='u'/>"))
	bob.wantNotes(note("alice@example.org", "bob@example.org/b", devices, one))
	// Who may not see the node any more hears nothing (XEP-0163 §7.1).
	erin.got()
	alice.ask(pubsubOwner("set", "<configure node='"+devices+"'>"+options("node_config", "access_model", "presence")+"</configure>"))
	alice.ask(publish(devices, "1", "<y xmlns='u'/>"))
	erin.wantNotes()
	alice.ask(pubsubOwner("set", "<configure node='"+devices+"'>"+options("node_config", "access_model", "open")+"</configure>"))
	unsubscribe := strings.ReplaceAll(subscribe("erin@example.org"), "subscribe ", "unsubscribe ")
	if got := erin.ask(unsubscribe); got != "" {
		t.Error(got)
	}
	if got := erin.ask(unsubscribe); got != "unexpected-request not-subscribed" {
		t.Error(got) // XEP-0060 §6.2.3.2
	}
	alice.ask(publish(devices, "1", "<y xmlns='u'/>"))
	erin.wantNotes()
}
