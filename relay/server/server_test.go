package server_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lethe/relay/account"
	"lethe/relay/c2s"
	"lethe/relay/client"
	"lethe/relay/jid"
	"lethe/relay/sasl"
	"lethe/relay/server"
	"lethe/relay/users"
	"lethe/relay/wire"
	"lethe/tls"
)

const (
	domain   = "example.org"
	password = "correct horse battery staple"
)

// lab is a relay on loopback.
type lab struct {
	t        testing.TB
	relay    *server.Server
	roots    *x509.CertPool
	listener net.Listener
	proxy    net.Listener
	verifier [2]*users.Verifier
}

// newLab runs a relay with the given users; "alice:team" is alice in the group
// team, "tea@rooms.example.org:team" a standing room of that group. A line that
// begins with "block" stands in the users file as it is.
func newLab(t testing.TB, limits c2s.Limits, names ...string) *lab {
	t.Helper()
	l := &lab{t: t}
	now := time.Now()
	authority, err := tls.NewAuthority(now, time.Hour)
	l.must(err)
	l.roots = authority.Roots()
	pem, err := authority.Issue([]string{domain})
	l.must(err)
	certs, err := tls.Parse([]tls.PEM{pem}, []string{domain}, now)
	l.must(err)
	l.derive()
	l.relay = server.New(server.Parts{
		Domains: []string{domain}, RoomHosts: []string{"rooms." + domain}, Users: l.set(1, names...), Certificates: certs,
		ForgetAfter: time.Hour, Limits: limits, Proxy: &server.Proxy{Label: "proxy", Host: "files.example.org"},
		Answers: answers(),
	})
	l.listener, err = net.Listen("tcp", "127.0.0.1:0")
	l.must(err)
	go l.relay.ServeClients(l.listener, false)
	l.proxy, err = net.Listen("tcp", "127.0.0.1:0")
	l.must(err)
	go l.relay.ServeProxy(l.proxy, false)
	t.Cleanup(l.close)
	return l
}

// answers are what the domain says of itself.
func answers() account.Answers {
	return account.Answers{
		Calls: account.Calls{
			Services: []account.CallService{
				{Type: "stun", Host: "stun.example.org", Port: 3478, Transport: "udp"},
				{Type: "turns", Host: "turn.example.org", Port: 5349, Transport: "tcp"},
			},
			Secret: []byte("swordfish"), Lifetime: time.Hour,
		},
		Contact: account.Contact{Abuse: []string{"mailto:abuse@example.org"}},
	}
}

func (l *lab) close() {
	if l.listener == nil {
		return
	}
	l.listener.Close()
	l.proxy.Close()
	l.relay.Shutdown()
	l.listener = nil
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// derive computes one pair of verifiers for all users: they share a password
// and a salt, which saves the test its time.
func (l *lab) derive() {
	salt := make([]byte, sasl.SaltSize)
	rand.Read(salt)
	for i, h := range []sasl.Hash{sasl.SHA256, sasl.SHA1} {
		v, err := sasl.Derive(h, password, salt, 4096)
		l.must(err)
		l.verifier[i] = &users.Verifier{Iterations: v.Iterations, Salt: v.Salt, StoredKey: v.StoredKey, ServerKey: v.ServerKey}
	}
}

func (l *lab) set(serial int, names ...string) *users.Set {
	l.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "lethe-users 1\nserial %d\n", serial)
	for _, n := range names {
		if strings.HasPrefix(n, "block ") {
			b.WriteString(n + "\n")
			continue
		}
		name, group, _ := strings.Cut(n, ":")
		if strings.Contains(name, "@") {
			fmt.Fprintf(&b, "room %s groups=%s\n", name, group)
			continue
		}
		u := &users.User{JID: l.address(name), SHA256: l.verifier[0], SHA1: l.verifier[1]}
		if group != "" {
			u.Groups = []string{group}
		}
		line, err := users.Format(u)
		l.must(err)
		b.WriteString(line)
	}
	set, err := users.Parse([]byte(b.String()))
	l.must(err)
	return set
}

func (l *lab) address(name string) jid.JID {
	j, err := jid.New(name, domain, "")
	l.must(err)
	return j
}

// login connects name, or name/resource, and goes online.
func (l *lab) login(who string) *client.Client {
	l.t.Helper()
	c := l.connect(who)
	l.must(c.Online())
	return c
}

func (l *lab) connect(who string) *client.Client {
	l.t.Helper()
	name, resource, _ := strings.Cut(who, "/")
	c, err := client.Dial(context.Background(), client.Config{
		Address: l.listener.Addr().String(), User: l.address(name), Password: password,
		Resource: resource, Roots: l.roots,
	})
	l.must(err)
	l.t.Cleanup(c.Cut)
	return c
}

func limits() c2s.Limits { return c2s.Limits{StanzaBytes: 256 << 10, OutboxBytes: 1 << 20} }

func isMessage(id string) func(*wire.Node) bool {
	return func(n *wire.Node) bool { return n.Name == "message" && n.Attr("id") == id }
}

// One client stops reading while many messages go to it. Others' messages pass
// as before, the relay's memory stays bounded by the outbox, and each message
// that finds no room is answered.
func TestFrozenReceiverHarmsNobody(t *testing.T) {
	l := newLab(t, limits(), "alice", "frozen", "carol", "dave")
	frozen, alice := l.login("frozen/x"), l.login("alice/x")
	carol, dave := l.login("carol/x"), l.login("dave/x")

	quiet := talk(l, carol, dave, 300)
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)

	const sent, size = 20000, 2000 // 40 MB for an outbox of 1 MiB
	body := strings.Repeat("x", size)
	answered := make(chan int)
	go func() {
		n := 0
		for {
			node, err := alice.Next()
			if err != nil || node.Name == "iq" {
				answered <- n
				return
			}
			if node.Attr("type") == "error" {
				n++
			}
		}
	}()
	var busy time.Duration
	var wg sync.WaitGroup
	wg.Go(func() { busy = talk(l, carol, dave, 300) })
	for i := range sent {
		l.must(alice.Say(frozen.JID().String(), fmt.Sprint(i), body))
	}
	l.must(alice.Send("<iq type='get' id='end' to='" + domain + "'><ping xmlns='urn:xmpp:ping'/></iq>"))
	wg.Wait()
	n := <-answered

	var after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("others' median latency %v, while frozen %v; %d of %d answered; heap grew by %d KiB", quiet, busy, n, sent, grown>>10)
	if grown > 8<<20 {
		t.Errorf("the heap grew by %d KiB for an outbox of 1 MiB", grown>>10)
	}
	// What was neither answered nor refused waits for the receiver: in its
	// outbox and in the two sockets' buffers, of which the kernel decides.
	if n == 0 || n == sent {
		t.Errorf("%d of %d messages were answered", n, sent)
	}
	got := 0
	for got < sent-n {
		node, err := frozen.Next()
		if err != nil {
			t.Fatalf("the frozen client wakes up and finds %d of %d messages: %v", got, sent-n, err)
		}
		if node.Name == "message" {
			got++
		}
	}
}

// talk is the median time of a message from a to b.
func talk(l *lab, a, b *client.Client, n int) time.Duration {
	times := make([]time.Duration, n)
	for i := range times {
		id := fmt.Sprint("talk", i)
		start := time.Now()
		l.must(a.Say(b.JID().String(), id, "hello"))
		_, err := b.Until(isMessage(id))
		l.must(err)
		times[i] = time.Since(start)
	}
	slices.Sort(times)
	return times[n/2]
}

func TestRemovedUserIsDisconnected(t *testing.T) {
	l := newLab(t, limits(), "alice:team", "bob:team")
	alice, bob := l.login("alice"), l.login("bob")
	l.relay.SetUsers(l.set(2, "alice:team"))
	_, err := bob.Until(func(*wire.Node) bool { return false })
	if condition(err) != "not-authorized" {
		t.Errorf("a removed user's stream ends with %v", err)
	}
	l.must(alice.Ping())
	if _, err := client.Dial(context.Background(), client.Config{
		Address: l.listener.Addr().String(), User: l.address("bob"), Password: password, Roots: l.roots,
	}); condition(err) != "not-authorized" {
		t.Errorf("a removed user logs in: %v", err)
	}
}

func condition(err error) string {
	if f, ok := err.(*client.Failure); ok {
		return f.Condition
	}
	return fmt.Sprint(err)
}

// RFC 6120 §4.9.3.20
func TestShutdownSaysSo(t *testing.T) {
	l := newLab(t, limits(), "alice", "bob")
	alice, bob := l.login("alice"), l.connect("bob")
	l.close()
	for _, c := range []*client.Client{alice, bob} {
		if _, err := c.Until(func(*wire.Node) bool { return false }); condition(err) != "system-shutdown" {
			t.Errorf("the stream ends with %v", err)
		}
	}
}

// Connections that come and go leave no goroutine behind.
func TestNoGoroutineIsLeftBehind(t *testing.T) {
	l := newLab(t, limits(), "alice:team", "bob:team")
	l.login("alice/warm").Close()
	before := runtime.NumGoroutine()
	for i := range 20 {
		c := l.login("alice/x")
		if i%2 == 0 {
			c.Close()
		} else {
			c.Cut()
		}
	}
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}
