package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha3"
	"encoding/base32"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"
)

// bootstrap is how long a Tor network may take to come about: directory
// authorities vote by the clock, more than once.
const bootstrap = 2 * time.Minute

// A torNetwork is Debian's Tor with directory authorities of its own, for one
// test. testdata/interop/onion has the whole picture.
type torNetwork struct {
	t           testing.TB
	dir         string
	authorities string // the lines of torrc that name them
	all         []*daemon
}

// newTorNetwork starts three authorities and three relays more.
func newTorNetwork(t testing.TB) *torNetwork {
	t.Helper()
	n := &torNetwork{t: t, dir: t.TempDir()}
	lines := make([]string, 3)
	var made sync.WaitGroup
	for i := range lines {
		made.Go(func() { lines[i] = n.authority(fmt.Sprintf("authority%d", i), relayAt(i)) })
	}
	made.Wait()
	if t.Failed() {
		t.FailNow()
	}
	n.authorities = strings.Join(lines, "\n")
	for i := range 6 {
		name, parts := fmt.Sprintf("relay%d", i), []string{n.fill("relay", relayAt(i))}
		if i < len(lines) {
			name, parts = fmt.Sprintf("authority%d", i), append(parts, n.fill("authority", relayAt(i)))
		}
		n.start(name, parts...)
	}
	n.bootstrapped()
	return n
}

func relayAt(i int) string { return fmt.Sprintf("127.0.0.%d", 11+i) }

// authority makes an authority's keys and returns the line that names it to all.
func (n *torNetwork) authority(name, at string) string {
	keys := filepath.Join(n.dir, name, "data", "keys")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		n.t.Error(err)
		return ""
	}
	nothing := filepath.Join(n.dir, name, "empty")
	file := func(name string) string { return filepath.Join(keys, name) }
	for _, args := range [][]string{
		{"tor-gencert", "--create-identity-key", "-m", "12", "-a", at + ":9030", "--passphrase-fd", "0",
			"-i", file("authority_identity_key"), "-s", file("authority_signing_key"), "-c", file("authority_certificate")},
		{"tor", "-f", nothing, "--ignore-missing-torrc", "--defaults-torrc", nothing, "--list-fingerprint", "--DataDirectory", filepath.Dir(keys),
			"--ORPort", "1", "--DirAuthority", "none " + at + ":1 " + strings.Repeat("f", 40)},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdin = strings.NewReader("passphrase\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			n.t.Errorf("%s: %v\n%s", args[0], err, out)
		}
	}
	certificate, err1 := os.ReadFile(file("authority_certificate"))
	fingerprint, err2 := os.ReadFile(filepath.Join(filepath.Dir(keys), "fingerprint"))
	identity := regexp.MustCompile(`(?m)^fingerprint (\S+)$`).FindSubmatch(certificate)
	words := strings.Fields(string(fingerprint))
	if err1 != nil || err2 != nil || identity == nil || len(words) != 2 {
		n.t.Errorf("an authority without keys: %v, %v", err1, err2)
		return ""
	}
	return fmt.Sprintf("DirAuthority %s orport=9001 no-v2 v3ident=%s %s:9030 %s", name, identity[1], at, words[1])
}

// fill makes a part of somebody's torrc.
func (n *torNetwork) fill(part, at string) string {
	n.t.Helper()
	return n.fillFor(part, map[string]string{"At": at})
}

func (n *torNetwork) fillFor(part string, data map[string]string) string {
	n.t.Helper()
	t, err := template.ParseFiles("testdata/interop/onion/" + part + ".torrc")
	if err != nil {
		n.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := t.Option("missingkey=error").Execute(&b, data); err != nil {
		n.t.Fatal(err)
	}
	return b.String()
}

// start runs a Tor with these parts of a torrc.
func (n *torNetwork) start(name string, parts ...string) {
	n.t.Helper()
	dir := filepath.Join(n.dir, name)
	common := n.fillFor("everyone", map[string]string{"Name": name, "Dir": dir, "Authorities": n.authorities})
	torrc := filepath.Join(dir, "torrc")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(torrc, []byte(common+strings.Join(parts, "")), 0o600); err != nil {
		n.t.Fatal(err)
	}
	n.all = append(n.all, runDaemon(n.t, exec.Command("tor", "-f", torrc, "--defaults-torrc", filepath.Join(dir, "none"))))
}

// hide starts the Tor of a machine with an onion service, as deploy/torrc has it,
// and returns the service's address.
func (n *torNetwork) hide(name, at string) string {
	n.t.Helper()
	text, err := os.ReadFile("deploy/torrc")
	if err != nil {
		n.t.Fatal(err)
	}
	service := filepath.Join(n.dir, name, "service")
	n.start(name, strings.NewReplacer("/var/lib/tor/lethe", service, "127.0.0.1", at).Replace(string(text)))
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if address, err := os.ReadFile(filepath.Join(service, "hostname")); err == nil && bytes.HasSuffix(address, []byte("\n")) {
			return string(bytes.TrimSpace(address))
		}
		n.all[len(n.all)-1].alive(deadline, "an onion service")
	}
}

// bootstrapped waits until everybody knows the network.
func (n *torNetwork) bootstrapped() {
	n.t.Helper()
	deadline := time.Now().Add(bootstrap)
	for _, p := range n.all {
		p.awaitUntil(deadline, "Bootstrapped 100%")
	}
}

// nobody is an onion address, well-formed (rend-spec-v3, section 6), of a
// service that does not exist.
func nobody(t testing.TB) string {
	t.Helper()
	key, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha3.Sum256([]byte(".onion checksum" + string(key) + "\x03"))
	address := base32.StdEncoding.EncodeToString([]byte(string(key) + string(sum[:2]) + "\x03"))
	return strings.ToLower(address) + ".onion"
}
