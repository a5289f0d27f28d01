package sasl

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"lethe/relay/need"
	"os/exec"
	"strings"
	"testing"
)

// slixmpp is Python's interpreter where Debian's python3-slixmpp is for it to
// import.
func slixmpp(t *testing.T) string {
	t.Helper()
	const python = "/usr/bin/python3"
	need.Package(t, exec.Command(python, "-c", "import slixmpp.util.sasl").Run() == nil, "python3-slixmpp")
	return python
}

// slixmppAttempt lets slixmpp attempt one login at s.
func slixmppAttempt(t *testing.T, s *Server, mech, user, password, binding string) error {
	t.Helper()
	cmd := exec.Command(slixmpp(t), "testdata/scram_client.py", mech, user, password, binding)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer stdin.Close()
	lines := bufio.NewReader(stdout)
	receive := func() []byte {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal("slixmpp gave up: ", err)
		}
		b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	challenge, done, err := s.Start(mech, receive())
	for err == nil && !done {
		fmt.Fprintln(stdin, encode(challenge))
		challenge, done, err = s.Step(receive())
	}
	if done { // slixmpp checks the server's proof and gives up if it is wrong
		io.WriteString(stdin, encode(challenge)+"\n")
		receive()
	}
	return err
}

func TestSlixmpp(t *testing.T) {
	cfg := config(t)
	for _, mech := range []string{"SCRAM-SHA-256", "SCRAM-SHA-1"} {
		s := NewServer(cfg)
		if err := slixmppAttempt(t, s, mech, "müller", password, ""); err != nil || s.Username() != "müller" {
			t.Errorf("%s: %v", mech, err)
		}
		if err := slixmppAttempt(t, NewServer(cfg), mech, "müller", "wrong", ""); err != NotAuthorized {
			t.Errorf("%s with a wrong password: %v", mech, err)
		}
	}
}

// What slixmpp does over TLS 1.3: see Config.TolerateY.
func TestSlixmppWithItsChannelBinding(t *testing.T) {
	cfg := config(t)
	cfg.TolerateY = true
	s := NewServer(cfg)
	for _, a := range []struct {
		mech string
		want error
	}{
		{"SCRAM-SHA-256-PLUS", MalformedRequest},
		{"SCRAM-SHA-1-PLUS", MalformedRequest},
		{"SCRAM-SHA-256", nil},
	} {
		if err := slixmppAttempt(t, s, a.mech, "müller", password, "finished"); err != a.want && (err != nil || a.want != nil) {
			t.Errorf("%s: %v, want %v", a.mech, err, a.want)
		}
	}
	if s.Username() != "müller" {
		t.Error("nobody logged in")
	}
}
