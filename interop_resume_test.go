package main

import (
	"fmt"
	"lethe/relay/need"
	"net"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// TestResume cuts a client's TCP connection in the middle of a burst, first
// towards the client and then from it: when the client has resumed its session
// each message has come once, and in order.
func TestResume(t *testing.T) {
	t.Parallel()
	r := startRelay(t, "alice", "bob")
	line := newLine(t, r.port)
	alice, bob := newStayer(t, r, "alice", line.port), newPeer(t, r, "bob", r.ca)
	alice.next("online")
	bob.next("online")
	const burst = 200
	for _, cut := range []func(int){line.cutDown, line.cutUp} {
		cut(burst * 100) // a stanza with its TLS takes twice that
		var want []string
		for i := range burst {
			want = append(want, fmt.Sprintf("message %d", i))
			bob.say(alice.jid+"/peer", want[i])
			alice.say(bob.jid+"/peer", want[i])
		}
		bob.say(alice.jid+"/peer", "end")
		alice.say(bob.jid+"/peer", "end")
		for _, p := range []*peer{alice, bob} {
			var got []string
			for _, e := range p.until("message", "end") {
				if e.Event == "message" || e.Event == "bounced" {
					got = append(got, e.Body)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s heard %q, want each once and in order", p.jid, got)
			}
		}
	}
	if n := line.count(); n != 3 {
		t.Errorf("the client connected %d times, want 3", n)
	}
}

// TestResumeProfanity does it to Profanity, which comes back after a second.
func TestResumeProfanity(t *testing.T) {
	t.Parallel()
	need.Program(t, "profanity", "profanity")
	r := startRelay(t, "alice", "bob")
	line := newLine(t, r.port)
	bob := newPeer(t, r, "bob", r.ca)
	bob.next("online")
	alice := startProfanity(t, r, "alice", r.ca, t.TempDir(), "force", line.port)
	alice.sees(profanity().online)
	alice.enter("/reconnect 1")
	bob.say("alice@"+r.domain, "here it comes")
	alice.sees(`chat message: Bob`)
	alice.enter("/win 2")
	alice.sees(`here it comes`)

	const burst = 30 // fits the screen
	line.cutDown(burst * 150)
	for i := range burst {
		bob.say("alice@"+r.domain, fmt.Sprintf("number %d.", i))
	}
	alice.sees(fmt.Sprintf(`number %d\.`, burst-1))
	shown := alice.text()
	for i := range burst {
		if n := len(regexp.MustCompile(fmt.Sprintf(`number %d\.`, i)).FindAllString(shown, -1)); n != 1 {
			t.Errorf("Profanity shows message %d %d times, want once", i, n)
		}
	}
	if n := line.count(); n != 2 {
		t.Errorf("Profanity connected %d times, want 2", n)
	}
}

// A line carries clients' connections to the relay until it is cut.
type line struct {
	port     int // of 127.0.0.1, where clients connect
	mu       sync.Mutex
	up, down int // bytes to the relay, or to a client, until it is cut; 0: it is not
	conns    int // so far
}

// newLine opens a line to a port of 127.0.0.1.
func newLine(t testing.TB, port int) *line {
	t.Helper()
	accept, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accept.Close() })
	l := &line{port: accept.Addr().(*net.TCPAddr).Port}
	go func() {
		for {
			client, err := accept.Accept()
			if err != nil {
				return
			}
			relay, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				client.Close()
				continue
			}
			l.mu.Lock()
			l.conns++
			l.mu.Unlock()
			go l.pass(relay, client, &l.up)
			go l.pass(client, relay, &l.down)
		}
	}()
	return l
}

// cutUp cuts the line once n more bytes have gone to the relay.
func (l *line) cutUp(n int) { l.cut(&l.up, n) }

// cutDown cuts the line once n more bytes have gone to a client.
func (l *line) cutDown(n int) { l.cut(&l.down, n) }

func (l *line) cut(left *int, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*left = n
}

// count is how many connections there were.
func (l *line) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conns
}

// pass copies one direction until its end or the cut, which nobody is told of
// but by a reset.
func (l *line) pass(dst, src net.Conn, left *int) {
	defer dst.Close()
	defer src.Close()
	b := make([]byte, 4096)
	for {
		n, err := src.Read(b)
		if err != nil {
			return
		}
		n, last := l.spend(left, n)
		if _, err := dst.Write(b[:n]); err != nil {
			return
		}
		if last {
			dst.(*net.TCPConn).SetLinger(0)
			src.(*net.TCPConn).SetLinger(0)
			return
		}
	}
}

// spend takes n from what is left, or less when that is the end of it.
func (l *line) spend(left *int, n int) (int, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if *left == 0 {
		return n, false
	}
	n = min(n, *left)
	*left -= n
	return n, *left == 0
}
