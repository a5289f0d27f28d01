package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// building is how long a newcomer's first build may take: Go's own library is
// compiled with it.
const building = 5 * time.Minute

// followReadme does what "Two people on one machine" says, as somebody who has
// just got the source. It ends with what the relay is about: a text that only
// two can read, and one that nobody keeps.
func followReadme(t *testing.T, d *tree) {
	readme := newInstructions(t, "Two people on one machine")
	d.receiveGo()
	shell := d.terminal()
	for running := false; !running; {
		line := readme.next()
		shell.clear()
		shell.enter(line)
		switch {
		case strings.Contains(line, "lethe user add"):
			shell.sees(`Password for \S+: *$`)
			shell.secret(sesame)
			shell.sees(`again: *$`)
			shell.secret(sesame)
			shell.succeeds(patience)
		case strings.Contains(line, "lethe serve"):
			shell.sees(`msg=running`)
			running = true
		default:
			shell.succeeds(building)
		}
	}

	alice, bob := d.connect(readme), d.connect(readme)
	alice.enter(readme.next())
	bob.sees(`chat message: Alice`)
	bob.enter(readme.within("/win 2"))
	bob.sees(`Hello Bob`)
	bob.enter("Hello Alice")
	alice.sees(`Hello Alice`)

	const sealed, late = "entre nous", "One more thing"
	for _, s := range []*screen{alice, bob} {
		s.enter(readme.within("/otr gen"))
		s.enter(readme.within("/win 1"))
		s.sees(`Private key generation complete`)
		s.enter(readme.within("/win 2"))
	}
	alice.enter(readme.within("/otr start"))
	alice.sees(`OTR session started`)
	bob.sees(`OTR session started`)
	alice.enter(sealed)
	bob.sees(sealed)

	bob.enter(readme.within("/quit"))
	bob.sees(`\[0\]\s*$`)
	alice.enter(readme.within("/otr end"))
	alice.enter(late)
	alice.sees(`could not be delivered now`)

	shell.keys("C-c")
	shell.sees(`msg="shutting down"`)
	shell.sees(`\[0\]\s*$`)
	readme.end()
}

// receiveGo gives the newcomer Go and the modules, which would come from the
// network, and a prompt that tells how the last command ended.
func (d *tree) receiveGo() {
	d.t.Helper()
	goroot, modules, _ := strings.Cut(strings.TrimSpace(succeed(d.t, "go", "env", "GOROOT", "GOMODCACHE")), "\n")
	d.lend(goroot, "/opt/go")
	d.lend(modules, "/opt/modules")
	const profile = "export PATH=/opt/go/bin:$PATH GOMODCACHE=/opt/modules GOPROXY=off GOTOOLCHAIN=local LANG=C.UTF-8\n" +
		"PS1='[$?] '\ncd lethe\n"
	if err := os.WriteFile(d.root+"/etc/profile.d/newcomer.sh", []byte(profile), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// terminal is one more terminal of the newcomer's.
func (d *tree) terminal() *screen {
	d.t.Helper()
	s := newScreen(d.t, "/", nil, "chroot", d.root, "su", "-", "newcomer")
	s.sees(`\[0\]\s*$`)
	return s
}

// connect starts the client in a terminal of its own and logs in as whoever is
// next.
func (d *tree) connect(readme *instructions) *screen {
	d.t.Helper()
	s := d.terminal()
	s.enter(readme.within("profanity"))
	s.sees(`/help`)
	s.enter(readme.next())
	s.sees(`Enter password`)
	s.secret(sesame)
	s.sees(profanity().online)
	return s
}

// clear empties the terminal but for the prompt.
func (s *screen) clear() {
	s.t.Helper()
	s.keys("C-l")
	s.sees(`\A\[\d+\]\s*\z`)
}

// secret types what is not shown.
func (s *screen) secret(text string) {
	s.t.Helper()
	s.tmux("send-keys", "-l", "--", text)
	s.keys("Enter")
}

// succeeds waits until a command has ended, and well.
func (s *screen) succeeds(within time.Duration) {
	s.t.Helper()
	prompt := regexp.MustCompile(`\n\[(\d+)\]\s*\z`)
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if m := prompt.FindStringSubmatch(s.text()); m != nil {
			if m[1] != "0" {
				s.t.Fatalf("the command ends with status %s", m[1])
			}
			return
		}
	}
	s.t.Fatalf("the command has not ended within %v", within)
}
