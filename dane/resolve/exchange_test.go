package resolve

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	signed "lethe/dane/zone"
)

// serve puts the tree on sockets, with somebody in between.
func serve(t testing.TB, hook signed.Hook) netip.AddrPort {
	t.Helper()
	s, err := testTree(t).Serve(hook)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s.Addr()
}

// asking is a resolver that asks these servers.
func asking(t testing.TB, timeout time.Duration, servers ...netip.AddrPort) *Resolver {
	t.Helper()
	anchors, err := ParseAnchors([]byte(testTree(t).Anchors()))
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(Config{Servers: servers, Anchors: anchors, Now: func() time.Time { return noon }, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantStatus(t *testing.T, a Answer, want Status) {
	t.Helper()
	if a.Status != want {
		t.Errorf("%s (%s at %s), want %s", a.Status, a.Why, a.Zone, want)
	}
}

const tlsaName = "_5269._tcp.host.nsec.test."

func TestSockets(t *testing.T) {
	var tcp, udp atomic.Int32
	truncate := func(m *dns.Msg, viaTCP bool) *dns.Msg {
		if viaTCP {
			tcp.Add(1)
			return m
		}
		udp.Add(1)
		m.Truncated, m.Answer, m.Ns = true, nil, nil
		return m
	}
	tests := []struct {
		name string
		hook signed.Hook
		want Status
	}{
		{"udp", nil, Secure},
		{"tcp on truncation", truncate, Secure},
		{"truncated over tcp too", func(m *dns.Msg, _ bool) *dns.Msg { m.Truncated = true; return m }, Indeterminate},
		{"silence", func(*dns.Msg, bool) *dns.Msg { return nil }, Indeterminate},
		{"wrong id", func(m *dns.Msg, _ bool) *dns.Msg { m.Id++; return m }, Indeterminate},
		{"wrong question", func(m *dns.Msg, _ bool) *dns.Msg { m.Question[0].Name = "other."; return m }, Indeterminate},
		{"wrong type", func(m *dns.Msg, _ bool) *dns.Msg { m.Question[0].Qtype++; return m }, Indeterminate},
		{"wrong class", func(m *dns.Msg, _ bool) *dns.Msg { m.Question[0].Qclass = dns.ClassCHAOS; return m }, Indeterminate},
		{"no question", func(m *dns.Msg, _ bool) *dns.Msg { m.Question = nil; return m }, Indeterminate},
		{"not a response", func(m *dns.Msg, _ bool) *dns.Msg { m.Response = false; return m }, Indeterminate},
		{"failure", func(m *dns.Msg, _ bool) *dns.Msg { m.Rcode = dns.RcodeServerFailure; return m }, Indeterminate},
		{"a server without DNSSEC", func(m *dns.Msg, _ bool) *dns.Msg { return tricks["unsign"](nil, m, []string{"*"}) }, Bogus},
		{"question in capitals", func(m *dns.Msg, _ bool) *dns.Msg { m.Question[0].Name = strings.ToUpper(m.Question[0].Name); return m }, Secure},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := asking(t, 150*time.Millisecond, serve(t, tt.hook))
			wantStatus(t, r.Lookup(context.Background(), tlsaName, dns.TypeTLSA), tt.want)
		})
	}
	if tcp.Load() == 0 || tcp.Load() != udp.Load() {
		t.Errorf("%d questions over UDP, %d over TCP", udp.Load(), tcp.Load())
	}
}

// TestForgedFirst has somebody answer before the server does, who had to
// guess the id: the true answer still counts.
func TestForgedFirst(t *testing.T) {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			q := new(dns.Msg)
			if q.Unpack(buf[:n]) != nil {
				continue
			}
			m := testTree(t).Respond(q)
			forged := m.Copy()
			forged.Id++
			forged.Answer, forged.Ns = nil, nil
			for _, send := range []*dns.Msg{forged, m} {
				wire, _ := send.Pack()
				c.WriteToUDPAddrPort(wire, from)
			}
			c.WriteToUDPAddrPort([]byte("not a message"), from)
		}
	}()
	r := asking(t, time.Second, c.LocalAddr().(*net.UDPAddr).AddrPort())
	wantStatus(t, r.Lookup(context.Background(), tlsaName, dns.TypeTLSA), Secure)
}

func TestServersInTurn(t *testing.T) {
	silent := serve(t, func(*dns.Msg, bool) *dns.Msg { return nil })
	failing := serve(t, func(m *dns.Msg, _ bool) *dns.Msg { m.Rcode = dns.RcodeRefused; return m })
	lying := serve(t, func(m *dns.Msg, _ bool) *dns.Msg { return tricks["unsign"](nil, m, []string{"*"}) })
	honest := serve(t, nil)
	closed := freePort(t)
	tests := []struct {
		name    string
		servers []netip.AddrPort
		want    Status
	}{
		{"the first is silent", []netip.AddrPort{silent, honest}, Secure},
		{"the first fails", []netip.AddrPort{failing, honest}, Secure},
		{"the first is not there", []netip.AddrPort{closed, honest}, Secure},
		{"the first lies", []netip.AddrPort{lying, honest}, Secure},
		{"two lie", []netip.AddrPort{lying, lying, honest}, Secure},
		{"all lie", []netip.AddrPort{lying, lying, lying}, Bogus},
		{"none answers", []netip.AddrPort{silent, failing, closed}, Indeterminate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := asking(t, 60*time.Millisecond, tt.servers...)
			wantStatus(t, r.Lookup(context.Background(), "host.ed25519.test.", dns.TypeA), tt.want)
		})
	}
}

func TestCanceled(t *testing.T) {
	r := asking(t, 10*time.Second, serve(t, func(*dns.Msg, bool) *dns.Msg { return nil }))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	a := r.Lookup(ctx, tlsaName, dns.TypeTLSA)
	if a.Status != Indeterminate || a.Why != Canceled {
		t.Errorf("%s: %s", a.Status, a.Why)
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("took %v", took)
	}
}

// TestPatience holds that a lookup ends though nobody gave it a deadline.
func TestPatience(t *testing.T) {
	r := asking(t, 20*time.Millisecond, serve(t, func(*dns.Msg, bool) *dns.Msg { return nil }))
	begun := time.Now()
	wantStatus(t, r.Lookup(context.Background(), tlsaName, dns.TypeTLSA), Indeterminate)
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}
