package main

import (
	"fmt"
	"lethe/relay/need"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A program is a client as its user sees it.
type program struct {
	name, debian string
	plain        bool // it knows no SCRAM: the operator has to allow PLAIN
	// start runs the program for user in an empty home; it trusts the
	// certificates in the file ca, and no others.
	start   func(t *testing.T, r *instance, user, ca, home string) *screen
	online  string // what it shows once it has logged in
	refused string // what it shows of a certificate that does not verify
	// open brings the talk with somebody to the front: what is typed then
	// goes there.
	open func(s *screen, jid string)
}

// programs are the terminal clients the relay is tried with.
func programs() []program {
	return []program{profanity(), finch(), mcabber(), poezio()}
}

// TestClients logs each program in with the certificate verified and lets it
// talk with slixmpp, both ways.
func TestClients(t *testing.T) {
	for _, c := range programs() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			need.Program(t, c.name, c.debian)
			r := c.relay(t, "alice", "bob")
			bob := newPeer(t, r, "bob", r.ca)
			bob.next("online")
			s := c.start(t, r, "alice", r.ca, t.TempDir())
			s.sees(c.online)
			bob.next("presence")

			said := `Grüße & <b>"1 < 2"</b> ` + c.name
			bob.say("alice@"+r.domain, said)
			c.open(s, bob.jid)
			s.sees(regexp.QuoteMeta(said))

			answer := `Danke, 3 > 2 & <i>'ja'</i>`
			s.enter(answer)
			bob.hears(answer)
		})
	}
}

// TestClientsRefuse shows that what TestClients verifies is verified: the same
// programs do not log in when they trust another CA than the relay's.
func TestClientsRefuse(t *testing.T) {
	for _, c := range programs() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			need.Program(t, c.name, c.debian)
			r := c.relay(t, "alice")
			s := c.start(t, r, "alice", newLab(t).file, t.TempDir())
			s.sees(c.refused)
		})
	}
}

// relay runs a relay that the program can log in to.
func (c program) relay(t *testing.T, users ...string) *instance {
	t.Helper()
	r := newRelay(t, users...)
	if c.plain {
		r.set(t, "plain", "true")
	}
	r.start(t)
	return r
}

func profanity() program {
	return program{
		name: "profanity", debian: "profanity",
		start: func(t *testing.T, r *instance, user, ca, home string) *screen {
			return startProfanity(t, r, user, ca, home, "force", r.port)
		},
		online:  `logged in successfully`,
		refused: `TLS certificate verification failed`,
		open: func(s *screen, jid string) {
			s.enter("/msg " + jid)
		},
	}
}

// startProfanity runs Profanity, with STARTTLS (policy "force") or direct TLS
// ("legacy") to port. It verifies with OpenSSL; without a certificate path of its
// own it asks OpenSSL's defaults, which the environment replaces.
func startProfanity(t *testing.T, r *instance, user, ca, home, policy string, port int) *screen {
	t.Helper()
	write(t, home, ".config/profanity/profrc", `
[connection]
tls.certpath=none
[ui]
splash=false
wrap=false
[notifications]
message=false
`)
	write(t, home, ".local/share/profanity/accounts", fmt.Sprintf(`
[lab]
enabled=true
jid=%s@%s
resource=profanity
password=%s
server=127.0.0.1
port=%d
tls.policy=%s
presence.login=online
`, user, r.domain, r.password(user), port, policy))
	return newScreen(t, home, []string{"SSL_CERT_FILE=" + ca, "SSL_CERT_DIR=" + home}, "profanity", "-a", "lab")
}

// finch is the terminal face of libpurple, Pidgin's core. The certificate that
// its store has for the address it connects to is the relay's, and no authority
// that it trusts has signed that one.
func finch() program {
	return program{
		name: "finch", debian: "finch",
		start: func(t *testing.T, r *instance, user, ca, home string) *screen {
			write(t, home, ".purple/accounts.xml", fmt.Sprintf(`
<?xml version='1.0' encoding='UTF-8' ?>
<account version='1.0'><account>
<protocol>prpl-jabber</protocol><name>%s@%s/finch</name><password>%s</password>
<settings>
<setting name='connect_server' type='string'>127.0.0.1</setting>
<setting name='port' type='int'>%d</setting>
<setting name='connection_security' type='string'>require_tls</setting>
</settings>
<settings ui='gnt-purple'><setting name='auto-login' type='bool'>1</setting></settings>
</account></account>
`, user, r.domain, r.password(user), r.port))
			if ca == r.ca {
				pem, err := os.ReadFile(r.leaf)
				if err != nil {
					t.Fatal(err)
				}
				write(t, home, ".purple/certificates/x509/tls_peers/127.0.0.1", string(pem))
			}
			return newScreen(t, home, nil, "finch", "-c", home+"/.purple")
		},
		online:  `Bob`,
		refused: `could not be validated`,
		open: func(s *screen, jid string) {
			s.sees(named(jid) + ` \(`) // the new window's title
			s.keys("M-n")
		},
	}
}

// mcabber verifies with GnuTLS. Loudmouth, its XMPP, logs in with PLAIN or
// DIGEST-MD5 and nothing newer.
func mcabber() program {
	return program{
		name: "mcabber", debian: "mcabber", plain: true,
		start: func(t *testing.T, r *instance, user, ca, home string) *screen {
			write(t, home, ".mcabber/otr/.keep", "") // Where it keeps keys, if the folder is there.
			write(t, home, ".mcabber/mcabberrc", fmt.Sprintf(`
set otr = 1
otrpolicy default manual
set jid = %s@%s
set password = %s
set server = 127.0.0.1
set port = %d
set tls = 1
set ssl_ca = %s
set resource = mcabber
set disable_random_resource = 1
`, user, r.domain, r.password(user), r.port, ca))
			return newScreen(t, home, nil, "mcabber", "-f", home+"/.mcabber/mcabberrc")
		},
		online:  `Your status has been set`,
		refused: `Certificate is not trusted!`,
		open: func(s *screen, jid string) {
			s.enter("/roster search " + jid)
			s.sees(`Buddy: ` + named(jid))
			s.keys("Enter") // chat mode
		},
	}
}

// poezio verifies with Python's ssl, by slixmpp.
func poezio() program {
	return program{
		name: "poezio", debian: "poezio",
		start: func(t *testing.T, r *instance, user, ca, home string) *screen {
			write(t, home, ".config/poezio/poezio.cfg", fmt.Sprintf(`
[Poezio]
jid = %s@%s/poezio
password = %s
custom_host = 127.0.0.1
custom_port = %d
ca_cert_path = %s
auto_reconnect = false
use_log = false
`, user, r.domain, r.password(user), r.port, ca))
			return newScreen(t, home, nil, "/usr/bin/python3", "testdata/interop/run-poezio.py")
		},
		online:  `Your JID is`,
		refused: `certificate sent by the server is invalid`,
		open: func(s *screen, jid string) {
			s.sees(`1\.` + named(jid))
			s.keys("C-n") // the next tab
		},
	}
}

// write puts a file below dir, with the folders it needs.
func write(t testing.TB, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.TrimPrefix(text, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}
