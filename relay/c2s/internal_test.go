package c2s

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	now := time.Unix(1e9, 0)
	b := newBucket(1000, 100)
	if wait := b.take(10000, now); wait != 0 {
		t.Errorf("the burst waits %v", wait)
	}
	if wait := b.take(500, now); wait != 500*time.Millisecond {
		t.Errorf("500 bytes too many wait %v", wait)
	}
	if wait := b.take(500, now.Add(time.Second)); wait != 0 {
		t.Errorf("after the wait, the steady rate waits %v", wait)
	}
	if wait := b.take(10000, now.Add(time.Hour)); wait != 0 {
		t.Errorf("an hour later the burst waits %v", wait)
	}
	var off bucket
	if wait := off.take(1<<30, now); wait != 0 {
		t.Errorf("switched off, it waits %v", wait)
	}
}

func TestGuessesSlowAnAccountButNotItsOwner(t *testing.T) {
	g := newGuesses(20)
	now := time.Unix(1e9, 0)
	home := netip.MustParsePrefix("192.0.2.1/32")
	at := func(i int) netip.Prefix { return netip.MustParsePrefix(fmt.Sprintf("198.51.100.%d/32", i)) }
	for i := range 100 {
		g.wrong(at(i), "alice", now)
	}
	if d := g.delay(at(200), "alice", now); d != maxDelay {
		t.Errorf("the 101st guess waits %v", d)
	}
	if d := g.delay(at(200), "bob", now); d != 0 {
		t.Errorf("another account waits %v", d)
	}
	g.right(home, "alice", now)
	if d := g.delay(home, "alice", now); d != 0 {
		t.Errorf("the owner waits %v", d)
	}
	if d := g.delay(at(200), "alice", now.Add(2*time.Hour)); d != 0 {
		t.Errorf("two hours later a login waits %v", d)
	}
}

func TestGuessesPerAddress(t *testing.T) {
	g := newGuesses(3)
	now := time.Unix(1e9, 0)
	a, b := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
	for range 3 {
		if g.exhausted(a, now) {
			t.Fatal("exhausted too early")
		}
		g.wrong(a, "alice", now)
	}
	if !g.exhausted(a, now) || g.exhausted(b, now) {
		t.Error("three wrong logins exhaust this address and no other")
	}
	if g.exhausted(a, now.Add(time.Minute)) {
		t.Error("a minute does not help")
	}
}

func TestGuessesAreBounded(t *testing.T) {
	g := newGuesses(20)
	now := time.Unix(1e9, 0)
	a := netip.MustParsePrefix("192.0.2.1/32")
	for i := range 3 * maxGuesses {
		g.wrong(a, fmt.Sprint("user", i), now)
	}
	if len(g.accounts) > maxGuesses {
		t.Errorf("%d accounts are remembered", len(g.accounts))
	}
}
