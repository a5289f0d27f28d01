package federation_test

import (
	"testing"
	"time"

	"lethe/federation"
)

// TestLinksAreCounted: each side counts a link by what proves the other, for as
// long as it stands.
func TestLinksAreCounted(t *testing.T) {
	for _, tt := range []struct {
		name     string
		dialback bool
		in       federation.Proof // by which the called side knows the caller
	}{
		{"certificate", false, federation.WithDANE},
		{"dialback", true, federation.ByDialback},
	} {
		w := newWorld(t)
		a, b := w.node("a.example", nil), w.node("b.example", nil)
		if tt.dialback {
			federation.HideCertificate(a.server)
		}
		a.say("bob@b.example", "1")
		b.hear()
		stand := func(want int64) bool {
			in, _ := b.server.Links(tt.in)
			_, out := a.server.Links(federation.WithDANE)
			return in == want && out == want
		}
		for _, want := range []int64{1, 0} {
			for deadline := time.Now().Add(5 * time.Second); !stand(want); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%s: not %d links at each side", tt.name, want)
				}
			}
			a.server.Shutdown(time.Second)
		}
	}
}

func TestProofsHaveNames(t *testing.T) {
	seen := map[string]bool{"": true}
	for p := range federation.Proofs {
		name := federation.Proof(p).String()
		if seen[name] {
			t.Errorf("%q is the name of two proofs", name)
		}
		seen[name] = true
	}
}
