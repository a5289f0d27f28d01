package resolve

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	signed "lethe/dane/zone"
	"lethe/relay/need"
)

// elsewhere says why Unbound is not asked about a name; empty if it is.
func elsewhere(name string, qtype uint16) string {
	for zone, why := range map[string]string{
		"rsasha1.test.":    "Debian's Unbound still relies on SHA-1",
		"rsasha1n3.test.":  "Debian's Unbound still relies on SHA-1",
		"sha1.test.":       "Debian's Unbound still relies on SHA-1",
		"fiftyone.test.":   "its limit is 150 iterations",
		"revoked.test.":    "it takes a revoked key for a key, RFC 5011 §2.1",
		"loop1.nsec.test.": "it gives no answer about an alias in a circle, not even the alias",
		"loop2.nsec.test.": "it gives no answer about an alias in a circle, not even the alias",
	} {
		if within(name, zone) {
			return why
		}
	}
	if name == "deep.ent.optout.test." && qtype == dns.TypeDS {
		return "NSD has no proof for ent.optout.test.; Unbound does without for this one question"
	}
	return ""
}

// TestUnbound serves the tree with NSD and has Unbound resolve and validate
// it. This resolver asks the same Unbound, and must come to the same verdict
// by itself, for every name and type there is, and some there are not.
func TestUnbound(t *testing.T) {
	nsd, unbound := need.Program(t, "nsd", "nsd"), need.Program(t, "unbound", "unbound")
	tree, err := plant(time.Now()) // theirs is the system's clock
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	authority, recursor := freePort(t), freePort(t)
	write(t, dir, "anchors", tree.Anchors())
	run(t, nsd, "-d", "-c", write(t, dir, "nsd.conf", nsdConf(t, dir, tree, authority)))
	awaitServer(t, authority)
	run(t, unbound, "-d", "-p", "-c", write(t, dir, "unbound.conf", unboundConf(dir, tree, authority, recursor)))
	awaitServer(t, recursor)

	anchors, _ := ParseAnchors([]byte(tree.Anchors()))
	r, err := New(Config{Servers: []netip.AddrPort{recursor}, Anchors: anchors, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	agreed := map[Status]int{}
	for _, q := range everything(tree.Questions()) {
		if elsewhere(q.Name, q.Qtype) != "" {
			continue
		}
		a := r.Lookup(context.Background(), q.Name, q.Qtype)
		theirs := unboundSays(t, recursor, q)
		agreed[a.Status]++
		if a.Status != theirs {
			t.Errorf("%s %s: %s (%s at %s), Unbound: %s", q.Name, dns.TypeToString[q.Qtype], a.Status, a.Why, a.Zone, theirs)
		}
	}
	t.Logf("secure %d, insecure %d, bogus %d", agreed[Secure], agreed[Insecure], agreed[Bogus])
	if agreed[Secure] < 200 || agreed[Insecure] < 50 || agreed[Bogus] < 20 {
		t.Error("too few to mean anything")
	}
}

// unboundSays asks a validating resolver for its verdict: RFC 4035 §3.2.3.
func unboundSays(t *testing.T, server netip.AddrPort, q dns.Question) Status {
	t.Helper()
	m := request(newID(), question{q.Name, q.Qtype})
	m.CheckingDisabled = false
	c := dns.Client{Timeout: 5 * time.Second}
	got, _, err := c.Exchange(m, server.String())
	if err == nil && got.Truncated {
		c.Net = "tcp"
		got, _, err = c.Exchange(m, server.String())
	}
	switch {
	case err != nil:
		t.Fatalf("%s: %v", q.Name, err)
	case got.Rcode == dns.RcodeServerFailure:
		return Bogus
	case got.AuthenticatedData:
		return Secure
	}
	return Insecure
}

func nsdConf(t *testing.T, dir string, tree *signed.Tree, at netip.AddrPort) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "server:\n ip-address: %s@%d\n username: \"\"\n chroot: \"\"\n zonesdir: %q\n database: \"\"\n pidfile: %q\n xfrdfile: %q\n zonelistfile: %q\n xfrdir: %q\n server-count: 1\n verbosity: 0\nremote-control:\n control-enable: no\n",
		at.Addr(), at.Port(), dir, filepath.Join(dir, "nsd.pid"), filepath.Join(dir, "xfrd"), filepath.Join(dir, "zonelist"), dir)
	for i, name := range tree.Zones() {
		file := write(t, dir, fmt.Sprintf("zone%d", i), tree.File(name))
		fmt.Fprintf(&b, "zone:\n name: %q\n zonefile: %q\n", name, file)
	}
	return b.String()
}

func unboundConf(dir string, tree *signed.Tree, authority, at netip.AddrPort) string {
	var b strings.Builder
	fmt.Fprintf(&b, "server:\n interface: %s@%d\n username: \"\"\n chroot: \"\"\n directory: %q\n pidfile: \"\"\n use-syslog: no\n do-daemonize: no\n trust-anchor-file: %q\n do-not-query-localhost: no\n do-ip6: no\n num-threads: 1\n local-zone: test. transparent\n aggressive-nsec: no\n qname-minimisation: no\n module-config: \"validator iterator\"\nremote-control:\n control-enable: no\n",
		at.Addr(), at.Port(), dir, filepath.Join(dir, "anchors"))
	for _, name := range tree.Zones() {
		fmt.Fprintf(&b, "stub-zone:\n name: %q\n stub-addr: %s@%d\n stub-no-cache: no\n", name, authority.Addr(), authority.Port())
	}
	return b.String()
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// run starts a server that ends with the test.
func run(t *testing.T, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		done := time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		done.Stop()
		if t.Failed() {
			t.Logf("%s: %s", program, &said)
		}
	})
}

func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func awaitServer(t *testing.T, at netip.AddrPort) {
	t.Helper()
	for range 100 {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		m := transact(ctx, "udp", at, question{".", dns.TypeSOA})
		cancel()
		if m != nil && m.Rcode == dns.RcodeSuccess {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("nothing answers at %s", at)
}
