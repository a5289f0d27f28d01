package account_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPublishedIsForgotten: with the account's memory, and not before.
func TestPublishedIsForgotten(t *testing.T) {
	l := newLab(t)
	alice := l.bind("alice@example.org/a")
	alice.ask(pubsub("set", publishing(devices, "1", "<x xmlns='u'/>")+"<publish-options>"+options("publish-options", "access_model", "open")+"</publish-options>"))
	alice.leave()
	erin := l.bind("erin@example.org/e")
	get := to("alice@example.org", pubsub("get", "<items node='"+devices+"'/>"))
	l.server.Sweep(l.clock.Add(time.Hour - 1))
	payload := l.server.Published(address(t, "alice@example.org"), devices)
	if got := erin.ask(get); !strings.Contains(got, "<x xmlns='u'/>") {
		t.Errorf("within the hour: %s", got)
	}
	l.server.Sweep(l.clock.Add(time.Hour))
	if got := erin.ask(get); got != "service-unavailable" {
		t.Errorf("after the hour: %s", got)
	}
	if n, _ := l.server.Size(); n != 1 || slices.ContainsFunc(payload, func(b byte) bool { return b != 0 }) {
		t.Errorf("%d accounts in memory, and %q", n, payload)
	}
	// What was created, or taken back, is nothing to remember once it is gone.
	carol := l.bind("carol@example.org/c")
	carol.ask(publish("n", "1", "<x xmlns='u'/>"))
	carol.ask(pubsubOwner("set", "<delete node='n'/>"))
	carol.leave()
	if n, _ := l.server.Size(); n != 1 {
		t.Errorf("%d accounts in memory", n)
	}
}

// TestPublishedIsBounded: an account keeps a megabyte, in whatever portions.
func TestPublishedIsBounded(t *testing.T) {
	l := newLab(t)
	alice := l.bind("alice@example.org/a")
	for size, want := range map[int]int{10: 1600, 200 << 10: 5} {
		n := 0
		for ; n < 3000; n++ {
			got := alice.ask(publish(fmt.Sprintf("n%d", n), "1", "<x xmlns='u'>"+strings.Repeat("y", size)+"</x>"))
			if got == "resource-constraint" {
				break
			}
		}
		if n > want || n < want/2 {
			t.Errorf("%d nodes of %d bytes", n, size)
		}
		for ; n >= 0; n-- {
			alice.ask(pubsubOwner("set", fmt.Sprintf("<delete node='n%d'/>", n)))
		}
	}
}

// TestLargeAnswers: here all that is asked for, elsewhere as much as fits into
// one stanza, the latest first.
func TestLargeAnswers(t *testing.T) {
	l := newLab(t)
	alice, bob := l.bind("alice@example.org/a"), l.bind("bob@example.org/b")
	alice.ask(pubsub("set", "<create node='n'/><configure>"+options("node_config", "max_items", "max")+"</configure>"))
	for _, id := range []string{"1", "2", "3"} {
		alice.ask(publish("n", id, "<x xmlns='u'>"+strings.Repeat("y", 200<<10)+"</x>"))
	}
	get := to("alice@example.org", pubsub("get", "<items node='n'/>"))
	if got := bob.ask(get); strings.Count(got, "<item ") != 3 {
		t.Errorf("bob gets %d of 3", strings.Count(got, "<item "))
	}
	l.inject(strings.Replace(get, "<iq ", "<iq from='ann@away.example/x' ", 1))
	if got := l.away(); len(got) != 1 || strings.Count(got[0], "<item ") != 1 || !strings.Contains(got[0], "<item id='3'>") {
		t.Errorf("ann gets %.200q", got)
	}
}

// TestNick: the name of the signed file is there to be read; without one, the
// node is like any other.
func TestNick(t *testing.T) {
	const node = "http://jabber.org/protocol/nick"
	l := newLab(t)
	alice, carol := l.bind("alice@example.org/a"), l.bind("carol@example.org/c")
	get := pubsub("get", "<items node='"+node+"'/>")
	want := "<items node='" + node + "'><item id='current'><nick xmlns='" + node + "'>%s</nick></item></items>"
	if got := carol.ask(to("bob@example.org", get)); !strings.Contains(got, fmt.Sprintf(want, "Bob")) {
		t.Errorf("bob, who is not there, is %s", got)
	}
	for _, request := range []string{publish(node, "current", "<nick xmlns='"+node+"'>Queen</nick>"), pubsubOwner("set", "<delete node='"+node+"'/>")} {
		alice.send(request)
		if got := alice.got(); condition(got) != "not-allowed" || !strings.Contains(got[0], "signed list") {
			t.Errorf("%s: %q", request, got)
		}
	}
	if got := alice.ask(to("carol@example.org", get)); got != "item-not-found" {
		t.Errorf("carol, who has no name, is %s", got)
	}
	carol.ask(publish(node, "current", "<nick xmlns='"+node+"'>Caro</nick>"))
	if got := alice.ask(to("carol@example.org", get)); !strings.Contains(got, fmt.Sprintf(want, "Caro")) {
		t.Errorf("carol is %s", got)
	}
}
