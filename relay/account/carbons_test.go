package account_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"lethe/relay"
)

const (
	enable  = "<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>"
	disable = "<iq type='set' id='c'><disable xmlns='urn:xmpp:carbons:2'/></iq>"
)

// bobs is what bob has connected, as name:priority; + wants copies.
const bobs = "desk:5+ phone:1+ tv:-1+ mute+ old:1"

// household connects what spec lists.
func (l *lab) household(bare, spec string) map[string]*client {
	l.t.Helper()
	all := l.resources(bare, strings.ReplaceAll(spec, "+", ""))
	for s := range strings.FieldsSeq(spec) {
		if wants, ok := strings.CutSuffix(s, "+"); ok {
			name, _, _ := strings.Cut(wants, ":")
			all[name].send(enable)
			all[name].want("<iq type='result' id='c' from='" + bare + "' to='" + bare + "/" + strings.ReplaceAll(name, "'", "&apos;") + "'/>")
		}
	}
	return all
}

// tally says who got what: a name got the message, name> a copy of a sent one,
// name< of a received one.
func tally(all map[string]*client) string {
	var got []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, st := range all[name].got() {
			switch {
			case strings.Contains(st, "<sent xmlns='urn:xmpp:carbons:2'>"):
				got = append(got, name+">")
			case strings.Contains(st, "<received xmlns='urn:xmpp:carbons:2'>"):
				got = append(got, name+"<")
			default:
				got = append(got, name)
			}
		}
	}
	return strings.Join(got, " ")
}

const (
	body    = "<body>x</body>"
	private = "<private xmlns='urn:xmpp:carbons:2'/>"
	noCopy  = "<no-copy xmlns='urn:xmpp:hints'/>"
	noStore = "<no-store xmlns='urn:xmpp:hints'/>"
	muc     = "<x xmlns='http://jabber.org/protocol/muc#user'/>"
	invite  = "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='a@b'/></x>"
)

// TestCopiesOfReceived: XEP-0280 §6.1, §7.
func TestCopiesOfReceived(t *testing.T) {
	const everybody = "desk mute< phone< tv<"
	for _, tt := range []struct{ what, typ, from, to, content, want string }{
		{"a chat", "chat", "", "", body, everybody},
		{"a chat to a resource", "chat", "", "/old", body, "desk< mute< old phone< tv<"},
		{"a chat to one that wants copies", "chat", "", "/tv", body, "desk< mute< phone< tv"},
		{"a chat to one that is gone", "chat", "", "/gone", body, everybody},
		{"a chat that says nothing", "chat", "", "", "", everybody},
		{"a text", "normal", "", "", body, everybody},
		{"a text of no type", "", "", "", body, everybody},
		{"no text", "normal", "", "", "<subject>x</subject>", "desk"},
		{"a receipt", "normal", "", "", "<received xmlns='urn:xmpp:receipts' id='1'/>", everybody},
		{"a chat state", "normal", "", "", "<active xmlns='http://jabber.org/protocol/chatstates'/>", everybody},
		{"a marker", "normal", "", "/old", "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", "desk< mute< old phone< tv<"},
		{"a call", "normal", "", "", "<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>", everybody},
		{"OMEMO", "normal", "", "", "<encrypted xmlns='eu.siacs.conversations.axolotl'/>", everybody},
		{"a headline", "headline", "", "", body, "desk old phone"},
		{"a marked headline", "headline", "", "", "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", "desk mute< old phone tv<"},
		{"a private chat", "chat", "", "/desk", body + private, "desk"},
		{"a chat not to be copied", "chat", "", "/desk", body + noCopy, "desk"},
		{"a chat not to be stored", "chat", "", "", body + noStore, everybody},
		{"what looks like a copy", "chat", "", "", "<sent xmlns='urn:xmpp:carbons:2'/>", "desk"},
		{"more than is looked at", "chat", "", "/old", strings.Repeat("<a xmlns='u'/>", 16) + private, "old"},
		{"from a room", "groupchat", "room@rooms.away.example/nick", "/old", body, "old"},
		{"from an occupant", "chat", "room@rooms.away.example/nick", "/old", body + muc, "old"},
		{"an invitation by a room", "normal", "room@rooms.away.example", "/old", invite, "desk< mute< old phone< tv<"},
		{"other news of a room", "normal", "room@rooms.away.example", "/old", muc, "old"},
		{"an invitation", "normal", "", "/old", "<x xmlns='jabber:x:conference' jid='a@b'/>", "desk< mute< old phone< tv<"},
		{"an error out of the blue", "error", "", "/old", body, "old"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			l := newLab(t)
			all := l.household("bob@example.org", bobs)
			l.inject(fmt.Sprintf("<message id='1' type='%s' from='%s' to='bob@example.org%s'>%s</message>",
				tt.typ, cmp.Or(tt.from, "ann@away.example/x"), tt.to, tt.content))
			if got := tally(all); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			l.wantAway()
		})
	}
}

// TestCopiesOfSent: XEP-0280 §8, §9.
func TestCopiesOfSent(t *testing.T) {
	const others = "mute> phone> tv>"
	for _, tt := range []struct{ what, typ, to, content, want string }{
		{"a chat", "chat", "ann@away.example", body, others},
		{"a chat to a resource", "chat", "ann@away.example/x", body, others},
		{"a chat to nobody", "chat", "nobody@example.org", body, "desk " + others + " mute< phone< tv<"},
		{"a text", "normal", "ann@away.example", body, others},
		{"no text", "normal", "ann@away.example", "", ""},
		{"a private chat", "chat", "ann@away.example", body + private, ""},
		{"a chat not to be copied", "chat", "ann@away.example", body + noCopy, ""},
		{"to a room", "groupchat", "room@rooms.away.example", body, ""},
		{"an invitation by a room", "", "room@rooms.away.example", invite, others},
		// XEP-0280 §6.1: to an occupant, for those who share the nick.
		{"to an occupant", "chat", "room@rooms.away.example/ann", body + muc, "tv>"},
		{"to an occupant, unmarked", "chat", "room@rooms.away.example/ann", body, others},
		{"to oneself", "chat", "bob@example.org", body, "desk mute< phone< tv<"},
		{"to oneself elsewhere", "chat", "bob@example.org/tv", body, "mute< phone< tv"},
		{"to a bad address", "chat", "a@b@c", body, "desk"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			l := newLab(t)
			all := l.household("bob@example.org", bobs)
			for name, nick := range map[string]string{"desk": "bob", "phone": "bobby", "tv": "bob"} {
				all[name].send("<presence to='room@rooms.away.example/" + nick + "'/>")
			}
			all["desk"].send(fmt.Sprintf("<message id='1' type='%s' to='%s'>%s</message>", tt.typ, tt.to, tt.content))
			got := strings.Fields(tally(all))
			want := strings.Fields(tt.want)
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestOccupantsAreNotReplaced: another resource is not in the room (XEP-0045
// §7.5).
func TestOccupantsAreNotReplaced(t *testing.T) {
	for from, want := range map[string]string{"room@rooms.away.example/nick": "", "ann@away.example": "desk mute< phone< tv<"} {
		l := newLab(t)
		all := l.household("bob@example.org", bobs)
		l.inject("<message id='1' type='chat' from='" + from + "' to='bob@example.org/gone'>" + body + muc + "</message>")
		if got := tally(all); got != want {
			t.Errorf("from %s: got %q, want %q", from, got, want)
		}
		if answered := len(l.away()) == 1; answered != (want == "") {
			t.Errorf("from %s: answered %v", from, answered)
		}
	}
}

// TestCopyIsTheMessage: every byte of it, in the namespace it came in.
func TestCopyIsTheMessage(t *testing.T) {
	const content = "<body xml:lang='de'>a &#38; b<![CDATA[<]]> </body ><q:x  xmlns:q=\"u\"/>"
	for _, tt := range []struct{ before, after string }{
		{"<message id='1' type='chat' to='%s' from='ann@away.example/x'>" + content + "</message>",
			"<message id='1' type='chat' to='%s' from='ann@away.example/x' xmlns='jabber:client'>" + content + "</message>"},
		{"<message xmlns='jabber:client' from='ann@away.example/x' to='%s' type='chat'>" + content + "</message>",
			"<message xmlns='jabber:client' from='ann@away.example/x' to='%s' type='chat'>" + content + "</message>"},
	} {
		l := newLab(t)
		all := l.household("bob@example.org", "desk:1 phone:0+ o'tv:0+")
		l.inject(fmt.Sprintf(tt.before, "bob@example.org"))
		around := func(to string) string {
			return "<message from='bob@example.org' to='bob@example.org/" + to + "' type='chat'><received xmlns='urn:xmpp:carbons:2'>" +
				"<forwarded xmlns='urn:xmpp:forward:0'>" + fmt.Sprintf(tt.after, "bob@example.org") + "</forwarded></received></message>"
		}
		all["phone"].want(around("phone"))
		all["o'tv"].want(around("o&apos;tv"))
	}
}

// TestCarbonsOnAndOff: XEP-0280 §4, §5, §10.1, and what Bind 2 asks for.
func TestCarbonsOnAndOff(t *testing.T) {
	l := newLab(t)
	all := l.household("bob@example.org", "desk:1 phone:0")
	phone := all["phone"]
	result := "<iq type='result' id='c' from='bob@example.org' to='bob@example.org/phone'/>"
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() {}, "desk"},
		{func() { phone.send(enable); phone.want(result) }, "desk phone<"},
		{func() { phone.send(enable); phone.want(result) }, "desk phone<"},
		{func() { phone.send(disable); phone.want(result) }, "desk"},
		{func() { phone.send(disable); phone.want(result) }, "desk"},
		{func() { phone.seat.Carbons(true) }, "desk phone<"},
	} {
		step.do()
		l.inject("<message type='chat' from='ann@away.example/x' to='bob@example.org'><body>x</body></message>")
		if got := tally(all); got != step.want {
			t.Errorf("got %q, want %q", got, step.want)
		}
	}
	erin := l.online("erin@example.org/x")
	erin.send("<iq type='set' id='c' to='bob@example.org'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
	if c := condition(erin.got()); c != "service-unavailable" {
		t.Errorf("somebody else's copies: %s", c)
	}
}

// TestCopiesOfErrors: only of those that answer what was copied (XEP-0280
// §6.1), and whoever sent them.
func TestCopiesOfErrors(t *testing.T) {
	l := newLab(t)
	all := l.household("bob@example.org", "desk:1+ phone:0+")
	const failed = "<message id='%s' type='error' from='%s' to='bob@example.org/desk'><error type='cancel'/></message>"
	for _, tt := range []struct{ sent, id, from, want string }{
		{"<message id='1' type='chat' to='ann@away.example'><body>x</body></message>", "1", "ann@away.example", "desk phone<"},
		{"<message id='2' type='chat' to='ann@away.example'><body>x</body></message>", "2", "ann@away.example/x", "desk"},
		{"<message id='3' type='chat' to='ann@away.example'><body>x</body></message>", "4", "ann@away.example", "desk"},
		{"<message id='5' type='chat' to='ann@away.example'><body>x</body>" + private + "</message>", "5", "ann@away.example", "desk"},
		{"<message type='chat' to='ann@away.example'><body>x</body></message>", "", "ann@away.example", "desk"},
	} {
		all["desk"].send(tt.sent)
		tally(all)
		l.inject(fmt.Sprintf(failed, tt.id, tt.from))
		if got := tally(all); got != tt.want {
			t.Errorf("%s: the error %s of %s went to %q, want %q", tt.sent, tt.id, tt.from, got, tt.want)
		}
	}
	l.inject("<message id='6' type='chat' from='ann@away.example/x' to='bob@example.org/desk'><body>x</body></message>")
	if got := tally(all); got != "desk phone<" {
		t.Errorf("a chat went to %q", got)
	}
	all["desk"].send("<message id='6' type='error' to='ann@away.example/x'><error type='cancel'/></message>")
	if got := tally(all); got != "phone>" {
		t.Errorf("the error that answers it was copied to %q", got)
	}
}

// TestCopiesCountForNothing: what is not delivered is not copied, and of a copy
// that is lost or refused nobody hears (XEP-0280 §10.3).
func TestCopiesCountForNothing(t *testing.T) {
	const msg = "<message id='1' type='chat' to='bob@example.org'><body>x</body></message>"
	l := newLab(t)
	erin := l.online("erin@example.org/x")
	all := l.household("bob@example.org", "tv:-1+")
	erin.send(msg)
	erin.want(unavailable("message", "1", "bob@example.org", "erin@example.org/x"))
	if got := tally(all); got != "" {
		t.Errorf("%q got what was answered", got)
	}

	desk := l.online("bob@example.org/desk")
	tv := all["tv"]
	tv.got()
	// As deep as a client may nest: the copy goes deeper.
	deep := strings.Replace(msg, "<body>", strings.Repeat("<a xmlns='u'>", 62)+strings.Repeat("</a>", 62)+"<body>", 1)
	tv.link.set(true, false)
	erin.send("<message to='bob@example.org/tv'/>") // is on its way when it fails
	erin.send(deep)
	erin.send("<message id='2' to='bob@example.org/tv'><body>x</body></message>")
	tv.link.set(false, true)
	var answers []string
	wait(t, func() bool { answers = append(answers, erin.got()...); return len(answers) > 0 })
	compare(t, "erin", answers, []string{unavailable("message", "2", "bob@example.org/tv", "erin@example.org/x")})
	if n := l.router.Stats().Count(relay.Lost); n != 2 {
		t.Errorf("%d messages counted as lost, want 2", n)
	}
	if got := desk.got(); len(got) != 1 {
		t.Errorf("desk got %q", got)
	}

	// A client that answers a copy with an error does not reach the sender.
	desk.send("<message id='1' type='error' to='bob@example.org'><error type='cancel'/></message>")
	erin.want()
	desk.want()
}

// TestCopyOfTheLongest: a copy is longer than what may be sent, and one that
// does not fit an Outbox is dropped.
func TestCopyOfTheLongest(t *testing.T) {
	l := newLab(t)
	all := l.household("bob@example.org", "desk:1 phone:0+")
	small, err := l.tryBind("bob@example.org/small", 1000)
	if err != nil {
		t.Fatal(err.Text)
	}
	small.seat.Carbons(true)
	const around = "<message id='1' type='chat' from='ann@away.example/x' to='bob@example.org'><body></body></message>"
	l.inject(strings.Replace(around, "<body>", "<body>"+strings.Repeat("x", 256<<10-len(around)), 1))
	if got := tally(all); got != "desk phone<" {
		t.Errorf("it went to %q", got)
	}
	small.want()
	l.wantAway()
}

// TestCopiesInBothAccounts: within one relay each side has its own.
func TestCopiesInBothAccounts(t *testing.T) {
	l := newLab(t)
	alices, bobs := l.household("alice@example.org", "desk:1+ phone:1+"), l.household("bob@example.org", "desk:1+ phone:1+ tv:0+")
	tally(alices)
	alices["desk"].send("<message type='chat' to='bob@example.org'><body>x</body></message>")
	if got := tally(alices); got != "phone>" {
		t.Errorf("alice's: %q", got)
	}
	if got := tally(bobs); got != "desk phone tv<" {
		t.Errorf("bob's: %q", got)
	}
}

func BenchmarkTakeWithCopies(b *testing.B) {
	l := newLab(b)
	erin, bob, phone := l.bindSink("erin@example.org", "x"), l.bindSink("bob@example.org", "desk"), l.bindSink("bob@example.org", "phone")
	var p relay.Pass
	take(b, bob, &p, "<presence/>")()
	phone.Carbons(true)
	send := take(b, erin, &p, fmt.Sprintf(chatter, "bob@example.org"))
	b.ReportAllocs()
	for b.Loop() {
		send()
	}
}

// wait gives something that happens on another goroutine five seconds.
func wait(t *testing.T, happened func() bool) {
	t.Helper()
	for range 5000 {
		if happened() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("it did not happen")
}
