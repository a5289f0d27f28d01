package account_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lethe/relay"
	"lethe/relay/wire"
)

// Bob's resources, as name:priority; a name alone is connected but not
// available.
const (
	oneUp    = "desk:0"
	ranked   = "desk:5 phone:1 tv:-1"
	tied     = "desk:1 phone:1 tv:0"
	negative = "tv:-1"
	mute     = "desk"
	nobody   = ""
)

// rules are those of RFC 6121 §8.5.
var rules = []struct {
	section   string
	kind, typ string
	to        string
	bob       string
	want      string // who gets it; "error": the sender; "" nobody
}{
	// RFC 6121 §8.5.2.1.1: to the account, with resources.
	{"8.5.2.1.1", "message", "chat", "bob@example.org", oneUp, "desk"},
	{"8.5.2.1.1", "message", "chat", "bob@example.org", ranked, "desk"},
	{"8.5.2.1.1", "message", "chat", "bob@example.org", tied, "desk phone"},
	{"8.5.2.1.1", "message", "chat", "bob@example.org", negative, "error"},
	{"8.5.2.1.1", "message", "chat", "bob@example.org", mute, "error"},
	{"8.5.2.1.1", "message", "", "bob@example.org", ranked, "desk"},
	{"8.5.2.1.1", "message", "normal", "bob@example.org", tied, "desk phone"},
	{"8.5.2.1.1", "message", "normal", "bob@example.org", negative, "error"},
	{"5.2.2", "message", "no-such-type", "bob@example.org", ranked, "desk"},
	{"8.5.2.1.1", "message", "headline", "bob@example.org", ranked, "desk phone"},
	{"8.5.2.1.1", "message", "headline", "bob@example.org", negative, ""},
	{"8.5.2.1.1", "message", "groupchat", "bob@example.org", ranked, "error"},
	{"8.5.2.1.1", "message", "error", "bob@example.org", ranked, ""},
	{"8.5.2.1.2", "presence", "", "bob@example.org", ranked, "desk phone tv"},
	{"8.5.2.1.2", "presence", "unavailable", "bob@example.org", ranked, "desk phone tv"},
	{"8.5.2.1.2", "presence", "", "bob@example.org", mute, ""},
	{"8.5.2.1.3", "iq", "get", "bob@example.org", ranked, "error"},
	{"8.5.2.1.3", "iq", "set", "bob@example.org", ranked, "error"},
	{"8.5.2.1.3", "iq", "result", "bob@example.org", ranked, ""},
	{"8.5.2.1.3", "iq", "error", "bob@example.org", ranked, ""},

	// RFC 6121 §8.5.2.2: to the account, without resources.
	{"8.5.2.2.1", "message", "chat", "bob@example.org", nobody, "error"},
	{"8.5.2.2.1", "message", "normal", "bob@example.org", nobody, "error"},
	{"8.5.2.2.1", "message", "groupchat", "bob@example.org", nobody, "error"},
	{"8.5.2.2.1", "message", "headline", "bob@example.org", nobody, ""},
	{"8.5.2.2.1", "message", "error", "bob@example.org", nobody, ""},
	{"8.5.2.2.2", "presence", "", "bob@example.org", nobody, ""},
	{"8.5.2.2.3", "iq", "get", "bob@example.org", nobody, "error"},

	// RFC 6121 §8.5.3.1: to a resource that is there.
	{"8.5.3.1", "message", "chat", "bob@example.org/phone", ranked, "phone"},
	{"8.5.3.1", "message", "normal", "bob@example.org/tv", ranked, "tv"},
	{"8.5.3.1", "message", "headline", "bob@example.org/tv", ranked, "tv"},
	{"8.5.3.1", "message", "groupchat", "bob@example.org/phone", ranked, "phone"},
	{"8.5.3.1", "message", "error", "bob@example.org/phone", ranked, "phone"},
	{"8.5.3.1", "message", "chat", "bob@example.org/desk", mute, "desk"},
	{"8.5.3.1", "presence", "", "bob@example.org/phone", ranked, "phone"},
	{"8.5.3.1", "presence", "unavailable", "bob@example.org/desk", mute, "desk"},
	{"8.5.3.1", "iq", "get", "bob@example.org/phone", ranked, "phone"},
	{"8.5.3.1", "iq", "set", "bob@example.org/tv", ranked, "tv"},
	{"8.5.3.1", "iq", "result", "bob@example.org/phone", ranked, "phone"},
	{"8.5.3.1", "iq", "error", "bob@example.org/desk", mute, "desk"},

	// RFC 6121 §8.5.3.2: to a resource that is not.
	{"8.5.3.2.1", "message", "chat", "bob@example.org/gone", ranked, "desk"},
	{"8.5.3.2.1", "message", "chat", "bob@example.org/gone", negative, "error"},
	{"8.5.3.2.1", "message", "chat", "bob@example.org/gone", nobody, "error"},
	{"8.5.3.2.1", "message", "normal", "bob@example.org/gone", ranked, "error"},
	{"8.5.3.2.1", "message", "groupchat", "bob@example.org/gone", ranked, "error"},
	{"8.5.3.2.1", "message", "headline", "bob@example.org/gone", ranked, ""},
	{"8.5.3.2.1", "message", "error", "bob@example.org/gone", ranked, ""},
	{"8.5.3.2.2", "presence", "", "bob@example.org/gone", ranked, ""},
	{"8.5.3.2.2", "presence", "unavailable", "bob@example.org/gone", ranked, ""},
	{"8.5.3.2.3", "iq", "get", "bob@example.org/gone", ranked, "error"},
	{"8.5.3.2.3", "iq", "result", "bob@example.org/gone", ranked, ""},

	// RFC 6121 §8.5.1: to nobody.
	{"8.5.1", "message", "chat", "nobody@example.org", nobody, "error"},
	{"8.5.1", "message", "headline", "nobody@example.org/x", nobody, ""},
	{"8.5.1", "message", "error", "nobody@example.org", nobody, ""},
	{"8.5.1", "presence", "", "nobody@example.org", nobody, ""},
	{"8.5.1", "presence", "subscribe", "nobody@example.org", nobody, ""},
	{"8.5.1", "presence", "unsubscribed", "nobody@example.org/x", nobody, ""},
	{"8.5.1", "iq", "get", "nobody@example.org", nobody, "error"},
	{"8.5.1", "iq", "get", "nobody@example.org/x", nobody, "error"},
}

func TestDeliveryRules(t *testing.T) {
	for _, tt := range rules {
		name := strings.Join([]string{tt.section, tt.kind, tt.typ, tt.to, tt.bob}, " ")
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			erin := l.online("erin@example.org/x")
			bobs := l.resources("bob@example.org", tt.bob)
			erin.send(stanza(tt.kind, tt.typ, tt.to))
			var got []string
			for name, c := range bobs {
				for _, st := range c.got() {
					got = append(got, name)
					if !strings.Contains(st, "from='erin@example.org/x'") || !strings.Contains(st, "to='"+tt.to+"'") {
						t.Errorf("%s got %s", name, st)
					}
				}
			}
			if answers := erin.got(); len(answers) > 0 {
				got = append(got, "error")
				if want := unavailable(tt.kind, "1", tt.to, "erin@example.org/x"); answers[0] != want {
					t.Errorf("answer %s\nwant   %s", answers[0], want)
				}
			}
			slices.Sort(got)
			if strings.Join(got, " ") != tt.want {
				t.Errorf("went to %q, want %q", got, tt.want)
			}
		})
	}
}

// resources connects what spec lists.
func (l *lab) resources(bare, spec string) map[string]*client {
	l.t.Helper()
	all := map[string]*client{}
	for _, s := range strings.Fields(spec) {
		name, priority, available := strings.Cut(s, ":")
		c := l.bind(bare + "/" + name)
		if available {
			c.send("<presence><priority>" + priority + "</priority></presence>")
		}
		all[name] = c
	}
	for _, c := range all {
		c.got()
	}
	l.away()
	return all
}

func stanza(kind, typ, to string) string {
	content := map[string]string{"message": "<body>hello</body>", "iq": "<query xmlns='test'/>"}[kind]
	if typ != "" {
		typ = " type='" + typ + "'"
	}
	return fmt.Sprintf("<%s id='1' to='%s'%s>%s</%s>", kind, to, typ, content, kind)
}

func TestFullOutbox(t *testing.T) {
	l := newLab(t)
	erin := l.online("erin@example.org/x")
	bob, err := l.tryBind("bob@example.org/desk", 2000)
	if err != nil {
		t.Fatal(err.Text)
	}
	bob.send("<presence/>")
	bob.got()
	bob.link.set(true, false)
	const msg = "<message id='1' type='chat' to='bob@example.org'><body>x</body></message>"
	for range 20 {
		erin.send(msg)
	}
	got := erin.got()
	if len(got) == 0 || len(got) == 20 {
		t.Fatalf("%d of 20 answered", len(got))
	}
	if want := unavailable("message", "1", "bob@example.org", "erin@example.org/x"); got[0] != want {
		t.Errorf("answer %s\nwant   %s", got[0], want)
	}
	if n := l.router.Stats().Count(relay.Full); n != uint64(len(got)) {
		t.Errorf("%d counted as full, %d answered", n, len(got))
	}
	// One of two resources has room: that will do.
	phone := l.online("bob@example.org/phone")
	erin.send(msg)
	phone.want("<message id='1' type='chat' to='bob@example.org' from='erin@example.org/x'><body>x</body></message>")
	erin.want()
	bob.link.set(false, false)
}

// TestLost: what an Outbox took and could not write is answered, unless
// another resource has it.
func TestLost(t *testing.T) {
	for _, tt := range []struct {
		name, others, to string
		answered         bool
	}{
		{"alone", "", "bob@example.org", true},
		{"tied", "phone:0", "bob@example.org", false},
		{"lower", "tv:-1", "bob@example.org", true},
		{"by name", "phone:0", "bob@example.org/desk", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t)
			erin, desk := l.online("erin@example.org/x"), l.online("bob@example.org/desk")
			l.resources("bob@example.org", tt.others)
			desk.got()
			desk.link.set(false, true)
			erin.send("<message id='1' type='chat' to='" + tt.to + "'><body>x</body></message>")
			want := []string{unavailable("message", "1", tt.to, "erin@example.org/x")}
			if !tt.answered {
				want = nil
			}
			erin.want(want...)
		})
	}
}

// TestAddresses: RFC 6120 §8.1.1.1, §10.3.
func TestAddresses(t *testing.T) {
	l := newLab(t)
	erin := l.online("erin@example.org/x")
	erin.send("<message id='1' type='chat'><body>note</body></message>")
	erin.want("<message id='1' type='chat' from='erin@example.org/x' to='erin@example.org'><body>note</body></message>")
	erin.send("<message id='2' type='chat' to='a@b@c'><body>x</body></message>")
	if c := condition(erin.got()); c != "jid-malformed" {
		t.Errorf("malformed address: %s", c)
	}
	erin.send("<message id='3' type='chat' to='ERIN@Example.Org/x'><body>x</body></message>")
	erin.want("<message id='3' type='chat' to='ERIN@Example.Org/x' from='erin@example.org/x'><body>x</body></message>")
	erin.send("<iq id='4' type='result'/>")
	erin.want()
}

// TestBlocked: the signed file's block lines hold both ways.
func TestBlocked(t *testing.T) {
	l := newLab(t)
	dave, mallory := l.online("dave@example.org/x"), l.online("mallory@example.org/x")
	const msg = "<message id='1' to='%s'><body>x</body></message>"
	mallory.send(fmt.Sprintf(msg, "dave@example.org/x"))
	dave.want()
	mallory.want(unavailable("message", "1", "dave@example.org/x", "mallory@example.org/x"))
	dave.send(fmt.Sprintf(msg, "mallory@example.org"))
	mallory.want()
	if c := condition(dave.got()); c != "not-acceptable" {
		t.Errorf("to a blocked address: %s", c)
	}
	l.inject("<message from='a@spam.example/x' to='dave@example.org'><body>x</body></message>")
	dave.want()
	l.wantAway("<message xmlns='jabber:client' type='error' from='dave@example.org' to='a@spam.example/x'>" +
		strings.TrimPrefix(unavailable("message", "", "", ""), "<message xmlns='jabber:client' type='error' id='' from='' to=''>"))
}

// TestBlockedContact: a block line weighs more than a common group.
func TestBlockedContact(t *testing.T) {
	l := newLabWith(t, "lethe-users 1\nserial 1\nuser alice@example.org groups=g\nuser bob@example.org groups=g\n"+
		"contact alice@example.org ann@away.example\nblock alice@example.org bob@example.org\nblock alice@example.org ann@away.example\n")
	bob := l.online("bob@example.org/x")
	alice := l.bind("alice@example.org/x")
	alice.send("<presence/>")
	alice.want("<presence from='alice@example.org/x' to='alice@example.org'/>")
	bob.send("<presence><show>away</show></presence>")
	alice.want()
	bob.want("<presence from='bob@example.org/x' to='bob@example.org'><show>away</show></presence>")
	alice.leave()
	bob.want()
	l.wantAway()
}

// TestStrangersLearnNothing: whoever asks without a subscription cannot tell
// an account that is online from one that is offline, blocks, or is none.
func TestStrangersLearnNothing(t *testing.T) {
	requests := map[string]string{
		"info":         "<iq id='1' type='get' to='%s@example.org'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
		"items":        "<iq id='1' type='get' to='%s@example.org'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>",
		"ping":         "<iq id='1' type='get' to='%s@example.org'><ping xmlns='urn:xmpp:ping'/></iq>",
		"vcard":        "<iq id='1' type='get' to='%s@example.org'><vCard xmlns='vcard-temp'/></iq>",
		"roster":       "<iq id='1' type='get' to='%s@example.org'><query xmlns='jabber:iq:roster'/></iq>",
		"roster set":   "<iq id='1' type='set' to='%s@example.org'><query xmlns='jabber:iq:roster'><item jid='x@y'/></query></iq>",
		"last":         "<iq id='1' type='get' to='%s@example.org'><query xmlns='jabber:iq:last'/></iq>",
		"two children": "<iq id='1' type='get' to='%s@example.org'><a xmlns='b'/><a xmlns='b'/></iq>",
		"resource":     "<iq id='1' type='get' to='%s@example.org/guess'><ping xmlns='urn:xmpp:ping'/></iq>",
		"groupchat":    "<message id='1' type='groupchat' to='%s@example.org'><body>x</body></message>",
		"normal":       "<message id='1' to='%s@example.org/guess'><body>x</body></message>",
		"headline":     "<message id='1' type='headline' to='%s@example.org/guess'><body>x</body></message>",
		"otr":          "<message id='1' type='chat' to='%s@example.org/guess'><body>?OTR:A</body></message>",
		"probe":        "<presence id='1' type='probe' to='%s@example.org'/>",
		"probe full":   "<presence id='1' type='probe' to='%s@example.org/guess'/>",
		"presence":     "<presence id='1' to='%s@example.org'/>",
		"subscribe":    "<presence id='1' type='subscribe' to='%s@example.org'/>",
		"unsubscribe":  "<presence id='1' type='unsubscribe' to='%s@example.org'/>",
		"subscribed":   "<presence id='1' type='subscribed' to='%s@example.org'/>",
	}
	l := newLab(t)
	l.online("bob@example.org/desk")
	l.online("dave@example.org/desk")
	mallory := l.online("mallory@example.org/x")
	for name, request := range requests {
		answers := func(local string) (near, far string) {
			mallory.send(fmt.Sprintf(request, local))
			st := parse(t, fmt.Sprintf(request, local))
			st.SetFrom("eve@spam.example/x")
			l.inject(string(st.Append(nil, wire.NSClient)))
			unname := func(s []string) string { return strings.ReplaceAll(strings.Join(s, "\n"), local+"@", "USER@") }
			return unname(mallory.got()), unname(l.away())
		}
		nearNobody, farNobody := answers("nobody")
		for _, local := range []string{"bob", "carol", "dave"} {
			near, far := answers(local)
			if near != nearNobody {
				t.Errorf("%s: %s answers %q, nobody %q", name, local, near, nearNobody)
			}
			if far != farNobody {
				t.Errorf("%s from afar: %s answers %q, nobody %q", name, local, far, farNobody)
			}
		}
	}
}

// A headline that nobody took is not answered, and counted for what became of
// it.
func TestHeadlinesNobodyTook(t *testing.T) {
	l := newLab(t)
	mallory := l.online("mallory@example.org/x")
	l.resources("bob@example.org", negative)
	for _, test := range []struct {
		to   string
		want relay.Drop
	}{
		{"bob@example.org", relay.Offline},
		{"bob@example.org/gone", relay.Offline},
		{"carol@example.org", relay.Offline},
		{"dave@example.org", relay.Unwanted},
		{"nobody@example.org", relay.NoUser},
	} {
		before, delivered := l.router.Stats().Count(test.want), l.router.Stats().Count(relay.Delivered)
		mallory.send(stanza("message", "headline", test.to))
		mallory.want()
		if l.router.Stats().Count(test.want) != before+1 || l.router.Stats().Count(relay.Delivered) != delivered {
			t.Errorf("%s: not counted as %v", test.to, test.want)
		}
	}
}
