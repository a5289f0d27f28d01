package federation_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"lethe/dane"
	"lethe/dane/resolve"
	"lethe/federation"
	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
	"lethe/tls"
)

// world is a handful of domains on loopback and what the DNS says of them.
type world struct {
	t         testing.TB
	authority *tls.Authority
	dns       *names
}

func newWorld(t testing.TB) *world {
	a, err := tls.NewAuthority(time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t, a, &names{services: map[string]resolve.Service{}, tlsa: map[string]resolve.Associations{}, hosts: map[string]resolve.Addresses{}}}
}

// names is a resolver that knows what it was told, proved; that nothing else
// exists is proved too.
type names struct {
	mu       sync.Mutex
	services map[string]resolve.Service // by domain, of xmpp-server
	direct   map[string]resolve.Service // of xmpps-server
	tlsa     map[string]resolve.Associations
	hosts    map[string]resolve.Addresses
}

func (n *names) Service(_ context.Context, service, _, domain string) resolve.Service {
	n.mu.Lock()
	defer n.mu.Unlock()
	from := n.services
	if service == "xmpps-server" {
		from = n.direct
	}
	if s, ok := from[domain]; ok {
		return s
	}
	return resolve.Service{Status: resolve.Secure}
}

func (n *names) Addresses(_ context.Context, host string) resolve.Addresses {
	n.mu.Lock()
	defer n.mu.Unlock()
	if a, ok := n.hosts[host]; ok {
		return a
	}
	return resolve.Addresses{Status: resolve.Secure, IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Names: []string{host + "."}}
}

func (n *names) TLSA(_ context.Context, port uint16, host string) resolve.Associations {
	n.mu.Lock()
	defer n.mu.Unlock()
	if a, ok := n.tlsa[host]; ok {
		return a
	}
	return resolve.Associations{Status: resolve.Secure}
}

// node is one domain's relay: whoever writes to it is heard.
type node struct {
	*world
	domain string
	router *relay.Router
	server *federation.Server
	cert   *x509.Certificate
	heard  chan heard
	port   uint16
	events sync.Map
}

type heard struct{ from, to, typ, id, raw string }

// node starts a domain. With change the configuration is another.
func (w *world) node(domain string, change func(*federation.Config)) *node {
	w.t.Helper()
	pem, err := w.authority.Issue([]string{domain, "xmpp." + domain})
	w.must(err)
	certs, err := tls.Parse([]tls.PEM{pem}, []string{domain}, time.Now())
	w.must(err)
	n := &node{world: w, domain: domain, router: relay.NewRouter(), cert: certs.Leaf(domain), heard: make(chan heard, 1000)}
	cfg := federation.Config{
		Domains: []string{domain}, TLS: tls.NewServer(certs, false), Router: n.router,
		Resolver: w.dns, Policy: &federation.Policy{Mode: federation.DANE},
		Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", to.String())
		},
		Limits: federation.Limits{StanzaBytes: 1 << 16, OutboxBytes: 1 << 20},
		Report: func(e relay.Event) {
			count, _ := n.events.LoadOrStore(e, new(sync.Map))
			count.(*sync.Map).Store(time.Now().UnixNano(), true)
		},
		Now: time.Now,
	}
	if change != nil {
		change(&cfg)
	}
	n.server = federation.NewServer(cfg)
	n.router.Handle(domain, n)
	n.router.HandleElse(n.server)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	go n.server.Serve(l, false)
	w.t.Cleanup(func() { l.Close(); n.server.Shutdown(5 * time.Second) })
	n.port = uint16(l.Addr().(*net.TCPAddr).Port)
	n.publish(resolve.Secure)
	n.associate(dane.Of(n.cert, dane.DANEEE, dane.SPKI, dane.SHA256))
	return n
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// publish makes the domain's SRV record, with that status.
func (n *node) publish(s resolve.Status) {
	n.dns.mu.Lock()
	defer n.dns.mu.Unlock()
	n.dns.services[n.domain] = resolve.Service{Status: s, Targets: []resolve.Target{{Host: "xmpp." + n.domain, Port: n.port}}}
}

// associate publishes TLSA records for the domain's server.
func (n *node) associate(records ...dane.Record) {
	a := resolve.Associations{Status: resolve.Secure}
	for _, r := range records {
		a.Records = append(a.Records, resolve.TLSA(r))
	}
	n.dns.mu.Lock()
	defer n.dns.mu.Unlock()
	n.dns.tlsa["xmpp."+n.domain] = a
}

// Deliver hears what comes for the domain's users.
func (n *node) Deliver(_ *relay.Pass, s *wire.Stanza, from, to jid.JID) relay.Drop {
	n.heard <- heard{from.String(), to.String(), string(s.Type()), string(s.ID()), string(s.Append(nil, wire.NSClient))}
	return relay.Delivered
}

// say sends a chat message from this domain.
func (n *node) say(to, id string) {
	n.t.Helper()
	from := "user@" + n.domain + "/x"
	s, err := wire.ParseStanza([]byte("<message type='chat' id='"+id+"' from='"+from+"' to='"+to+"'><body>hello</body></message>"), wire.NSClient)
	n.must(err)
	f, err := jid.Parse(from)
	n.must(err)
	t, err := jid.Parse(to)
	n.must(err)
	var p relay.Pass
	n.router.Route(&p, s, f, t)
	p.Flush()
}

func (n *node) hear() heard {
	n.t.Helper()
	select {
	case h := <-n.heard:
		return h
	case <-time.After(20 * time.Second):
		n.t.Fatalf("%s hears nothing", n.domain)
		return heard{}
	}
}

func TestProvedByDANE(t *testing.T) {
	w := newWorld(t)
	a, b := w.node("a.example", nil), w.node("b.example", nil)
	a.say("bob@b.example", "1")
	if h := b.hear(); h.id != "1" || h.from != "user@a.example/x" || h.to != "bob@b.example" || !strings.Contains(h.raw, "<body>hello</body>") {
		t.Errorf("b heard %+v", h)
	}
	b.say("alice@a.example", "2")
	if h := a.hear(); h.id != "2" || h.from != "user@b.example/x" {
		t.Errorf("a heard %+v", h)
	}
	for i := range 200 {
		a.say("bob@b.example", fmt.Sprint("many", i))
	}
	for i := range 200 {
		if h := b.hear(); h.id != fmt.Sprint("many", i) {
			t.Fatalf("b heard %s at place %d", h.id, i)
		}
	}
}

func TestProvedByAuthorities(t *testing.T) {
	w := newWorld(t)
	trust := func(c *federation.Config) { c.Roots = w.authority.Roots() }
	a, b := w.node("a.example", trust), w.node("b.example", trust)
	a.associate()
	b.associate()
	a.say("bob@b.example", "1")
	if h := b.hear(); h.id != "1" {
		t.Errorf("b heard %+v", h)
	}
}

// A peer that cannot prove itself gets nothing, and the sender hears why.
func TestRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(w *world, a, b *node)
		policy *federation.Policy
		want   string // in the answer
	}{
		{"TLSA of another certificate", func(w *world, a, b *node) { b.associate(dane.Of(a.cert, 3, 1, 1)) }, nil, "no TLSA record fits"},
		{"no TLSA, unknown authority", func(w *world, a, b *node) { b.associate() }, nil, "link to b.example failed"},
		{"TLSA bogus", func(w *world, a, b *node) {
			w.dns.tlsa["xmpp.b.example"] = resolve.Associations{Status: resolve.Bogus}
		}, nil, "TLSA lookup is bogus"},
		{"TLSA lookup failed", func(w *world, a, b *node) { w.dns.tlsa["xmpp.b.example"] = resolve.Associations{} }, nil, "TLSA lookup"},
		{"SRV bogus", func(w *world, a, b *node) { b.publish(resolve.Bogus) }, nil, "SRV lookup is bogus"},
		{"SRV lookup failed", func(w *world, a, b *node) { b.publish(resolve.Indeterminate) }, nil, "SRV lookup"},
		{"address bogus", func(w *world, a, b *node) {
			w.dns.hosts["xmpp.b.example"] = resolve.Addresses{Status: resolve.Bogus}
		}, nil, "address lookup is bogus"},
		{"SRV unsigned, dane-only", func(w *world, a, b *node) { b.publish(resolve.Insecure) }, &federation.Policy{Mode: federation.DANEOnly}, "not signed"},
		{"declined", func(w *world, a, b *node) {
			w.dns.services["b.example"] = resolve.Service{Status: resolve.Secure, Declined: true}
		}, nil, "offers no federation"},
		{"federation off", nil, &federation.Policy{}, "switched off"},
		{"denied", nil, &federation.Policy{Mode: federation.DANE, Deny: []string{"b.example"}}, "denied"},
		{"not allowed", nil, &federation.Policy{Mode: federation.DANE, Allow: []string{"c.example"}}, "not among those allowed"},
		{"nobody listens", func(w *world, a, b *node) {
			w.dns.services["b.example"] = resolve.Service{Status: resolve.Secure, Targets: []resolve.Target{{Host: "xmpp.b.example", Port: 1}}}
		}, nil, "TCP did not come about"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.node("a.example", func(c *federation.Config) {
				if test.policy != nil {
					c.Policy = test.policy
				}
			})
			b := w.node("b.example", nil)
			if test.change != nil {
				test.change(w, a, b)
			}
			for _, id := range []string{"1", "2"} { // the second while the failure is remembered
				a.say("bob@b.example", id)
				h := a.hear()
				if h.typ != "error" || h.id != id || h.from != "bob@b.example" || !strings.Contains(h.raw, test.want) {
					t.Errorf("the sender hears %+v, want %q", h, test.want)
				}
			}
			select {
			case h := <-b.heard:
				t.Errorf("b heard %+v", h)
			default:
			}
		})
	}
}

// The peer asks for proof too: a domain whose certificate its TLSA records do
// not know, and which cannot be called back, is not heard.
func TestIncomingIsProvedToo(t *testing.T) {
	w := newWorld(t)
	a, b := w.node("a.example", nil), w.node("b.example", nil)
	a.associate(dane.Of(b.cert, 3, 1, 1)) // a's own records are wrong
	a.say("bob@b.example", "1")
	if h := a.hear(); h.typ != "error" || !strings.Contains(h.raw, "does not accept our proof") {
		t.Errorf("the sender hears %+v", h)
	}
	select {
	case h := <-b.heard:
		t.Errorf("b heard %+v", h)
	default:
	}
}

// RFC 7686 §2: the DNS is not asked about an onion service.
func TestOnionIsNotAskedOfTheDNS(t *testing.T) {
	w := newWorld(t)
	a := w.node("a.example", func(c *federation.Config) { c.Resolver = nil }) // to ask is to fail
	const peer = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion"
	a.say("bob@"+peer, "1")
	if h := a.hear(); h.typ != "error" || !strings.Contains(h.raw, "not reached through Tor") {
		t.Errorf("the sender hears %+v", h)
	}
}
