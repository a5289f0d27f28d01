//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"lethe/dane"
	"lethe/dane/zone"
	"lethe/relay/client"
	"lethe/relay/need"
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
	need.That(t, os.Geteuid() == 0, "to be root, who may read another process's memory")
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

// TestNoResidue looks for the texts of conversations in the memory of two
// relays whose users have gone: between two users, to one who is away, in a
// room, and over a link.
func TestNoResidue(t *testing.T) {
	needsMemory(t)
	here, there := newRelayFor(t, "here.test", "alice", "bob", "carol"), newRelayFor(t, "there.test", "dan")
	federate(t, here, there)
	here.start(t)
	there.start(t)
	mark := newMark()
	a, b, d := here.online(t, "alice"), here.online(t, "bob"), there.online(t, "dan")
	room := "team@rooms." + here.domain
	for _, c := range []*client.Client{a, b} {
		enter(t, c, room)
	}
	for i := range 100 {
		id := fmt.Sprint(i)
		tell(t, a, b, b.JID().String(), "chat", id, marked(mark, i))
		tell(t, a, d, d.JID().String(), "chat", "d"+id, marked(mark, i))
		tell(t, d, a, a.JID().String(), "chat", "a"+id, marked(mark, i))
		tell(t, a, b, room, "groupchat", "g"+id, marked(mark, i))
		tell(t, a, a, "carol@"+here.domain, "chat", "c"+id, marked(mark, i)) // comes back
	}
	if n := hold(t, here, mark); n == 0 {
		t.Error("a message that waits was not found: the search is blind")
	}
	for _, c := range []*client.Client{a, b, d} {
		c.Close()
	}
	time.Sleep(5 * time.Second)
	for _, r := range []*instance{here, there} {
		if n, around := copies(t, r.cmd.Process.Pid, mark); n > 0 {
			t.Errorf("%s has %d copies:\n%s", r.domain, n, strings.Join(around, "\n"))
		}
	}
}

// TestNoResidueAtTheEnd looks once more after a relay was told to end, while it
// still waits for a client that does not read.
func TestNoResidueAtTheEnd(t *testing.T) {
	needsMemory(t)
	r := newRelay(t, "alice", "bob", "carol")
	r.set(t, "bytes_per_second", "0")
	r.start(t)
	mark := newMark()
	a, b, frozen := r.online(t, "alice"), r.online(t, "bob"), r.online(t, "carol")
	for i := range 100 {
		tell(t, a, b, b.JID().String(), "chat", fmt.Sprint(i), marked(mark, i))
	}
	filler := strings.Repeat("x", 200<<10)
	for i := range 40 { // more than sockets and the Outbox hold
		if err := a.Say(frozen.JID().String(), fmt.Sprint("f", i), filler); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Ping(); err != nil {
		t.Fatal(err)
	}
	r.cmd.Process.Signal(syscall.SIGTERM)
	for _, c := range []*client.Client{a, b} {
		if _, err := c.Until(func(*wire.Node) bool { return false }); err == nil {
			t.Error("a stream does not end")
		}
	}
	n, around := copies(t, r.cmd.Process.Pid, mark)
	if err := r.cmd.Process.Signal(syscall.Signal(0)); err != nil {
		t.Fatalf("the relay was gone before it was looked into: %v", err)
	}
	if n > 0 {
		t.Errorf("%d copies:\n%s", n, strings.Join(around, "\n"))
	}
	frozen.Cut()
}

// federate makes a DNS of the test's own in which both relays are published,
// and lets them believe it. It returns where that answers.
func federate(t testing.TB, relays ...*instance) string {
	t.Helper()
	text := "$ZONE .\n$ZONE test.\n"
	taken := map[int]bool{} // but not in use yet
	for _, r := range relays {
		taken[r.port], taken[r.direct] = true, true
	}
	for _, r := range relays {
		port := freePort(t)
		for taken[port] {
			port = freePort(t)
		}
		taken[port] = true
		r.peers = fmt.Sprintf("127.0.0.1:%d", port)
		r.set(t, "server", fmt.Sprintf("[%q]", r.peers))
		cert := readCertificate(t, r.leaf)
		text += fmt.Sprintf("$ZONE %[1]s.\n_xmpp-server._tcp SRV 0 0 %[2]d xmpp\nxmpp A 127.0.0.1\n_%[2]d._tcp.xmpp TLSA %[3]s\n",
			r.domain, port, dane.Of(cert, dane.DANEEE, dane.SPKI, dane.SHA256))
	}
	specs, err := zone.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := zone.Plant(time.Now(), specs...)
	if err != nil {
		t.Fatal(err)
	}
	server, err := tree.Serve(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	for _, r := range relays {
		r.write(t, "anchor", tree.Anchors())
		r.set(t, "resolver", fmt.Sprintf("%q", server.Addr()))
		r.set(t, "trust_anchor", `"anchor"`)
	}
	return server.Addr().String()
}

func readCertificate(t testing.TB, file string) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// enter joins a room, which is made if need be.
func enter(t testing.TB, c *client.Client, room string) {
	t.Helper()
	nick := c.JID().Local()
	if err := c.Send("<presence to='" + room + "/" + nick + "'><x xmlns='http://jabber.org/protocol/muc'/></presence>"); err != nil {
		t.Fatal(err)
	}
	_, err := c.Until(func(n *wire.Node) bool { return n.Name == "message" && n.Child(wire.NSClient, "subject") != nil })
	if err != nil {
		t.Fatal(err)
	}
	// A new room is locked until its owner takes it as it is (XEP-0045 §10.1.2).
	if _, err := c.Ask("<iq type='set' id='own' to='" + room + "'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>"); err != nil {
		t.Fatal(err)
	}
}

// tell sends a message and waits until it has come where it goes.
func tell(t testing.TB, from, at *client.Client, to, typ, id, body string) {
	t.Helper()
	if err := from.Send(fmt.Sprintf("<message to='%s' type='%s' id='%s'><body>%s</body></message>", to, typ, id, body)); err != nil {
		t.Fatal(err)
	}
	if _, err := at.Until(func(n *wire.Node) bool { return n.Name == "message" && n.Attr("id") == id }); err != nil {
		t.Fatalf("message %s to %s: %v", id, to, err)
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
	// Cut off while presence is on its way, it would be waited for once more.
	if err := again.Send("</stream:stream>"); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = again.Next()
	}
	from.Close()
	return n
}
