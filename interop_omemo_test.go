package main

import (
	"lethe/relay/need"
	"testing"
)

// TestOMEMO has two Profanity instances, left alone, talk in OMEMO after the
// relay that had their keys in memory was restarted: each comes back by itself
// and publishes again. A third, new to both, can then begin with the keys it is
// handed.
func TestOMEMO(t *testing.T) {
	t.Parallel()
	need.Program(t, "profanity", "profanity")
	r := startRelay(t, "alice", "bob", "carol")
	tap := newTap(t, r)
	alice, bob := startOMEMO(t, r, "alice", tap.port), startOMEMO(t, r, "bob", r.direct)
	tap.waits(devices("bob"))

	alice.enter("/msg bob@" + r.domain)
	alice.enter("/omemo start")
	tap.waits(keys("bob"))
	const before, after, answer, first = "before the restart", "after the restart", "still sealed", "nice to meet you"
	alice.enter(before)
	bob.sees(`chat message: Alice`)
	bob.enter("/win 2")
	bob.sees(`~ \S+: ` + before)
	bob.enter("/omemo start")
	bob.sees(`\[OMEMO\]`)

	tap.forget()
	r.restart(t)
	for _, s := range []*screen{alice, bob} {
		s.sees(`Restarted OMEMO session`)
	}
	tap.waits(devices("bob"))
	alice.enter(after)
	bob.sees(`~ \S+: ` + after)
	bob.enter(answer)
	alice.sees(`~ \S+: ` + answer)

	hers := newTap(t, r)
	carol := startOMEMO(t, r, "carol", hers.port)
	carol.enter("/msg alice@" + r.domain)
	carol.enter("/omemo start")
	hers.waits(keys("alice"))
	alice.enter("/win 1")
	carol.enter(first)
	alice.sees(`chat message: Carol`)
	alice.enter("/win 3")
	alice.sees(`~ \S+: ` + first)

	if n := tap.count(`<encrypted[^>]* xmlns=["']eu.siacs.conversations.axolotl`); n < 3 {
		t.Errorf("the tap saw %d encrypted messages, want 3 at least", n)
	}
	for _, text := range []string{before, after, answer, first} {
		if tap.saw(text) {
			t.Errorf("the tap saw %q", text)
		}
	}
}

// startOMEMO starts Profanity with keys, which it has generated and published
// when it returns. It trusts whatever keys it meets and comes back when it has
// lost the connection.
func startOMEMO(t *testing.T, r *instance, user string, port int) *screen {
	t.Helper()
	s := startProfanity(t, r, user, r.ca, t.TempDir(), "legacy", port)
	s.sees(profanity().online)
	s.enter("/reconnect 1")
	s.enter("/omemo trustmode blind")
	s.enter("/omemo gen")
	s.sees(`materials generated`)
	return s
}

// devices is how the list of a user's devices looks, asked for or not.
func devices(user string) string {
	return `from=["']` + user + `@[^>]*><(event|pubsub)[^>]*><items[^>]*devicelist["'][^>]*><item[^>]*><list[^>]*><device `
}

// keys is how the keys of a user's device look.
func keys(user string) string {
	return `from=["']` + user + `@[^>]*><pubsub[^>]*><items[^>]*bundles:\d+["'][^>]*><item[^>]*><bundle`
}
