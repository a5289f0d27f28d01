package rooms_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

func say(id, children string) string {
	return "<message type='groupchat' id='" + id + "' to='" + tea + "'>" + children + "</message>"
}

// Between the start tag and what the room adds, a message is byte for byte what
// was sent, less what only the room may say.
func TestMessagePassesAsItIs(t *testing.T) {
	tests := []struct{ sent, got string }{
		{"<body>a&#x26;b &amp; <![CDATA[<c>]]></body>\t<x:y xmlns:x='u' x:z=\"'\"/>", ""},
		{"<p:q/><body/>", ""}, // a prefix of the start tag
		{"<body>b</body><stanza-id xmlns='urn:xmpp:sid:0' id='1' by='" + tea + "'/>", "<body>b</body>"},
		{"<body>b</body><stanza-id xmlns='urn:xmpp:sid:0' id='1' by='TEA@Rooms.example.org/x'/>", "<body>b</body>"},
		{"<body>b</body><stanza-id xmlns='urn:xmpp:sid:0' id='1' by='te&#97;@rooms.example.org'/>", "<body>b</body>"},
		{"<body>b</body><p:stanza-id xmlns:p='urn:xmpp:sid:0' id='1' by='" + tea + "'/>", "<body>b</body>"},
		{"<body>b</body><stanza-id xmlns='urn:xmpp:sid:0' id='1' by='alice@example.org'/><origin-id xmlns='urn:xmpp:sid:0' id='1'/>", ""},
		{"<occupant-id xmlns='urn:xmpp:occupant-id:0' id='1'/><body>b</body>", "<body>b</body>"},
		{"<body>b</body><x xmlns='" + nsX + "#user'><status code='104'/></x>", "<body>b</body>"},
		{"<body>b</body><delay xmlns='urn:xmpp:delay' from='" + tea + "' stamp='2020-01-01T00:00:00Z'/>", "<body>b</body>"},
		{"<body>b</body><delay xmlns='urn:xmpp:delay' from='alice@example.org' stamp='2020-01-01T00:00:00Z'/>", ""},
		{"", ""},
	}
	for _, tt := range tests {
		l := newLab(t)
		l.open(nil, "bob/x")
		if tt.got == "" {
			tt.got = tt.sent
		}
		l.send("bob/x", "<message type='groupchat' id='1' xmlns:p='u:p' xml:lang='de' to='"+tea+"'>"+tt.sent+"</message>")
		for _, to := range []string{"alice", "bob"} {
			got := l.one(to + "/x")
			want := "<message type='groupchat' id='1' xmlns:p='u:p' xml:lang='de' from='" + tea + "/bob' to='" + to + "@example.org/x'>" + tt.got + "</message>"
			if got != want {
				t.Errorf("sent %s\n got %s\nwant %s", tt.sent, got, want)
			}
		}
	}
}

var idOf = regexp.MustCompile(`<(stanza|occupant)-id xmlns='[^']*' id='([^']*)'`)

// An occupant id is a person's in one room, and a standing room's outlives the
// relay.
func TestOccupantIDs(t *testing.T) {
	ids := func(l *lab, room, who string) (occupant, stanza string) {
		l.forget()
		l.send(who, "<message type='groupchat' to='"+room+"'><body>b</body></message>")
		for _, m := range idOf.FindAllStringSubmatch(l.got[address(t, who).String()][0], -1) {
			if m[1] == "stanza" {
				stanza = m[2]
			} else {
				occupant = m[2]
			}
		}
		return occupant, stanza
	}
	first, again := newLab(t), newLab(t)
	first.open(nil, "bob/x", "bob/y")
	first.join("board@"+host, "alice/x", "bob/x")
	again.open(nil, "bob/x")
	again.join("board@"+host, "alice/x")
	alice, one := ids(first, tea, "alice/x")
	_, two := ids(first, tea, "alice/x")
	bob, _ := ids(first, tea, "bob/x")
	bobToo, _ := ids(first, tea, "bob/y")
	board, _ := ids(first, "board@"+host, "alice/x")
	boardAgain, _ := ids(again, "board@"+host, "alice/x")
	teaAgain, _ := ids(again, tea, "alice/x")
	switch {
	case alice == "" || len(alice) > 128 || one == "" || one == two:
		t.Errorf("ids %q, %q, %q", alice, one, two)
	case alice == bob || bob != bobToo:
		t.Error("an occupant id is not one person's")
	case alice == board || alice == teaAgain:
		t.Error("an occupant id tells a person in another room")
	case board != boardAgain:
		t.Error("in a standing room a person is another after a restart")
	}
}

func TestMessagesThatAreRefused(t *testing.T) {
	tests := []struct{ from, stanza, condition string }{
		{"carol/x", say("1", "<body>b</body>"), "<not-acceptable"},
		{"bob/x", say("1", strings.Repeat("<a xmlns='u'/>", 17)), "<policy-violation"},
		{"bob/x", say("1", "<body>"+strings.Repeat("x", 256<<10-200)+"</body>"), "<policy-violation"},
		{"bob/x", say("1", "<subject>"+strings.Repeat("x", 4<<10)+"</subject>"), "<not-acceptable"},
		{"bob/x", "<message id='1' to='" + tea + "'><body>b</body></message>", "<bad-request"},
		{"bob/x", "<message id='1' type='chat' to='" + tea + "/nobody'><body>b</body></message>", "<item-not-found"},
		{"bob/x", "<message id='1' to='none@" + host + "'><body>b</body></message>", "<item-not-found"},
		{"bob/x", "<message id='1' to='none@" + host + "/x'><body>b</body></message>", "<not-acceptable"},
		{"bob/x", "<message id='1' to='" + host + "'><body>b</body></message>", "<service-unavailable"},
		{"bob/x", "<message id='1' to='" + tea + "'><x xmlns='" + nsX + "#user'/></message>", "<bad-request"},
		{"bob/x", "<message id='1' to='" + tea + "'><x xmlns='" + nsX + "#user'><invite to='@'/></x></message>", "<jid-malformed"},
		{"bob/x", "<message id='1' to='" + tea + "'><x xmlns='" + nsX + "#user'><decline to='@'/></x></message>", "<not-acceptable"},
		{"carol/x", "<message id='1' to='" + tea + "'><x xmlns='" + nsX + "#user'><invite to='dave@example.org'/></x></message>", "<not-acceptable"},
	}
	for _, tt := range tests {
		l := newLab(t)
		l.open(nil, "bob/x")
		l.send(tt.from, tt.stanza)
		l.one(tt.from, "type='error'", "id='1'", tt.condition, "<text ")
		l.nothing("alice/x")
	}
}

// A subject outlives who set it; the next one takes its place.
func TestSubject(t *testing.T) {
	l := newLab(t)
	l.open(nil, "bob/x")
	l.send("bob/x", say("1", "<subject>one</subject>"))
	l.send("bob/x", say("2", "<subject>no change</subject><body>b</body>"))
	l.send("bob/x", "<presence type='unavailable' to='"+tea+"/bob'/>")
	l.forget()
	last := func() string {
		l.enter(tea, "carol/x", "carol")
		got := l.take("carol/x")
		return got[len(got)-1]
	}
	if got := last(); !strings.Contains(got, "<subject>one</subject>") || !strings.Contains(got, "from='"+tea+"/bob'") ||
		!strings.Contains(got, "<delay xmlns='urn:xmpp:delay' from='"+tea+"' stamp='2026-01-02T03:04:05.000Z'/>") {
		t.Errorf("the subject is %s", got)
	}
	l.send("alice/x", say("3", "<subject/>"))
	l.forget()
	if got := last(); !strings.Contains(got, "<subject/>") || !strings.Contains(got, "from='"+tea+"/alice'") {
		t.Errorf("the subject is %s", got)
	}
}

// The history is what the room was told to remember and what a newcomer asks
// for, whichever is less.
func TestHistory(t *testing.T) {
	tests := []struct {
		kept, wish string
		want       string // ids
	}{
		{"0", "", ""},
		{"3", "", "234"},
		{"50", "", "01234"},
		{"50", "maxstanzas='2'", "34"},
		{"50", "maxstanzas='0'", ""},
		{"50", "maxchars='0'", ""},
		{"50", "maxchars='1500'", "34"},
		{"50", "seconds='150'", "34"},
		{"50", "since='2026-01-02T03:06:05Z'", "234"},
		{"50", "since='2026-01-02T03:06:05Z' seconds='90'", "4"},
		{"50", "maxstanzas='-1' seconds='x' since='y'", "01234"},
	}
	for _, tt := range tests {
		l := newLab(t)
		l.open([]string{"muc#maxhistoryfetch=" + tt.kept})
		for i := range 5 {
			l.send("alice/x", say(fmt.Sprint(i), "<body>"+strings.Repeat("x", 250)+"</body>"))
			l.clock = l.clock.Add(time.Minute)
		}
		l.send("bob/x", "<presence to='"+tea+"/bob'><x xmlns='"+nsX+"'><history "+tt.wish+"/></x></presence>")
		got := ""
		for _, s := range l.take("bob/x") {
			if strings.Contains(s, "<body>") {
				_, id, _ := strings.Cut(s, "id='")
				got += id[:1]
			}
		}
		if got != tt.want {
			t.Errorf("of the last %s, asking for %s, came %q, want %q", tt.kept, tt.wish, got, tt.want)
		}
	}
}

// A history is bounded in bytes too, and goes when the setting goes.
func TestHistoryIsBounded(t *testing.T) {
	l := newLab(t)
	l.open([]string{"muc#maxhistoryfetch=50"})
	for range 10 {
		l.send("alice/x", say("1", "<body>"+strings.Repeat("x", 20<<10)+"</body>"))
	}
	count := func(who string) int {
		l.forget()
		l.enter(tea, who, nick(who))
		return strings.Count(strings.Join(l.take(who), ""), "<body>")
	}
	if n := count("bob/x"); n != 3 {
		t.Errorf("%d messages of 20 KiB are kept, want 3 in 64 KiB", n)
	}
	l.configure(tea, "alice/x", "muc#maxhistoryfetch=0")
	l.configure(tea, "alice/x", "muc#maxhistoryfetch=50")
	if n := count("carol/x"); n != 0 {
		t.Errorf("%d messages are left", n)
	}
}
