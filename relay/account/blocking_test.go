package account_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"lethe/relay"
)

func block(items ...string) string   { return blocking("set", "block", items) }
func unblock(items ...string) string { return blocking("set", "unblock", items) }

const getBlocks = "<iq type='get' id='b'><blocklist xmlns='urn:xmpp:blocking'/></iq>"

func blocking(typ, name string, items []string) string {
	return fmt.Sprintf("<iq type='%s' id='b'>%s</iq>", typ, blocks(name, items...))
}

// blocks is an element of XEP-0191 as the relay writes it.
func blocks(name string, items ...string) string {
	if len(items) == 0 {
		return "<" + name + " xmlns='urn:xmpp:blocking'/>"
	}
	s := "<" + name + " xmlns='urn:xmpp:blocking'>"
	for _, i := range items {
		s += "<item jid='" + i + "'/>"
	}
	return s + "</" + name + ">"
}

func blockPush(to, payload string) string {
	return "<iq type='set' id='*' to='" + to + "'>" + payload + "</iq>"
}

// blocks sends a request about the list, which must succeed, and forgets what
// it brought.
func (c *client) blocks(request string) {
	c.lab.t.Helper()
	c.send(request)
	if got := c.got(); !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "<iq type='result'") }) {
		c.lab.t.Fatalf("%s: %q", request, got)
	}
}

func (c *client) wantBlocks(items ...string) {
	c.lab.t.Helper()
	c.got()
	c.send(getBlocks)
	me := c.seat.JID()
	c.want("<iq type='result' id='b' from='" + me.Bare().String() + "' to='" + me.String() + "'>" + blocks("blocklist", items...) + "</iq>")
}

// TestBlockList: what the file blocks and what the user does, pushed to those
// who asked for it.
func TestBlockList(t *testing.T) {
	l := newLab(t)
	dave, deaf := l.bind("dave@example.org/a"), l.bind("dave@example.org/b")
	dave.wantBlocks("mallory@example.org", "spam.example")
	const done = "<iq type='result' id='b' from='dave@example.org' to='dave@example.org/%s'/>"
	push := func(payload string) string { return blockPush("dave@example.org/a", payload) }

	deaf.send(block("Erin@EXAMPLE.org", "away.example/x"))
	deaf.want(fmt.Sprintf(done, "b"))
	dave.want(push(blocks("block", "erin@example.org", "away.example/x")))
	dave.wantBlocks("mallory@example.org", "spam.example", "away.example/x", "erin@example.org")

	// XEP-0377: what is said of it is for nobody here.
	dave.send("<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='zoe@away.example'>" +
		"<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'><text>x</text></report></item></block></iq>")
	dave.want(fmt.Sprintf(done, "a"), push(blocks("block", "zoe@away.example")))

	dave.send(unblock("erin@example.org", "nobody@example.org"))
	dave.want(fmt.Sprintf(done, "a"), push(blocks("unblock", "erin@example.org", "nobody@example.org")))
	dave.wantBlocks("mallory@example.org", "spam.example", "away.example/x", "zoe@away.example")

	// Twice blocked is once listed, and what is signed stays.
	dave.blocks(block("spam.example", "spam.example"))
	dave.wantBlocks("mallory@example.org", "spam.example", "away.example/x", "zoe@away.example")
	dave.send(unblock("zoe@away.example", "spam.example"))
	if got := dave.got(); condition(got) != "not-allowed" || !strings.Contains(got[0], "signed list") {
		t.Errorf("unblocking what is signed: %q", got)
	}
	dave.wantBlocks("mallory@example.org", "spam.example", "away.example/x", "zoe@away.example")
	dave.send(unblock())
	dave.want(fmt.Sprintf(done, "a"), push(blocks("unblock")), push(blocks("block", "mallory@example.org", "spam.example")))
	dave.wantBlocks("mallory@example.org", "spam.example")
}

// TestBlockRequests: what cannot be meant changes nothing.
func TestBlockRequests(t *testing.T) {
	l := newLab(t)
	c := l.bind("alice@example.org/x")
	for request, want := range map[string]string{
		block(): "bad-request",
		"<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><x xmlns='y'/></block></iq>":     "bad-request",
		"<iq type='set' id='b'><unblock xmlns='urn:xmpp:blocking'><x xmlns='y'/></unblock></iq>": "bad-request",
		"<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item/></block></iq>":            "jid-malformed",
		block("bob@example.org", "a b@c"):             "jid-malformed",
		block("bob@example.org", "alice@example.org"): "not-allowed",
		block("alice@example.org/y"):                  "not-allowed",
		"<iq type='get' id='b'><block xmlns='urn:xmpp:blocking'><item jid='a@b'/></block></iq>":  "service-unavailable",
		"<iq type='set' id='b' to='bob@example.org'>" + blocks("block", "a@b") + "</iq>":         "service-unavailable",
		"<iq type='get' id='b' to='bob@example.org'><blocklist xmlns='urn:xmpp:blocking'/></iq>": "service-unavailable",
	} {
		c.send(request)
		if got := condition(c.got()); got != want {
			t.Errorf("%s: %s, want %s", request, got, want)
		}
	}
	c.wantBlocks()
}

// TestBlockMatching: XEP-0191 §6, incoming and outgoing.
func TestBlockMatching(t *testing.T) {
	all := []string{"eve@away.example/x", "eve@away.example/y", "eve@away.example", "away.example/x", "away.example", "sub.away.example"}
	for item, blocked := range map[string][]string{
		"eve@away.example/x": {"eve@away.example/x"},
		"eve@away.example":   {"eve@away.example/x", "eve@away.example/y", "eve@away.example"},
		"away.example/x":     {"away.example/x"},
		"away.example":       all[:5],
	} {
		l := newLab(t)
		c := l.online("erin@example.org/x")
		c.blocks(block(item))
		for _, other := range all {
			stopped := slices.Contains(blocked, other)
			l.inject("<message id='1' from='" + other + "' to='erin@example.org'><body>x</body></message>")
			if got := c.got(); (len(got) == 0) != stopped {
				t.Errorf("%s blocked: from %s: %q", item, other, got)
			}
			l.away()
			c.send("<message id='1' to='" + other + "'><body>x</body></message>")
			if got := c.got(); (condition(got) == "not-acceptable") != stopped || (len(l.away()) == 0) != stopped {
				t.Errorf("%s blocked: to %s: %q", item, other, got)
			}
		}
	}
}

// TestBlockedError: the client is told why (XEP-0191 §3.3), and nothing is
// answered that is an answer itself.
func TestBlockedError(t *testing.T) {
	l := newLab(t)
	c := l.online("erin@example.org/x")
	c.blocks(block("bob@example.org"))
	c.send("<message id='1' to='bob@example.org/x'><body>x</body></message>")
	c.want("<message type='error' id='1' from='bob@example.org/x' to='erin@example.org/x'><error type='modify'>" +
		"<not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>" +
		"<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>This address is blocked for you.</text>" +
		"<blocked xmlns='urn:xmpp:blocking:errors'/></error></message>")
	for _, request := range []string{"<iq id='1' type='get' to='bob@example.org/x'><ping xmlns='urn:xmpp:ping'/></iq>", "<presence to='bob@example.org'/>", "<presence to='bob@example.org' type='subscribe'/>"} {
		c.send(request)
		if got := c.got(); condition(got) != "not-acceptable" || !strings.Contains(got[0], "<blocked xmlns='urn:xmpp:blocking:errors'/>") {
			t.Errorf("%s: %q", request, got)
		}
	}
	c.send("<iq id='1' type='result' to='bob@example.org/x'/>")
	c.send("<message type='error' to='bob@example.org/x'/>")
	c.send("<presence to='bob@example.org' type='unavailable'/>")
	c.want()
}

// TestBlockedLikeNobody: whom a user blocks gets byte for byte what a name
// that nobody has answers, or one that is offline.
func TestBlockedLikeNobody(t *testing.T) {
	requests := []string{
		"<message id='1' type='chat' to='%s@example.org/x'><body>x</body></message>",
		"<message id='1' to='%s@example.org'><body>x</body></message>",
		"<message id='1' type='groupchat' to='%s@example.org'><body>x</body></message>",
		"<message id='1' type='headline' to='%s@example.org'><body>x</body></message>",
		"<message id='1' to='%s@example.org'/>",
		"<iq id='1' type='get' to='%s@example.org/x'><ping xmlns='urn:xmpp:ping'/></iq>",
		"<iq id='1' type='set' to='%s@example.org'><x xmlns='y'/></iq>",
		"<iq id='1' type='result' to='%s@example.org/x'/>",
		"<presence to='%s@example.org'/>",
		"<presence type='probe' to='%s@example.org'/>",
		"<presence type='subscribe' to='%s@example.org'/>",
		"<presence type='unavailable' to='%s@example.org'/>",
	}
	l := newLab(t)
	erin := l.online("erin@example.org/x")
	erin.blocks(block("bob@example.org", "away.example"))
	bob := l.online("bob@example.org/desk")
	bob.got()
	for _, request := range requests {
		near, far := map[string]bool{}, map[string]bool{}
		for _, name := range []string{"erin", "nobody", "dave"} {
			clean := func(got []string) string {
				return strings.ReplaceAll(strings.Join(got, ""), name+"@", "X@")
			}
			bob.send(fmt.Sprintf(request, name))
			near[clean(bob.got())] = true
			l.inject(strings.Replace(fmt.Sprintf(request, name), " ", " from='eve@away.example/x' ", 1))
			far[clean(l.away())] = true
		}
		if len(near) != 1 || len(far) != 1 {
			t.Errorf("%s: %q and %q", request, slices.Collect(maps.Keys(near)), slices.Collect(maps.Keys(far)))
		}
	}
	erin.want()
}

// TestBlockOwn: one's own resources, account and server cannot be blocked
// away, whoever else is meant by the domain.
func TestBlockOwn(t *testing.T) {
	l := newLab(t)
	c, other := l.online("erin@example.org/x"), l.online("erin@example.org/y")
	c.got()
	c.blocks(block("example.org"))
	bob := l.online("bob@example.org/x")
	bob.send("<message to='erin@example.org'><body>x</body></message>")
	c.want()
	other.want()
	bob.got()
	c.send("<message to='erin@example.org/y'><body>x</body></message>")
	other.want("<message to='erin@example.org/y' from='erin@example.org/x'><body>x</body></message>")
	for _, to := range []string{"example.org", "erin@example.org"} {
		c.send("<iq id='1' type='get' to='" + to + "'><ping xmlns='urn:xmpp:ping'/></iq>")
		c.want(result("1", to, "erin@example.org/x"))
	}
	c.blocks(unblock("example.org"))
	bob.send("<message to='erin@example.org/x'><body>x</body></message>")
	c.want("<message to='erin@example.org/x' from='bob@example.org/x'><body>x</body></message>")
}

// TestBlockingHidesPresence: both ways at once, and both come back (XEP-0191
// §3.3, §3.4).
func TestBlockingHidesPresence(t *testing.T) {
	l := newLab(t)
	bob, carol := l.online("bob@example.org/x"), l.online("carol@example.org/x")
	alice := l.online("alice@example.org/x")
	bob.got()
	carol.got()
	const done = "<iq type='result' id='b' from='alice@example.org' to='alice@example.org/x'/>"
	alice.send(block("bob@example.org", "away.example"))
	alice.want(done, "<presence type='unavailable' from='bob@example.org/x' to='alice@example.org'/>",
		"<presence type='unavailable' from='ann@away.example' to='alice@example.org'/>")
	bob.want("<presence type='unavailable' from='alice@example.org/x' to='bob@example.org'/>")
	l.wantAway("<presence type='unavailable' from='alice@example.org/x' to='ann@away.example'/>")

	// Once more, and what says the same in other words, shows nobody anything.
	alice.send(block("bob@example.org", "ann@away.example"))
	alice.want(done)
	alice.send(unblock("ann@away.example"))
	alice.want(done)
	bob.send("<presence><show>away</show></presence>")
	bob.got()
	bob.send("<presence to='alice@example.org' type='unsubscribe'/>")
	bob.got()
	l.inject("<presence from='ann@away.example/x' to='alice@example.org'/>")
	// A probe has no answer: this one stays a contact.
	l.inject("<presence type='probe' from='ann@away.example' to='alice@example.org'/>")
	alice.want()
	bob.want()
	l.wantAway()
	alice.send("<presence><show>dnd</show></presence>")
	alice.want("<presence from='alice@example.org/x' to='alice@example.org'><show>dnd</show></presence>")
	bob.want()
	l.wantAway()
	carol.want("<presence from='bob@example.org/x' to='carol@example.org'><show>away</show></presence>",
		"<presence from='alice@example.org/x' to='carol@example.org'><show>dnd</show></presence>")

	alice.send(unblock())
	alice.want(done, "<presence to='alice@example.org' from='bob@example.org/x'><show>away</show></presence>")
	bob.want("<presence to='bob@example.org' from='alice@example.org/x'><show>dnd</show></presence>")
	l.wantAway("<presence to='ann@away.example' from='alice@example.org/x'><show>dnd</show></presence>",
		"<presence type='probe' from='alice@example.org' to='ann@away.example'/>")
}

// TestBlockingOneResource hides that one only.
func TestBlockingOneResource(t *testing.T) {
	l := newLab(t)
	x, y := l.online("bob@example.org/x"), l.online("bob@example.org/y")
	alice := l.online("alice@example.org/a")
	x.got()
	y.got()
	const done = "<iq type='result' id='b' from='alice@example.org' to='alice@example.org/a'/>"
	alice.send(block("bob@example.org/x"))
	alice.want(done, "<presence type='unavailable' from='bob@example.org/x' to='alice@example.org'/>")
	x.want("<presence type='unavailable' from='alice@example.org/a' to='bob@example.org/x'/>")
	y.want()
	x.send("<presence><show>away</show></presence>")
	y.send("<presence><show>dnd</show></presence>")
	alice.want("<presence from='bob@example.org/y' to='alice@example.org'><show>dnd</show></presence>")
	again := l.bind("alice@example.org/b")
	again.send("<presence/>")
	if got := strings.Join(again.got(), "\n"); strings.Contains(got, "bob@example.org/x") || !strings.Contains(got, "bob@example.org/y") {
		t.Errorf("a new resource sees %s", got)
	}
	again.leave()
	alice.got()
	x.got()
	y.got()
	alice.send(unblock("bob@example.org/x"))
	alice.want(done, "<presence to='alice@example.org' from='bob@example.org/x'><show>away</show></presence>")
	x.want("<presence to='bob@example.org/x' from='alice@example.org/a'/>")
	y.want()
}

// TestBothBlock: who takes a block back does not show what the other hides.
func TestBothBlock(t *testing.T) {
	l := newLab(t)
	alice, bob := l.online("alice@example.org/x"), l.online("bob@example.org/x")
	alice.got()
	alice.blocks(block("bob@example.org"))
	bob.got()
	bob.blocks(block("alice@example.org"))
	alice.want()
	alice.send(unblock("bob@example.org"))
	alice.want("<iq type='result' id='b' from='alice@example.org' to='alice@example.org/x'/>")
	bob.want()
}

// TestBlockingTakesBackDirectedPresence, and lets a room live on in which
// somebody is blocked.
func TestBlockingTakesBackDirectedPresence(t *testing.T) {
	l := newLab(t)
	erin := l.online("erin@example.org/x")
	erin.send("<presence to='eve@away.example/x'/>")
	erin.send("<presence to='club@rooms.away.example/erin'/>")
	l.away()
	erin.blocks(block("away.example", "club@rooms.away.example/troll"))
	l.wantAway("<presence type='unavailable' from='erin@example.org/x' to='eve@away.example/x'/>")
	const words = "<message id='1' type='%s' from='club@rooms.away.example/%s' to='erin@example.org/x'><body>x</body></message>"
	l.inject(fmt.Sprintf(words, "groupchat", "troll"))
	erin.want()
	l.wantAway()
	l.inject(fmt.Sprintf(words, "groupchat", "friend"))
	erin.want(fmt.Sprintf(words, "groupchat", "friend"))
	l.inject(fmt.Sprintf(words, "chat", "troll"))
	erin.want()
	if got := l.away(); condition(got) != "service-unavailable" {
		t.Errorf("a private message from a blocked one: %q", got)
	}
	erin.blocks(block("club@rooms.away.example"))
	l.wantAway("<presence type='unavailable' from='erin@example.org/x' to='club@rooms.away.example/erin'/>")
}

// TestBlockListIsBounded: a list, and all lists together.
func TestBlockListIsBounded(t *testing.T) {
	l := newLab(t)
	erin := l.bind("erin@example.org/x")
	items := func(n int, name string) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf("%s%d@away.example", name, i)
		}
		return list
	}
	erin.blocks(block(items(500, "a")...))
	erin.send(block("one@away.example"))
	if c := condition(erin.got()); c != "resource-constraint" {
		t.Errorf("address 501: %s", c)
	}
	erin.blocks(block(items(500, "a")...))
	erin.blocks(unblock("a7@away.example"))
	erin.blocks(block("one@away.example"))
	erin.blocks(unblock())
	long := strings.Repeat("x", 1000)
	erin.blocks(block(items(30, long)...))
	erin.send(block(items(31, long+"y")...))
	if c := condition(erin.got()); c != "resource-constraint" {
		t.Errorf("32 KiB of addresses: %s", c)
	}
}

// TestBlockListWithoutRoom: who cannot take the list now is told so.
func TestBlockListWithoutRoom(t *testing.T) {
	l := newLab(t)
	var items []string
	for i := range 50 {
		items = append(items, fmt.Sprintf("somebody%d@away.example", i))
	}
	l.bind("erin@example.org/x").blocks(block(items...))
	small, err := l.tryBind("erin@example.org/small", 1000)
	if err != nil {
		t.Fatal(err.Text)
	}
	small.send(getBlocks)
	if got := small.got(); condition(got) != "service-unavailable" {
		t.Errorf("%q", got)
	}
}

// TestBlocksOutliveTheAccount, but not the user.
func TestBlocksOutliveTheAccount(t *testing.T) {
	l := newLab(t)
	erin := l.bind("erin@example.org/x")
	erin.blocks(block("bob@example.org"))
	erin.leave()
	l.server.Sweep(l.clock.AddDate(1, 0, 0))
	if accounts, _ := l.server.Size(); accounts != 0 {
		t.Fatalf("%d accounts in memory", accounts)
	}
	l.bind("erin@example.org/x").wantBlocks("bob@example.org")
	var p relay.Pass
	l.server.SetUsers(&p, parseUsers(t, strings.Replace(people, "user erin@example.org\n", "", 1)))
	l.server.SetUsers(&p, parseUsers(t, people))
	p.Flush()
	l.bind("erin@example.org/x").wantBlocks()
}

// TestBlockLineAtReload: the file's new block lines hide what was seen, those
// that are gone show it again, and clients are told of both.
func TestBlockLineAtReload(t *testing.T) {
	const line = "block alice@example.org bob@example.org\nblock alice@example.org away.example\n"
	l := newLab(t)
	alice, bob := l.online("alice@example.org/x"), l.online("bob@example.org/x")
	alice.wantBlocks()
	bob.got()
	l.away()
	reload := func(file string) {
		var p relay.Pass
		l.server.SetUsers(&p, parseUsers(t, file))
		p.Flush()
	}
	reload(people + line)
	alice.want(blockPush("alice@example.org/x", blocks("block", "bob@example.org", "away.example")),
		"<presence type='unavailable' from='bob@example.org/x' to='alice@example.org'/>",
		"<presence type='unavailable' from='ann@away.example' to='alice@example.org'/>")
	bob.want("<presence type='unavailable' from='alice@example.org/x' to='bob@example.org'/>")
	l.wantAway("<presence type='unavailable' from='alice@example.org/x' to='ann@away.example'/>")
	reload(people + line)
	alice.want()
	// What the user has blocked as well stays blocked.
	alice.blocks(block("away.example"))
	reload(people)
	alice.want(blockPush("alice@example.org/x", blocks("unblock", "bob@example.org")),
		"<presence to='alice@example.org' from='bob@example.org/x'/>")
	bob.want("<presence to='bob@example.org' from='alice@example.org/x'/>")
	l.wantAway()
}

// TestNewContactWhoIsBlocked is not shown what the block hides.
func TestNewContactWhoIsBlocked(t *testing.T) {
	l := newLab(t)
	dave, mallory := l.online("dave@example.org/x"), l.online("mallory@example.org/x")
	var p relay.Pass
	l.server.SetUsers(&p, parseUsers(t, people+"contact dave@example.org mallory@example.org\ncontact dave@example.org x@spam.example\n"))
	p.Flush()
	dave.want()
	mallory.want()
	l.wantAway()
}

// TestBlockingDoesNotAllocate: those who block slow nobody down.
func TestBlockingDoesNotAllocate(t *testing.T) {
	l := newLab(t)
	erin, bob := l.bindSink("erin@example.org", "x"), l.bindSink("bob@example.org", "desk")
	var p relay.Pass
	take(t, bob, &p, "<presence/>")()
	for _, seat := range []relay.Seat{erin, bob} {
		take(t, seat, &p, block("away.example", "eve@other.example"))()
	}
	send := take(t, erin, &p, fmt.Sprintf(chatter, "bob@example.org"))
	if n := testing.AllocsPerRun(100, send); n > 0 {
		t.Errorf("%v allocations for a chat between two who block others", n)
	}
}
