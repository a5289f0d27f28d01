//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"lethe/relay/client"
	"lethe/relay/wire"
)

// A mapping is a piece of a process's memory.
type mapping struct {
	from, to uint64
	name     string
}

// mappings is what of a process's memory can be read.
func mappings(t testing.TB, pid int) []mapping {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	var all []mapping
	for line := range strings.Lines(string(text)) {
		var m mapping
		var mode string
		var skip string
		n, _ := fmt.Sscanf(line, "%x-%x %s %s %s %s %s", &m.from, &m.to, &mode, &skip, &skip, &skip, &m.name)
		if n >= 3 && mode[0] == 'r' && m.name != "[vvar]" && m.name != "[vsyscall]" {
			all = append(all, m)
		}
	}
	return all
}

// copies counts a text in all readable memory of a process, and shows what
// stands around the first few.
func copies(t testing.TB, pid int, text string) (n int, around []string) {
	t.Helper()
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	mark := []byte(text)
	piece := make([]byte, 1<<20)
	for _, m := range mappings(t, pid) {
		for at := m.from; at < m.to; at += uint64(len(piece) - len(mark)) {
			b := piece[:min(uint64(len(piece)), m.to-at)]
			k, err := mem.ReadAt(b, int64(at))
			if err != nil && k == 0 {
				break // a reserve that was never touched
			}
			for i := 0; ; {
				j := bytes.Index(b[i:k], mark)
				if j < 0 {
					break
				}
				n++
				i += j
				if len(around) < 10 {
					around = append(around, fmt.Sprintf("%x %s %q", at+uint64(i), m.name, b[max(0, i-80):min(k, i+80)]))
				}
				i += len(mark)
			}
			if at+uint64(len(b)) >= m.to {
				break
			}
		}
	}
	return n, around
}

// needsMemory skips where another process's memory may not be read.
func needsMemory(t testing.TB) {
	if os.Geteuid() != 0 {
		t.Skip("reading another process's memory takes root")
	}
}

// online is login with presence.
func (r *instance) online(t testing.TB, user string) *client.Client {
	t.Helper()
	c := r.login(t, user)
	if err := c.Online(); err != nil {
		t.Fatal(err)
	}
	return c
}

// marked is the body of message i: plain, or like one of an off-the-record
// conversation.
func marked(mark string, i int) string {
	if i%2 == 0 {
		return fmt.Sprintf("?OTR:AAMD%s%04dAAAAAQAAAAEAAADA.", mark, i)
	}
	return fmt.Sprintf("the plain text %s %d", mark, i)
}

// newMark is a text that nothing else contains.
func newMark() string { return "MARK" + rand.Text() }

// TestNoResidue looks for the texts of a conversation in the memory of a relay
// whose users have gone.
func TestNoResidue(t *testing.T) {
	needsMemory(t)
	r := startRelay(t, "alice", "bob", "carol")
	mark := newMark()
	a, b := r.online(t, "alice"), r.online(t, "bob")
	for i := range 100 {
		if err := a.Say(b.JID().String(), fmt.Sprint(i), marked(mark, i)); err != nil {
			t.Fatal(err)
		}
		n, err := b.Until(func(n *wire.Node) bool { return n.Name == "message" })
		if err != nil || n.Attr("id") != fmt.Sprint(i) {
			t.Fatalf("message %d: %v, %v", i, n, err)
		}
		// And one that comes back.
		if err := a.Say("carol@"+r.domain, fmt.Sprint("c", i), marked(mark, i)); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Until(func(n *wire.Node) bool { return n.Attr("id") == fmt.Sprint("c", i) }); err != nil {
			t.Fatal(err)
		}
	}
	if n := hold(t, r, mark); n == 0 {
		t.Error("a message that waits was not found: the search is blind")
	}
	a.Close()
	b.Close()
	time.Sleep(5 * time.Second)
	if n, around := copies(t, r.cmd.Process.Pid, mark); n > 0 {
		t.Errorf("%d copies are left:\n%s", n, strings.Join(around, "\n"))
	}
}

// hold lets a message wait for a client whose connection is cut, counts it in
// the relay's memory, and lets the client come for it and go.
func hold(t *testing.T, r *instance, mark string) int {
	t.Helper()
	from, to := r.online(t, "alice"), r.online(t, "bob")
	if err := to.Manage(true); err != nil {
		t.Fatal(err)
	}
	to.Cut()
	if err := from.Say(to.JID().String(), "held", marked(mark, 1)); err != nil {
		t.Fatal(err)
	}
	if err := from.Ping(); err != nil {
		t.Fatal(err)
	}
	n, _ := copies(t, r.cmd.Process.Pid, mark)
	again, err := to.Resume(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Until(func(n *wire.Node) bool { return n.Attr("id") == "held" }); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Acknowledge(false); err != nil {
		t.Fatal(err)
	}
	again.Close()
	from.Close()
	return n
}
