package server_test

import (
	"context"
	"errors"
	"testing"

	"lethe/relay/client"
	"lethe/relay/wire"
)

// modern logs alice in by SASL2 and Bind 2, always from the same installation.
func (l *lab) modern() *client.Client {
	l.t.Helper()
	c, err := client.Dial(context.Background(), client.Config{
		Address: l.listener.Addr().String(), User: l.address("alice"), Password: password, Roots: l.roots,
		Inline: "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>x</software></user-agent>" +
			"<bind xmlns='urn:xmpp:bind:0'><tag>Phone</tag><enable xmlns='urn:xmpp:carbons:2'/></bind>",
	})
	l.must(err)
	l.t.Cleanup(c.Cut)
	l.must(c.Online())
	return c
}

// A client of today needs one exchange: it has its resource and its carbons,
// and when it comes again, from a connection that nobody knows to be dead, it
// takes the place of the old one (XEP-0386 §3.2.1).
func TestModernClient(t *testing.T) {
	l := newLab(t, limits(), "alice:team", "bob:team")
	first := l.modern()
	desk, bob := l.login("alice/desk"), l.login("bob/desk")
	l.must(bob.Say(desk.JID().String(), "1", "hello"))
	_, err := first.Until(func(n *wire.Node) bool { return n.Child("urn:xmpp:carbons:2", "received") != nil })
	l.must(err)
	second := l.modern()
	if first.JID() != second.JID() {
		t.Errorf("first %v, then %v", first.JID(), second.JID())
	}
	_, err = first.Until(func(*wire.Node) bool { return false })
	var failure *client.Failure
	if !errors.As(err, &failure) || failure.Condition != "conflict" {
		t.Errorf("the old connection ends with %v", err)
	}
	l.must(bob.Say(second.JID().String(), "2", "still there?"))
	_, err = second.Until(isMessage("2"))
	l.must(err)
}
