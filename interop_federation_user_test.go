package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"lethe/relay/client"
	"lethe/relay/jid"
	"lethe/relay/wire"
)

// answered is how long people wait. What lethe gives up on is answered by then,
// a lookup whose resolver is silent included: dane/resolve takes 16 seconds.
const answered = 20 * time.Second

// A person is a user logged in somewhere. What arrives and is not waited for
// is kept for later.
type person struct {
	c    *client.Client
	jid  string // without resource
	at   string // with resource
	said int
	kept []*wire.Node
	wait time.Duration // for what has to come
}

// person logs a user in at the server of their domain.
func (n *internet) person(t testing.TB, address string) *person {
	t.Helper()
	user, err := jid.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	server := ""
	for _, s := range n.sites {
		if s.domain == user.Domain() {
			server = s.at
		}
	}
	return newPerson(t, client.Config{
		Address: server + ":5222", User: user, Password: password, Roots: n.trust, Timeout: answered,
		Only: "SCRAM-SHA-256", // ejabberd binds channels in a way that TLS 1.3 has not
	})
}

// newPerson logs somebody in who waits for everything as long as for a step of it.
func newPerson(t testing.TB, cfg client.Config) *person {
	t.Helper()
	address := cfg.User.String()
	c, err := client.Dial(context.Background(), cfg)
	if err != nil {
		t.Fatalf("%s does not log in: %v", address, err)
	}
	t.Cleanup(c.Close)
	// Only who has asked for the roster is told of its changes (RFC 6121 §2.1.6).
	if _, err := c.Ask("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>"); err != nil {
		t.Fatalf("%s does not get the roster: %v", address, err)
	}
	if err := c.Online(); err != nil {
		t.Fatalf("%s does not come online: %v", address, err)
	}
	return &person{c: c, jid: address, at: c.JID().String(), wait: cfg.Timeout}
}

// send sends a stanza.
func (p *person) send(t testing.TB, format string, args ...any) {
	t.Helper()
	if err := p.c.Send(fmt.Sprintf(format, args...)); err != nil {
		t.Fatalf("%s: %v", p.jid, err)
	}
}

// say sends a message and returns its text, which is said once only.
func (p *person) say(t testing.TB, to *person) string {
	t.Helper()
	p.said++
	body := fmt.Sprintf("%s says %d", p.at, p.said)
	p.send(t, "<message type='chat' id='m%d' to='%s'><body>%s</body></message>", p.said, to.jid, body)
	return body
}

// await waits for a stanza, which may have arrived before.
func (p *person) await(t testing.TB, what string, want func(*wire.Node) bool) *wire.Node {
	t.Helper()
	for i, n := range p.kept {
		if want(n) {
			p.kept = append(p.kept[:i], p.kept[i+1:]...)
			return n
		}
	}
	for deadline := time.Now().Add(p.wait); time.Now().Before(deadline); {
		n, err := p.c.Next()
		if err != nil {
			t.Fatalf("%s, waiting for %s: %v\n%s", p.jid, what, err, p.unheeded())
		}
		if want(n) {
			return n
		}
		p.kept = append(p.kept, n)
	}
	t.Fatalf("%s waits in vain for %s\n%s", p.jid, what, p.unheeded())
	return nil
}

// unheeded says in words what has come and was not waited for.
func (p *person) unheeded() string {
	var b strings.Builder
	for _, n := range p.kept {
		fmt.Fprintf(&b, "  %s %s from %s: %q\n", n.Name, n.Attr("type"), n.Attr("from"), text(n))
	}
	return b.String()
}

// text is the text of a message's body or of an error.
func text(n *wire.Node) string {
	if b := n.Child(wire.NSClient, "body"); b != nil && n.Attr("type") != "error" {
		return b.Text
	}
	if e := n.Child(wire.NSClient, "error"); e != nil {
		if said := e.Child(nsStanzas, "text"); said != nil {
			return said.Text
		}
	}
	return ""
}

const nsStanzas = "urn:ietf:params:xml:ns:xmpp-stanzas"

// hears waits for a message of somebody else's.
func (p *person) hears(t testing.TB, from *person, body string) {
	t.Helper()
	p.await(t, "a message of "+from.jid, func(n *wire.Node) bool {
		return n.Name == "message" && n.Attr("from") == from.at && n.Attr("type") == "chat" && text(n) == body
	})
}

// sees waits for a presence, with that status if one is given.
func (p *person) sees(t testing.TB, typ, from, status string) {
	t.Helper()
	p.await(t, "presence "+typ+" of "+from, func(n *wire.Node) bool {
		said := n.Child(wire.NSClient, "status")
		return n.Name == "presence" && n.Attr("type") == typ && n.Attr("from") == from &&
			(status == "" || said != nil && said.Text == status)
	})
}

// bounced waits for the last message to come back, and returns why.
func (p *person) bounced(t testing.TB) (condition, why string) {
	t.Helper()
	id := fmt.Sprintf("m%d", p.said)
	n := p.await(t, "an error about "+id, func(n *wire.Node) bool {
		return n.Name == "message" && n.Attr("id") == id && n.Attr("type") == "error"
	})
	e := n.Child(wire.NSClient, "error")
	if e == nil {
		t.Fatalf("%s gets an error without one", p.jid)
	}
	for _, c := range e.Children {
		if c.NS == nsStanzas && c.Name != "text" {
			condition = c.Name
		}
	}
	return condition, text(n)
}

// heardNothing wants that no message has reached the person, from that domain,
// until now.
func (p *person) heardNothing(t testing.TB, domain string) {
	t.Helper()
	p.said++
	id := fmt.Sprintf("ping%d", p.said)
	p.send(t, "<iq type='get' id='%s' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>", id, p.c.JID().Domain())
	p.await(t, "the answer to a ping", func(n *wire.Node) bool { return n.Name == "iq" && n.Attr("id") == id })
	for _, n := range p.kept {
		from, _ := jid.Parse(n.Attr("from"))
		if n.Name == "message" && n.Attr("type") != "error" && from.Domain() == domain {
			t.Errorf("%s hears %q", p.jid, text(n))
		}
	}
}

// befriend has two people see each other, leave and come again.
func befriend(t testing.TB, a, b *person) {
	t.Helper()
	for _, pair := range [][2]*person{{a, b}, {b, a}} {
		asks, agrees := pair[0], pair[1]
		asks.send(t, "<presence type='subscribe' to='%s'/>", agrees.jid)
		agrees.sees(t, "subscribe", asks.jid, "")
		agrees.send(t, "<presence type='subscribed' to='%s'/>", asks.jid)
		asks.sees(t, "subscribed", agrees.jid, "")
		asks.sees(t, "", agrees.at, "")
	}
	for _, pair := range [][2]*person{{a, b}, {b, a}} {
		leaves, stays := pair[0], pair[1]
		leaves.send(t, "<presence type='unavailable'/>")
		stays.sees(t, "unavailable", leaves.at, "")
		leaves.send(t, "<presence><status>back again</status></presence>")
		stays.sees(t, "", leaves.at, "back again")
	}
}
