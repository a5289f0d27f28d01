package federation_test

import (
	"context"
	"crypto/x509"
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

// told is all that the steps of a check say, in order: a line each.
func told(c federation.Check) string {
	var b strings.Builder
	tell(&b, c.Steps)
	for _, p := range c.Probes {
		tell(&b, p.Steps)
	}
	return b.String()
}

func tell(b *strings.Builder, steps []federation.Step) {
	for _, s := range steps {
		b.WriteString(s.Name)
		if !s.OK {
			b.WriteString(" FAIL " + s.Section)
		}
		b.WriteString(" " + s.Found + "\n")
	}
}

// target is one more server of b.
func target(host string, port, priority uint16) resolve.Target {
	return resolve.Target{Host: host, Port: port, Priority: priority}
}

// What check says is what a link would get, for each way that a link can go.
func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(w *world, a, b *node)
		policy *federation.Policy
		want   string // verdict and reason
		steps  string // among the steps
	}{
		{"dane", nil, nil, "dane: TLSA 3 1 1 matched",
			"policy the domain may federate once it is proved\nSRV secure, 1 server\naddress secure, 1 address\nTLSA secure, 1 record\nTCP goes through\nSTARTTLS goes through\nTLS TLSA 3 1 1 matched\nlogin the peer accepts our certificate\n"},
		{"pkix, no TLSA", func(w *world, a, b *node) { b.associate() }, nil,
			"pkix: certificate authorities vouch for it; no TLSA record is published", "TLSA secure, 0 records\n"},
		{"pkix, not signed", func(w *world, a, b *node) { b.publish(resolve.Insecure) }, nil,
			"pkix: certificate authorities vouch for it; the SRV lookup is not signed", "TLSA not asked for: it would prove nothing"},
		{"our proof fails", func(w *world, a, b *node) { a.associate(dane.Of(b.cert, 3, 1, 1)) }, nil,
			"dane: TLSA 3 1 1 matched", "login the peer takes no certificate for a login and would call back (dialback)"},
		{"we know few", nil, &federation.Policy{Mode: federation.DANE, Allow: []string{"b.example"}}, "dane: TLSA 3 1 1 matched", "login the peer accepts our certificate\n"},
		{"TLSA of another certificate", func(w *world, a, b *node) { b.associate(dane.Of(a.cert, 3, 1, 1)) }, nil,
			"refused: no TLSA record fits the certificate", "STARTTLS goes through\nTLS FAIL RFC 6698 §2.1 no TLSA record fits the certificate\n"},
		{"not signed, dane-only", func(w *world, a, b *node) { b.publish(resolve.Insecure) }, &federation.Policy{Mode: federation.DANEOnly},
			"refused: the SRV lookup is not signed", "TLS FAIL RFC 7673 §3.1 "},
		{"TLSA bogus", func(w *world, a, b *node) {
			w.dns.tlsa["xmpp.b.example"] = resolve.Associations{Status: resolve.Bogus, Why: resolve.Expired}
		}, nil, "refused: the TLSA lookup is bogus: the signature has expired", "TLSA FAIL RFC 4035 §5.3.1 "},
		{"TLSA lookup failed", func(w *world, a, b *node) { w.dns.tlsa["xmpp.b.example"] = resolve.Associations{} }, nil,
			"refused: the TLSA lookup is indeterminate: no resolver answered in time", "TLSA FAIL RFC 1035 §7.2 "},
		{"address bogus", func(w *world, a, b *node) {
			w.dns.hosts["xmpp.b.example"] = resolve.Addresses{Status: resolve.Bogus, Why: resolve.BadSignature}
		}, nil, "refused: the address lookup is bogus: the signature is wrong", "SRV secure, 1 server\naddress FAIL RFC 4035 §5.3.3 "},
		{"SRV lookup failed", func(w *world, a, b *node) { b.publish(resolve.Indeterminate) }, nil,
			"refused: the SRV lookup is indeterminate: no resolver answered in time", "SRV FAIL RFC 1035 §7.2 "},
		{"federation off", nil, &federation.Policy{}, "refused: federation is switched off", "policy FAIL RFC 6120 §4.9.3.14 "},
		{"denied", nil, &federation.Policy{Mode: federation.DANE, Deny: []string{"b.example"}}, "refused: the domain is denied", "policy FAIL "},
		{"declined", func(w *world, a, b *node) {
			w.dns.services["b.example"] = resolve.Service{Status: resolve.Secure, Declined: true}
		}, nil, "unreachable: the domain offers no federation", "SRV FAIL RFC 2782 "},
		{"no address", func(w *world, a, b *node) {
			w.dns.hosts["xmpp.b.example"] = resolve.Addresses{Status: resolve.Secure}
		}, nil, "unreachable: the server has no address", "address FAIL RFC 6120 §3.2.1 "},
		{"nobody listens", func(w *world, a, b *node) { b.port = 1; b.publish(resolve.Secure) }, nil,
			"unreachable: no address answers: connection refused", "TCP FAIL RFC 6120 §3.2.1 "},
		{"who listens says nothing sensible", func(w *world, a, b *node) {
			b.port = w.speaks("220 mail.b.example ESMTP\r\n")
			b.publish(resolve.Secure)
		}, nil,
			"unreachable: what answers there opens no stream for the domain", "TCP goes through\nSTARTTLS FAIL RFC 6120 §4.2 "},
		{"host-unknown", func(w *world, a, b *node) {
			b.port = w.speaks(header + " id='1' from='b.example'><stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")
			b.publish(resolve.Secure)
		}, nil, "unreachable: what answers there opens no stream for the domain", "STARTTLS FAIL RFC 6120 §4.2 "},
		{"no STARTTLS", func(w *world, a, b *node) {
			b.port = w.speaks(header + " id='1' from='b.example'><stream:features/>")
			b.publish(resolve.Secure)
		}, nil, "refused: the peer does not offer STARTTLS", "STARTTLS FAIL RFC 7590 §3.1 "},
		{"direct TLS where there is none", func(w *world, a, b *node) {
			w.dns.direct = map[string]resolve.Service{"b.example": {Status: resolve.Secure, Targets: []resolve.Target{target("xmpp.b.example", w.speaks("220 mail"), 0)}}}
			delete(w.dns.services, "b.example")
		}, nil, "refused: tls handshake: the peer does not speak TLS", "TCP goes through\nTLS FAIL RFC 6120 §5.4.3.2 "},
		{"the first is down, the second proved", func(w *world, a, b *node) {
			w.dns.services["b.example"] = resolve.Service{Status: resolve.Secure, Targets: []resolve.Target{target("xmpp.b.example", b.port, 2), target("down.b.example", 1, 1)}}
		}, nil, "dane: TLSA 3 1 1 matched", "TCP FAIL RFC 6120 §3.2.1 "},
		{"a refusal says more than a silence", func(w *world, a, b *node) {
			b.associate(dane.Of(a.cert, 3, 1, 1))
			w.dns.services["b.example"] = resolve.Service{Status: resolve.Secure, Targets: []resolve.Target{target("xmpp.b.example", b.port, 2), target("down.b.example", 1, 1)}}
		}, nil, "refused: no TLSA record fits the certificate", "TCP FAIL RFC 6120 §3.2.1 "},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.node("a.example", func(c *federation.Config) {
				c.Roots = w.authority.Roots()
				if test.policy != nil {
					c.Policy = test.policy
				}
			})
			b := w.node("b.example", nil)
			if test.change != nil {
				test.change(w, a, b)
			}
			c := a.server.Check(t.Context(), "a.example", "b.example")
			got := c.Finding.String() + ": " + c.Finding.Reason
			if !strings.HasPrefix(got, test.want) || !strings.Contains(told(c), test.steps) {
				t.Errorf("%s; want %s\n%s\nwant among it\n%s", got, test.want, told(c), test.steps)
			}
			if !c.Finding.Accept() && (c.Finding.Section == "" || c.Finding.Cure == "") {
				t.Errorf("no clause or no cure: %+v", c.Finding)
			}
			// The check leaves nothing, and says what a link says.
			if accepted := c.Finding.Accept(); accepted && test.name != "our proof fails" {
				a.say("bob@b.example", "1")
				if h := b.hear(); h.id != "1" {
					t.Errorf("b heard %+v", h)
				}
			} else if !accepted {
				a.say("bob@b.example", "1")
				if h := a.hear(); h.typ != "error" {
					t.Errorf("a heard %+v", h)
				}
			}
		})
	}
}

// What a peer that is proved makes of us is told, and decides nothing.
func TestCheckTellsWhatThePeerMakesOfUs(t *testing.T) {
	for _, test := range []struct{ says, want string }{
		{"", "stream FAIL RFC 6120 §5.4.3.3 the peer opens no stream in TLS"},
		{header + " id='1' from='b.example'></stream:stream>", "stream FAIL RFC 6120 §4.3.2 the peer ends the stream"},
		{header + " id='1' from='b.example'><stream:features/>", "login FAIL RFC 6120 §6.3.3 the peer offers no authentication that we can use"},
		{header + " id='1' from='b.example'><stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms></stream:features>" +
			"<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>", "login FAIL RFC 6120 §13.7.2 the peer does not accept our certificate"},
	} {
		w := newWorld(t)
		a := w.node("a.example", nil)
		w.dns.direct = map[string]resolve.Service{"b.example": {Status: resolve.Secure, Targets: []resolve.Target{target("xmpp.b.example", w.secret("b.example", test.says), 0)}}}
		c := a.server.Check(t.Context(), "a.example", "b.example")
		if c.Finding.String() != "dane" || !strings.HasSuffix(told(c), test.want+"\n") || !strings.HasPrefix(c.Finding.Reason, "TLSA 3 1 1 matched; but the peer ") {
			t.Errorf("%s: %s\n%swant\n%s", c.Finding, c.Finding.Reason, told(c), test.want)
		}
	}
	w := newWorld(t)
	a := w.node("a.example", nil)
	if c := a.server.Check(t.Context(), "a.example", "a.example"); c.Finding.String() != "dane" || strings.Contains(told(c), "login") {
		t.Errorf("of itself: %s\n%s", c.Finding, told(c))
	}
}

// A server of many domains is asked for the certificate of the domain, not for
// that of its own name.
func TestCheckAsksForTheDomain(t *testing.T) {
	w := newWorld(t)
	a := w.node("a.example", nil)
	var pems []tls.PEM
	for _, name := range []string{"xmpp.b.example", "b.example"} { // the first is shown to who asks for nothing
		pem, err := w.authority.Issue([]string{name})
		w.must(err)
		pems = append(pems, pem)
	}
	certs, err := tls.Parse(pems, []string{"b.example"}, time.Now())
	w.must(err)
	b := w.node("b.example", func(c *federation.Config) { c.TLS = tls.NewServer(certs, false) })
	b.associate(dane.Of(certs.Leaf("b.example"), 3, 1, 1))
	if c := a.server.Check(t.Context(), "a.example", "b.example"); c.Finding.String() != "dane" {
		t.Errorf("%s: %s\n%s", c.Finding, c.Finding.Reason, told(c))
	}
}

// secret is a port with direct TLS and a proved certificate, whose server says
// the same to everybody.
func (w *world) secret(domain, text string) uint16 {
	w.t.Helper()
	pem, err := w.authority.Issue([]string{domain})
	w.must(err)
	certs, err := tls.Parse([]tls.PEM{pem}, []string{domain}, time.Now())
	w.must(err)
	n := &node{world: w, domain: domain}
	n.associate(dane.Of(certs.Leaf(domain), 3, 1, 1))
	return w.answers(func(nc net.Conn) {
		if conn, err := tls.NewServer(certs, false).Handshake(nc, 10*time.Second, "xmpp-server"); err == nil {
			io.WriteString(conn, text)
			if text != "" { // a reset could overtake it
				conn.SetReadDeadline(time.Now().Add(10 * time.Second))
				io.Copy(io.Discard, conn)
			}
			conn.Close()
		}
	})
}

// speaks is a port whose server says the same to everybody.
func (w *world) speaks(text string) uint16 {
	return w.answers(func(nc net.Conn) { io.WriteString(nc, text) })
}

// answers is a port that has each connection answered, and soon closed.
func (w *world) answers(answer func(net.Conn)) uint16 {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	w.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			answer(nc)
			time.AfterFunc(time.Second, func() { nc.Close() })
		}
	}()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

// A domain is asked about as the DNS spells it, and a name under .onion never.
func TestCheckSpellsNames(t *testing.T) {
	w := newWorld(t)
	a, b := w.node("a.example", nil), w.node("bücher.example", nil)
	w.dns.services["xn--bcher-kva.example"] = resolve.Service{Status: resolve.Secure, Targets: []resolve.Target{target("xmpp.b.example", b.port, 0)}}
	delete(w.dns.services, "bücher.example")
	w.dns.tlsa["xmpp.b.example"] = w.dns.tlsa["xmpp.bücher.example"]
	if c := a.server.Check(t.Context(), "a.example", "bücher.example"); c.Finding.String() != "dane" {
		t.Errorf("%s: %s\n%s", c.Finding, c.Finding.Reason, told(c))
	}
	onion := strings.Repeat("a", 56) + ".onion"
	w.dns.services[onion] = w.dns.services["xn--bcher-kva.example"]
	if c := a.server.Check(t.Context(), "a.example", onion); c.Finding.String() != "refused" || len(c.Probes) > 0 || c.Finding.Section != "RFC 7686 §2" {
		t.Errorf("onion: %s\n%s", c.Finding, told(c))
	}
}

// A relay sees itself as others do, without being there.
func TestExamine(t *testing.T) {
	w := newWorld(t)
	closed := &federation.Policy{Mode: federation.DANEOnly, Allow: []string{"c.example"}}
	a := w.node("a.example", func(c *federation.Config) { c.Policy = closed })
	b := w.node("b.example", nil)
	a.port = 1 // nobody listens
	a.publish(resolve.Secure)
	for _, test := range []struct {
		name  string
		chain []*x509.Certificate
		want  string
	}{
		{"as published", []*x509.Certificate{a.cert}, "dane: TLSA 3 1 1 matched"},
		{"another", []*x509.Certificate{b.cert}, "refused: no TLSA record fits the certificate"},
		{"none", nil, "refused: the peer presented no certificate"},
	} {
		c := a.server.Examine(context.Background(), "a.example", test.chain)
		if got := c.Finding.String() + ": " + c.Finding.Reason; got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}
