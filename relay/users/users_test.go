package users_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lethe/relay/jid"
	"lethe/relay/users"
)

// Two verifiers whose bytes do not matter here.
var (
	scram256 = "scram-sha-256=10000:" + b64(16, 1) + ":" + b64(32, 2) + ":" + b64(32, 3)
	scram1   = "scram-sha-1=4096:" + b64(16, 4) + ":" + b64(20, 5) + ":" + b64(20, 6)
	cert     = "cert=sha256:" + strings.Repeat("ab", 32)
)

func b64(n int, c byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{c}, n))
}

var full = `lethe-users 1
# Every kind of line.
serial 7

user alice@example.org name="Alice \"Al\" Müller" groups=board,sales ` + scram256 + " " + scram1 + " " + cert + `
user bob@example.org groups=sales
user carol@example.net name="Carol" groups=board,sales
user dave@example.net
group sales name="Sales and Service"
contact alice@example.org eve@partner.example name="Eve"
contact dave@example.net alice@example.org
contact alice@example.org bob@example.org
room board@rooms.example.org name="Board" groups=board members=dave@example.net,eve@partner.example
room all@rooms.example.org groups=sales owners=bob@example.org,zoe@partner.example
block bob@example.org spam.example
block bob@example.org eve@partner.example
`

func addr(s string) jid.JID {
	j, err := jid.Parse(s)
	if err != nil {
		panic(err)
	}
	return j
}

func parse(t testing.TB, text string) *users.Set {
	t.Helper()
	s, err := users.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return s
}

func TestLookup(t *testing.T) {
	s := parse(t, full)
	if s.Serial() != 7 || s.Len() != 4 {
		t.Errorf("serial %d, %d users", s.Serial(), s.Len())
	}
	alice, ok := s.Lookup(addr("alice@example.org"))
	if !ok || alice.Name != `Alice "Al" Müller` || !slices.Equal(alice.Groups, []string{"board", "sales"}) {
		t.Fatalf("alice: %+v", alice)
	}
	want := &users.Verifier{Iterations: 10000, Salt: bytes.Repeat([]byte{1}, 16), StoredKey: bytes.Repeat([]byte{2}, 32), ServerKey: bytes.Repeat([]byte{3}, 32)}
	if !reflect.DeepEqual(alice.SHA256, want) || alice.SHA1.Iterations != 4096 || len(alice.SHA1.StoredKey) != 20 {
		t.Errorf("alice's verifiers: %+v, %+v", alice.SHA256, alice.SHA1)
	}
	if u, ok := s.LookupCert([32]byte(bytes.Repeat([]byte{0xab}, 32))); !ok || u != alice {
		t.Errorf("LookupCert: %v, %v", u, ok)
	}
	if _, ok := s.LookupCert([32]byte{}); ok {
		t.Error("an unknown certificate logs in")
	}
	for _, stranger := range []string{"eve@partner.example", "alice@example.net", "example.org", "alice@example.org/x"} {
		if _, ok := s.Lookup(addr(stranger)); ok {
			t.Errorf("Lookup finds %s", stranger)
		}
	}
	if s.GroupName("sales") != "Sales and Service" || s.GroupName("board") != "board" {
		t.Errorf("group names %q, %q", s.GroupName("sales"), s.GroupName("board"))
	}
	var order []string
	for u := range s.Users() {
		order = append(order, u.JID.Local())
	}
	if got := strings.Join(order, " "); got != "alice bob carol dave" {
		t.Errorf("users in the order %s", got)
	}
}

// TestZero holds that a Set that was never parsed knows nobody.
func TestZero(t *testing.T) {
	var s users.Set
	j := addr("a@b")
	if _, ok := s.Lookup(j); ok || s.Len() != 0 || s.IsContact(j, j) || s.Blocks(j, j) || s.Version(j) != "" {
		t.Error("the zero Set knows somebody")
	}
	for range s.Contacts(j) {
		t.Error("the zero Set has contacts")
	}
}

func TestErrors(t *testing.T) {
	const head = "lethe-users 1\nserial 1\n"
	const a = "user a@x\n"
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "line 1: the file ends before its serial; "},
		{"other file", "hello\n", "line 1: this is no users file; the first line is: lethe-users 1"},
		{"newer format", "lethe-users 2\n", "line 1: this is no users file; "},
		{"comment first", "# x\nlethe-users 1\n", "line 1: this is no users file; "},
		{"byte order mark", "\ufefflethe-users 1\n", "line 1: the invisible character U+FEFF; remove it"},
		{"cut off", head + "user a@x", "line 3: the file ends in the middle of a line; "},
		{"no serial", "lethe-users 1\nuser a@x\n", "line 2: the serial is missing; "},
		{"only comments", "lethe-users 1\n# x\n", "line 3: the file ends before its serial; "},
		{"serial 0", "lethe-users 1\nserial 0\n", `line 2: bad serial "0"; `},
		{"serial 01", "lethe-users 1\nserial 01\n", `line 2: bad serial "01"; `},
		{"serial too high", "lethe-users 1\nserial 9223372036854775808\n", "line 2: bad serial "},
		{"two serials", head + "serial 2\n", "line 3: a second serial; "},
		{"serial with more", "lethe-users 1\nserial 1 x\n", `line 2: unknown field "x"; nothing may follow here`},
		{"unknown record", head + "usr a@x\n", `line 3: unknown record "usr"; records are `},
		{"CR LF", "lethe-users 1\r\n", "line 1: the line ends in CR LF; "},
		{"not UTF-8", head + "# \xff\n", "line 3: not UTF-8; "},
		{"control character", head + "# \x1b[31m\n", "line 3: the control character U+001B; "},
		{"hidden direction", head + "user a@x name=\"\u202eevil\"\n", "line 3: the invisible character U+202E; "},
		{"tab", head + "user\ta@x\n", "line 3: a tab; use a blank"},
		{"two blanks", head + "user  a@x\n", "line 3: two blanks in a row; "},
		{"blank at the end", head + "user a@x \n", "line 3: a blank at the start or end of the line; "},
		{"blank line with blank", head + " \n", "line 3: a blank at the start or end of the line; "},
		{"user without address", head + "user\n", "line 3: the line ends where an address is missing; "},
		{"domain", head + "user x\n", `line 3: "x" is a domain; write name@x`},
		{"resource", head + "user a@x/r\n", `line 3: address "a@x/r" with a resource; write a@x`},
		{"upper case", head + "user Alice@x\n", `line 3: address "Alice@x" is not in normal form; write alice@x`},
		{"bad address", head + "user a@b@c\n", `line 3: bad address "a@b@c"; domainpart`},
		{"user twice", head + a + a, "line 4: line 3 has this user already; "},
		{"order", head + "user a@x groups=g name=\"A\"\n", "line 3: name= twice or in the wrong place; the order is name, groups, "},
		{"twice", head + "user a@x name=\"A\" name=\"B\"\n", "line 3: name= twice or in the wrong place; "},
		{"unknown field", head + "user a@x admin=yes\n", `line 3: unknown field "admin=yes"; what may stand here is name=, groups=`},
		{"password", head + "user a@x secret\n", "line 3: unknown field "},
		{"unquoted name", head + "user a@x name=Alice\n", `line 3: name= is not quoted; write name="..."`},
		{"open name", head + "user a@x name=\"Alice\n", "line 3: name= is not closed; "},
		{"escape", head + `user a@x name="A\n"` + "\n", `line 3: a \ in name=; `},
		{"escape at the end", head + `user a@x name="A\` + "\n", `line 3: a \ in name=; `},
		{"empty name", head + "user a@x name=\"\"\n", "line 3: name= is empty, "},
		{"padded name", head + "user a@x name=\" A\"\n", "line 3: name= is empty, longer than 1023 bytes or begins or ends with a blank; "},
		{"no blank", head + "user a@x name=\"A\"groups=b\n", `line 3: no blank before "groups=b"; `},
		{"empty groups", head + "user a@x groups=\n", "line 3: groups= is empty; "},
		{"comma", head + "user a@x groups=a,\n", "line 3: a comma too many in groups=; "},
		{"group twice", head + "user a@x groups=a,b,a\n", `line 3: "a" twice in groups=; `},
		{"group name", head + "user a@x groups=a\"b\n", "line 3: bad group name "},
		{"three parts", head + "user a@x scram-sha-1=4096:AA==:AA==\n", "line 3: scram-sha-1= has not four parts; "},
		{"few iterations", head + "user a@x " + strings.Replace(scram1, "4096", "4095", 1) + "\n", "line 3: scram-sha-1= with bad iterations; allowed are 4096 to 10000000"},
		{"iterations", head + "user a@x " + strings.Replace(scram1, "4096", "+4096", 1) + "\n", "line 3: scram-sha-1= with bad iterations; "},
		{"base64", head + "user a@x " + strings.Replace(scram1, "==", "", 1) + "\n", "line 3: scram-sha-1= with bad base64; "},
		{"hashes swapped", head + "user a@x " + strings.Replace(scram256, "256", "1", 1) + "\n", "line 3: scram-sha-1= with a salt or key of the wrong length; "},
		{"certificate with colons", head + "user a@x cert=sha256:AB:CD\n", "line 3: bad certificate "},
		{"certificate in upper case", head + "user a@x " + strings.ReplaceAll(cert, "ab", "AB") + "\n", "line 3: bad certificate "},
		{"certificate of two", head + "user a@x " + cert + "\nuser b@x " + cert + "\n", "line 4: line 3 binds this certificate already; "},
		{"group without name", head + "group g\n", "line 3: a group line without name=; "},
		{"group named twice", head + "group g name=\"G\"\ngroup g name=\"H\"\n", "line 4: line 3 names this group already; "},
		{"contact of a stranger", head + a + "contact b@x a@x\n", `line 4: "b@x" is no user of this file; put a user first`},
		{"contact of oneself", head + a + "contact a@x a@x\n", "line 4: the same address twice; "},
		{"contact with a user's name", head + a + "user b@x\ncontact a@x b@x name=\"B\"\n", "line 5: name= for a user of this file; remove it here: the name comes from line 4"},
		{"contact the other way", head + a + "user b@x\ncontact a@x b@x\ncontact b@x a@x\n", "line 6: an earlier line makes these two contacts already; "},
		{"room without members", head + "room r@rooms.x\n", "line 3: a room without members; "},
		{"room of nobody", head + a + "room r@rooms.x groups=g\n", `line 4: nobody is in group "g"; `},
		{"room twice", head + "room r@r members=a@x\nroom r@r members=a@x\n", "line 4: line 3 has this room already; "},
		{"room at a user's address", head + a + "room a@x members=b@x\n", "line 4: line 3 has a user with this address; "},
		{"owner", head + "room r@r owners=A@x\n", `line 3: address "A@x" is not in normal form; write a@x`},
		{"owners before members", head + "room r@r owners=a@x members=a@x\n", "line 3: members= twice or in the wrong place; the order is name, groups, members, owners"},
		{"member", head + "room r@r members=a@x,A@x\n", `line 3: address "A@x" is not in normal form; write a@x`},
		{"block twice", head + a + "block a@x b\nblock a@x b\n", "line 5: an earlier line blocks this already; "},
		{"block of a stranger", head + "block a@x b\n", `line 3: "a@x" is no user of this file; `},
		{"block with name", head + a + "block a@x b name=\"B\"\n", "line 4: unknown field "},
	} {
		s, err := users.Parse([]byte(tt.text))
		if err == nil || s != nil {
			t.Errorf("%s: accepted", tt.name)
			continue
		}
		if got := err.Error(); !strings.HasPrefix(got, tt.want) || strings.Contains(got, "\n") || strings.Contains(got, "%!") {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	text := []byte(big(10_000))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := users.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzParse holds that no text makes the parser panic, that every refusal
// names a line, that a user's line has one spelling, and that editing gives
// sound files.
func FuzzParse(f *testing.F) {
	if seeds, _ := os.ReadDir("testdata/fuzz/FuzzParse"); len(seeds) == 0 {
		f.Fatal("testdata/fuzz/FuzzParse has no seeds")
	}
	f.Add([]byte(full))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := users.Parse(text)
		if err != nil {
			if msg := err.Error(); !strings.HasPrefix(msg, "line ") || strings.ContainsAny(msg, "\n\r\x1b") || s != nil {
				t.Fatalf("error %q", msg)
			}
			return
		}
		for u := range s.Users() {
			line, err := users.Format(u)
			if err != nil || !strings.Contains("\n"+string(text), "\n"+line) {
				t.Fatalf("user %s: Format gives %q, %v, which is not in the file", u.JID, line, err)
			}
			for c := range s.Contacts(u.JID) {
				if _, ok := s.Lookup(c.JID); ok && !s.IsContact(c.JID, u.JID) {
					t.Fatalf("%s has the contact %s, but not the other way", u.JID, c.JID)
				}
			}
		}
		fuzzEdit(t, text, s)
	})
}

// fuzzEdit adds a user and removes it again, which must leave the file as it
// was but for the serial.
func fuzzEdit(t *testing.T, text []byte, s *users.Set) {
	guest := &users.User{JID: addr("fuzz-guest@example.org"), Name: `G"\`, Groups: []string{"guests"}}
	if _, ok := s.Lookup(guest.JID); ok || s.Serial() > 1<<62 {
		return
	}
	with, err := users.Add(text, guest)
	if err != nil {
		if strings.Contains(string(text), "fuzz-guest") {
			return // a contact line elsewhere may name the guest
		}
		t.Fatalf("Add: %v", err)
	}
	without, also, err := users.Remove(with, guest.JID)
	if err != nil || len(also) > 0 {
		return // other lines may name the guest
	}
	raise := func(b []byte, from uint64) string {
		return strings.Replace(string(b), fmt.Sprintf("\nserial %d\n", from), fmt.Sprintf("\nserial %d\n", s.Serial()+2), 1)
	}
	if got := string(without); got != raise(text, s.Serial()) {
		t.Fatalf("after Add and Remove:\n%s\nwas:\n%s", got, text)
	}
}
