package jid_test

import (
	"os"
	"strings"
	"testing"

	"lethe/relay/jid"
)

// TestExamples holds the strings of RFC 7622 §3.5, numbered as there.
func TestExamples(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string // want "": refused
	}{
		{"1", "juliet@example.com", "juliet@example.com"},
		{"2", "juliet@example.com/foo", "juliet@example.com/foo"},
		{"3", "juliet@example.com/foo bar", "juliet@example.com/foo bar"},
		{"4", "juliet@example.com/foo@bar", "juliet@example.com/foo@bar"},
		{"5", `foo\20bar@example.com`, `foo\20bar@example.com`},
		{"6", "fussball@example.com", "fussball@example.com"},
		{"7", "fußball@example.com", "fußball@example.com"},
		{"8", "π@example.com", "π@example.com"},
		{"9", "Σ@example.com/foo", "σ@example.com/foo"},
		{"10", "σ@example.com/foo", "σ@example.com/foo"},
		{"11", "ς@example.com/foo", "ς@example.com/foo"},
		{"12", "king@example.com/♚", "king@example.com/♚"},
		{"13", "example.com", "example.com"},
		{"14", "example.com/foobar", "example.com/foobar"},
		{"15", "a.example.com/b@example.net", "a.example.com/b@example.net"},
		{"16", `"juliet"@example.com`, ""},
		{"17", "foo bar@example.com", ""},
		// Erratum 4560: OpaqueString allows the leading space after all.
		{"18", "juliet@example.com/ foo", "juliet@example.com/ foo"},
		{"19", "@example.com/", ""},
		{"20", "henryⅣ@example.com", ""},
		{"21", "♚@example.com", ""},
		{"22", "juliet@", ""},
		{"23", "/foobar", ""},
	} {
		check(t, tt.name, tt.in, tt.want)
	}
}

func TestParse(t *testing.T) {
	label := strings.Repeat("d", 63)
	for _, tt := range []struct {
		name, in, want string
	}{
		{"case", "Alice@Example.ORG/Phone", "alice@example.org/Phone"},
		{"umlaut", "Müller@example.org", "müller@example.org"},
		{"decomposed", "mu\u0308ller@example.org", "müller@example.org"},
		{"full width", "ａｌｉｃｅ@example.org", "alice@example.org"},
		{"full width at sign in localpart", "a＠b@example.org", ""},
		{"all reserved characters", `a&b@example.org`, ""},
		{"apostrophe", `a'b@example.org`, ""},
		{"colon", "a:b@example.org", ""},
		{"angle brackets", "<a>@example.org", ""},
		{"second at sign", "a@b@example.org", ""},
		{"control character in localpart", "a\x01b@example.org", ""},
		{"control character in resourcepart", "a@example.org/b\x7f", ""},
		{"broken UTF-8", "a\xffb@example.org", ""},
		{"broken UTF-8 in resourcepart", "a@example.org/\xc3", ""},
		{"ideographic space", "a@example.org/x\u3000y", "a@example.org/x y"},
		{"slash in resourcepart", "a@example.org/b/c", "a@example.org/b/c"},
		{"empty", "", ""},
		{"empty resourcepart", "a@example.org/", ""},
		{"final dot", "a@example.org./r", "a@example.org/r"},
		{"two final dots", "example.org..", ""},
		{"empty label", "a@b..c", ""},
		{"leading dot", ".example.org", ""},
		{"only a dot", ".", ""},
		{"underscore", "a_b.example.org", ""},
		{"hyphen first", "-a.example.org", ""},
		{"hyphen last", "a-.example.org", ""},
		{"A-label", "a@xn--bcher-kva.example", "a@bücher.example"},
		{"U-label", "a@BÜCHER.example", "a@bücher.example"},
		{"false A-label", "a@xn--a.example", ""},
		{"ideographic dot", "a@example。org", "a@example.org"},
		{"sharp s stays", "a@straße.example", "a@straße.example"},
		{"symbol", "a@☃.example", ""},
		{"onion", "a@" + strings.Repeat("a", 56) + ".onion", "a@" + strings.Repeat("a", 56) + ".onion"},
		{"IPv4", "a@192.0.2.1", "a@192.0.2.1"},
		{"IPv6", "a@[2001:DB8::1]/r", "a@[2001:db8::1]/r"},
		{"IPv6 zone", "a@[fe80::1%eth0]", ""},
		{"IPv6 unclosed", "a@[::1", ""},
		{"IPv4 in brackets", "a@[192.0.2.1]", ""},
		{"right to left", "אבג@example.org", "אבג@example.org"},
		{"mixed direction", "אבגabc@example.org", ""},
		{"longest label", label + ".org", label + ".org"},
		{"label too long", label + "d.org", ""},
		{"name too long", strings.Repeat(label+".", 4) + "org", ""},
		{"longest localpart", strings.Repeat("a", 1023) + "@b", strings.Repeat("a", 1023) + "@b"},
		{"localpart too long", strings.Repeat("a", 1024) + "@b", ""},
		{"localpart too long in UTF-8", strings.Repeat("ü", 512) + "@b", ""},
		{"localpart short once composed", strings.Repeat("u\u0308", 400) + "@b", strings.Repeat("ü", 400) + "@b"},
		{"longest resourcepart", "b/" + strings.Repeat("r", 1023), "b/" + strings.Repeat("r", 1023)},
		{"resourcepart too long", "b/" + strings.Repeat("r", 1024), ""},
	} {
		check(t, tt.name, tt.in, tt.want)
	}
}

func check(t *testing.T, name, in, want string) {
	t.Helper()
	got, err := jid.Parse(in)
	if (err != nil) != (want == "") || got.String() != want {
		t.Errorf("%s: Parse(%q) = %q, %v; want %q", name, in, got, err, want)
	}
	if b, berr := jid.ParseBytes([]byte(in)); b != got || berr != err {
		t.Errorf("%s: ParseBytes(%q) = %q, %v; Parse gave %q, %v", name, in, b, berr, got, err)
	}
	if err != nil && got != (jid.JID{}) {
		t.Errorf("%s: Parse(%q) gave both an address and an error", name, in)
	}
}

func TestParts(t *testing.T) {
	for _, tt := range []struct{ in, local, domain, resource, bare string }{
		{"a@b/c", "a", "b", "c", "a@b"},
		{"a@b", "a", "b", "", "a@b"},
		{"b/c@d/e", "", "b", "c@d/e", "b"},
		{"b", "", "b", "", "b"},
	} {
		j, err := jid.Parse(tt.in)
		if err != nil {
			t.Fatal(err)
		}
		if j.Local() != tt.local || j.Domain() != tt.domain || j.Resource() != tt.resource || j.Bare().String() != tt.bare {
			t.Errorf("%q: %q %q %q, bare %q", tt.in, j.Local(), j.Domain(), j.Resource(), j.Bare())
		}
		if j.IsBare() != (tt.resource == "") || !j.Bare().IsBare() || j.IsZero() {
			t.Errorf("%q: IsBare %v, IsZero %v", tt.in, j.IsBare(), j.IsZero())
		}
		if made, err := jid.New(tt.local, tt.domain, tt.resource); made != j || err != nil {
			t.Errorf("New of %q's parts = %q, %v", tt.in, made, err)
		}
		if bare, _ := jid.Parse(tt.bare); bare != j.Bare() {
			t.Errorf("%q: Bare is not equal to what Parse gives", tt.in)
		}
		if r, err := j.WithResource("X y"); err != nil || r.String() != tt.bare+"/X y" {
			t.Errorf("%q.WithResource = %q, %v", tt.in, r, err)
		}
		if _, err := j.WithResource(""); err != jid.ErrResource {
			t.Errorf("%q.WithResource(\"\"): %v", tt.in, err)
		}
	}
}

func TestZero(t *testing.T) {
	var j jid.JID
	if !j.IsZero() || j.String() != "" || j.Local() != "" || j.Domain() != "" || j.Resource() != "" || j.Bare() != j {
		t.Error("the zero JID is not empty")
	}
	if _, err := j.WithResource("r"); err == nil {
		t.Error("the zero JID took a resource")
	}
	if _, err := jid.New("a", "", ""); err != jid.ErrDomain {
		t.Errorf("New without domain: %v", err)
	}
	if _, err := jid.New("a@b", "c", ""); err != jid.ErrLocal {
		t.Errorf("New with an at sign in the localpart: %v", err)
	}
}

func TestAllocations(t *testing.T) {
	text := []byte("alice@example.org/Phone")
	full, _ := jid.ParseBytes(text)
	for _, tt := range []struct {
		name string
		want float64
		f    func()
	}{
		{"Parse", 0, func() { jid.Parse("alice@example.org/Phone") }},
		{"ParseBytes", 1, func() { jid.ParseBytes(text) }},
		{"Bare", 0, func() { _ = full.Bare().String() }},
	} {
		if got := testing.AllocsPerRun(100, tt.f); got > tt.want {
			t.Errorf("%s: %v allocations, want %v", tt.name, got, tt.want)
		}
	}
}

// FuzzParse holds that an address in normal form is parsed to itself, that its
// parts make it again, and that the way for plain ASCII gives what the tables
// give.
func FuzzParse(f *testing.F) {
	if seeds, _ := os.ReadDir("testdata/fuzz/FuzzParse"); len(seeds) == 0 {
		f.Fatal("testdata/fuzz/FuzzParse has no seeds")
	}
	f.Fuzz(func(t *testing.T, s string) {
		j, err := jid.Parse(s)
		slow, slowErr := jid.ParseSlow(s)
		if j != slow || err != slowErr {
			t.Fatalf("Parse(%q) = %q, %v; by the tables %q, %v", s, j, err, slow, slowErr)
		}
		if err != nil {
			return
		}
		if again, err := jid.Parse(j.String()); err != nil || again != j {
			t.Fatalf("%q: Parse(%q) = %q, %v", s, j, again, err)
		}
		if made, err := jid.New(j.Local(), j.Domain(), j.Resource()); err != nil || made != j {
			t.Fatalf("%q: New = %q, %v", s, made, err)
		}
		for _, part := range []string{j.Local(), j.Domain(), j.Resource()} {
			if len(part) > jid.MaxPart {
				t.Fatalf("%q: a part of %d bytes", s, len(part))
			}
		}
	})
}

func BenchmarkParseBytes(b *testing.B) {
	for _, tt := range []struct{ name, in string }{
		{"ASCII", "alice@example.org/Phone"},
		{"Unicode", "müller@bücher.example/Telefon"},
	} {
		b.Run(tt.name, func(b *testing.B) {
			in := []byte(tt.in)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := jid.ParseBytes(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
