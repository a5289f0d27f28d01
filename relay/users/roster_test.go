package users_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestContacts(t *testing.T) {
	s := parse(t, full)
	const sales = "Sales and Service"
	for of, want := range map[string][]string{
		"alice@example.org": {
			"carol@example.net|Carol|board," + sales, "bob@example.org||" + sales,
			"eve@partner.example|Eve|", "dave@example.net||",
		},
		"bob@example.org":     {`alice@example.org|Alice "Al" Müller|` + sales, "carol@example.net|Carol|" + sales},
		"dave@example.net":    {`alice@example.org|Alice "Al" Müller|`},
		"carol@example.net":   {`alice@example.org|Alice "Al" Müller|board,` + sales, "bob@example.org||" + sales},
		"eve@partner.example": nil,
	} {
		var got []string
		for c := range s.Contacts(addr(of)) {
			got = append(got, c.JID.String()+"|"+c.Name+"|"+strings.Join(c.Groups, ","))
			if !s.IsContact(addr(of), c.JID) {
				t.Errorf("%s is in the list of %s, but IsContact says no", c.JID, of)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("contacts of %s:\ngot  %q\nwant %q", of, got, want)
		}
	}
	for _, pair := range [][2]string{
		{"bob@example.org", "dave@example.net"}, {"eve@partner.example", "alice@example.org"},
		{"alice@example.org", "alice@example.org"}, {"bob@example.org", "eve@partner.example"},
	} {
		if s.IsContact(addr(pair[0]), addr(pair[1])) {
			t.Errorf("%s is a contact of %s", pair[1], pair[0])
		}
	}
}

// TestContactsStop holds that a loop over contacts may end early.
func TestContactsStop(t *testing.T) {
	s := parse(t, full)
	for range s.Contacts(addr("alice@example.org")) {
		break
	}
	for range s.RoomsOf(addr("alice@example.org")) {
		break
	}
}

func TestRooms(t *testing.T) {
	s := parse(t, full)
	for member, want := range map[string]string{
		"alice@example.org": "board all", "bob@example.org": "all", "carol@example.net": "board all",
		"dave@example.net": "board", "eve@partner.example": "board", "zoe@partner.example": "all", "nobody@example.org": "",
	} {
		var got []string
		for r := range s.RoomsOf(addr(member)) {
			got = append(got, r.JID.Local())
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("rooms of %s: %q, want %q", member, g, want)
		}
	}
}

func TestBlocks(t *testing.T) {
	s := parse(t, full)
	bob := addr("bob@example.org")
	for other, want := range map[string]bool{
		"spam.example": true, "x@spam.example/y": true, "eve@partner.example/z": true,
		"partner.example": false, "alice@example.org": false, "a.spam.example": false,
	} {
		if got := s.Blocks(bob, addr(other)); got != want {
			t.Errorf("Blocks(bob, %s) = %v", other, got)
		}
	}
	if s.Blocks(addr("alice@example.org"), addr("spam.example")) {
		t.Error("bob's block counts for alice")
	}
	if got := s.Blocked(bob); len(got) != 2 {
		t.Errorf("Blocked(bob) = %v", got)
	}
}

// TestVersion holds that a list's version changes when, and only when, what
// the list shows changes.
func TestVersion(t *testing.T) {
	base := parse(t, full)
	bob, dave := addr("bob@example.org"), addr("dave@example.net")
	for _, tt := range []struct {
		name, old, new string
		bob, dave      bool // changes
	}{
		{"nothing", "", "", false, false},
		{"serial and comment", "# Every kind of line.\nserial 7", "# Same.\n\nserial 8", false, false},
		{"password", scram256, strings.Replace(scram256, "10000", "20000", 1), false, false},
		{"a name", `\"Al\" `, "", true, true},
		{"a group's name", "Sales and", "Sales &", true, false},
		{"who is in a group", "carol@example.net name=\"Carol\" groups=board,sales", "carol@example.net name=\"Carol\" groups=board", true, false},
		{"a contact", "contact dave@example.net alice@example.org\n", "", false, true},
		{"another's contact", `name="Eve"`, `name="Eva"`, false, false},
	} {
		text := strings.Replace(full, tt.old, tt.new, 1)
		if text == full && tt.old != "" {
			t.Fatalf("%s: nothing to replace", tt.name)
		}
		s := parse(t, text)
		if got := s.Version(bob) != base.Version(bob); got != tt.bob {
			t.Errorf("%s: bob's version changes: %v", tt.name, got)
		}
		if got := s.Version(dave) != base.Version(dave); got != tt.dave {
			t.Errorf("%s: dave's version changes: %v", tt.name, got)
		}
	}
	if base.Version(bob) == base.Version(dave) || len(base.Version(bob)) != 32 || base.Version(addr("x@y")) != "" {
		t.Errorf("versions %q, %q", base.Version(bob), base.Version(dave))
	}
}

// big makes a file of n users, all in one group of their hundred and the first
// thousand in one more.
func big(n int) string {
	var b strings.Builder
	b.WriteString("lethe-users 1\nserial 1\n")
	for i := range n {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		fmt.Fprintf(&b, "user user%d@example.org name=\"User %d\" groups=team%d", i, i, i/100)
		if i < 1000 {
			b.WriteString(",all")
		}
		b.WriteString(" " + scram256 + " " + scram1 + " cert=sha256:" + hex.EncodeToString(sum[:]) + "\n")
	}
	return b.String()
}

// TestLargeGroup holds that a group of a thousand costs a thousand entries,
// not a million: neither the set nor a walk over everybody's contacts keeps
// lists.
func TestLargeGroup(t *testing.T) {
	s := parse(t, big(1000))
	a, b := addr("user7@example.org"), addr("user999@example.org")
	n := 0
	for range s.Contacts(a) {
		n++
	}
	if n != 999 {
		t.Errorf("%d contacts, want 999", n)
	}
	if got := testing.AllocsPerRun(10, func() { s.IsContact(a, b) }); got > 0 {
		t.Errorf("IsContact makes %v allocations", got)
	}
	// Only the hundred with two common groups need a list of their own.
	if got := testing.AllocsPerRun(10, func() {
		for range s.Contacts(a) {
		}
	}); got > 250 {
		t.Errorf("Contacts makes %v allocations", got)
	}
}

func BenchmarkContacts(b *testing.B) {
	s := parse(b, big(1000))
	a := addr("user7@example.org")
	b.ReportAllocs()
	for b.Loop() {
		for range s.Contacts(a) {
		}
	}
}

func BenchmarkVersion(b *testing.B) {
	s := parse(b, big(1000))
	a := addr("user7@example.org")
	b.ReportAllocs()
	for b.Loop() {
		s.Version(a)
	}
}
