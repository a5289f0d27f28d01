package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestSlixmppAnswers lets slixmpp clients ask what the relay says of itself and
// its users, and block each other.
func TestSlixmppAnswers(t *testing.T) {
	t.Parallel()
	needSlixmpp(t)
	r := newRelay(t, "alice", "bob")
	r.set(t, "services", `["stun:stun.lethe.test", "turns:turn.lethe.test:443?transport=tcp"]`)
	r.set(t, "secret_file", `"turn.secret"`)
	r.write(t, "turn.secret", "swordfish\n")
	r.set(t, "abuse", `["mailto:abuse@lethe.test"]`)
	r.start(t)
	cmd := exec.Command("/usr/bin/python3", "testdata/interop/answers.py",
		"alice@"+r.domain+"/a", "bob@"+r.domain+"/b", "127.0.0.1", strconv.Itoa(r.port), r.ca)
	cmd.Stdin = strings.NewReader(r.password("alice") + "\n" + r.password("bob") + "\n")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("answers.py: %v\n%s", err, &stderr)
	}
	var got []string
	for line := range bytes.Lines(out) {
		var e struct {
			Event string
			Body  any
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("answers.py says %q: %v", line, err)
		}
		got = append(got, fmt.Sprint(e.Event, ": ", e.Body))
	}
	want := []string{
		"feature: true", "policy: 0", "contact: mailto:abuse@lethe.test",
		"service: stun.lethe.test False", "service: turn.lethe.test True", "name: Bob", "clock: true",
		"archive: service-unavailable: There is no archive here: this server keeps no messages. Your client can keep its own.",
		"blocked: ", "pushed: bob", "blocked: bob", "gone: bob", "gone: alice",
		"refused: service-unavailable", "refused: not-acceptable",
		"pushed: bob", "back: bob", "back: alice",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q\n%s", got, want, &stderr)
	}
}
