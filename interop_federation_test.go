package main

import (
	"crypto/x509"
	"lethe/relay/need"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// inNamespace in the environment says that the test is in its own network.
const inNamespace = "LETHE_TEST_NETWORK"

// TestFederation lets lethe meet Prosody and ejabberd over a signed DNS of its
// own, served by NSD and asked through Unbound. It runs itself again in
// namespaces of network, mounts and processes: there the ports are those of the
// world, no other address can be reached, the system's resolver is ours, and
// what is left over ends with it.
func TestFederation(t *testing.T) {
	if os.Getenv(inNamespace) != "" {
		meetServers(t)
		return
	}
	for program, debian := range map[string]string{
		"nsd": "nsd", "unbound": "unbound", "prosody": "prosody", "erl": "ejabberd", "ip": "iproute2",
	} {
		need.Program(t, program, debian)
	}
	need.Package(t, ejabberdCode() != "", "ejabberd")
	need.Package(t, exec.Command("lua5.4", "-e", `require "lunbound"`).Run() == nil, "lua-unbound")
	t.Parallel()
	inOwnNetwork(t)
}

// inOwnNetwork runs a test again in namespaces of network, mounts and processes.
func inOwnNetwork(t *testing.T) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	need.That(t, err == nil || len(out) > 0, "the right to make network namespaces, which root has")
	t.Logf("in a network of its own:\n%s", out)
	if err != nil {
		t.Error(err)
	}
}

// allSites lists the sites of TestFederation. Certificates are for servers
// only, as those of public authorities are, where nothing else is said.
func allSites() []site {
	return []site{
		{domain: "lethe.example", at: letheAt},
		{domain: "other.example", at: letheAt, cert: credential{usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}},
		{domain: "self.example", at: letheAt, cert: credential{self: true}, tlsa: ownTLSA, direct: true},

		{domain: "dane.example", at: prosodyAt, cert: credential{self: true}, tlsa: ownTLSA, zone: "nsec3"},
		{domain: "odd.example", at: prosodyAt, cert: credential{name: "odd.invalid", self: true, expired: true}, tlsa: ownTLSA},
		{domain: "signed.example", at: prosodyAt},
		{domain: "plain.example", at: prosodyAt, zone: "unsigned"},
		{domain: "dialback.example", at: prosodyAt, dialback: true},
		{domain: "daneback.example", at: prosodyAt, cert: credential{self: true}, tlsa: ownTLSA, dialback: true},

		{domain: "ejback.example", at: ejabberdAt, dialback: true},
		{domain: "ejabberd.example", at: ejabberdAt},
		{domain: "ejdane.example", at: ejabberdAt, cert: credential{self: true}, tlsa: ownTLSA},

		{domain: "wrong.example", at: prosodyAt, cert: credential{name: "signed.example"}},
		{domain: "expired.example", at: prosodyAt, cert: credential{expired: true}},
		{domain: "selfsigned.example", at: prosodyAt, cert: credential{self: true}},
		{domain: "users.example", at: prosodyAt, cert: credential{usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}},
		{domain: "mismatch.example", at: prosodyAt, tlsa: anotherTLSA},
		{domain: "bogus.example", at: prosodyAt, tlsa: ownTLSA, spoilt: true},
		{domain: "unsigned.example", at: prosodyAt, cert: credential{self: true}, tlsa: ownTLSA, zone: "unsigned"},
		{domain: "callback.example", at: prosodyAt, cert: credential{self: true}, dialback: true},

		{domain: "midway.example", at: prosodyAt, tlsa: ownTLSA, ttl: 1},
		{domain: "late.example", at: prosodyAt},
		{domain: "last.example", at: prosodyAt},
	}
}

// meetServers is TestFederation in its own network. The order of its parts
// counts: at the end the resolver is taken away.
func meetServers(t *testing.T) {
	settle(t, unboundAt)
	began := time.Now()
	n := newInternet(t, allSites()...)
	unbound := n.publish()
	n.prosody()
	n.ejabberd()
	r := n.lethe("alice@lethe.example", "dora@other.example", "carol@self.example")
	t.Logf("all servers run after %v", time.Since(began).Round(100*time.Millisecond))

	alice, dora, carol := n.person(t, "alice@lethe.example"), n.person(t, "dora@other.example"), n.person(t, "carol@self.example")
	t.Run("accepted", func(t *testing.T) { n.accepted(t, alice, dora) })
	t.Run("proved by DANE alone on both sides", func(t *testing.T) {
		// Prosody 0.12 asks for DANE on links it opens, not on those it
		// accepts; this one it opens, and lethe answers on it (XEP-0288).
		bob := n.person(t, "bob@dane.example")
		carol.hears(t, bob, bob.say(t, carol))
		bob.hears(t, carol, carol.say(t, bob))
		befriend(t, bob, carol)
	})
	t.Run("refused", func(t *testing.T) { n.refused(t, alice, dora) })
	t.Run("times of a cold link", func(t *testing.T) { n.coldLink(t, "last.example") })
	t.Run("DANE only", func(t *testing.T) { n.daneOnly(t, r, alice, dora) })
	t.Run("resolver dead", func(t *testing.T) { n.resolverDead(t, r, unbound, alice, dora) })
}

// accepted has people of each proved site talk with lethe's. Whoever is named
// first writes first, so that lethe opens the link; with the second it is the
// other server.
func (n *internet) accepted(t *testing.T, alice, dora *person) {
	for _, test := range []struct {
		domain        string
		first, second *person
	}{
		{"dane.example", alice, dora},
		{"odd.example", alice, dora},
		{"signed.example", alice, dora},
		{"plain.example", alice, dora},
		{"dialback.example", alice, dora},
		{"daneback.example", alice, dora},
		{"ejback.example", alice, dora},
		// From whoever calls it, ejabberd takes no certificate for servers only,
		// such as lethe.example's, and these two know no dialback.
		{"ejabberd.example", dora, alice},
		{"ejdane.example", dora, alice},
	} {
		t.Run(test.domain, func(t *testing.T) {
			bob := n.person(t, "bob@"+test.domain)
			bob.hears(t, test.first, test.first.say(t, bob))
			test.first.hears(t, bob, bob.say(t, test.first))
			befriend(t, test.first, bob)

			test.second.hears(t, bob, bob.say(t, test.second))
			if test.first == dora {
				refuses(t, alice, bob, "remote-server-not-found", "the peer does not accept our proof")
				return
			}
			bob.hears(t, test.second, test.second.say(t, bob))
			befriend(t, bob, test.second)
		})
	}
}

// refused has people of each site that is not proved try, in both directions.
func (n *internet) refused(t *testing.T, alice, dora *person) {
	for _, test := range []struct{ domain, why string }{
		{"wrong.example", "the certificate does not name the domain (RFC 6120 §13.7.2)"},
		{"expired.example", "a certificate has expired (RFC 5280 §4.1.2.5)"},
		{"selfsigned.example", "the certificate is signed by itself (RFC 5280 §6.1)"},
		{"users.example", "the certificate is not for servers (RFC 5280 §4.2.1.12)"},
		{"mismatch.example", "no TLSA record fits the certificate (RFC 6698 §2.1)"},
		{"bogus.example", "the TLSA lookup is bogus"},
		{"unsigned.example", "the certificate is signed by itself (RFC 5280 §6.1)"},
		{"callback.example", "the certificate is signed by itself (RFC 5280 §6.1)"},
	} {
		t.Run(test.domain, func(t *testing.T) {
			bob := n.person(t, "bob@"+test.domain)
			refuses(t, alice, bob, "remote-server-not-found", test.why)
			isRefused(t, bob, dora)
		})
	}
}

// refuses wants lethe to give a message of its user back and say why.
func refuses(t *testing.T, ours, theirs *person, condition, why string) {
	t.Helper()
	ours.say(t, theirs)
	got, said := ours.bounced(t)
	if got != condition || !strings.Contains(said, why) {
		t.Errorf("%s hears %s: %q, want %s: %q", ours.jid, got, said, condition, why)
	}
	theirs.heardNothing(t, ours.c.JID().Domain())
}

// isRefused wants a message to lethe's user to go back to its sender.
func isRefused(t *testing.T, theirs, ours *person) {
	t.Helper()
	theirs.say(t, ours)
	condition, said := theirs.bounced(t)
	// Prosody's words for a key that lethe calls invalid.
	if condition != "remote-server-timeout" || !strings.HasSuffix(said, "dialback authentication failed") {
		t.Errorf("%s hears %s: %q", theirs.jid, condition, said)
	}
	ours.heardNothing(t, theirs.c.JID().Domain())
}

// daneOnly asks for DANE, and then no longer.
func (n *internet) daneOnly(t *testing.T, r *instance, alice, dora *person) {
	r.reset(t, "policy", `"dane-only"`)
	defer r.reset(t, "policy", `"dane"`)
	bob := n.person(t, "bob@dane.example")
	bob.hears(t, alice, alice.say(t, bob))
	late := n.person(t, "bob@late.example")
	refuses(t, alice, late, "remote-server-not-found", "no TLSA record is published")
	isRefused(t, late, dora)
}

// resolverDead takes the resolver away between two links with a domain, so that
// the SRV records and addresses are known and the TLSA records are not, and
// before the first link with another. The certificates would do for those who
// fall back on authorities.
func (n *internet) resolverDead(t *testing.T, r *instance, unbound *daemon, alice, dora *person) {
	bob := n.person(t, "bob@midway.example")
	bob.hears(t, alice, alice.say(t, bob))
	dora.hears(t, bob, bob.say(t, dora))
	r.reset(t, "deny", `["midway.example"]`)
	refuses(t, alice, bob, "remote-server-not-found", "denied")
	r.reset(t, "deny", `[]`)
	time.Sleep(time.Second) // the TTL of the TLSA records

	unbound.cmd.Process.Signal(syscall.SIGSTOP)
	refuses(t, alice, bob, "remote-server-timeout", "the TLSA lookup")
	unbound.cmd.Process.Signal(syscall.SIGCONT)
	unbound.end()
	isRefused(t, bob, dora)

	last := n.person(t, "bob@last.example")
	refuses(t, dora, last, "remote-server-timeout", "the SRV lookup")
	isRefused(t, last, alice)
}
