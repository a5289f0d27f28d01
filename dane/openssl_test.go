package dane

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"lethe/relay/need"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestOpenSSL asks OpenSSL for its judgement of every case, connecting to a
// server that presents the chain. A case with another verdict says so, with the
// reason.
func TestOpenSSL(t *testing.T) {
	program := need.Program(t, "openssl", "openssl")
	certs, cases := readCases(t)
	asked, differ := 0, 0
	for _, c := range cases {
		if len(c.chain) == 0 || len(c.records) == 0 && !c.pkix {
			continue // nothing to ask
		}
		server := serve(t, certs, c)
		roots := filepath.Join(t.TempDir(), "roots.pem")
		if c.roots != nil {
			block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certs[c.root].cert.Raw})
			if err := os.WriteFile(roots, block, 0o600); err != nil {
				t.Fatal(err)
			}
		} else {
			roots = ""
		}
		got, said := "refused", ""
		for _, name := range append([]string{c.names.Domain}, c.names.Hosts...) {
			if got, said = connect(t, program, server, c, name, roots); got != "refused" {
				break
			}
		}
		asked++
		want, _, _ := strings.Cut(c.want, " ")
		switch {
		case got != want && c.differs == "":
			t.Errorf("%s: %s, OpenSSL says %s:\n%s", c.name, want, got, said)
		case got == want && c.differs != "":
			t.Errorf("%s: OpenSSL agrees, although it %q", c.name, c.differs)
		case got != want:
			differ++
		}
	}
	t.Logf("asked %d times; %d differ, as they say", asked, differ)
}

// serve presents the chain of a case.
func serve(t *testing.T, certs map[string]*certificate, c *trial) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	shown := tls.Certificate{PrivateKey: certs[c.leaf].key}
	for _, cert := range c.chain {
		shown.Certificate = append(shown.Certificate, cert.Raw)
	}
	config := &tls.Config{Certificates: []tls.Certificate{shown}}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			peer := tls.Server(conn, config)
			peer.SetDeadline(time.Now().Add(5 * time.Second))
			if peer.Handshake() == nil {
				peer.Read(make([]byte, 1)) // until openssl is done
			}
			peer.Close()
		}
	}()
	return l.Addr().String()
}

// connect has OpenSSL judge, and returns what it decided and said.
func connect(t *testing.T, program, server string, c *trial, name, roots string) (verdict, said string) {
	t.Helper()
	if ascii, ok := hostname(name); ok {
		name = ascii
	}
	args := []string{
		"s_client", "-connect", server, "-brief", "-verify_return_error", "-no-CApath", "-no-CAstore",
		"-attime", fmt.Sprint(now().Unix()),
	}
	if roots == "" {
		args = append(args, "-no-CAfile")
	} else {
		args = append(args, "-CAfile", roots)
	}
	verdict = "pkix"
	if c.pkix {
		args = append(args, "-verify_hostname", name, "-noservername")
	} else {
		verdict = "dane"
		// RFC 7671 §5.1, which s_client keeps only if told.
		args = append(args, "-dane_tlsa_domain", name, "-dane_ee_no_namechecks")
		for _, r := range c.records {
			args = append(args, "-dane_tlsa_rrdata", fmt.Sprintf("%d %d %d %s", r.Usage, r.Selector, r.Matching, hex.EncodeToString(r.Data)))
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	switch {
	case bytes.Contains(out, []byte("Failed to import any TLSA records")):
		return "authorities", string(out)
	case err != nil || !bytes.Contains(out, []byte("Verification: OK")):
		return "refused", string(out)
	}
	return verdict, string(out)
}
