package account

import (
	"testing"

	"lethe/relay/jid"
	"lethe/relay/users"
)

// TestAllBlockListsAreBounded: what is counted of all lists together is what
// they hold, and ends.
func TestAllBlockListsAreBounded(t *testing.T) {
	address := func(s string) jid.JID {
		j, err := jid.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	alice, bob, carol := address("alice@example.org"), address("bob@example.org"), address("carol@example.org")
	var b blocklists
	holds := func(want int64) {
		t.Helper()
		if got := b.bytes.Load(); got != want {
			t.Errorf("%d bytes, want %d", got, want)
		}
	}
	if wrong := b.add(alice, []jid.JID{bob, carol, bob}); wrong != nil {
		t.Fatal(wrong.text)
	}
	b.add(alice, []jid.JID{bob})
	b.add(bob, []jid.JID{alice})
	holds(int64(len("bob@example.org" + "carol@example.org" + "alice@example.org")))
	b.remove(alice, []jid.JID{carol, alice})
	holds(int64(len("bob@example.org" + "alice@example.org")))
	b.keep(new(users.Set))
	holds(0)
	if len(b.of) != 0 {
		t.Errorf("lists of nobody: %v", b.of)
	}
	b.bytes.Store(maxAllBlocks - int64(len(carol.String())) + 1)
	if wrong := b.add(alice, []jid.JID{carol}); wrong == nil || b.match(alice, carol) {
		t.Error("beyond what all lists may hold one more is blocked")
	}
	if wrong := b.add(alice, []jid.JID{bob}); wrong != nil || !b.match(alice, bob) {
		t.Error("what fits is not blocked")
	}
}
