package federation_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"lethe/federation"
	"lethe/federation/dial"
)

// tor is a SOCKS server (RFC 1928) that knows some onion services.
type tor struct {
	address netip.AddrPort

	mu       sync.Mutex
	services map[string]uint16 // to ports of 127.0.0.1
	circuits map[string]bool   // by host, user name and password
}

func newTor(t testing.TB) *tor {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &tor{
		address:  l.Addr().(*net.TCPAddr).AddrPort(),
		services: map[string]uint16{}, circuits: map[string]bool{},
	}
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(nc)
		}
	}()
	return s
}

// serve speaks SOCKS with one client, who must bring user name and password
// (RFC 1929) and a name, not an address.
func (s *tor) serve(nc net.Conn) {
	defer nc.Close()
	read := func(n int) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(nc, b); err != nil {
			return make([]byte, n)
		}
		return b
	}
	read(int(read(2)[1])) // methods
	nc.Write([]byte{5, 2})
	user := string(read(int(read(2)[1])))
	password := string(read(int(read(1)[0])))
	nc.Write([]byte{1, 0})
	if read(4)[3] != 3 {
		nc.Write([]byte{5, 8, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	host := string(read(int(read(1)[0])))
	if binary.BigEndian.Uint16(read(2)) != 5269 {
		return
	}
	s.mu.Lock()
	s.circuits[host+" "+user+" "+password] = true
	port, ok := s.services[host]
	s.mu.Unlock()
	if !ok {
		nc.Write([]byte{5, 4, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	to, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
	if err != nil {
		return
	}
	defer to.Close()
	nc.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	go func() { io.Copy(nc, to); nc.Close() }()
	io.Copy(to, nc)
}

// onion starts a domain that is an onion service: all but Tor is out of reach.
func (w *world) onion(s *tor, letter string) *node {
	domain := strings.Repeat(letter, 56) + ".onion"
	n := w.node(domain, func(c *federation.Config) {
		c.Resolver = nil // to ask is to fail
		c.Roots = nil
		c.Tor = dial.Tor(s.address)
		c.Dial = func(context.Context, netip.AddrPort) (net.Conn, error) {
			w.t.Error("a connection past Tor")
			return nil, errors.New("past Tor")
		}
	})
	s.mu.Lock()
	s.services[domain] = n.port
	s.mu.Unlock()
	return n
}

// Two onion services speak with each other, each proved by being called back.
func TestOnion(t *testing.T) {
	w, s := newWorld(t), newTor(t)
	a, b, c := w.onion(s, "a"), w.onion(s, "b"), w.onion(s, "c")
	for _, to := range []*node{b, c} {
		a.say("bob@"+to.domain, "1")
		if h := to.hear(); h.id != "1" || h.from != "user@"+a.domain+"/x" {
			t.Fatalf("heard %+v", h)
		}
		to.say("user@"+a.domain, "2")
		if h := a.hear(); h.id != "2" {
			t.Fatalf("heard %+v", h)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	hosts := map[string]string{} // what isolates a circuit, by host
	for circuit := range s.circuits {
		host, auth, _ := strings.Cut(circuit, " ")
		for other, theirs := range hosts {
			if other != host && theirs == auth {
				t.Errorf("two services share a circuit")
			}
		}
		hosts[host] = auth
	}
	if len(hosts) < 3 {
		t.Errorf("Tor was asked for %d services", len(hosts))
	}
}

// Whoever says to be an onion service is called there, and the one there knows
// of nothing.
func TestOnionImpostor(t *testing.T) {
	w, s := newWorld(t), newTor(t)
	a, b := w.onion(s, "a"), w.onion(s, "b")
	mallory := w.onion(s, "b") // says to be b
	s.mu.Lock()
	s.services[b.domain] = b.port
	s.mu.Unlock()
	mallory.say("alice@"+a.domain, "forged")
	if h := mallory.hear(); h.typ != "error" {
		t.Errorf("mallory hears %+v", h)
	}
	b.say("alice@"+a.domain, "true")
	if h := a.hear(); h.id != "true" {
		t.Errorf("a hears %+v", h)
	}
}

// RFC 7686 §3: an onion service asks nobody about other domains.
func TestOnionOnly(t *testing.T) {
	w, s := newWorld(t), newTor(t)
	a := w.onion(s, "a")
	a.say("bob@partner.example", "1")
	if h := a.hear(); h.typ != "error" || !strings.Contains(h.raw, "onion services only") {
		t.Errorf("the sender hears %+v", h)
	}
	gone := strings.Repeat("d", 56) + ".onion"
	a.say("bob@"+gone, "2")
	if h := a.hear(); h.typ != "error" || h.id != "2" {
		t.Errorf("the sender hears %+v", h)
	}
}

func TestCheckOnion(t *testing.T) {
	w, s := newWorld(t), newTor(t)
	a, b := w.onion(s, "a"), w.onion(s, "b")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if c := a.server.Check(ctx, a.domain, b.domain); c.Finding.String() != "onion" {
		t.Errorf("%+v", c)
	}
	if c := a.server.Check(ctx, a.domain, strings.Repeat("d", 56)+".onion"); c.Finding.String() != "unreachable" {
		t.Errorf("%+v", c)
	}
}
