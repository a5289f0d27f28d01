package c2s_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"lethe/relay"
	"lethe/relay/c2s"
	"lethe/relay/client"
	"lethe/relay/jid"
	"lethe/relay/sasl"
	"lethe/relay/users"
	"lethe/relay/wire"
	"lethe/tls"
)

const (
	password    = "correct horse battery staple"
	stanzaBytes = 10000
)

// home binds whoever comes. What a seat takes is echoed to its own client as
// the relay would write it.
type home struct {
	mu    sync.Mutex
	left  int
	seats int
	last  *relay.Outbox // of the seat bound last
	full  bool          // refuse to bind
	told  []string      // what seats heard about their clients
}

type seat struct {
	home *home
	jid  jid.JID
	out  *relay.Outbox
}

func (h *home) Bind(user jid.JID, resource string, out *relay.Outbox) (relay.Seat, *relay.BindError) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.full {
		return nil, &relay.BindError{Condition: wire.CondResourceConstraint, Text: "enough"}
	}
	h.seats++
	h.last = out
	if resource == "" {
		resource = fmt.Sprintf("made-%d", h.seats)
	}
	full, err := user.WithResource(resource)
	if err != nil {
		return nil, &relay.BindError{Condition: wire.CondBadRequest}
	}
	return &seat{h, full, out}, nil
}

func (s *seat) JID() jid.JID                  { return s.jid }
func (s *seat) Active(_ *relay.Pass, on bool) { s.home.hear(fmt.Sprint("active ", on)) }
func (s *seat) Carbons(on bool)               { s.home.hear(fmt.Sprint("carbons ", on)) }

func (h *home) hear(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = append(h.told, what)
}

func (s *seat) Leave(*relay.Pass) {
	s.home.mu.Lock()
	defer s.home.mu.Unlock()
	s.home.left++
}

func (s *seat) Take(p *relay.Pass, st *wire.Stanza) {
	if string(st.ID()) == "panic" {
		panic("a defect")
	}
	s.out.Offer(p, st)
}

// fixture is a served domain with one user.
type fixture struct {
	t         testing.TB
	srv       *c2s.Server
	home      *home
	roots     *x509.CertPool
	plain     string // addresses
	direct    string
	listeners []net.Listener
	mu        sync.Mutex
	events    map[relay.Event]int
}

func start(t testing.TB, change func(*c2s.Config), prepare ...func(*c2s.Server)) *fixture {
	t.Helper()
	f := &fixture{t: t, home: &home{}, events: map[relay.Event]int{}}
	authority, err := tls.NewAuthority(time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	f.roots = authority.Roots()
	pem, err := authority.Issue([]string{"example.org"})
	if err != nil {
		t.Fatal(err)
	}
	certs, err := tls.Parse([]tls.PEM{pem}, []string{"example.org"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	set := userSet(t)
	cfg := c2s.Config{
		Domains: []string{"example.org"},
		TLS:     tls.NewServer(certs, false),
		Router:  relay.NewRouter(),
		Home:    f.home,
		Users:   func() *users.Set { return set },
		Limits:  c2s.Limits{StanzaBytes: stanzaBytes, OutboxBytes: 1 << 20, ConnectionsPerAddress: 100},

		ForgetAfter: time.Hour,
		Report: func(e relay.Event) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.events[e]++
		},
	}
	if change != nil {
		change(&cfg)
	}
	f.srv = c2s.NewServer(cfg)
	for _, p := range prepare {
		p(f.srv)
	}
	f.plain, f.direct = f.listen(false), f.listen(true)
	t.Cleanup(func() {
		for _, l := range f.listeners {
			l.Close()
		}
		f.srv.Shutdown(time.Second)
	})
	return f
}

func (f *fixture) listen(direct bool) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	f.listeners = append(f.listeners, l)
	go f.srv.Serve(l, direct)
	return l.Addr().String()
}

func (f *fixture) count(e relay.Event) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.events[e]
}

func userSet(t testing.TB) *users.Set {
	t.Helper()
	u := &users.User{JID: address("alice@example.org")}
	for _, v := range []struct {
		hash sasl.Hash
		to   **users.Verifier
	}{{sasl.SHA256, &u.SHA256}, {sasl.SHA1, &u.SHA1}} {
		salt := make([]byte, sasl.SaltSize)
		rand.Read(salt)
		d, err := sasl.Derive(v.hash, password, salt, 4096)
		if err != nil {
			t.Fatal(err)
		}
		*v.to = &users.Verifier{Iterations: d.Iterations, Salt: d.Salt, StoredKey: d.StoredKey, ServerKey: d.ServerKey}
	}
	text, err := users.Add([]byte("lethe-users 1\nserial 1\n"), u)
	if err != nil {
		t.Fatal(err)
	}
	set, err := users.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func address(s string) jid.JID {
	j, err := jid.Parse(s)
	if err != nil {
		panic(err)
	}
	return j
}

func (f *fixture) config() client.Config {
	return client.Config{Address: f.plain, User: address("alice@example.org"), Password: password, Roots: f.roots}
}

func (f *fixture) dial() *client.Client {
	f.t.Helper()
	c, err := client.Dial(context.Background(), f.config())
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(c.Cut)
	return c
}

func condition(err error) string {
	var failure *client.Failure
	if errors.As(err, &failure) {
		return failure.Condition
	}
	return fmt.Sprint(err)
}

func TestLoginByEachMechanism(t *testing.T) {
	f := start(t, func(c *c2s.Config) { c.Plain = true })
	for _, mechanism := range []string{"", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN"} {
		for _, direct := range []bool{false, true} {
			cfg := f.config()
			cfg.Only, cfg.Direct = mechanism, direct
			if direct {
				cfg.Address = f.direct
			}
			c, err := client.Dial(context.Background(), cfg)
			if err != nil {
				t.Errorf("%q direct=%v: %v", mechanism, direct, err)
				continue
			}
			if mechanism == "" && c.Mechanism() != "SCRAM-SHA-256-PLUS" {
				t.Errorf("the strongest mechanism was %s", c.Mechanism())
			}
			c.Close()
		}
	}
}

func TestPlainIsOffUnlessSwitchedOn(t *testing.T) {
	f := start(t, nil)
	cfg := f.config()
	cfg.Only = "PLAIN"
	if _, err := client.Dial(context.Background(), cfg); err == nil {
		t.Error("PLAIN was accepted")
	}
}

func TestWrongPasswordAndUnknownUserLookTheSame(t *testing.T) {
	f := start(t, nil)
	for _, who := range []string{"alice@example.org", "nobody@example.org"} {
		cfg := f.config()
		cfg.User, cfg.Password = address(who), "wrong"
		_, err := client.Dial(context.Background(), cfg)
		if condition(err) != "not-authorized" {
			t.Errorf("%s: %v", who, err)
		}
	}
	if f.count(relay.LoginFailed) != 2 {
		t.Errorf("%d failed logins reported", f.count(relay.LoginFailed))
	}
}

// RFC 6120 §6.4.5: five attempts, then the stream ends.
func TestAttemptsOfOneStream(t *testing.T) {
	f := start(t, nil)
	c := f.secured()
	defer c.Close()
	for i := range 5 {
		fmt.Fprint(c, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='NONE'/>")
		got := c.until(">")
		want := "<invalid-mechanism/>"
		if i == 4 {
			want = "<policy-violation"
		}
		if got += c.until("</failure>", "</stream:stream>"); !strings.Contains(got, want) {
			t.Fatalf("attempt %d: %s", i+1, got)
		}
	}
}

// conn is a client without manners.
type conn struct {
	io.ReadWriteCloser
	t testing.TB
}

// until reads up to the first of the marks, or the end.
func (c conn) until(marks ...string) string {
	var b strings.Builder
	one := make([]byte, 1)
	for {
		n, err := c.Read(one)
		b.Write(one[:n])
		for _, m := range marks {
			if strings.HasSuffix(b.String(), m) {
				return b.String()
			}
		}
		if err != nil {
			return b.String()
		}
	}
}

const header = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='example.org'>"

func (f *fixture) raw(address string) conn {
	f.t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		f.t.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	return conn{nc, f.t}
}

// secured is a connection after TLS, the first features read.
func (f *fixture) secured() conn {
	f.t.Helper()
	c, _, _ := f.open(header)
	return c
}

// open is a connection after TLS, on which header was sent. It returns what
// came up to the first features, too.
func (f *fixture) open(header string) (conn, *tls.Conn, string) {
	f.t.Helper()
	nc, err := net.Dial("tcp", f.direct)
	if err != nil {
		f.t.Fatal(err)
	}
	c, err := tls.Client(nc, 10*time.Second, tls.ClientConfig{ServerName: "example.org", Roots: f.roots})
	if err != nil {
		f.t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(c, header)
	out := conn{c, f.t}
	return out, c, out.until("</stream:features>", "</stream:stream>")
}

// TestStates sends what does not belong to a state and reads the answer to the
// end of the stream.
func TestStates(t *testing.T) {
	f := start(t, nil)
	const auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>"
	const begun = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'/>"
	for _, test := range []struct{ name, state, send, want string }{
		{"RFC 6120 §5.3.1 only starttls", "cleartext", header, "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"},
		{"login in the clear", "cleartext", header + auth, "<policy-violation"},
		{"stanza in the clear", "cleartext", header + "<presence/>", "<policy-violation"},
		{"RFC 6120 §4.9.3.6 unknown host", "cleartext", strings.Replace(header, "to='example.org'", "to='other.example'", 1), "<host-unknown"},
		{"no host", "cleartext", strings.Replace(header, "to='example.org'", "", 1), "<host-unknown"},
		{"RFC 6120 §4.9.3.10 content namespace", "cleartext", strings.Replace(header, "jabber:client", "jabber:server", 1), "<invalid-namespace"},
		{"RFC 6120 §4.9.3.25 version", "cleartext", strings.Replace(header, "version='1.0' ", "", 1), "<unsupported-version"},
		{"RFC 6120 §4.9.3.13 no XML", "cleartext", "GET / HTTP/1.1\r\n\r\n", "<not-well-formed"},
		{"RFC 6120 §4.9.3.18 DOCTYPE", "cleartext", "<!DOCTYPE x>" + header, "<restricted-xml"},
		{"bytes behind starttls", "cleartext", header + "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" + header, ""},
		{"RFC 6120 §4.9.3.12 stanza before login", "secured", "<message to='bob@example.org'><body>x</body></message>", "<not-authorized"},
		{"starttls twice", "secured", "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<not-authorized"},
		{"bad base64", "secured", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>%%</auth></stream:stream>", "<incorrect-encoding/>"},
		{"abort", "secured", "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></stream:stream>", "<aborted/>"},
		{"response first", "secured", "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AAAA</response></stream:stream>", "<malformed-request/>"},
		{"SASL2 bad base64", "secured", "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'><initial-response>=</initial-response></authenticate></stream:stream>", "<incorrect-encoding "},
		{"SASL2 bad base64 in a response", "secured", begun + "<response xmlns='urn:xmpp:sasl:2'>%</response></stream:stream>", "<incorrect-encoding "},
		{"XEP-0388 §4.5 abort", "secured", begun + "<abort xmlns='urn:xmpp:sasl:2'/></stream:stream>", "<aborted "},
		{"SASL2 response first", "secured", "<response xmlns='urn:xmpp:sasl:2'>AAAA</response></stream:stream>", "<malformed-request "},
		{"SASL2 task", "secured", "<next xmlns='urn:xmpp:sasl:2' task='x'/></stream:stream>", "<malformed-request "},
		{"SASL2 without a mechanism", "secured", "<authenticate xmlns='urn:xmpp:sasl:2'/></stream:stream>", "<invalid-mechanism "},
		{"response behind an abort", "secured", begun + "<abort xmlns='urn:xmpp:sasl:2'/><response xmlns='urn:xmpp:sasl:2'>AAAA</response></stream:stream>", "<malformed-request "},
		{"XEP-0388 §2.4 stanza within", "secured", begun + "<presence/>", "<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'"},
		{"XEP-0388 §2.4 begun twice", "secured", begun + begun, "<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'"},
		{"XEP-0388 §2.4 other profile within", "secured", begun + "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AAAA</response>", "<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'"},
		{"XEP-0388 §2.1 from elsewhere", "cleartext", strings.Replace(header, "to=", "from='alice@other.example' to=", 1), "<invalid-from"},
		{"end of stream", "secured", "</stream:stream>", "</stream:stream>"},
		{"RFC 6120 §4.9.3.18 comment", "secured", "<!-- -->", "<restricted-xml"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := f.raw(f.plain)
			if test.state == "secured" {
				c = f.secured()
			}
			defer c.Close()
			io.WriteString(c, test.send)
			end := "</stream:stream>"
			if strings.HasPrefix(test.want, "<stream:features>") {
				end = "</stream:features>"
			}
			got := c.until(end)
			if !strings.Contains(got, test.want) {
				t.Errorf("sent %s\ngot  %s\nwant %s", test.send, got, test.want)
			}
			if strings.Contains(got, "<proceed") {
				t.Error("TLS was agreed on")
			}
		})
	}
	if f.count(relay.CleartextBytes) != 1 {
		t.Error("injected cleartext was not reported")
	}
}

func TestDirectTLSChecksALPN(t *testing.T) {
	f := start(t, nil)
	nc, err := net.Dial("tcp", f.direct)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.Client(nc, 5*time.Second, tls.ClientConfig{ServerName: "example.org", Roots: f.roots, ALPN: []string{"http/1.1"}}); err == nil {
		t.Error("a client of another protocol was let in (XEP-0368)")
	}
}

func TestFromIsStamped(t *testing.T) {
	f := start(t, nil)
	c := f.dial()
	n, err := c.Ask("<message from='ceo@example.org/office' to='bob@example.org'><body>pay</body></message>")
	if err != nil {
		t.Fatal(err)
	}
	if n.Attr("from") != c.JID().String() {
		t.Errorf("from is %s", n.Attr("from"))
	}
}

// RFC 6120 §8.1.5: the stream's language counts for its stanzas.
func TestLanguageOfTheStream(t *testing.T) {
	f := start(t, nil)
	c := f.dial() // opens its stream with xml:lang='en'
	raw := func(xml string) string {
		if err := c.Send(xml); err != nil {
			t.Fatal(err)
		}
		s, err := c.NextRaw()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if got := raw("<message><body>x</body></message>"); !strings.Contains(got, "xml:lang='en'") {
		t.Error(got)
	}
	if got := raw("<message xml:lang='de'><body>x</body></message>"); strings.Contains(got, "'en'") || !strings.Contains(got, "xml:lang='de'") {
		t.Error(got)
	}
}

func TestBoundState(t *testing.T) {
	f := start(t, nil)
	for _, test := range []struct{ name, send, want string }{
		{"RFC 6120 §4.9.3.24 nonza", "<thing xmlns='urn:example:x'/>", "unsupported-stanza-type"},
		{"second login", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>", "unsupported-stanza-type"},
		{"XEP-0388 §4.8 second login", "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>", "unsupported-stanza-type"},
		{"RFC 6120 §4.9.3.14 too large", "<message><body>" + strings.Repeat("x", 10000) + "</body></message>", "policy-violation"},
		{"RFC 6120 §4.9.3.2 prefix", "<message><a:b/></message>", "bad-namespace-prefix"},
		{"RFC 6120 §8.2.3 id", "<iq type='get'><q xmlns='urn:x'/></iq>", "bad-request"},
		{"RFC 6120 §8.2.3 one child", "<iq type='set' id='1'><q xmlns='urn:x'/><q xmlns='urn:x'/></iq>", "bad-request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := f.dial()
			n, err := c.Ask(test.send)
			got := condition(err)
			if err == nil && n.Child("jabber:client", "error") != nil {
				got = n.Child("jabber:client", "error").Children[0].Name
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestBindRefused(t *testing.T) {
	f := start(t, nil)
	f.home.full = true
	_, err := client.Dial(context.Background(), f.config())
	if condition(err) != "resource-constraint" {
		t.Errorf("got %v", err)
	}
}

func TestADefectEndsOneConnection(t *testing.T) {
	f := start(t, nil)
	other, c := f.dial(), f.dial()
	if _, err := c.Ask("<message id='panic'/>"); err == nil {
		t.Error("the connection goes on after a defect")
	}
	if f.count(relay.InternalError) != 1 {
		t.Error("the defect was not reported")
	}
	if _, err := other.Ask("<message id='fine'/>"); err != nil {
		t.Errorf("another connection suffers: %v", err)
	}
	f.dial()
}

func TestConnectionsPerAddress(t *testing.T) {
	f := start(t, func(c *c2s.Config) { c.Limits.ConnectionsPerAddress = 2 })
	a := f.dial()
	f.dial()
	if _, err := client.Dial(context.Background(), f.config()); err == nil {
		t.Fatal("a third connection was admitted")
	}
	if f.count(relay.ConnectionLimit) == 0 {
		t.Error("not reported")
	}
	a.Close()
	for range 100 {
		if c, err := client.Dial(context.Background(), f.config()); err == nil {
			c.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("a closed connection still counts")
}

func TestLoginsPerMinute(t *testing.T) {
	f := start(t, func(c *c2s.Config) { c.Limits.LoginsPerMinute = 3 })
	cfg := f.config()
	cfg.Password = "wrong"
	for range 3 {
		if _, err := client.Dial(context.Background(), cfg); condition(err) != "not-authorized" {
			t.Fatal(err)
		}
	}
	if _, err := client.Dial(context.Background(), f.config()); condition(err) != "temporary-auth-failure" {
		t.Errorf("after three wrong logins: %v", err)
	}
	if f.count(relay.LoginSlowed) == 0 {
		t.Error("not reported")
	}
}

func TestShutdownEndsNegotiations(t *testing.T) {
	f := start(t, nil)
	c := f.raw(f.plain)
	io.WriteString(c, header)
	c.until("</stream:features>")
	done := make(chan struct{})
	go func() { f.srv.Shutdown(5 * time.Second); close(done) }()
	c.until("never")
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Error("Shutdown waits for a connection that it ended")
	}
	if _, err := client.Dial(context.Background(), f.config()); err == nil {
		t.Error("a connection was admitted after Shutdown")
	}
}

func TestLeaveOnEveryEnd(t *testing.T) {
	f := start(t, nil)
	ends := []func(*client.Client){
		(*client.Client).Close,
		(*client.Client).Cut,
		func(c *client.Client) { c.Ask("<!-- -->") },
		func(c *client.Client) { c.Ask("<message id='panic'/>") },
	}
	for _, end := range ends {
		c := f.dial()
		end(c)
		c.Cut()
	}
	f.gone(t, len(ends))
}

func (f *fixture) left() int {
	f.home.mu.Lock()
	defer f.home.mu.Unlock()
	return f.home.left
}

// gone waits until so many seats are given up.
func (f *fixture) gone(t *testing.T, want int) {
	t.Helper()
	for range 200 {
		if f.left() == want {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d of %d left", f.left(), want)
}

func TestNegotiationHasADeadline(t *testing.T) {
	f := start(t, nil, func(s *c2s.Server) { s.SetPatience(300*time.Millisecond, time.Minute, time.Minute) })
	for _, state := range []string{"silent", "cleartext", "secured"} {
		var c conn
		switch state {
		case "silent":
			c = f.raw(f.direct)
		case "cleartext":
			c = f.raw(f.plain)
			io.WriteString(c, header)
		case "secured":
			c = f.secured()
		}
		got := c.until("</stream:stream>")
		if state != "silent" && !strings.Contains(got, "<connection-timeout") {
			t.Errorf("%s: %s", state, got)
		}
		c.Close()
	}
}

func TestIdleClientIsAskedThenCut(t *testing.T) {
	f := start(t, nil, func(s *c2s.Server) { s.SetPatience(time.Minute, 200*time.Millisecond, 200*time.Millisecond) })
	c := f.dial()
	n, err := c.Next()
	if err != nil || n.Child("urn:xmpp:ping", "ping") == nil {
		t.Fatalf("no ping: %v", err)
	}
	// Whoever answers stays.
	if _, err := c.Ask("<iq type='result' id='" + n.Attr("id") + "'/>"); err != nil { // the seat echoes it
		t.Fatal(err)
	}
	if n, err = c.Next(); err != nil || n.Child("urn:xmpp:ping", "ping") == nil {
		t.Fatalf("no second ping: %v", err)
	}
	if _, err = c.Next(); condition(err) != "connection-timeout" {
		t.Errorf("a silent client ends with %v", err)
	}
	if f.count(relay.IdleTimeout) != 1 {
		t.Error("not reported")
	}
}

// Short stanzas make as much work as long ones: they cost their sender as much.
func TestShortStanzasAreSlowedToo(t *testing.T) {
	f := start(t, func(c *c2s.Config) { c.Limits.BytesPerSecond = 2000 }) // after 20000
	c := f.dial()
	before := time.Now()
	for i := range 22 {
		if _, err := c.Ask(fmt.Sprintf("<message id='%d'/>", i)); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(before); took < 500*time.Millisecond {
		t.Errorf("22 stanzas of 1 KiB each, as they count, in %v", took)
	}
}
