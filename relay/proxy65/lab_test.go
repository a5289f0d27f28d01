package proxy65_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/proxy65"
	"lethe/relay/wire"
)

const (
	home  = "example.org"
	proxy = "proxy.example.org"
	alice = "alice@example.org/x"
	bob   = "bob@away.example/y"
)

// A lab is a proxy on loopback and a Router that writes down what it answers.
type lab struct {
	t      testing.TB
	router *relay.Router
	server *proxy65.Server
	listen net.Listener

	mu      sync.Mutex
	answers []string
	events  []relay.Event
}

func newLab(t testing.TB, limits proxy65.Limits) *lab {
	t.Helper()
	l := &lab{t: t, router: relay.NewRouter()}
	l.server = proxy65.NewServer(proxy65.Config{
		Domains: []string{home}, Host: "files.example.org", Router: l.router, Limits: limits, Report: l.report,
	})
	l.router.Handle(proxy, l.server)
	l.router.HandleElse(l)
	return l
}

// serve opens the port. The patience of the server is set before, if at all.
func (l *lab) serve() *lab {
	l.t.Helper()
	var err error
	l.listen, err = net.Listen("tcp", "127.0.0.1:0")
	l.must(err)
	go l.server.Serve(l.listen)
	l.t.Cleanup(func() {
		l.listen.Close()
		l.server.Shutdown(time.Second)
	})
	return l
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) report(e relay.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

// Deliver is where answers go.
func (l *lab) Deliver(_ *relay.Pass, st *wire.Stanza, _, _ jid.JID) relay.Drop {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers = append(l.answers, string(st.Append(nil, wire.NSClient)))
	return relay.Delivered
}

// ask sends a stanza from somebody to the proxy and returns the answer, "" if
// there is none.
func (l *lab) ask(from, stanza string) string {
	l.t.Helper()
	st, err := wire.ParseStanza([]byte(stanza), wire.NSClient)
	l.must(err)
	st.SetFrom(from)
	to, err := jid.ParseBytes(st.To())
	l.must(err)
	var p relay.Pass
	l.router.Route(&p, st, parse(l.t, from), to)
	p.Flush()
	l.mu.Lock()
	defer l.mu.Unlock()
	answers := strings.Join(l.answers, "\n")
	l.answers = nil
	return answers
}

// activate asks for a transfer and returns "" or the condition of the error.
func (l *lab) activate(from, sid, target string) string {
	l.t.Helper()
	got := l.ask(from, fmt.Sprintf("<iq type='set' id='1' to='%s'><query xmlns='http://jabber.org/protocol/bytestreams' sid='%s'>"+
		"<activate>%s</activate></query></iq>", proxy, sid, target))
	if strings.HasPrefix(got, "<iq type='result'") {
		return ""
	}
	return condition(got)
}

// condition is the name of a stanza error's condition.
func condition(answer string) string {
	st, err := wire.ParseStanza([]byte(answer), wire.NSClient)
	if err != nil {
		return "no answer"
	}
	for _, c := range st.Node().Children {
		if c.Name == "error" {
			return c.Children[0].Name
		}
	}
	return "no error"
}

// connect opens a connection and shakes hands, which must succeed.
func (l *lab) connect(key string) *net.TCPConn {
	l.t.Helper()
	c := l.dial()
	if got := l.meet(c, key); got != granted+"\x05\x00\x00\x03\x28"+key+"\x00\x00" {
		l.t.Fatalf("the proxy answers %q", got)
	}
	return c
}

func (l *lab) dial() *net.TCPConn {
	l.t.Helper()
	c, err := net.Dial("tcp", l.listen.Addr().String())
	l.must(err)
	l.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c.(*net.TCPConn)
}

// meet asks for a meeting and returns what comes back: all until the end, or
// as much as a grant is long.
func (l *lab) meet(c net.Conn, key string) string {
	l.t.Helper()
	c.Write([]byte(greeting + request(key)))
	b := make([]byte, 2+47)
	n, _ := io.ReadFull(c, b)
	return string(b[:n])
}

// pair is the two sides of a transfer that has begun.
func (l *lab) pair(sid string) (requester, target *net.TCPConn) {
	l.t.Helper()
	key := proxy65.KeyOf(sid, parse(l.t, alice), parse(l.t, bob))
	target, requester = l.connect(key), l.connect(key)
	if c := l.activate(alice, sid, bob); c != "" {
		l.t.Fatalf("the activation is answered with %s", c)
	}
	return requester, target
}

// expect reads what was sent.
func (l *lab) expect(c net.Conn, want string) {
	l.t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
		l.t.Fatalf("got %q, %v; want %q", b, err, want)
	}
}

// ended waits for the end of a connection and returns what came before it.
func (l *lab) ended(c net.Conn) string {
	l.t.Helper()
	b, err := io.ReadAll(c)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		l.t.Fatal("the connection does not end")
	}
	return string(b)
}

// eventually waits until something is so.
func (l *lab) eventually(what string, is func() bool) {
	l.t.Helper()
	for range 500 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	l.t.Fatalf("not so: %s", what)
}

func (l *lab) empty() bool {
	waiting, transfers, _ := l.server.Size()
	return waiting == 0 && transfers == 0
}
