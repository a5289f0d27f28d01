package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"
)

// A tap stands between a client and the relay, ends the client's TLS with the
// relay's own certificate, and keeps all that passes: what the relay can see.
type tap struct {
	t    testing.TB
	port int
	mu   sync.Mutex
	seen bytes.Buffer
}

// newTap opens a tap in front of the relay's port for direct TLS.
func newTap(t testing.TB, r *instance) *tap {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(r.leaf, r.key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &tap{t: t, port: l.Addr().(*net.TCPAddr).Port}
	pem, err := os.ReadFile(r.ca)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := tls.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.direct)),
				&tls.Config{RootCAs: roots, ServerName: r.domain, NextProtos: []string{"xmpp-client"}})
			if err != nil {
				client.Close()
				continue
			}
			go p.pass(client, server)
			go p.pass(server, client)
		}
	}()
	return p
}

// pass copies one direction and keeps what it copied.
func (p *tap) pass(dst, src net.Conn) {
	defer dst.Close()
	io.Copy(io.MultiWriter(p, dst), src) // p first: whoever sees the effect finds the cause
}

// Write keeps b.
func (p *tap) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.Write(b)
}

// forget drops what has passed so far.
func (p *tap) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen.Reset()
}

// waits until pattern has passed.
func (p *tap) waits(pattern string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); p.count(pattern) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("the tap did not see %q within %v", pattern, patience)
		}
	}
}

// count says how often pattern passed.
func (p *tap) count(pattern string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(regexp.MustCompile(pattern).FindAllIndex(p.seen.Bytes(), -1))
}

// saw says whether text passed.
func (p *tap) saw(text string) bool { return p.count(regexp.QuoteMeta(text)) > 0 }
