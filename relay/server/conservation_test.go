package server_test

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	randv2 "math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lethe/relay/c2s"
)

const (
	window   = 400 * time.Millisecond // for resumption, in the conservation test
	patience = 30 * time.Second       // with any one answer there
)

// A world is the relay of the conservation test and all who use it.
type world struct {
	*ledger
	lab     *lab
	size    int
	users   []*user
	peers   []*peer
	blocked map[*user]*user // who has blocked whom
	halls   []*hall
	scribe  *peer
	opened  chan struct{}        // closed when the scribe is there
	frozen  atomic.Pointer[peer] // reads nothing at present
	failed  atomic.Bool
	resumed atomic.Int64
	expired atomic.Int64
	ousted  atomic.Int64 // sessions that ended because they were full
}

// TestConservation lets many clients write to present, absent, resuming and
// blocked users while connections are cut at random. Every message that the
// relay took must be delivered or answered, and nothing twice.
//
// LETHE_CONSERVATION is how many messages, LETHE_SEED the dice to throw again.
func TestConservation(t *testing.T) {
	size, seed := setting(t, "LETHE_CONSERVATION", 10000), setting(t, "LETHE_SEED", random())
	t.Logf("LETHE_SEED=%d", seed)
	w := newWorld(t, size, seed)
	begin := time.Now()
	done := w.open()
	w.each((*peer).live)
	time.Sleep(2 * window) // what waits for somebody gives up
	w.each((*peer).confirm)
	w.each((*peer).stillThere)
	w.last()
	w.each((*peer).confirm) // answers to what the first round brought
	w.scribe.c.Send("</stream:stream>")
	<-done
	if w.failed.Load() {
		t.Fatal(w.faults)
	}
	b := w.close()
	b.heard = w.gather(w.halls[0]) + w.gather(w.halls[1])
	t.Logf("%v; %d streams resumed, %d expired, %d full; %v", b, w.resumed.Load(), w.expired.Load(), w.ousted.Load(), time.Since(begin).Round(time.Millisecond))
	for _, f := range w.faults {
		t.Error(f)
	}
	w.judge(t, b)
}

// judge checks that the test has tested something.
func (w *world) judge(t *testing.T, b balance) {
	if b.sent != b.delivered+b.answered-b.both+b.unreported+b.spilled {
		t.Errorf("the books do not balance: %v", b)
	}
	if b.sent+b.unsure != len(w.messages) || b.delivered < b.sent/4 || b.answered < b.sent/10 {
		t.Errorf("of %d messages: %v", len(w.messages), b)
	}
	if unclear := b.both + b.unreported + b.spilled + b.unsure; unclear > len(w.messages)/10 {
		t.Errorf("the fate of %d messages is unclear: %v", unclear, b)
	}
	if n := int(w.ousted.Load()); n > 1+len(w.sessions)/50 {
		t.Errorf("%d of %d sessions were full", n, len(w.sessions))
	}
	if w.resumed.Load() == 0 || w.expired.Load() == 0 {
		t.Errorf("%d streams were resumed, %d were not in time", w.resumed.Load(), w.expired.Load())
	}
}

// open lets the scribe in and has blocked who is to be blocked in memory. The
// channel is closed when the scribe's stream ends.
func (w *world) open() <-chan struct{} {
	done := make(chan struct{})
	w.guard(w.scribe, (*peer).arrive)
	go func() {
		defer close(done)
		w.guard(w.scribe, (*peer).listen)
	}()
	select {
	case <-w.opened:
	case <-done: // it could not
	}
	for i, u := range w.users {
		if other := w.blocked[u]; other != nil && i%2 == 1 {
			w.guard(u.peers[0], func(p *peer) {
				p.arrive()
				p.block(other)
			})
		}
	}
	return done
}

// last says a last word in every hall.
func (w *world) last() {
	for _, h := range w.halls {
		p := w.scribe
		id := w.enter(message{sender: p, session: p.session, user: p.user, only: p, size: 20, secret: true, accepted: true})
		p.check("say", p.c.Send("<message to='"+h.address+"' type='groupchat' id='"+id+"'><body>"+bodyOf(id, true, 20)+"</body></message>"))
	}
	time.Sleep(window)
}

func setting(t *testing.T, name string, usual int) int {
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		t.Fatalf("%s=%s is no number above 0", name, text)
	}
	return n
}

func random() int {
	var b [4]byte
	rand.Read(b[:])
	return int(binary.BigEndian.Uint32(b[:]))
}

func newWorld(t *testing.T, size, seed int) *world {
	w := &world{ledger: newLedger(size), size: size, blocked: make(map[*user]*user), opened: make(chan struct{})}
	w.halls = []*hall{newHall("tea"), newHall("coffee")}
	lines := []string{"absent0", "absent1", "scribe"}
	for i := range 16 {
		u := &user{name: fmt.Sprint("user", i), reckless: i == 0 || i == 3}
		w.users = append(w.users, u)
		for j := range 1 + i%3 {
			p := w.newPeer(u, j, seed)
			p.managed = !u.reckless && (i+j)%4 != 0
			w.peers = append(w.peers, p)
		}
		if i < 8 {
			lines = append(lines, u.name+":team") // they see each other's presence
		} else {
			lines = append(lines, u.name)
		}
	}
	for i, u := range w.users {
		if i%3 == 0 {
			w.blocked[u] = w.users[(i+5)%len(w.users)]
		}
		if i%6 == 0 {
			lines = append(lines, "block "+u.bare()+" "+w.blocked[u].bare())
		}
	}
	w.scribe = w.newPeer(&user{name: "scribe"}, 0, seed)
	w.lab = newLab(t, c2s.Limits{StanzaBytes: 64 << 10, OutboxBytes: 256 << 10, Resume: window}, lines...)
	w.lab.narrow()
	return w
}

func (w *world) newPeer(u *user, n, seed int) *peer {
	p := &peer{
		world: w, user: u, resource: fmt.Sprint("r", n), stays: make(map[*hall]*stay), asked: make(map[*hall]bool),
		dice: randv2.New(randv2.NewPCG(uint64(seed), uint64(len(w.peers)))),
	}
	u.peers = append(u.peers, p)
	return p
}

// narrow makes the relay listen where the kernel holds little for a client.
func (l *lab) narrow() {
	l.listener.Close()
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	l.must(err)
	l.listener = nl
	go l.relay.ServeClients(narrow{nl}, false)
}

type narrow struct{ net.Listener }

func (l narrow) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(16 << 10)
	}
	return c, err
}

// left reports whether there are messages left to send.
func (w *world) left() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.messages) < w.size && !w.failed.Load()
}

// each lets all peers do something at once.
func (w *world) each(do func(*peer)) {
	var wg sync.WaitGroup
	for _, p := range w.peers {
		wg.Go(func() { w.guard(p, func(p *peer) { p.attempt(func() { do(p) }) }) })
	}
	wg.Wait()
}

// guard lets a peer do something. One that cannot ends the test.
func (w *world) guard(p *peer, do func(*peer)) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			w.failed.Store(true)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.fault("%s", string(r))
		default:
			panic(r)
		}
	}()
	if !w.failed.Load() {
		do(p)
	}
}
