package tls

import (
	"net"
	"testing"
	"time"
)

const domain = "relay.example"

// lab is a server with a certificate for domain and what its clients need.
type lab struct {
	authority *Authority
	server    *Server
}

func newLab(t testing.TB, min12 bool) *lab {
	t.Helper()
	a, err := NewAuthority(time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return &lab{a, NewServer(issue(t, a, domain), min12)}
}

func issue(t testing.TB, a *Authority, domains ...string) *Certificates {
	t.Helper()
	p, err := a.Issue(domains)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse([]PEM{p}, domains, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (l *lab) client() ClientConfig {
	return ClientConfig{ServerName: domain, Roots: l.authority.Roots()}
}

// sockets is a connected pair of TCP sockets.
func sockets(t testing.TB) (server, client net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err = net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close(); client.Close() })
	return server, client
}

// both does a handshake from both sides and returns both outcomes.
func both[S, C any](server func() (S, error), client func() (C, error)) (s S, c C, serverErr, clientErr error) {
	done := make(chan struct{})
	go func() {
		s, serverErr = server()
		close(done)
	}()
	c, clientErr = client()
	<-done
	return
}

const patience = 10 * time.Second

// pair is a Conn on both sides of a connection.
func (l *lab) pair(t testing.TB, cfg ClientConfig) (server, client *Conn) {
	t.Helper()
	ss, cs := sockets(t)
	server, client, serr, cerr := both(
		func() (*Conn, error) { return l.server.Handshake(ss, patience) },
		func() (*Conn, error) { return Client(cs, patience, cfg) })
	if serr != nil || cerr != nil {
		t.Fatal(serr, cerr)
	}
	return server, client
}
