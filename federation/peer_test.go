package federation_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"lethe/dane"
	"lethe/dane/resolve"
	"lethe/federation"
	"lethe/tls"
)

// rogue is a server that holds the certificate of its domain and none of the
// rules.
type rogue struct {
	io.ReadWriteCloser
	t      testing.TB
	domain string
}

const header = "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' version='1.0'"

// rogue connects to n as domain, up to its features in TLS.
func (w *world) rogue(n *node, domain string) *rogue {
	w.t.Helper()
	pem, err := w.authority.Issue([]string{domain})
	w.must(err)
	own, err := tls.Parse([]tls.PEM{pem}, []string{domain}, time.Now())
	w.must(err)
	stranger := &node{world: w, domain: domain, cert: own.Leaf(domain), port: 1}
	stranger.publish(resolve.Secure)
	stranger.associate(dane.Of(stranger.cert, 3, 1, 1))

	nc, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", n.port))
	w.must(err)
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	r := &rogue{nc, w.t, domain}
	r.send(header + " from='" + domain + "' to='" + n.domain + "'>")
	r.until("</stream:features>")
	r.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
	r.until("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
	conn, err := tls.Client(nc, 10*time.Second, tls.ClientConfig{ServerName: n.domain, Roots: w.authority.Roots(), Own: own, As: domain})
	w.must(err)
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	r.ReadWriteCloser = conn
	r.send(header + " from='" + domain + "' to='" + n.domain + "'>")
	r.until("</stream:features>")
	w.t.Cleanup(func() { nc.Close() })
	return r
}

func (r *rogue) send(s string) {
	r.t.Helper()
	if _, err := io.WriteString(r, s); err != nil {
		r.t.Fatal(err)
	}
}

// until reads up to a mark, or to the end.
func (r *rogue) until(mark string) string {
	var b strings.Builder
	one := make([]byte, 1)
	for !strings.HasSuffix(b.String(), mark) {
		n, err := r.Read(one)
		b.Write(one[:n])
		if err != nil {
			break
		}
	}
	return b.String()
}

// authenticate logs in by EXTERNAL.
func (r *rogue) authenticate(n *node) {
	r.t.Helper()
	r.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>" + base64.StdEncoding.EncodeToString([]byte(r.domain)) + "</auth>")
	r.until("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
	r.send(header + " from='" + r.domain + "' to='" + n.domain + "'>")
	r.until("</stream:features>")
}

// A proved peer speaks for its domain, to ours, and for and to nobody else.
func TestAddressesOfAPeer(t *testing.T) {
	w := newWorld(t)
	a := w.node("a.example", nil)
	for _, test := range []struct{ name, send, want string }{
		{"RFC 6120 §8.1.2.2 forged from", "<message from='ceo@c.example' to='alice@a.example'><body>pay</body></message>", "<invalid-from"},
		{"from our own domain", "<message from='bob@a.example' to='alice@a.example'><body>pay</body></message>", "<invalid-from"},
		{"from a domain below", "<message from='x@sub.m.example' to='alice@a.example'><body>x</body></message>", "<invalid-from"},
		{"RFC 6120 §4.9.3.7 no from", "<message to='alice@a.example'><body>x</body></message>", "<improper-addressing"},
		{"no to", "<message from='x@m.example'><body>x</body></message>", "<improper-addressing"},
		{"malformed", "<message from='x@m.example' to='@'><body>x</body></message>", "<improper-addressing"},
		{"RFC 6120 §4.9.3.6 not ours", "<message from='x@m.example' to='x@c.example'><body>x</body></message>", "<host-unknown"},
		{"RFC 6120 §4.9.3.24 nonza", "<thing xmlns='urn:x'/>", "<unsupported-stanza-type"},
		{"content namespace", "<message xmlns='jabber:client' from='x@m.example' to='alice@a.example'/>", "<unsupported-stanza-type"},
		{"too large", "<message from='x@m.example' to='alice@a.example'><body>" + strings.Repeat("x", 1<<16) + "</body></message>", "<policy-violation"},
		{"no XML", "<message from='x@m.example' to='alice@a.example'><body></message>", "<not-well-formed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := w.rogue(a, "m.example")
			r.authenticate(a)
			r.send("<message from='x@m.example' to='alice@a.example' id='fine'/>")
			if h := a.hear(); h.id != "fine" {
				t.Fatalf("heard %+v", h)
			}
			r.send(test.send)
			if got := r.until("</stream:stream>"); !strings.Contains(got, test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
			select {
			case h := <-a.heard:
				t.Errorf("heard %+v", h)
			default:
			}
		})
	}
}

// Nothing is taken from a peer that has not proved a domain.
func TestNobodyIsHeardBeforeProof(t *testing.T) {
	w := newWorld(t)
	a := w.node("a.example", nil)
	r := w.rogue(a, "m.example")
	r.send("<message from='x@m.example' to='alice@a.example'><body>x</body></message>")
	if got := r.until("</stream:stream>"); !strings.Contains(got, "<invalid-from") {
		t.Error(got)
	}
}

// A certificate proves the domain that the stream is from, no other.
func TestExternalIdentity(t *testing.T) {
	w := newWorld(t)
	a := w.node("a.example", nil)
	r := w.rogue(a, "m.example")
	r.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>" + base64.StdEncoding.EncodeToString([]byte("c.example")) + "</auth>")
	if got := r.until("</stream:stream>"); !strings.Contains(got, "<invalid-authzid/>") {
		t.Error(got)
	}
	r = w.rogue(a, "m.example")
	r.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>")
	if got := r.until("</stream:stream>"); !strings.Contains(got, "<invalid-mechanism/>") {
		t.Error(got)
	}
}

// Whoever calls himself a domain whose TLSA records know another certificate is
// not offered EXTERNAL.
func TestExternalIsOfferedToTheProvedOnly(t *testing.T) {
	w := newWorld(t)
	a := w.node("a.example", nil)
	w.node("m.example", nil) // has other records
	nc, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", a.port))
	w.must(err)
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	r := &rogue{nc, t, "m.example"}
	r.send(header + " from='m.example' to='a.example'>")
	r.until("</stream:features>")
	r.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
	r.until("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
	pem, err := w.authority.Issue([]string{"m.example"})
	w.must(err)
	conn, err := tls.Client(nc, 10*time.Second, tls.ClientConfig{ServerName: "a.example", Roots: w.authority.Roots(), Certificate: &pem})
	w.must(err)
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	r.ReadWriteCloser = conn
	r.send(header + " from='m.example' to='a.example'>")
	if got := r.until("</stream:features>"); strings.Contains(got, "EXTERNAL") || !strings.Contains(got, "urn:xmpp:features:dialback") ||
		!strings.Contains(got, "<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>") {
		t.Error(got)
	}
	// And a key that its servers did not give is no proof either.
	r.send("<db:result from='m.example' to='a.example'>made-up</db:result>")
	if got := r.until("/db:result>"); !strings.Contains(got, "type='invalid'") {
		t.Error(got)
	}
}

// A server that shows no certificate of its own proves itself by dialback, over
// a connection that its certificate as a server proves.
func TestDialback(t *testing.T) {
	w := newWorld(t)
	a, b := w.node("a.example", nil), w.node("b.example", nil)
	federation.HideCertificate(a.server)
	a.say("bob@b.example", "1")
	if h := b.hear(); h.id != "1" || h.typ == "error" {
		t.Errorf("b heard %+v", h)
	}
}

// A peer that stalls, or goes away in the middle of a stanza, harms no other
// link, and whatever waits for it is answered.
func TestASlowPeerHarmsNoOther(t *testing.T) {
	w := newWorld(t)
	a, b := w.node("a.example", nil), w.node("b.example", nil)
	stalled, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	defer stalled.Close()
	s := &node{world: w, domain: "s.example", cert: b.cert, port: uint16(stalled.Addr().(*net.TCPAddr).Port)}
	s.publish(resolve.Secure)
	s.associate(dane.Of(b.cert, 3, 1, 1))
	for i := range 10 {
		a.say("x@s.example", fmt.Sprint("stalled", i))
	}
	start := time.Now()
	a.say("bob@b.example", "1")
	b.hear()
	t.Logf("a message past a stalled peer took %v", time.Since(start))
	r := w.rogue(a, "m.example")
	r.authenticate(a)
	r.send("<message from='x@m.example' to='alice@a.example'><body>half a st")
	r.Close()
	a.say("bob@b.example", "2")
	if h := b.hear(); h.id != "2" {
		t.Errorf("b heard %+v", h)
	}
	// The peer goes away: each waiting stanza is answered.
	conn, err := stalled.Accept()
	w.must(err)
	stalled.Close()
	conn.Close()
	for i := range 10 {
		if h := a.hear(); h.typ != "error" || h.id != fmt.Sprint("stalled", i) {
			t.Fatalf("the sender hears %+v", h)
		}
	}
}

func TestSetPolicyEndsLinks(t *testing.T) {
	w := newWorld(t)
	a, b := w.node("a.example", nil), w.node("b.example", nil)
	a.say("bob@b.example", "1")
	b.hear()
	b.server.SetPolicy(&federation.Policy{Mode: federation.DANE, Deny: []string{"a.example"}})
	for i := range 100 {
		a.say("bob@b.example", fmt.Sprint("late", i))
		select {
		case h := <-a.heard:
			if h.typ != "error" {
				t.Errorf("heard %+v", h)
			}
			return
		case <-b.heard: // was on its way
		case <-time.After(200 * time.Millisecond):
		}
	}
	t.Error("a denied peer's messages are neither delivered nor answered")
}

func TestShutdownAnswersWhatWaits(t *testing.T) {
	w := newWorld(t)
	a := w.node("a.example", nil)
	stalled, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	defer stalled.Close()
	s := &node{world: w, domain: "s.example", cert: a.cert, port: uint16(stalled.Addr().(*net.TCPAddr).Port)}
	s.publish(resolve.Secure)
	s.associate(dane.Of(a.cert, 3, 1, 1))
	a.say("x@s.example", "1")
	a.server.Shutdown(5 * time.Second)
	if h := a.hear(); h.typ != "error" || h.id != "1" {
		t.Errorf("the sender hears %+v", h)
	}
	a.say("x@s.example", "2")
	if h := a.hear(); h.typ != "error" || h.id != "2" {
		t.Errorf("the sender hears %+v", h)
	}
}

// XEP-0288: the peer answers over the stream that we opened.
func TestBothWaysOverOneStream(t *testing.T) {
	w := newWorld(t)
	a, b := w.node("a.example", nil), w.node("b.example", nil)
	a.say("bob@b.example", "1")
	b.hear()
	// From now on a can be reached over no other.
	w.dns.mu.Lock()
	w.dns.services["a.example"] = resolve.Service{Status: resolve.Secure, Declined: true}
	w.dns.mu.Unlock()
	b.say("alice@a.example", "2")
	if h := a.hear(); h.id != "2" || h.from != "user@b.example/x" {
		t.Errorf("a heard %+v", h)
	}
	b.say("alice@sub.a.example", "3")
	if h := b.hear(); h.typ != "error" {
		t.Errorf("b heard %+v", h)
	}
}

// XEP-0198: what a peer has not acknowledged when its connection breaks is
// answered; what it has is not.
func TestUnacknowledgedIsAnswered(t *testing.T) {
	w := newWorld(t)
	a := w.node("a.example", nil)
	r := w.rogue(a, "m.example")
	r.send("<bidi xmlns='urn:xmpp:bidi'/>")
	r.authenticate(a)
	r.send("<enable xmlns='urn:xmpp:sm:3'/>")
	r.until("<enabled xmlns='urn:xmpp:sm:3'/>")
	for i := range 4 {
		a.say("x@m.example", fmt.Sprint(i))
	}
	got := ""
	for !strings.Contains(got, "id='3'") {
		got += r.until("</message>")
	}
	// The peer's own stanzas are counted too.
	r.send("<message from='x@m.example' to='alice@a.example' id='in'/><a xmlns='urn:xmpp:sm:3' h='2'/><r xmlns='urn:xmpp:sm:3'/>")
	if got := r.until("/>") + r.until("/>"); !strings.Contains(got, "<a xmlns='urn:xmpp:sm:3' h='1'/>") {
		t.Errorf("got %s", got)
	}
	a.hear()
	r.Close()
	for _, id := range []string{"2", "3"} {
		if h := a.hear(); h.typ != "error" || h.id != id {
			t.Errorf("the sender hears %+v", h)
		}
	}
	select {
	case h := <-a.heard:
		t.Errorf("the sender hears %+v", h)
	case <-time.After(100 * time.Millisecond):
	}
	r = w.rogue(a, "m.example")
	r.authenticate(a)
	r.send("<enable xmlns='urn:xmpp:sm:3'/><a xmlns='urn:xmpp:sm:3' h='1'/>")
	if got := r.until("</stream:stream>"); !strings.Contains(got, "<undefined-condition") {
		t.Errorf("acknowledging what was never sent: %s", got)
	}
}

// A link that nobody uses is closed, and made again when somebody does.
func TestIdleLinksAreClosed(t *testing.T) {
	w := newWorld(t)
	a, b := w.node("a.example", nil), w.node("b.example", nil)
	federation.SetIdle(a.server, 300*time.Millisecond)
	for i := range 3 {
		a.say("bob@b.example", fmt.Sprint(i))
		if h := b.hear(); h.id != fmt.Sprint(i) {
			t.Errorf("b heard %+v", h)
		}
		ended := time.Now().Add(10 * time.Second)
		for federation.Links(a.server) > 0 {
			if time.Now().After(ended) {
				t.Fatal("an idle link is kept")
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// A peer that floods costs those it talks to their outboxes and nobody else
// anything.
func TestAFloodHarmsNoOther(t *testing.T) {
	w := newWorld(t)
	a, b := w.node("a.example", nil), w.node("b.example", nil)
	b.say("alice@a.example", "warm")
	a.hear()
	r := w.rogue(a, "m.example")
	r.authenticate(a)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		flood := strings.Repeat("<message from='x@m.example' to='alice@a.example' type='error' id='flood'/>", 50)
		for {
			select {
			case <-stop:
				return
			default:
				io.WriteString(r, flood)
			}
		}
	}()
	for i := range 50 {
		b.say("alice@a.example", fmt.Sprint("through", i))
		for h := a.hear(); h.id != fmt.Sprint("through", i); h = a.hear() {
			if h.id != "flood" {
				t.Fatalf("heard %+v", h)
			}
		}
	}
	close(stop)
	for {
		select {
		case <-a.heard:
		case <-done:
			return
		}
	}
}

func TestHostUnknown(t *testing.T) {
	w := newWorld(t)
	a := w.node("a.example", nil)
	nc, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", a.port))
	w.must(err)
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	r := &rogue{nc, t, "m.example"}
	r.send(header + " from='m.example' to='elsewhere.example'>")
	if got := r.until("</stream:stream>"); !strings.Contains(got, "<host-unknown") { // RFC 6120 §4.9.3.6
		t.Error(got)
	}
}
