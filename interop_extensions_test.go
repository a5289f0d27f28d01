package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestExtensions has slixmpp try one extension after the other, by the scripts
// in testdata/interop/extensions.
func TestExtensions(t *testing.T) {
	users := []string{"alice", "bob", "carol", "stranger"}
	for script, want := range map[string]string{
		"devices":   "xep_0198 xep_0280 xep_0334 xep_0352",
		"domain":    "xep_0030 monal xep_0157 xep_0504 xep_0199 xep_0202 xep_0215 xep_0012 xep_0092 xep_0313 not_offered",
		"blocking":  "xep_0191",
		"rooms":     "talk power members password standing xep_0249 xep_0359 xep_0410 xep_0421",
		"eventing":  "xep_0163 xep_0060 xep_0384 xep_0084 xep_0172",
		"bookmarks": "xep_0402 xep_0048 xep_0054",
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			needSlixmpp(t)
			r := newRelay(t, users[:3]...)
			lethe(t, r.password("stranger")+"\n", "user", "add", "-users", r.file("users.txt"), "stranger@"+r.domain)
			r.append(t, "users.txt", "room hall@rooms."+r.domain+" name=\"The Hall\" groups=staff\n")
			r.sign(t)
			r.set(t, "services", fmt.Sprintf(`["turn:turn.%s:3478"]`, r.domain))
			r.write(t, "turn.secret", "north\n")
			r.set(t, "secret_file", `"turn.secret"`)
			r.set(t, "admin", fmt.Sprintf(`["mailto:admin@%s"]`, r.domain))
			r.start(t)
			var passwords strings.Builder
			for _, user := range users {
				fmt.Fprintln(&passwords, user, r.password(user))
			}
			cmd := exec.Command("/usr/bin/python3", "testdata/interop/extensions/"+script+".py",
				r.domain, "127.0.0.1", strconv.Itoa(r.port), r.ca)
			cmd.Stdin = strings.NewReader(passwords.String())
			cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			var ok []string
			for line := range strings.Lines(string(out)) {
				if name, done := strings.CutPrefix(strings.TrimSpace(line), "ok "); done {
					ok = append(ok, name)
				}
			}
			if err != nil || !slices.Equal(ok, strings.Fields(want)) {
				t.Errorf("%v; works: %q, want %q\n%s\n%s", err, ok, want, out, &stderr)
			}
		})
	}
}
