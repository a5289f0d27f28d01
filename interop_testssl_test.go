package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lethe/relay/need"
	"lethe/relay/stream"
	"lethe/relay/wire"
)

// notOurs is what testssl.sh finds less than best that no relay could change,
// and why.
var notOurs = map[string]string{
	"cert_revocation":       "how to ask for it stands in the certificate; the lab's names nothing",
	"cert_expirationStatus": "the lab's certificate lasts a day",
	"cert_notAfter":         "likewise",
	"engine_problem":        "is about this machine's OpenSSL",
	"service":               "it looked for HTTP",
}

// TestSSL has testssl.sh look at all four ports as they are by default, and at
// one with TLS 1.2 allowed: protocols, ciphers, forward secrecy, what the server
// prefers and shows, and all weaknesses with a name. Not asked are what is about
// HTTP, simulated browsers, and each cipher by itself.
func TestSSL(t *testing.T) {
	t.Parallel()
	need.Program(t, "testssl", "testssl.sh")
	r, old := newRelay(t, "alice"), newRelay(t, "alice")
	starttls, direct := fmt.Sprintf("127.0.0.1:%d", freePort(t)), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	r.set(t, "server", fmt.Sprintf("[%q]", starttls))
	r.set(t, "server_tls", fmt.Sprintf("[%q]", direct))
	r.set(t, "resolver", `"127.0.0.1:1"`)
	old.set(t, "min_version", `"1.2"`)
	r.start(t)
	old.start(t)
	for _, port := range []struct {
		name, address string
		of            *instance
		more          []string
	}{
		{"client", fmt.Sprintf("127.0.0.1:%d", r.port), r, []string{"-t", "xmpp", "--xmpphost", r.domain}},
		{"client_tls", fmt.Sprintf("127.0.0.1:%d", r.direct), r, nil},
		{"client_tls with TLS 1.2", fmt.Sprintf("127.0.0.1:%d", old.direct), old, nil},
		// It speaks no STARTTLS between servers.
		{"server", upgrading(t, starttls, r.domain), r, nil},
		{"server_tls", direct, r, nil},
	} {
		t.Run(port.name, func(t *testing.T) {
			t.Parallel()
			judgeTLS(t, port.of, port.address, port.more)
		})
	}
}

// judgeTLS runs testssl.sh and holds that nothing it finds is less than best.
func judgeTLS(t *testing.T, r *instance, address string, more []string) {
	ip, port, _ := net.SplitHostPort(address)
	file := filepath.Join(t.TempDir(), "findings.json")
	args := append([]string{"--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", ip, "--add-ca", r.ca,
		"--jsonfile", file, "-p", "-s", "-f", "-P", "-S", "-U"}, more...)
	cmd := exec.Command("testssl", append(args, r.domain+":"+port)...)
	cmd.Dir = t.TempDir()
	begin := time.Now()
	said, err := cmd.CombinedOutput() // its status counts findings
	text, err2 := os.ReadFile(file)
	if err2 != nil {
		t.Fatalf("testssl.sh: %v, %v\n%s", err, err2, said)
	}
	var findings []struct{ ID, Severity, Finding string }
	if err := json.Unmarshal(text, &findings); err != nil {
		t.Fatalf("testssl.sh wrote what is no JSON: %v\n%s", err, text)
	}
	var good []string
	for _, f := range findings {
		switch id, _, _ := strings.Cut(f.ID, " "); {
		case f.Severity == "OK":
			good = append(good, id)
		case f.Severity != "INFO" && notOurs[id] == "":
			t.Errorf("%s: %s: %s", f.Severity, f.ID, f.Finding)
		}
	}
	for _, id := range []string{"SSLv2", "SSLv3", "TLS1_3", "cipherlist_NULL", "cipherlist_STRONG", "PFS",
		"cert_trust", "cert_chain_of_trust", "heartbleed", "secure_client_renego", "CRIME_TLS", "LUCKY13", "RC4"} {
		if !slices.Contains(good, id) {
			t.Errorf("testssl.sh does not say that %s is well: it was blind", id)
		}
	}
	t.Logf("%d findings, %d of them good, in %s", len(findings), len(good), time.Since(begin).Round(time.Second))
}

// upgrading returns an address where connections to a port for servers arrive
// after STARTTLS.
func upgrading(t *testing.T, to, domain string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer near.Close()
				far, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer far.Close()
				if upgrade(far, "", domain) {
					go func() {
						io.Copy(far, near)
						far.(*net.TCPConn).CloseWrite()
					}()
					io.Copy(near, far)
				}
			}()
		}
	}()
	return l.Addr().String()
}

// upgrade asks a server for TLS in the name of a domain, and reports whether it
// may begin.
func upgrade(c net.Conn, from, to string) bool {
	for _, step := range []struct{ say, until string }{
		{serverHeader(from, to), "</stream:features>"},
		{"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"},
	} {
		if _, err := io.WriteString(c, step.say); err != nil {
			return false
		}
		for heard, one := []byte(nil), make([]byte, 1); !bytes.HasSuffix(heard, []byte(step.until)); heard = append(heard, one...) {
			if _, err := c.Read(one); err != nil {
				return false
			}
		}
	}
	return true
}

// serverHeader begins a stream between servers; from may be empty.
func serverHeader(from, to string) string {
	return string(stream.AppendHeader(nil, wire.Header{NS: wire.NSServer, From: from, To: to}, " xmlns:db='jabber:server:dialback'"))
}
