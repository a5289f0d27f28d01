package rooms_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// Only local users open rooms; others may enter.
func TestWhoOpensRooms(t *testing.T) {
	l := newLab(t)
	l.enter(tea, "ann@away.example/x", "ann")
	l.one("ann@away.example/x", "type='error'", "<not-allowed")
	l.size(0, 0)
	l.open(nil, "ann@away.example/x")
	l.size(1, 2)
}

func TestPresencesThatAreRefused(t *testing.T) {
	tests := []struct{ from, stanza, condition string }{
		{"bob/x", "<presence to='" + tea + "'><x xmlns='" + nsX + "'/></presence>", "<jid-malformed"},
		{"bob", "<presence to='" + tea + "/bob'><x xmlns='" + nsX + "'/></presence>", "<bad-request"},
		{"bob/x", "<presence to='" + tea + "/bob'/>", "<not-acceptable"},
		{"bob/x", "<presence to='none@" + host + "/bob'/>", "<not-acceptable"},
		{"bob/x", "<presence to='" + tea + "/" + strings.Repeat("b", 257) + "'><x xmlns='" + nsX + "'/></presence>", "<not-acceptable"},
		{"bob/x", "<presence to='" + tea + "/alice'><x xmlns='" + nsX + "'/></presence>", "<conflict"},
		{"bob/x", "<presence to='" + tea + "/bob'><x xmlns='" + nsX + "'/><status>" + strings.Repeat("x", 8<<10) + "</status></presence>", "<policy-violation"},
		{"bob/x", "<presence type='subscribe' to='" + tea + "'/>", "<service-unavailable"},
	}
	for _, tt := range tests {
		l := newLab(t)
		l.open(nil)
		l.send(tt.from, tt.stanza)
		l.one(tt.from, "<presence", "type='error'", tt.condition, "<text ")
		l.nothing("alice/x")
		l.size(1, 1)
	}
}

// Presences that are nobody's business are passed over in silence.
func TestPresencesInSilence(t *testing.T) {
	l := newLab(t)
	l.open(nil)
	for _, s := range []string{
		"<presence type='unavailable' to='" + tea + "/bob'/>",
		"<presence type='unavailable' to='none@" + host + "/bob'/>",
		"<presence type='probe' to='" + tea + "/alice'/>",
		"<presence type='error' to='" + tea + "/alice'/>",
	} {
		l.send("bob/x", s)
	}
	l.nothing("bob/x", "alice/x")
	l.size(1, 1)
}

func TestRoomIsFull(t *testing.T) {
	l := newLab(t)
	l.open([]string{"muc#roomconfig_maxusers=2"}, "bob/x")
	l.enter(tea, "carol/x", "carol")
	l.one("carol/x", "type='error'", "<service-unavailable")
	l.affiliate("carol", "admin") // who can still come
	l.join(tea, "carol/x")
	l.size(1, 3)
	for i := range 31 {
		l.join(tea, fmt.Sprintf("alice/%d", i))
	}
	l.enter(tea, "alice/more", "alice")
	l.one("alice/more", "type='error'", "<resource-constraint")
}

// A user opens so many rooms, and as many again when they are gone.
func TestRoomsOfOneUser(t *testing.T) {
	l := newLab(t)
	for range 2 {
		for i := range 100 {
			l.join(fmt.Sprintf("%d@%s", i, host), "alice/x")
		}
		l.enter("more@"+host, "alice/x", "alice")
		l.one("alice/x", "type='error'", "<resource-constraint")
		l.size(100, 100)
		for i := range 100 {
			l.send("alice/x", fmt.Sprintf("<presence type='unavailable' to='%d@%s/alice'/>", i, host))
		}
		l.forget()
		l.size(0, 0)
	}
}

// The list of banned, members and so on is bounded.
func TestPeopleAreBounded(t *testing.T) {
	l := newLab(t)
	l.open(nil)
	for i := range 25 {
		items := ""
		for j := range 100 {
			items += fmt.Sprintf("<item affiliation='outcast' jid='%d-%d@away.example'/>", i, j)
		}
		l.send("alice/x", "<iq type='set' id='1' to='"+tea+"'><query xmlns='"+nsX+"#admin'>"+items+"</query></iq>")
	}
	got := strings.Join(l.take("alice/x"), "")
	if strings.Count(got, "type='result'") != 19 || strings.Count(got, "<resource-constraint") != 6 {
		t.Errorf("%d requests went through", strings.Count(got, "type='result'"))
	}
}

// The last word of the service (XEP-0045 §11.2).
func TestCloseAll(t *testing.T) {
	l := newLab(t)
	l.open(nil, "bob/x", "bob/y")
	var p relay.Pass
	l.rooms.CloseAll(&p)
	for _, who := range []string{"alice/x", "bob/x", "bob/y"} {
		l.one(who, "type='unavailable'", "<status code='332'/>", "<status code='110'/>")
	}
	l.size(0, 0)
}

// What the users file says changes with the file: who is no member any more
// leaves, who has become one stays, and no file has a temporary room.
func TestSetUsers(t *testing.T) {
	const board = "board@" + host
	l := newLab(t)
	l.open(nil, "carol/x")
	l.join(board, "alice/x", "bob/x", "ann@away.example/x")
	set := func(room string) {
		var p relay.Pass
		l.rooms.SetUsers(&p, parseUsers(t, "lethe-users 1\nserial 2\nuser alice@example.org groups=team\nuser bob@example.org\nuser carol@example.org\n"+room))
	}
	set("room board@rooms.example.org groups=team members=ann@away.example\n")
	l.one("alice/x", "from='"+board+"/bob'", "<status code='321'/>")
	l.one("bob/x", "from='"+board+"/bob'", "<status code='321'/>", "<status code='110'/>")
	l.nothing("carol/x")
	l.forget()
	set("room tea@rooms.example.org owners=alice@example.org\n")
	l.one("ann@away.example/x", "from='"+board+"/ann'", "<status code='321'/>")
	l.one("carol/x", "from='"+tea+"/carol'", "<status code='321'/>")
	l.size(1, 1)
	l.send("alice/x", "<presence type='unavailable' to='"+tea+"/alice'/>")
	l.forget()
	l.enter(board, "bob/x", "bob") // a temporary room now
	if got := l.take("bob/x"); !strings.Contains(got[0], "<status code='201'/>") {
		t.Errorf("bob got %s", got)
	}
}

// A file that makes a member of somebody who is inside says so to all.
func TestSetUsersMakesMembers(t *testing.T) {
	l := newLab(t)
	l.open(nil, "bob/x")
	var p relay.Pass
	l.rooms.SetUsers(&p, parseUsers(t, "lethe-users 1\nserial 2\nuser alice@example.org\nuser bob@example.org\nroom tea@rooms.example.org members=bob@example.org owners=alice@example.org\n"))
	l.one("alice/x", "from='"+tea+"/bob'", "affiliation='member'")
	l.one("bob/x", "from='"+tea+"/bob'", "affiliation='member'", "<status code='110'/>")
}

// Who had opened a room before it came into the file is nothing in it by that.
func TestSetUsersTakesOver(t *testing.T) {
	l := newLab(t)
	l.open([]string{"muc#maxhistoryfetch=5"}, "bob/x")
	l.send("alice/x", "<message type='groupchat' to='"+tea+"'><body>old</body></message>")
	l.send("alice/x", "<message type='groupchat' to='"+tea+"'><subject>older</subject></message>")
	l.forget()
	var p relay.Pass
	l.rooms.SetUsers(&p, parseUsers(t, "lethe-users 1\nserial 2\nuser alice@example.org\nuser bob@example.org\nuser carol@example.org\n"+
		"room tea@rooms.example.org members=bob@example.org,carol@example.org\n"))
	l.one("alice/x", "from='"+tea+"/alice'", "<status code='321'/>", "<status code='110'/>")
	l.send("alice/x", "<iq type='get' id='o' to='"+tea+"'><query xmlns='"+nsX+"#owner'/></iq>")
	l.one("alice/x", "<forbidden")
	l.enter(tea, "alice/x", "alice")
	l.one("alice/x", "<registration-required")
	l.enter(tea, "carol/x", "carol")
	if got := strings.Join(l.take("carol/x"), ""); strings.Contains(got, "old") {
		t.Errorf("carol got %s", got)
	}
}

// No owner, however made, takes from a member what the file gives.
func TestFileGoesFirst(t *testing.T) {
	l := newLab(t)
	l.open(nil, "bob/x")
	var p relay.Pass
	l.rooms.SetUsers(&p, parseUsers(t, "lethe-users 1\nserial 2\nuser alice@example.org\nuser bob@example.org\nroom tea@rooms.example.org members=bob@example.org owners=alice@example.org\n"))
	l.forget()
	for _, as := range []string{"none", "outcast"} {
		l.affiliate("bob", as)
		l.one("alice/x", "type='error'", "<not-allowed", "by the signed list of this server")
	}
	l.send("alice/x", "<iq type='set' id='d' to='"+tea+"'><query xmlns='"+nsX+"#owner'><destroy/></query></iq>")
	l.one("alice/x", "type='error'", "<not-allowed", "from the signed list of this server")
	l.nothing("bob/x")
}

// Those whom the file calls owners configure the room while it is occupied; they
// cannot end it, nor be made less.
func TestFileOwners(t *testing.T) {
	const board, owned = "board@" + host, "lethe-users 1\nserial 2\nuser alice@example.org groups=team\nuser bob@example.org groups=team\n" +
		"user carol@example.org\nroom board@rooms.example.org groups=team owners=carol@example.org,ann@away.example,bob@example.org\n"
	l := newLab(t)
	var p relay.Pass
	l.rooms.SetUsers(&p, parseUsers(t, owned))
	l.join(board, "alice/x", "carol/x")
	ask := func(who, typ, query string) {
		l.send(who, "<iq type='"+typ+"' id='1' to='"+board+"'>"+query+"</iq>")
	}
	ask("alice/x", "get", "<query xmlns='"+nsX+"#owner'/>")
	l.one("alice/x", "<forbidden")
	l.configure(board, "carol/x", "muc#roomconfig_roomname=Ours", "muc#maxhistoryfetch=5")
	l.one("alice/x", "<status code='104'/>")
	l.forget()
	ask("carol/x", "set", "<query xmlns='"+nsX+"#owner'><destroy/></query>")
	l.one("carol/x", "<not-allowed")
	ask("carol/x", "set", "<query xmlns='"+nsX+"#admin'><item jid='ann@away.example' affiliation='admin'/></query>")
	l.one("carol/x", "<not-allowed")
	ask("carol/x", "set", "<query xmlns='"+nsX+"#admin'><item nick='alice' role='none'/></query>")
	l.one("alice/x", "<status code='307'/>")
	l.forget()
	ask("carol/x", "get", "<query xmlns='"+nsX+"#admin'><item affiliation='owner'/></query>")
	if got := l.one("carol/x", "jid='ann@away.example'"); strings.Count(got, "<item ") != 3 {
		t.Errorf("the owners are %s", got)
	}
	ask("carol/x", "get", "<query xmlns='"+nsX+"#admin'><item affiliation='member'/></query>")
	if got := l.one("carol/x", "jid='alice@example.org'"); strings.Count(got, "<item ") != 1 {
		t.Errorf("the members are %s", got)
	}
	l.send("carol/x", "<presence type='unavailable' to='"+board+"/carol'/>")
	l.forget()
	ask("bob/x", "get", "<query xmlns='http://jabber.org/protocol/disco#info'/>")
	if got := l.one("bob/x"); strings.Contains(got, "Ours") {
		t.Error("the settings outlive the last occupant")
	}
}

// Rooms do not write to each other, neither by invitation nor by error.
func TestRoomsDoNotMeet(t *testing.T) {
	l := newLab(t)
	l.open(nil)
	l.join("coffee@"+host, "bob/x")
	l.send("alice/x", "<message to='"+tea+"'><x xmlns='"+nsX+"#user'><invite to='coffee@"+host+"'/></x></message>")
	l.nothing("alice/x", "bob/x")
	l.size(2, 2)
}

// A recorder is everybody, for several goroutines.
type recorder struct {
	mu   sync.Mutex
	said map[string][]string // ids of messages, by who got them
	gone map[string]bool
}

func (r *recorder) Deliver(_ *relay.Pass, st *wire.Stanza, _, to jid.JID) relay.Drop {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone[to.String()] {
		return relay.Offline
	}
	if st.Kind == wire.Message && st.HasBody() {
		r.said[to.String()] = append(r.said[to.String()], string(st.ID()))
	}
	return relay.Delivered
}

// A sink takes all.
type sink struct{}

func (sink) Deliver(*relay.Pass, *wire.Stanza, jid.JID, jid.JID) relay.Drop { return relay.Delivered }

// All occupants see the same order, whoever speaks, while others come and go and
// some cannot be reached. With -race it shows that a room is one at a time.
func TestOrder(t *testing.T) {
	l := newLab(t)
	l.open(nil, "bob/x", "carol/x")
	out := &recorder{said: map[string][]string{}, gone: map[string]bool{"dave@example.org/0": true}}
	l.router.Handle("example.org", out)
	var wg sync.WaitGroup
	for _, who := range []string{"alice/x", "bob/x", "carol/x"} {
		wg.Go(func() {
			for i := range 200 {
				l.send(who, say(fmt.Sprintf("%s%d", nick(who), i), "<body>b</body>"))
			}
		})
	}
	for i := range 4 {
		wg.Go(func() {
			for range 50 {
				who := fmt.Sprintf("dave/%d", i)
				l.enter(tea, who, fmt.Sprint("dave", i))
				l.send(who, say("d", ""))
				l.send(who, "<presence type='unavailable' to='"+tea+"/dave'/>")
			}
		})
	}
	wg.Wait()
	first := out.said["alice@example.org/x"]
	if len(first) != 600 {
		t.Errorf("%d of 600 messages", len(first))
	}
	for _, who := range []string{"bob@example.org/x", "carol@example.org/x"} {
		if got := out.said[who]; strings.Join(got, " ") != strings.Join(first, " ") {
			t.Errorf("%s sees another order", who)
		}
	}
	l.size(1, 3)
}

// BenchmarkFanOut is a message to a thousand, up to the Router's endpoint.
func BenchmarkFanOut(b *testing.B) {
	l := newLab(b)
	l.open(nil)
	for i := range 999 {
		l.enter(tea, fmt.Sprintf("u%d/x", i), fmt.Sprint(i))
		l.forget()
	}
	l.router.Handle("example.org", sink{})
	message := say("1", "<body>"+strings.Repeat("x", 300)+"</body>")
	b.ReportAllocs()
	for b.Loop() {
		l.send("alice/x", message)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/delivery")
}

// All of a request is done, or nothing: so a room cannot lose its owners one by
// one in a single request.
func TestAdminRequests(t *testing.T) {
	tests := []struct{ items, want string }{
		{"<item nick='bob' role='visitor'/><item nick='nobody' role='visitor'/>", "<item-not-found"},
		{"<item jid='bob@example.org' affiliation='owner'/>", "type='result'"},
		{"<item jid='bob@example.org' affiliation='owner'/><item jid='alice@example.org' affiliation='none'/>", "type='result'"},
		{"<item jid='alice@example.org' affiliation='none'/>", "<conflict"},
		{"<item jid='alice@example.org' affiliation='outcast'/>", "<conflict"},
		{"<item jid='bob@example.org' affiliation='king'/>", "<bad-request"},
		{"<item jid='bob@example.org' role='visitor'/>", "<bad-request"},
		{"<item jid='example.org' affiliation='outcast'/>", "<jid-malformed"},
		{"<item jid='@' affiliation='outcast'/>", "<jid-malformed"},
		{"<item nick='bob' affiliation='member'/>", "type='result'"},
		{"<item nick='alice' role='participant'/>", "<not-allowed"},
		{"<reason/>", "<bad-request"},
		{"", "<bad-request"},
		{strings.Repeat("<item nick='bob' role='visitor'/>", 101), "<bad-request"},
	}
	for _, tt := range tests {
		l := newLab(t)
		l.open(nil, "bob/x")
		l.send("alice/x", "<iq type='set' id='1' to='"+tea+"'><query xmlns='"+nsX+"#admin'>"+tt.items+"</query></iq>")
		if got := l.take("alice/x"); len(got) == 0 || !strings.Contains(got[0], tt.want) {
			t.Errorf("%.200s: %q, want %s", tt.items, got, tt.want)
		}
		if !strings.HasPrefix(tt.want, "type") {
			l.nothing("bob/x")
		}
	}
}

func TestOwnerRequests(t *testing.T) {
	const x = "<x xmlns='jabber:x:data' type='"
	tests := []struct{ query, want string }{
		{"", "<bad-request"},
		{x + "form'/>", "<bad-request"},
		{x + "cancel'/>", "type='result'"},
		{x + "submit'/>", "type='result'"},
		{"<destroy jid='@'/>", "<jid-malformed"},
	}
	for _, tt := range tests {
		l := newLab(t)
		l.open(nil, "bob/x")
		l.send("alice/x", "<iq type='set' id='1' to='"+tea+"'><query xmlns='"+nsX+"#owner'>"+tt.query+"</query></iq>")
		l.one("alice/x", tt.want)
		l.nothing("bob/x") // nothing has changed
		l.size(1, 2)
	}
}

// A password is asked for where there is one, and else not looked at.
func TestPasswords(t *testing.T) {
	with := "<presence to='" + tea + "/bob'><x xmlns='" + nsX + "'><password>pw</password></x></presence>"
	l := newLab(t)
	l.open(nil)
	l.send("bob/x", with)
	l.size(1, 2)
	l = newLab(t)
	l.open([]string{"muc#roomconfig_roomsecret=pw"})
	l.enter(tea, "bob/x", "bob")
	l.one("bob/x", "<not-authorized")
	l.send("bob/x", with)
	l.size(1, 2)
	l.forget()
	l.send("alice/x", "<message to='"+tea+"'><x xmlns='"+nsX+"#user'><invite to='carol@example.org'/></x></message>")
	l.one("carol", "<invite from='"+tea+"/alice'", "<password>pw</password>")
}

// Who is what: for moderators the lists of roles, for admins all others.
func TestLists(t *testing.T) {
	tests := []struct{ who, item, want string }{
		{"alice/x", "role='moderator'", "<item affiliation='owner' role='moderator' nick='alice' jid='alice@example.org/x'/></query>"},
		{"alice/x", "role='participant'", "<item affiliation='none' role='participant' nick='bob' jid='bob@example.org/x'/></query>"},
		{"alice/x", "affiliation='owner'", "<item affiliation='owner' jid='alice@example.org'/></query>"},
		{"alice/x", "affiliation='none'", "#admin'></query>"},
		{"alice/x", "role='none'", "<bad-request"},
		{"alice/x", "", "<bad-request"},
		{"bob/x", "role='participant'", "<forbidden"},
		{"bob/x", "affiliation='member'", "<forbidden"},
	}
	for _, tt := range tests {
		l := newLab(t)
		l.open(nil, "bob/x")
		l.send(tt.who, "<iq type='get' id='1' to='"+tea+"'><query xmlns='"+nsX+"#admin'><item "+tt.item+"/></query></iq>")
		l.one(tt.who, tt.want)
	}
}
