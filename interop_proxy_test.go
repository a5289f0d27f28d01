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

// TestSlixmppProxy lets two slixmpp clients find the bytestreams proxy and
// exchange a megabyte through it in each direction.
func TestSlixmppProxy(t *testing.T) {
	t.Parallel()
	r := newRelay(t, "alice", "bob")
	r.set(t, "proxy65", fmt.Sprintf(`["127.0.0.1:%d"]`, freePort(t)))
	r.start(t)
	exchange(t, r, "socks", "proxy proxy.lethe.test ",
		"arrived bob@lethe.test 1048576 same", "arrived alice@lethe.test 1048576 same")
}

// TestSlixmppInBand lets one slixmpp client send a megabyte to another within
// the stream (XEP-0047), of which the relay knows nothing.
func TestSlixmppInBand(t *testing.T) {
	t.Parallel()
	exchange(t, startRelay(t, "alice", "bob"), "ibb", "arrived bob@lethe.test 1048576 same")
}

// exchange has alice and bob exchange bytes and wants these events of it.
func exchange(t *testing.T, r *instance, how string, want ...string) {
	t.Helper()
	needSlixmpp(t)
	cmd := exec.Command("/usr/bin/python3", "testdata/interop/bytes.py", how,
		"alice@"+r.domain+"/a", "bob@"+r.domain+"/b", "127.0.0.1", strconv.Itoa(r.port), r.ca)
	cmd.Stdin = strings.NewReader(r.password("alice") + "\n" + r.password("bob") + "\n")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("bytes.py: %v\n%s", err, &stderr)
	}
	var got []string
	for line := range bytes.Lines(out) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("bytes.py says %q: %v", line, err)
		}
		got = append(got, strings.Join([]string{e.Event, e.From, e.Body + e.Reason}, " "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q\n%s", got, want, &stderr)
	}
}
