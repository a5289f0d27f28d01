package account_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lethe/relay"
)

const (
	bookmarks = "urn:xmpp:bookmarks:1"
	oldMarks  = "storage:bookmarks"

	// Alice belongs to the board and, with bob, to the lounge.
	clubs = people + "room board@rooms.example.org name=\"Board\" members=alice@example.org\n" +
		"room lounge@rooms.example.org groups=team\n"
)

// mark is a bookmark as XEP-0402 has it, with all that can be in it.
func mark(attrs, content string) string {
	return "<conference xmlns='" + bookmarks + "'" + attrs + ">" + content + "</conference>"
}

// oldMark is one as XEP-0048 has it.
func oldMark(jid, attrs, content string) string {
	return "<conference xmlns='" + oldMarks + "' jid='" + jid + "'" + attrs + ">" + content + "</conference>"
}

const (
	boardID, loungeID = "board@rooms.example.org", "lounge@rooms.example.org"
)

func board() string {
	return item(boardID, mark(" name='Board' autojoin='true'", "<nick>Alice</nick>"))
}
func lounge() string { return item(loungeID, mark(" autojoin='true'", "<nick>Alice</nick>")) }

// marks asks for all bookmarks, in the newer way and in both older ones, which
// show the same.
func (c *client) marks(want, wantOld []string) {
	c.lab.t.Helper()
	of := func(s, from, to string) []string {
		_, s, _ = strings.Cut(s, from)
		s, _, _ = strings.Cut(s, to)
		return slices.Sorted(slices.Values(strings.Split(strings.ReplaceAll(s, "><", ">\n<"), "\n")))
	}
	compareAll := func(name, got string, from, to string, want []string) {
		c.lab.t.Helper()
		compare(c.lab.t, name, of(got, from, to), of(from+strings.Join(want, "")+to, from, to))
	}
	compareAll("newer", c.ask(pubsub("get", "<items node='"+bookmarks+"'/>")), "'"+bookmarks+"'>", "</items>", want)
	storage := "<storage xmlns='" + oldMarks + "'>"
	compareAll("older", c.ask(pubsub("get", "<items node='"+oldMarks+"'/>")), storage, "</storage>", wantOld)
	compareAll("oldest", c.ask("<iq type='get' id='1'><query xmlns='jabber:iq:private'><storage xmlns='"+oldMarks+"'/></query></iq>"), storage, "</storage>", wantOld)
}

// TestStandingRoomsAreBookmarks: they are there without anybody having put
// them there, for members and for nobody else.
func TestStandingRoomsAreBookmarks(t *testing.T) {
	l := newLabWith(t, clubs)
	alice, bob, erin := l.bind("alice@example.org/a"), l.bind("bob@example.org/b"), l.bind("erin@example.org/e")
	old := func(who string) string { return oldMark(loungeID, " autojoin='true'", "<nick>"+who+"</nick>") }
	alice.marks([]string{lounge(), board()}, []string{oldMark(boardID, " name='Board' autojoin='true'", "<nick>Alice</nick>"), old("Alice")})
	bob.marks([]string{strings.Replace(lounge(), "Alice", "Bob", 1)}, []string{old("Bob")})
	carol := l.bind("carol@example.org/c")
	carol.marks([]string{strings.Replace(lounge(), "Alice", "carol", 1)}, []string{old("carol")})
	if got := erin.ask(pubsub("get", "<items node='"+bookmarks+"'/>")); got != "item-not-found" {
		t.Errorf("erin has %s", got)
	}
	for _, node := range []string{bookmarks, oldMarks} {
		if got := bob.ask(to("alice@example.org", pubsub("get", "<items node='"+node+"'/>"))); got != "item-not-found" {
			t.Errorf("bob sees %s", got)
		}
	}
	// Asking leaves nothing behind.
	for _, c := range []*client{alice, bob, carol, erin} {
		c.leave()
	}
	if n, _ := l.server.Size(); n != 0 {
		t.Errorf("%d accounts in memory", n)
	}
}

// TestBookmarks: a client's own go beside those of the file, or in their place.
func TestBookmarks(t *testing.T) {
	l := newLabWith(t, clubs)
	alice := l.bind("alice@example.org/a")
	alice.runs(app{bookmarks, oldMarks})
	own := mark(" autojoin='true'", "<nick>A</nick><password>p</password><extensions><x xmlns='u'/></extensions>")
	wanted := "<publish-options>" + options("publish-options", "persist_items", "true", "max_items", "max",
		"send_last_published_item", "never", "access_model", "whitelist") + "</publish-options>"
	alice.ask(pubsub("set", publishing(bookmarks, "chat@away.example", own)+wanted))
	oldBoard := oldMark(boardID, " name='Board' autojoin='true'", "<nick>Alice</nick>")
	oldLounge := oldMark(loungeID, " autojoin='true'", "<nick>Alice</nick>")
	oldOwn := oldMark("chat@away.example", " autojoin='true'", "<nick>A</nick><password>p</password>")
	alice.marks([]string{board(), lounge(), item("chat@away.example", own)}, []string{oldBoard, oldLounge, oldOwn})

	// A room of the file whose owner does not want to be taken there.
	off := mark(" name='B'", "")
	alice.got()
	alice.send(pubsub("set", publishing(bookmarks, boardID, off)+wanted))
	if got := alice.notes(); len(got) != 2 || !strings.Contains(got[0], item(boardID, off)) || !strings.Contains(got[1], oldMark(boardID, " name='B'", "")) {
		t.Errorf("told %q", got)
	}
	alice.marks([]string{item(boardID, off), lounge(), item("chat@away.example", own)}, []string{oldMark(boardID, " name='B'", ""), oldLounge, oldOwn})

	// It cannot be removed; what is the user's own can.
	for _, id := range []string{boardID, loungeID} {
		if got := alice.ask(pubsub("set", "<retract node='"+bookmarks+"' notify='1'><item id='"+id+"'/></retract>")); got != "not-allowed" {
			t.Errorf("%s: %s", id, got)
		}
	}
	alice.got()
	alice.send(pubsub("set", "<retract node='"+bookmarks+"'><item id='chat@away.example'/></retract>"))
	if got := alice.notes(); len(got) != 2 || !strings.Contains(got[0], "<retract id='chat@away.example'/>") {
		t.Errorf("told %q", got)
	}
	alice.marks([]string{item(boardID, off), lounge()}, []string{oldMark(boardID, " name='B'", ""), oldLounge})

	for _, tt := range [][2]string{
		{publish(bookmarks, "no address@", own), "bad-request invalid-payload"},
		{publish(bookmarks, "chat@away.example/x", own), "bad-request invalid-payload"},
		{publish(bookmarks, "chat@away.example", "<x xmlns='u'/>"), "bad-request invalid-payload"},
		{publish(oldMarks, "current", "<x xmlns='u'/>"), "bad-request invalid-payload"},
		{pubsub("set", publishing(oldMarks, "current", "<storage xmlns='"+oldMarks+"'/>")+"<publish-options>"+options("publish-options", "access_model", "open")+"</publish-options>"), "not-acceptable"},
		{pubsubOwner("set", "<purge node='"+oldMarks+"'/>"), "not-allowed"},
		{pubsubOwner("set", "<configure node='"+bookmarks+"'>"+options("node_config", "access_model", "open")+"</configure>"), "not-acceptable"},
	} {
		if got := alice.ask(tt[0]); got != tt[1] {
			t.Errorf("%s: %s", tt[0], got)
		}
	}
}

// TestBookmarksAllGone: whoever removes all of them has those of the file.
func TestBookmarksAllGone(t *testing.T) {
	for _, verb := range []string{"purge", "delete"} {
		l := newLabWith(t, clubs)
		alice := l.bind("alice@example.org/a")
		alice.runs(app{bookmarks, oldMarks})
		alice.ask(publish(bookmarks, boardID, mark("", "")))
		alice.ask(publish(bookmarks, "chat@away.example", mark("", "")))
		alice.got()
		alice.send(pubsubOwner("set", "<"+verb+" node='"+bookmarks+"'/>"))
		got := alice.notes()
		if len(got) != 4 || !strings.Contains(got[0], "<"+verb+" ") || !strings.Contains(got[2], board()) || !strings.Contains(got[3], lounge()) {
			t.Fatalf("%s: %q", verb, got)
		}
		if !strings.Contains(got[1], boardID) || strings.Contains(got[1], "chat@away.example") {
			t.Errorf("%s: old clients are told %s", verb, got[1])
		}
		alice.marks([]string{board(), lounge()}, []string{
			oldMark(boardID, " name='Board' autojoin='true'", "<nick>Alice</nick>"), oldMark(loungeID, " autojoin='true'", "<nick>Alice</nick>")})
	}
}

// TestBookmarksStayPrivate: however the node comes into being.
func TestBookmarksStayPrivate(t *testing.T) {
	l := newLabWith(t, clubs)
	alice, erin := l.bind("alice@example.org/a"), l.bind("erin@example.org/e")
	own := publishing(bookmarks, "chat@away.example", mark("", ""))
	open := options("publish-options", "access_model", "presence")
	if got := alice.ask(pubsub("set", own+"<publish-options>"+open+"</publish-options>")); got != "not-acceptable" {
		t.Error(got)
	}
	if got := erin.ask(pubsub("set", "<create node='"+bookmarks+"'/><configure>"+options("node_config", "access_model", "open")+"</configure>")); got != "not-acceptable" {
		t.Error(got)
	}
	if got := alice.ask(pubsubOwner("set", "<configure node='"+bookmarks+"'>"+options("node_config", "access_model", "presence")+"</configure>")); got != "not-acceptable" {
		t.Error(got)
	}
	if got := alice.ask(pubsubOwner("set", "<configure node='"+bookmarks+"'>"+options("node_config", "notify_delete", "0")+"</configure>")); got != "" {
		t.Error(got)
	}
	if got := alice.ask(pubsubOwner("get", "<configure node='"+bookmarks+"'/>")); !strings.Contains(got, "<field var='pubsub#notify_delete' type='boolean' label='Tell when the node is removed'><value>false</value>") {
		t.Error(got)
	}
	if got := erin.ask(pubsubOwner("set", "<configure node='"+bookmarks+"'>"+options("node_config")+"</configure>")); got != "item-not-found" {
		t.Error(got) // she has none
	}
	alice.ask(pubsub("set", own))
	bob := l.bind("bob@example.org/b")
	if got := bob.ask(to("alice@example.org", pubsub("get", "<items node='"+bookmarks+"'/>"))); got != "item-not-found" {
		t.Errorf("bob sees %s", got)
	}
}

// TestOldBookmarks: a list written in one piece changes what is different in
// it, and nothing else (XEP-0402 §5.3.2).
func TestOldBookmarks(t *testing.T) {
	for name, write := range map[string]func(string) string{
		"node": func(s string) string { return publish(oldMarks, "current", s) },
		"private": func(s string) string {
			return "<iq type='set' id='1'><query xmlns='jabber:iq:private'>" + s + "</query></iq>"
		},
	} {
		l := newLabWith(t, clubs)
		alice := l.bind("alice@example.org/a")
		alice.runs(app{bookmarks})
		extended := mark(" name='N'", "<extensions><x xmlns='u'/></extensions>")
		for id, m := range map[string]string{"same@away.example": extended, "changed@away.example": extended, "gone@away.example": extended, boardID: mark("", "")} {
			alice.ask(publish(bookmarks, id, m))
		}
		url := "<url xmlns='" + oldMarks + "' name='U' url='https://example.org/'/>"
		list := "<storage xmlns='" + oldMarks + "'>" + url + oldMark("same@away.example", " name='N'", "") +
			oldMark("changed@away.example", " name='M' autojoin='1'", "<nick>A</nick>") +
			oldMark(loungeID, " autojoin='true'", "<nick>Alice</nick>") + oldMark("no address@", "", "") + "</storage>"
		alice.got()
		alice.send(write(list))
		changed := item("changed@away.example", mark(" name='M' autojoin='true'", "<nick>A</nick><extensions xmlns='"+bookmarks+"'><x xmlns='u'/></extensions>"))
		alice.wantNotes(note("alice@example.org", "alice@example.org/a", bookmarks, changed),
			note("alice@example.org", "alice@example.org/a", bookmarks, "<retract id='gone@away.example'/>"))
		alice.marks([]string{item(boardID, mark("", "")), lounge(), item("same@away.example", extended), changed}, []string{
			oldMark(boardID, "", ""), oldMark(loungeID, " autojoin='true'", "<nick>Alice</nick>"),
			oldMark("same@away.example", " name='N'", ""), oldMark("changed@away.example", " name='M' autojoin='true'", "<nick>A</nick>"), url,
		})
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// TestTooManyOldBookmarks: nobody loses bookmarks without a word. A list that is
// too long replaces none.
func TestTooManyOldBookmarks(t *testing.T) {
	l := newLab(t)
	alice := l.online("alice@example.org/1")
	set := func(count int) string {
		var list strings.Builder
		for i := range count {
			list.WriteString(oldMark(fmt.Sprintf("r%d@rooms.example", i), "", ""))
		}
		return alice.ask("<iq type='set' id='1'><query xmlns='jabber:iq:private'><storage xmlns='" + oldMarks + "'>" + list.String() + "</storage></query></iq>")
	}
	if got := set(2); got != "" {
		t.Errorf("two: %s", got)
	}
	if got := set(1001); got != "resource-constraint" {
		t.Errorf("too many: %s", got)
	}
	if got := alice.ask(pubsub("get", "<items node='"+bookmarks+"'/>")); strings.Count(got, "<item ") != 2 {
		t.Errorf("left: %s", got)
	}
}

// TestRoomsOfANewFile: a client hears at once which rooms are new and which are
// no more.
func TestRoomsOfANewFile(t *testing.T) {
	l := newLabWith(t, clubs)
	alice := l.bind("alice@example.org/a")
	alice.runs(app{bookmarks, oldMarks})
	off := mark("", "")
	alice.ask(publish(bookmarks, boardID, off))
	alice.got()
	reload := func(file string) []string {
		var p relay.Pass
		l.server.SetUsers(&p, parseUsers(t, file))
		p.Flush()
		return alice.notes()
	}
	told := func(content string) string {
		return note("alice@example.org", "alice@example.org/a", bookmarks, content)
	}
	if got := reload(clubs); len(got) != 0 {
		t.Errorf("the same file: %q", got)
	}
	named := strings.Replace(clubs, "lounge@rooms.example.org ", "lounge@rooms.example.org name=\"Lounge\" ", 1)
	for file, want := range map[string]string{named: " name='Lounge' autojoin='true'", clubs: " autojoin='true'"} {
		reload(people + "room lounge@rooms.example.org name=\"Other\" groups=team\n")
		if got := reload(file); len(got) != 2 || !strings.Contains(fmt.Sprint(got), "<item id='"+loungeID+"'>"+strings.TrimSuffix(mark(want, ""), "</conference>")) {
			t.Errorf("another name: %q", got)
		}
	}
	reload(clubs)
	file := strings.Replace(clubs, "room lounge@", "room library@", 1)
	file = strings.Replace(file, `name="Board"`, `name="The Board"`, 1) // where alice has her own
	got := reload(file)
	library := strings.Replace(lounge(), "lounge", "library", 1)
	old := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return !strings.Contains(s, oldMarks) })
	if len(old) != 1 || !strings.Contains(old[0], "jid='library@") || strings.Contains(old[0], "jid='lounge@") {
		t.Errorf("old clients are told %q", old)
	}
	compare(t, "alice", slices.DeleteFunc(got, func(s string) bool { return strings.Contains(s, oldMarks) }),
		[]string{told(library), told("<retract id='" + loungeID + "'/>")})
	// A room that is the file's no more is still the user's, if it was made so.
	if got := reload(people); len(got) != 2 || !strings.Contains(fmt.Sprint(got), "<retract id='library@rooms.example.org'/>") {
		t.Errorf("told %q", got)
	}
	alice.marks([]string{item(boardID, off)}, []string{oldMark(boardID, "", "")})
}

// TestPrivate: XEP-0049, for whatever clients keep there.
func TestPrivate(t *testing.T) {
	l := newLab(t)
	alice, bob := l.bind("alice@example.org/a"), l.bind("bob@example.org/b")
	private := func(typ, content string) string {
		return "<iq type='" + typ + "' id='1'><query xmlns='jabber:iq:private'>" + content + "</query></iq>"
	}
	answer := func(content string) string { return "<query xmlns='jabber:iq:private'>" + content + "</query>" }
	if got := alice.ask(private("get", "<n xmlns='notes'/>")); got != answer("<n xmlns='notes'/>") {
		t.Error(got)
	}
	for _, content := range []string{"<n xmlns='notes'><a>&lt;</a></n>", "<n xmlns='notes'/>"} {
		if got := alice.ask(private("set", content+"<other xmlns='notes'>1</other>")); got != "" {
			t.Error(got)
		}
		if got := alice.ask(private("get", "<n xmlns='notes'/>")); got != answer(content) {
			t.Error(got)
		}
	}
	for request, want := range map[string]string{
		private("get", ""): "not-acceptable", private("set", ""): "not-acceptable",
		private("get", "<a xmlns='b'/><c xmlns='d'/>"):                     "not-acceptable",
		private("set", "<x xmlns='jabber:iq:roster'/>"):                    "not-acceptable",
		private("get", "<x xmlns='vcard-temp'/>"):                          "not-acceptable",
		private("set", "<x xmlns='u'>"+strings.Repeat("y", 64<<10)+"</x>"): "resource-constraint",
		to("bob@example.org", private("get", "<n xmlns='notes'/>")):        "service-unavailable",
	} {
		if got := alice.ask(request); got != want {
			t.Errorf("%.200s: %s", request, got)
		}
	}
	// What did not fit has left nothing behind, and nobody else has what alice has.
	if got := alice.ask(private("get", "<x xmlns='u'/>")); got != answer("<x xmlns='u'/>") {
		t.Error(got)
	}
	bob.ask(private("set", "<x xmlns='u'>"+strings.Repeat("y", 64<<10)+"</x>"))
	bob.leave()
	if n, _ := l.server.Size(); n != 1 {
		t.Errorf("%d accounts in memory", n)
	}
	bob = l.bind("bob@example.org/b")
	if got := bob.ask(private("get", "<other xmlns='notes'/>")); got != answer("<other xmlns='notes'/>") {
		t.Error(got)
	}
	alice.leave()
	if got := l.bind("alice@example.org/b").ask(private("get", "<other xmlns='notes'/>")); got != answer("<other xmlns='notes'>1</other>") {
		t.Errorf("within the hour: %s", got)
	}
}
