package main

import (
	"strconv"
	"strings"
	"testing"
)

// TestSlixmpp logs two slixmpp clients in with the certificate verified and has
// bodies arrive byte for byte that are easily spoilt on the way.
func TestSlixmpp(t *testing.T) {
	t.Parallel()
	r := startRelay(t, "alice", "bob")
	alice, bob := newPeer(t, r, "alice", r.ca), newPeer(t, r, "bob", r.ca)
	for _, p := range []*peer{alice, bob} {
		e := p.next("online")
		if e.TLS != "TLSv1.3" || !strings.HasPrefix(e.Mechanism, "SCRAM-") {
			t.Errorf("%s logged in with %s over %s, want SCRAM over TLSv1.3", p.jid, e.Mechanism, e.TLS)
		}
	}
	for _, body := range []string{
		"plain",
		"  blanks in front, behind and\n\n\tbetween \n ",
		`<b>&amp; "quotes' ]]> &#38; <![CDATA[`,
		"Grüße, 你好, 👋🏽, e\u0301, \u202eright to left\u202c, \U0010FFFD",
		"?OTR:AAMDWv1a/kA=.",
		strings.Repeat("0123456789abcdef", 4096),
	} {
		alice.say(bob.jid, body)
		bob.hears(body)
		bob.say(alice.jid, body)
		alice.hears(body)
	}
}

// TestSlixmppRefuses shows that slixmpp verifies, and that a wrong password does
// not log in.
func TestSlixmppRefuses(t *testing.T) {
	t.Parallel()
	r := startRelay(t, "alice")
	stranger := newPeer(t, r, "alice", newLab(t).file)
	if e := stranger.next("refused"); !strings.HasPrefix(e.Reason, "certificate") {
		t.Errorf("refused because of the %s, want certificate", e.Reason)
	}
	guesser := startPeer(t, "alice", "guess", "alice@"+r.domain, "127.0.0.1", strconv.Itoa(r.port), r.ca)
	if e := guesser.next("refused"); e.Reason != "login" {
		t.Errorf("refused because of the %s, want login", e.Reason)
	}
}
