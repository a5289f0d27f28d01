package main

import (
	"lethe/relay/need"
	"testing"
)

// TestCarbons has alice logged in with Profanity, with poezio and with slixmpp.
// What she says with one of them, and what she is told there, she reads with
// the others too.
func TestCarbons(t *testing.T) {
	t.Parallel()
	for _, c := range []program{profanity(), poezio()} {
		need.Program(t, c.name, c.debian)
	}
	r := startRelay(t, "alice", "bob")
	bob, third := newPeer(t, r, "bob", r.ca), newCopied(t, r, "alice")
	bob.next("online")
	first := profanity().start(t, r, "alice", r.ca, t.TempDir())
	first.sees(profanity().online)
	second := poezio().start(t, r, "alice", r.ca, t.TempDir())
	second.sees(poezio().online)
	// poezio asks for features and then for copies, and tells nobody when it
	// has them: once it has answered twice, it has.
	for i, word := range []string{"hello", "are you there"} {
		bob.say("alice@"+r.domain, word)
		if i == 0 {
			poezio().open(second, bob.jid)
		}
		second.sees(word)
		second.enter("yes: " + word)
		bob.hears("yes: " + word)
	}

	const told, answer = "only to the one", "and this from it"
	bob.say("alice@"+r.domain+"/profanity", told)
	first.enter("/win 2")
	first.sees(told)
	second.sees(told)
	first.enter(answer)
	bob.hears(answer)
	second.sees(answer)
	third.until("copied", told)
	third.until("copied", answer)
}
