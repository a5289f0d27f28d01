package c2s

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"lethe/relay/jid"
	"lethe/relay/sasl"
	"lethe/relay/users"
)

// drawer is tokens under test, with a clock and a users file of its own.
type drawer struct {
	*tokens
	t    *testing.T
	now  time.Time
	file *users.Set
}

const forgetAfter = 24 * time.Hour

func newDrawer(t *testing.T) *drawer {
	return &drawer{newTokens(forgetAfter), t, time.Unix(1e9, 0), usersWith(t, "alice", "one", "bob", "one")}
}

// usersWith is a users file of names and the passwords that their keys stand
// for.
func usersWith(t *testing.T, pairs ...string) *users.Set {
	t.Helper()
	text := []byte("lethe-users 1\nserial 1\n")
	for i := 0; i < len(pairs); i += 2 {
		v, err := sasl.Derive(sasl.SHA256, pairs[i+1], []byte("sixteen bytes ok"), 4096)
		if err != nil {
			t.Fatal(err)
		}
		u := &users.User{JID: who(pairs[i]), SHA256: &users.Verifier{Iterations: v.Iterations, Salt: v.Salt, StoredKey: v.StoredKey, ServerKey: v.ServerKey}}
		if text, err = users.Add(text, u); err != nil {
			t.Fatal(err)
		}
	}
	set, err := users.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func who(name string) jid.JID {
	j, err := jid.New(name, "example.org", "")
	if err != nil {
		panic(err)
	}
	return j
}

// ask gives a token to one of a user's installations.
func (d *drawer) ask(name, agent string) string {
	d.t.Helper()
	u, ok := d.file.Lookup(who(name))
	if !ok {
		d.t.Fatal("no such user")
	}
	_, s, _ := strings.Cut(string(d.give(u, agent, "HT", d.now)), " token='")
	return strings.TrimSuffix(s, "'/>")
}

func (d *drawer) try(name, agent, secret string) error {
	return d.use(d.file, who(name), agent, claim{"HT", 0, func(b []byte) bool { return string(b) == secret }}, d.now)
}

func (d *drawer) want(err, want error) {
	d.t.Helper()
	if err != want {
		d.t.Errorf("got %v, want %v", err, want)
	}
}

// XEP-0484 §5.1: the old one works until the new one is used, and not after.
func TestTokenRotation(t *testing.T) {
	d := newDrawer(t)
	first := d.ask("alice", "phone")
	d.want(d.try("alice", "phone", first), nil)
	if d.due(who("alice"), "phone", d.now.Add(tokenAge-1)) {
		t.Error("due before its time")
	}
	d.now = d.now.Add(tokenAge)
	d.enter(who("alice"), "phone")
	d.want(d.try("alice", "phone", first), nil)
	if !d.due(who("alice"), "phone", d.now) || d.due(who("alice"), "other", d.now) {
		t.Error("not due, or an unknown one is")
	}
	lost := d.ask("alice", "phone")
	d.want(d.try("alice", "phone", first), nil) // its successor was lost on the way
	second := d.ask("alice", "phone")
	d.want(d.try("alice", "phone", lost), sasl.NotAuthorized) // given since, never used
	d.want(d.try("alice", "phone", second), nil)
	d.want(d.try("alice", "phone", first), sasl.NotAuthorized)
	d.want(d.try("alice", "phone", second), nil)
	d.want(d.try("alice", "tablet", second), sasl.CredentialsExpired)
	d.want(d.try("bob", "phone", second), sasl.CredentialsExpired)
}

func TestTokenLifetime(t *testing.T) {
	d := newDrawer(t)
	secret := d.ask("alice", "phone")
	d.enter(who("alice"), "phone") // connected all the while
	d.now = d.now.Add(tokenLife - 1)
	d.want(d.try("alice", "phone", secret), nil)
	d.now = d.now.Add(1)
	d.want(d.try("alice", "phone", secret), sasl.CredentialsExpired)
	d.want(d.try("alice", "phone", secret), sasl.NotAuthorized) // it is gone
	d.sweep(d.file, d.now)
	d.want(d.try("alice", "phone", secret), sasl.CredentialsExpired)
	d.empty()
}

// empty is that nothing is left.
func (d *drawer) empty() {
	d.t.Helper()
	if len(d.users) != 0 || d.holders != 0 {
		d.t.Errorf("%d users and %d devices are left", len(d.users), d.holders)
	}
}

// A token outlives its client's last connection by forget_after, like all that
// hangs on an account.
func TestTokensAreForgotten(t *testing.T) {
	d := newDrawer(t)
	secret := d.ask("alice", "phone")
	one, two := d.enter(who("alice"), "phone"), d.enter(who("alice"), "phone")
	d.now = d.now.Add(3 * forgetAfter)
	d.leave(one, d.now)
	d.now = d.now.Add(3 * forgetAfter)
	d.sweep(d.file, d.now)
	d.want(d.try("alice", "phone", secret), nil) // there is still a connection
	d.leave(two, d.now)
	d.now = d.now.Add(forgetAfter - 1)
	d.sweep(d.file, d.now)
	d.want(d.try("alice", "phone", secret), nil)
	d.now = d.now.Add(1)
	d.want(d.try("alice", "phone", secret), sasl.CredentialsExpired)
	kept := one.current.secret
	d.sweep(d.file, d.now)
	d.empty()
	if len(kept) == 0 || !bytes.Equal(kept, make([]byte, len(kept))) {
		t.Error("the secret was not cleared")
	}
	d.leave(one, d.now) // harmless
	d.leave(nil, d.now)
}

// Who is removed from the users file, or has another password there, has no
// token; nobody else is bothered.
func TestTokensGoWithTheKeys(t *testing.T) {
	for name, after := range map[string]*users.Set{
		"removed":      usersWith(t, "bob", "one"),
		"new password": usersWith(t, "alice", "two", "bob", "one"),
	} {
		d := newDrawer(t)
		alices, bobs := d.ask("alice", "phone"), d.ask("bob", "phone")
		old := d.file
		d.file = after
		d.want(d.try("alice", "phone", alices), sasl.CredentialsExpired)
		d.want(d.try("bob", "phone", bobs), nil)
		d.sweep(after, d.now)
		d.file = old
		d.want(d.try("alice", "phone", alices), sasl.CredentialsExpired)
		if d.holders != 1 {
			t.Errorf("%s: %d devices are left", name, d.holders)
		}
	}
	// A login under the new password does not revive what the old one brought.
	d := newDrawer(t)
	first := d.ask("alice", "phone")
	d.want(d.try("alice", "phone", first), nil)
	d.file = usersWith(t, "alice", "two")
	d.ask("alice", "phone")
	d.want(d.try("alice", "phone", first), sasl.NotAuthorized)
}

func TestTokensAreBounded(t *testing.T) {
	d := newDrawer(t)
	first := d.ask("alice", "0")
	d.enter(who("alice"), "0") // the oldest, and connected
	second := d.ask("alice", "1")
	for i := range 3 * maxDevices {
		d.now = d.now.Add(time.Second)
		d.ask("alice", fmt.Sprint(i+2))
	}
	if n := len(d.users[who("alice")]); n != maxDevices || d.holders != maxDevices {
		t.Errorf("%d devices, %d counted", n, d.holders)
	}
	d.want(d.try("alice", "0", first), nil)
	d.want(d.try("alice", "1", second), sasl.CredentialsExpired)
	d.holders = maxHolders
	if s := d.ask("bob", "phone"); s != "" {
		t.Error("there was room beyond the bound")
	}
	if s := d.ask("alice", "another"); s == "" {
		t.Error("a user with tokens cannot replace one")
	}
}
