package sasl

import (
	"os"
	"strings"
	"testing"
)

// seeded fails a fuzz target whose seeds are gone.
func seeded(f *testing.F) {
	if seeds, err := os.ReadDir("testdata/fuzz/" + f.Name()); err != nil || len(seeds) == 0 {
		f.Fatal("no seeds", err)
	}
}

// What a parser accepts has one spelling: it can be written again from what
// was understood.

func FuzzClientFirst(f *testing.F) {
	seeded(f)
	f.Fuzz(func(t *testing.T, s string) {
		m, err := parseClientFirst(s)
		if err != nil {
			return
		}
		header := string(m.flag)
		if m.flag == 'p' {
			header += "=" + m.binding
		}
		header += ","
		if m.authzid != "" {
			header += "a=" + escape(m.authzid)
		}
		again := header + ",n=" + escape(m.user) + ",r=" + m.nonce
		if !rewritten(s, again) || m.text+m.bare != s || m.nonce == "" {
			t.Errorf("%q read as %q", s, again)
		}
	})
}

func FuzzClientFinal(f *testing.F) {
	seeded(f)
	f.Fuzz(func(t *testing.T, s string) {
		m, err := parseClientFinal(s)
		if err != nil {
			return
		}
		if again := "c=" + encode(m.binding) + ",r=" + m.nonce; !rewritten(m.bare, again) || m.bare+",p="+encode(m.proof) != s {
			t.Errorf("%q read as %q", s, again)
		}
	})
}

func FuzzServerFirst(f *testing.F) {
	seeded(f)
	f.Fuzz(func(t *testing.T, s string) {
		m, err := parseServerFirst(s)
		if err != nil {
			return
		}
		x := scram{verifier: Verifier{Iterations: m.iterations, Salt: m.salt}}
		if again := string(x.first(clientFirst{}, nil, m.nonce, seen{})); !rewritten(s, again) {
			t.Errorf("%q read as %q", s, again)
		}
	})
}

func FuzzServerFinal(f *testing.F) {
	seeded(f)
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := parseServerFinal(s); err == nil && !rewritten(s, "v="+encode(v)) {
			t.Errorf("%q read as %q", s, v)
		}
	})
}

func FuzzToken(f *testing.F) {
	seeded(f)
	f.Fuzz(func(t *testing.T, message []byte) {
		name, proof, ok := parseToken(message)
		if ok && name+"\x00"+string(proof) != string(message) {
			t.Errorf("%q read as %q and %q", message, name, proof)
		}
	})
}

// rewritten reports whether s is again, perhaps with extensions behind.
func rewritten(s, again string) bool {
	rest, ok := strings.CutPrefix(s, again)
	return ok && (rest == "" || rest[0] == ',')
}

// Whatever a stranger sends in whatever order, nobody is logged in.
func FuzzServer(f *testing.F) {
	seeded(f)
	cfg := config(f)
	cfg.Identities = nil
	f.Fuzz(func(t *testing.T, mech uint8, first, second string) {
		s := NewServer(cfg)
		offered := s.Mechanisms()
		name := offered[int(mech)%len(offered)]
		if name == plain { // password hashing makes fuzzing slow
			name = offered[0]
		}
		_, done, err := s.Start(name, []byte(first))
		if err == nil && !done {
			_, done, err = s.Step([]byte(second))
		}
		if _, ok := err.(Failure); done || !ok || s.Username() != "" {
			t.Errorf("%v, %v, %q", done, err, s.Username())
		}
	})
}
