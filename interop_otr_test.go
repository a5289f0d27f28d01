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

// TestOTR lets two Profanity instances talk off the record: each reads what the
// other says, and what passes through the relay is sealed.
func TestOTR(t *testing.T) {
	t.Parallel()
	need(t, "profanity", "profanity")
	r := startRelay(t, "alice", "bob")
	tap := newTap(t, r)
	alice := startProfanity(t, r, "alice", r.ca, t.TempDir(), "legacy", tap.port)
	bob := startProfanity(t, r, "bob", r.ca, t.TempDir(), "force", r.port)
	for _, s := range []*screen{alice, bob} {
		s.sees(profanity().online)
		s.enter("/otr gen")
		s.sees(`Private key generation complete`)
	}
	// Profanity itself overlooks presence that comes before the roster.
	tap.waits(`<presence[^>]* from=['"]bob@`)
	alice.enter("/msg bob@" + r.domain)
	bob.enter("/msg alice@" + r.domain)

	// The control: what is not sealed the tap does see.
	const open, sealed, reply = "in the open", "entre nous", "sub rosa"
	alice.enter(open)
	bob.sees(open)
	if !tap.saw(open) {
		t.Fatalf("the tap saw nothing of a message in the open")
	}

	alice.enter("/otr start")
	alice.sees(`OTR session started`)
	bob.sees(`OTR session started`)
	alice.enter(sealed)
	bob.sees(`~ \S+: ` + sealed)
	bob.enter(reply)
	alice.sees(`~ \S+: ` + reply)

	if n := tap.count(`<body>\?OTR:`); n < 4 {
		t.Errorf("the tap saw %d OTR messages, want those of the key exchange and two more", n)
	}
	for _, text := range []string{sealed, reply} {
		if tap.saw(text) {
			t.Errorf("the tap saw %q", text)
		}
	}
}

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
