package main

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"net"
	"net/netip"
	"testing"
	"time"

	"lethe/dane/resolve"
	"lethe/federation/dial"
	"lethe/relay/stream"
	"lethe/tls"
)

// coldLink makes a link step by step, as lethe.example, and logs what each
// takes.
func (n *internet) coldLink(t *testing.T, domain string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	resolver, own := n.resolver(t), n.own(t, "lethe.example")
	roots := x509.NewCertPool()
	roots.AddCert(n.ca.cert)

	marks := []time.Time{time.Now()}
	mark := func() { marks = append(marks, time.Now()) }
	plan := dial.Find(ctx, resolver, domain)
	if len(plan.Targets) != 1 || !plan.Targets[0].Prepare(ctx, resolver) {
		t.Fatalf("%s is not found: %+v", domain, plan)
	}
	mark()
	s, err := plan.Targets[0].Connect(ctx, dial.Config{
		From: "lethe.example", To: domain, Roots: roots, Own: own, StanzaBytes: 1 << 16, Now: time.Now,
		Accept: func(*dial.Target) error { return nil },
		Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, "tcp", to.String())
			mark()
			return c, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mark()
	authenticate(t, s, "lethe.example", domain)
	mark()
	for i, step := range []string{"DNS", "TCP", "STARTTLS and TLS", "SASL"} {
		t.Logf("%s: %v", step, marks[i+1].Sub(marks[i]).Round(10*time.Microsecond))
	}
}

// resolver is one as lethe has it, with an empty cache.
func (n *internet) resolver(t *testing.T) *resolve.Resolver {
	t.Helper()
	anchors, err := resolve.ParseAnchors([]byte(n.tree.Anchors()))
	if err != nil {
		t.Fatal(err)
	}
	r, err := resolve.New(resolve.Config{Servers: []netip.AddrPort{netip.MustParseAddrPort(unboundAt + ":53")}, Anchors: anchors})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// own is a site's certificate.
func (n *internet) own(t *testing.T, domain string) *tls.Certificates {
	t.Helper()
	file := n.peer(site{domain: domain})
	certs, err := tls.Load([]tls.Pair{{Chain: file + ".pem", Key: file + ".key"}}, []string{domain}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return certs
}

// authenticate is SASL EXTERNAL, from the first header in TLS to the second's
// features.
func authenticate(t *testing.T, s *stream.Stream, from, to string) {
	t.Helper()
	const open = 2
	for i := range open {
		if _, err := dial.Open(s, from, to); err != nil {
			t.Fatal(err)
		}
		if st, err := s.Next(); err != nil || string(st.Name()) != "features" {
			t.Fatalf("no features: %v", err)
		}
		if i == open-1 {
			return
		}
		auth := "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>" + base64.StdEncoding.EncodeToString([]byte(from)) + "</auth>"
		if err := s.Send([]byte(auth)); err != nil {
			t.Fatal(err)
		}
		if st, err := s.Next(); err != nil || string(st.Name()) != "success" {
			t.Fatalf("EXTERNAL is not accepted: %v", err)
		}
		s.Reader().Restart()
	}
}
