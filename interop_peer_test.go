package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"lethe/relay/need"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// A peer is the slixmpp client of testdata/interop/peer.py, run by the system's
// Python, which is where Debian's packages live.
type peer struct {
	t      testing.TB
	jid    string
	stdin  io.Writer
	events chan event
}

// An event is one line that peer.py prints.
type event struct {
	Event, JID, TLS, Mechanism, From, To, Type, Body, XML, Reason string
}

// newPeer starts a slixmpp client for user that trusts the certificates in ca.
func newPeer(t testing.TB, r *instance, user, ca string) *peer {
	t.Helper()
	return startPeer(t, user+"@"+r.domain, r.password(user), user+"@"+r.domain+"/peer", "127.0.0.1", strconv.Itoa(r.port), ca)
}

// newStayer starts a slixmpp client that reaches the relay by another port and
// resumes its session when its connection is cut.
func newStayer(t testing.TB, r *instance, user string, port int) *peer {
	t.Helper()
	return startPeer(t, user+"@"+r.domain, r.password(user), "-resume", user+"@"+r.domain+"/peer", "127.0.0.1", strconv.Itoa(port), r.ca)
}

// newCopied starts another slixmpp client for a user, online and with carbons.
func newCopied(t testing.TB, r *instance, user string) *peer {
	t.Helper()
	p := newPeer(t, r, user, r.ca)
	p.next("online")
	p.command(map[string]any{"carbons": true})
	p.next("carbons")
	return p
}

// startPeer runs peer.py with args.
func startPeer(t testing.TB, jid, password string, args ...string) *peer {
	t.Helper()
	return runPeer(t, jid, password, exec.Command("/usr/bin/python3", append([]string{"testdata/interop/peer.py"}, args...)...))
}

// runPeer runs a command that ends in peer.py.
func runPeer(t testing.TB, jid, password string, cmd *exec.Cmd) *peer {
	t.Helper()
	needSlixmpp(t)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, jid: jid, stdin: stdin, events: make(chan event, 100)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		lines := bufio.NewScanner(stdout)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var e event
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				p.events <- e
			}
		}
	}()
	t.Cleanup(func() {
		stdin.Close()
		select {
		case <-done:
		case <-time.After(3 * time.Second):
			cmd.Process.Kill()
		}
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", jid, &stderr)
		}
	})
	fmt.Fprintln(stdin, password)
	return p
}

// needSlixmpp is need for the Python package.
func needSlixmpp(t testing.TB) {
	t.Helper()
	need.Package(t, exec.Command("/usr/bin/python3", "-c", "import slixmpp").Run() == nil, "python3-slixmpp")
}

// next waits for an event of the named kind and passes over others.
func (p *peer) next(kind string) event {
	p.t.Helper()
	for timeout := time.After(patience); ; {
		select {
		case e := <-p.events:
			if e.Event == kind {
				return e
			}
			p.t.Logf("%s, waiting for %q: %+v", p.jid, kind, e)
		case <-timeout:
			p.t.Fatalf("%s: no %q within %v", p.jid, kind, patience)
		}
	}
}

// until waits for an event of the named kind with that body and returns what
// came before it.
func (p *peer) until(kind, body string) []event {
	p.t.Helper()
	var before []event
	for timeout := time.After(patience); ; {
		select {
		case e := <-p.events:
			if e.Event == kind && e.Body == body {
				return before
			}
			before = append(before, e)
		case <-timeout:
			p.t.Fatalf("%s: no %s %q within %v, but %+v", p.jid, kind, body, patience, before)
		}
	}
}

// say sends a chat message.
func (p *peer) say(to, body string) {
	p.t.Helper()
	p.command(map[string]any{"to": to, "body": body})
}

// command has peer.py do something.
func (p *peer) command(c map[string]any) {
	p.t.Helper()
	if err := json.NewEncoder(p.stdin).Encode(c); err != nil {
		p.t.Fatal(err)
	}
}

// hears waits for a message of another user and wants its body byte for byte.
func (p *peer) hears(body string) {
	p.t.Helper()
	for {
		if e := p.next("message"); e.Body == body {
			return
		} else if e.Body != "" { // chat states have none
			p.t.Fatalf("%s heard %q, want %q", p.jid, e.Body, body)
		}
	}
}
