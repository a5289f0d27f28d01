package account_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// heap is how many bytes are in use when all that can be collected is.
func heap() int64 {
	for range 3 { // pools are emptied by the second collection
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Ten thousand users come, leave something to remember, and go. While they are
// remembered this takes memory; once they are forgotten it does not.
func TestForgottenMemoryIsFreed(t *testing.T) {
	const (
		accounts = 10000
		least    = 4 << 10 // bytes that one remembered account has, or the test shows nothing
		most     = 64      // bytes that one forgotten account may leave: its share of an empty table
	)
	var file strings.Builder
	file.WriteString("lethe-users 1\nserial 1\nuser warm@example.org\n")
	for i := range accounts {
		fmt.Fprintf(&file, "user u%d@example.org\n", i)
	}
	l := newLabWith(t, file.String())
	l.comesAndGoes("warm", "warm", 2)
	l.forget()
	before := heap()
	for i := range accounts {
		l.comesAndGoes(fmt.Sprint("u", i), fmt.Sprint("u", (i+1)%accounts), 1+i%2)
	}
	remembered := heap() - before
	if n, _ := l.server.Size(); n != accounts {
		t.Fatalf("%d accounts are remembered", n)
	}
	l.forget()
	left := heap() - before
	t.Logf("an account takes %d bytes while it is remembered and leaves %d", remembered/accounts, left/accounts)
	if remembered < least*accounts {
		t.Errorf("%d bytes for each account that is remembered, want %d at least", remembered/accounts, least)
	}
	if left > most*accounts {
		t.Errorf("%d bytes for each account that is forgotten, want %d at most", left/accounts, most)
	}
	runtime.KeepAlive(l)
}

// comesAndGoes is what a user does who has a client or two, and leaves.
func (l *lab) comesAndGoes(name, friend string, clients int) {
	l.t.Helper()
	me, other := name+"@example.org", friend+"@example.org"
	for i := range clients {
		c := l.online(fmt.Sprint(me, "/", i))
		defer c.leave()
		c.seat.Carbons(true)
	}
	c, text := l.online(me+"/phone"), strings.Repeat("x", 2000)
	c.send(rosterSet("<item jid='ann@away.example' name='" + text[:500] + "'/>"))
	c.send("<presence type='subscribe' to='" + other + "'/>")
	c.send(publish("node", "current", "<x xmlns='y'>"+text+"</x>"))
	c.send("<iq type='set' id='1'><query xmlns='jabber:iq:private'><x xmlns='mine'>" + text + "</x></query></iq>")
	c.send("<message type='chat' id='m' to='" + me + "'><body>" + text + "</body></message>")
	c.send("<message type='chat' id='o' to='" + other + "'><body>?OTR:" + text + "</body></message>")
	c.leave()
	l.away()
}

// forget lets the time pass after which nothing is remembered.
func (l *lab) forget() {
	l.t.Helper()
	l.clock = l.clock.Add(2 * time.Hour)
	l.server.Sweep(l.clock)
	if accounts, connections := l.server.Size(); accounts != 0 || connections != 0 {
		l.t.Fatalf("%d accounts and %d connections are left", accounts, connections)
	}
}
