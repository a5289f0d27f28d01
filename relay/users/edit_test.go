package users_test

import (
	"slices"
	"strings"
	"testing"

	"lethe/relay/users"
)

// edited says what an edit must make of a file: old becomes new, serial 7
// becomes 8, and nothing else changes.
func edited(text string, replace ...string) string {
	return strings.Replace(strings.NewReplacer(replace...).Replace(text), "serial 7", "serial 8", 1)
}

func TestAdd(t *testing.T) {
	frank := &users.User{JID: addr("frank@example.org"), Name: `F\ "x"`, Groups: []string{"board"}}
	grace := &users.User{JID: addr("grace@example.org"), SHA1: &users.Verifier{Iterations: 4096, Salt: make([]byte, 8), StoredKey: make([]byte, 20), ServerKey: make([]byte, 20)}}
	got, err := users.Add([]byte(full), frank, grace)
	if err != nil {
		t.Fatal(err)
	}
	want := edited(full, "user dave@example.net\n", "user dave@example.net\n"+
		`user frank@example.org name="F\\ \"x\"" groups=board`+"\n"+
		"user grace@example.org scram-sha-1=4096:"+b64(8, 0)+":"+b64(20, 0)+":"+b64(20, 0)+"\n")
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, err = users.Add([]byte("lethe-users 1\nserial 7\n# end\n"), grace); err != nil || !strings.HasPrefix(string(got), "lethe-users 1\nserial 8\n# end\nuser grace@") {
		t.Errorf("first user: %v\n%s", err, got)
	}
}

func TestAddRefuses(t *testing.T) {
	for name, u := range map[string]*users.User{
		"there already":   {JID: addr("bob@example.org")},
		"a domain":        {JID: addr("example.org")},
		"zero":            {},
		"bad group":       {JID: addr("x@example.org"), Groups: []string{"a b"}},
		"field in group":  {JID: addr("x@example.org"), Groups: []string{"a cert=sha256:" + strings.Repeat("ab", 32)}},
		"comma in group":  {JID: addr("x@example.org"), Groups: []string{"a,b"}},
		"line feed":       {JID: addr("x@example.org"), Name: "a\nuser y@example.org"},
		"second record":   {JID: addr("x@example.org"), Name: "a\"\nuser y@example.org name=\"b"},
		"room's address":  {JID: addr("board@rooms.example.org")},
		"weak":            {JID: addr("x@example.org"), SHA256: &users.Verifier{}},
		"contact's name":  {JID: addr("eve@partner.example")},
		"blank in a name": {JID: addr("x@example.org"), Name: " a"},
	} {
		if got, err := users.Add([]byte(full), u); err == nil || got != nil {
			t.Errorf("%s: added", name)
		}
	}
	if _, err := users.Add([]byte(full), &users.User{JID: addr("x@y")}, &users.User{JID: addr("x@y")}); err == nil {
		t.Error("one user was added twice")
	}
	if _, err := users.Add([]byte("lethe-users 1\nserial 9223372036854775807\n"), &users.User{JID: addr("x@y")}); err == nil {
		t.Error("the serial grew beyond its end")
	}
}

func TestSetPassword(t *testing.T) {
	v := &users.Verifier{Iterations: 5000, Salt: make([]byte, 8), StoredKey: make([]byte, 32), ServerKey: make([]byte, 32)}
	got, err := users.SetPassword([]byte(full), addr("alice@example.org"), v, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := edited(full, scram256+" "+scram1, "scram-sha-256=5000:"+b64(8, 0)+":"+b64(32, 0)+":"+b64(32, 0)); string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, err := users.SetPassword([]byte(full), addr("eve@partner.example"), v, nil); err == nil {
		t.Error("a stranger got a password")
	}
}

func TestRemove(t *testing.T) {
	for _, tt := range []struct {
		user string
		cut  []string
		also []int
	}{
		{"dave@example.net", []string{"user dave@example.net\n", "", "contact dave@example.net alice@example.org\n", "", "members=dave@example.net,", "members="}, []int{11, 13}},
		{"bob@example.org", []string{"user bob@example.org groups=sales\n", "", "contact alice@example.org bob@example.org\n", "", "block bob@example.org spam.example\nblock bob@example.org eve@partner.example\n", "", "owners=bob@example.org,", "owners="}, []int{12, 14, 15, 16}},
	} {
		got, also, err := users.Remove([]byte(full), addr(tt.user))
		if err != nil || !slices.Equal(also, tt.also) {
			t.Errorf("%s: lines %v, %v; want %v", tt.user, also, err, tt.also)
		}
		if want := edited(full, tt.cut...); string(got) != want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.user, got, want)
		}
	}
	if _, _, err := users.Remove([]byte(full), addr("eve@partner.example")); err == nil {
		t.Error("a stranger was removed")
	}
	only := "lethe-users 1\nserial 1\nuser a@x\nroom r@y members=a@x\n"
	if got, _, err := users.Remove([]byte(only), addr("a@x")); err == nil || got != nil || !strings.Contains(err.Error(), "a room without members") {
		t.Errorf("a room lost its last member: %v", err)
	}
	// Lines are counted in the file as it is, not as it would be.
	if _, _, err := users.Remove([]byte(only), addr("a@x")); !strings.HasPrefix(err.Error(), "line 4: ") {
		t.Errorf("the error about line 4 is %v", err)
	}
	if _, err := users.Add([]byte(full), &users.User{JID: addr("eve@partner.example")}); !strings.HasPrefix(err.Error(), "line 10: ") {
		t.Errorf("the error about line 10 is %v", err)
	}
}
