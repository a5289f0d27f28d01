package main

import (
	"lethe/relay/need"
	"strings"
	"testing"
)

// TestOTR lets two Profanity instances talk off the record: each reads what the
// other says, and what passes through the relay is sealed.
func TestOTR(t *testing.T) {
	t.Parallel()
	need.Program(t, "profanity", "profanity")
	r := startRelay(t, "alice", "bob")
	tap := newTap(t, r)
	alice := startProfanity(t, r, "alice", r.ca, t.TempDir(), "legacy", tap.port)
	bob := startProfanity(t, r, "bob", r.ca, t.TempDir(), "force", r.port)
	for _, s := range []*screen{alice, bob} {
		s.sees(profanity().online)
		s.enter("/otr gen")
		s.sees(`Private key generation complete`)
	}
	// Profanity itself overlooks presence that comes before the roster.
	tap.waits(`<presence[^>]* from=['"]bob@`)
	alice.enter("/msg bob@" + r.domain)
	bob.enter("/msg alice@" + r.domain)

	// The control: what is not sealed the tap does see.
	const open, sealed, reply = "in the open", "entre nous", "sub rosa"
	alice.enter(open)
	bob.sees(open)
	if !tap.saw(open) {
		t.Fatalf("the tap saw nothing of a message in the open")
	}

	alice.enter("/otr start")
	alice.sees(`OTR session started`)
	bob.sees(`OTR session started`)
	alice.enter(sealed)
	bob.sees(`~ \S+: ` + sealed)
	bob.enter(reply)
	alice.sees(`~ \S+: ` + reply)

	if n := tap.count(`<body>\?OTR:`); n < 4 {
		t.Errorf("the tap saw %d OTR messages, want those of the key exchange and two more", n)
	}
	for _, text := range []string{sealed, reply} {
		if tap.saw(text) {
			t.Errorf("the tap saw %q", text)
		}
	}
}

// TestOTRCopies lets Profanity and mcabber talk off the record while each of
// them is logged in elsewhere too, where copies are wanted: of what is said in
// the open they come, of what only one device can read they do not.
func TestOTRCopies(t *testing.T) {
	t.Parallel()
	need.Program(t, "profanity", "profanity")
	need.Program(t, "mcabber", "mcabber")
	r := mcabber().relay(t, "alice", "bob")
	elsewhere := []*peer{newCopied(t, r, "alice"), newCopied(t, r, "bob")}
	bob := mcabber().start(t, r, "bob", r.ca, t.TempDir())
	bob.sees(mcabber().online)
	alice := startProfanity(t, r, "alice", r.ca, t.TempDir(), "force", r.port)
	alice.sees(profanity().online)
	alice.enter("/otr gen")
	alice.sees(`Private key generation complete`)

	// Who answers is written to from then on, and on no other device.
	const hello, open, sealed, reply, last = "good morning", "in the open", "entre nous", "sub rosa", "that is all"
	mcabber().open(bob, "alice@"+r.domain)
	bob.enter(hello)
	alice.sees(`chat message: Bob/mcabber`)
	alice.enter("/win 2")
	alice.enter(open)
	bob.sees(open)
	for _, p := range elsewhere {
		p.until("copied", open)
	}

	alice.enter("/otr start")
	alice.sees(`OTR session started`)
	alice.enter(sealed)
	bob.sees(sealed)
	bob.enter(reply)
	alice.sees(`~ \S+: ` + reply)

	// Whatever else was to come has come before this.
	for i, p := range elsewhere {
		elsewhere[1-i].say(p.jid+"/peer", last)
		for _, e := range p.until("message", last) {
			if strings.HasPrefix(e.Body, "?OTR") {
				t.Errorf("%s elsewhere has a %s: %.20s", p.jid, e.Event, e.Body)
			}
		}
	}
}
