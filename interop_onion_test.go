package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lethe/federation/dial"
	"lethe/relay/client"
	"lethe/relay/jid"
	"lethe/relay/need"
)

const (
	peopleAt = "127.0.0.3:9050" // Tor of those who use the hidden relays

	// byTor is how long people wait who do so through Tor: lethe gives up on a
	// link to another onion service within two minutes.
	byTor = 150 * time.Second
)

// TestOnion hides two lethes behind Debian's Tor, as the README says, in a Tor
// network of their own. Each is alone in a network namespace where all that it
// sends is seen.
func TestOnion(t *testing.T) {
	if os.Getenv(inNamespace) != "" {
		meetOnTor(t)
		return
	}
	for program, debian := range map[string]string{"tor": "tor", "tor-gencert": "tor", "torsocks": "torsocks", "ip": "iproute2"} {
		need.Program(t, program, debian)
	}
	needSlixmpp(t)
	t.Parallel()
	inOwnNetwork(t)
}

// meetOnTor is TestOnion in its own network.
func meetOnTor(t *testing.T) {
	settle(t, "192.0.2.53") // who asks that resolver is noticed, and gets no answer
	began := time.Now()
	after := func() time.Duration { return time.Since(began).Round(100 * time.Millisecond) }
	n := newTorNetwork(t)
	a, b := n.newHidden("a", "127.0.0.1", "alice", "carol"), n.newHidden("b", "127.0.0.2", "bob")
	n.start("people", "SocksPort "+peopleAt+"\n")
	n.bootstrapped()
	t.Logf("Tor has bootstrapped after %v", after())
	for _, from := range []string{peopleAt, a.tor, b.tor} {
		a.published(t, from)
		b.published(t, from)
	}
	t.Logf("both onion services can be reached after %v", after())

	alice, carol := a.person(t, "alice", people()), a.person(t, "carol", people())
	t.Run("users of one relay", func(t *testing.T) { onionUsers(t, alice, carol) })
	t.Run("wrong logins count by circuit", a.wrongLogins)
	bob := b.person(t, "bob", people())
	t.Run("users of two relays", func(t *testing.T) { onionPeers(t, alice, bob) })
	t.Run("other domains", func(t *testing.T) { onionStrangers(t, alice) })
	t.Run("a program that knows nothing of Tor", func(t *testing.T) { a.torsocks(t, alice) })
	t.Run("check", func(t *testing.T) { a.checks(t, b.domain) })
	t.Run("nothing else was spoken to", func(t *testing.T) {
		a.spokeToTorOnly(t)
		b.spokeToTorOnly(t)
	})
	t.Logf("done after %v", after())
}

// A hidden is a lethe behind an onion service, and alone.
type hidden struct {
	*instance
	place *solitude
	tor   string // SOCKS of its own Tor
}

// newHidden takes the README's steps from nothing to a running relay: Tor with
// deploy/torrc, whose ports are at an address, lethe init with the service's
// address, users, sign, check, serve.
func (n *torNetwork) newHidden(name, at string, users ...string) *hidden {
	t := n.t
	t.Helper()
	h := &hidden{place: newSolitude(t), tor: at + ":9050"}
	for _, port := range []string{":5232", ":5279"} {
		l, err := net.Listen("tcp", at+port)
		join(t, l, err, func() (net.Conn, error) { return h.place.dial("127.0.0.1" + port) })
	}
	l, err := h.place.listen("127.0.0.1:9050")
	join(t, l, err, func() (net.Conn, error) { return net.Dial("tcp", h.tor) })

	dir := filepath.Join(n.dir, name, "lethe")
	h.instance = &instance{domain: n.hide(name, at), dir: dir, port: 5222, secret: "pass word-", leaf: filepath.Join(dir, "fullchain.pem")}
	h.place.within(func() {
		lethe(t, "", "init", "-onion", dir, h.domain)
		for _, user := range users {
			h.add(t, user)
		}
		h.sign(t)
		lethe(t, "", "check", "-config", h.file("lethe.toml"))
		h.start(t)
	})
	return h
}

// people is a way through the users' Tor, on circuits of its own.
func people() func(context.Context, string, uint16) (net.Conn, error) {
	return dial.Tor(netip.MustParseAddrPort(peopleAt))
}

// published waits until a Tor finds the service.
func (h *hidden) published(t *testing.T, from string) {
	t.Helper()
	way := dial.Tor(netip.MustParseAddrPort(from))
	for deadline := time.Now().Add(bootstrap); ; time.Sleep(200 * time.Millisecond) {
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		c, err := way(ctx, h.domain, 5222)
		cancel()
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody finds the onion service: %v", err)
		}
	}
}

// config is how a user logs in along a way. The certificate that lethe init has
// made is the one to see.
func (h *hidden) config(t *testing.T, user string, way func(context.Context, string, uint16) (net.Conn, error)) client.Config {
	t.Helper()
	who, err := jid.New(user, h.domain, "")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(readCertificate(t, h.leaf))
	return client.Config{
		Address: h.domain + ":5222", User: who, Password: h.password(user), Roots: roots, Timeout: byTor,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, byTor)
			defer cancel()
			return way(ctx, h.domain, 5222)
		},
	}
}

func (h *hidden) person(t *testing.T, user string, way func(context.Context, string, uint16) (net.Conn, error)) *person {
	t.Helper()
	return newPerson(t, h.config(t, user, way))
}

// onionUsers has two users of one relay meet, each on a circuit of their own.
func onionUsers(t *testing.T, a, b *person) {
	for _, p := range []*person{a, b} {
		if p.c.Encrypted() != "TLS 1.3" || p.c.Mechanism() != "SCRAM-SHA-256-PLUS" {
			t.Errorf("%s has %s, %s", p.jid, p.c.Encrypted(), p.c.Mechanism())
		}
	}
	b.hears(t, a, a.say(t, b))
	a.hears(t, b, b.say(t, a))
}

// wrongLogins guesses until the circuit may not any more, not even rightly.
// Another circuit may, though both come from Tor at the same address.
func (h *hidden) wrongLogins(t *testing.T) {
	guesser := people()
	for i := 0; ; i++ {
		cfg := h.config(t, fmt.Sprintf("guess%d", i), guesser)
		_, err := client.Dial(context.Background(), cfg)
		var failure *client.Failure
		if !errors.As(err, &failure) {
			t.Fatalf("guess %d: %v", i, err)
		}
		if failure.Condition == "temporary-auth-failure" {
			if i < 20 { // logins_per_minute
				t.Errorf("slowed after %d guesses", i)
			}
			break
		}
		if i == 60 {
			t.Fatalf("%d guesses", i)
		}
	}
	if _, err := client.Dial(context.Background(), h.config(t, "carol", guesser)); err == nil {
		t.Error("a circuit of guesses logs in")
	}
	h.person(t, "carol", people())
}

// onionPeers has users of two relays meet, which find each other through Tor.
func onionPeers(t *testing.T, a, b *person) {
	began := time.Now()
	b.hears(t, a, a.say(t, b))
	a.hears(t, b, b.say(t, a))
	t.Logf("both links took %v", time.Since(began).Round(10*time.Millisecond))
	befriend(t, a, b)
}

// torsocks has a client of Debian's, sent through Tor's SOCKS port as the README
// says, talk with somebody.
func (h *hidden) torsocks(t *testing.T, with *person) {
	at := netip.MustParseAddrPort(peopleAt)
	carol := runPeer(t, "carol@"+h.domain, h.password("carol"), exec.Command(
		"torsocks", "--isolate", "--address", at.Addr().String(), "--port", fmt.Sprint(at.Port()),
		"/usr/bin/python3", "testdata/interop/peer.py", "carol@"+h.domain+"/peer", h.domain, "5222", h.leaf))
	if e := carol.next("online"); e.TLS != "TLSv1.3" {
		t.Errorf("%+v", e)
	}
	there := &person{jid: "carol@" + h.domain, at: "carol@" + h.domain + "/peer"}
	carol.say(with.at, "by slixmpp")
	with.hears(t, there, "by slixmpp")
	carol.hears(with.say(t, there))
}

// onionStrangers writes to whom an onion service does not reach.
func onionStrangers(t *testing.T, a *person) {
	for _, test := range []struct{ domain, condition, why string }{
		{"partner.example", "remote-server-not-found", "speaks with onion services only"},
		{nobody(t), "remote-server-timeout", "TCP did not come about"},
	} {
		a.say(t, &person{jid: "bob@" + test.domain})
		if condition, why := a.bounced(t); condition != test.condition || !strings.Contains(why, test.why) {
			t.Errorf("%s: %s, %q", test.domain, condition, why)
		}
	}
}

// checks asks lethe check about a relay that is there, and one that is not.
func (h *hidden) checks(t *testing.T, other string) {
	for _, test := range []struct {
		domain, verdict string
		exit            int
	}{{other, "onion", 0}, {nobody(t), "unreachable", 1}} {
		for _, args := range [][]string{{}, {"-json"}} {
			cmd := prepare(slices.Concat([]string{"check", "-config", h.file("lethe.toml")}, args, []string{test.domain})...)
			var out []byte
			h.place.within(func() { out, _ = cmd.Output() })
			want := `(?m)^` + test.domain + `: ` + test.verdict + `: `
			if len(args) > 0 {
				want = `^{"domain":"` + test.domain + `","verdict":"` + test.verdict + `","reason":".*"srv":"none"`
			}
			if !regexp.MustCompile(want).Match(out) || cmd.ProcessState.ExitCode() != test.exit {
				t.Errorf("lethe check %v: %v\n%s\nwant %s", args, cmd.ProcessState, out, want)
			}
		}
	}
}

// spokeToTorOnly looks back at all that was sent where the relay lives: nothing
// but what Tor's SOCKS port and the relay's own ports take.
func (h *hidden) spokeToTorOnly(t *testing.T) {
	h.reload(t, "msg=reloaded") // asks nobody either
	own := []string{
		"tcp 127.0.0.1:5222",                       // this test, to see whether it listens
		"tcp 127.0.0.1:5232", "tcp 127.0.0.1:5279", // Tor
	}
	if got, want := h.place.spoken(), append(own, "tcp 127.0.0.1:9050"); !slices.Equal(got, want) {
		t.Errorf("spoken to: %q, want %q", got, want)
	}
	// Would it have been noticed?
	for _, strange := range []string{"192.0.2.53:53", "198.51.100.1:5269", "[2001:db8::2]:443"} {
		h.place.speak(strange)
		host := netip.MustParseAddrPort(strange).Addr()
		got := h.place.spoken()
		for _, want := range []string{"tcp " + strange, fmt.Sprintf("protocol 17 at %v", host)} {
			for range 100 {
				if slices.Contains(got, want) {
					break
				}
				time.Sleep(10 * time.Millisecond)
				got = h.place.spoken()
			}
			if !slices.Contains(got, want) {
				t.Errorf("%s goes unnoticed among %q", want, got)
			}
		}
	}
}
