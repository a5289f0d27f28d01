package federation_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"lethe/dane"
	"lethe/dane/resolve"
	"lethe/federation"
)

// diagnosed waits until a server tells exactly this of its links, one a line.
func diagnosed(t *testing.T, n *node, want ...string) {
	t.Helper()
	var got []string
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		got = nil
		for _, l := range n.server.Diagnosis() {
			if time.Since(l.Since) > time.Minute {
				t.Errorf("%+v is too old", l)
			}
			got = append(got, fmt.Sprintf("%s in=%t failed=%t %s %s", l.Domain, l.Incoming, l.Failed, l.Proof, l.Reason))
		}
		if strings.Join(got, "\n") == strings.Join(want, "\n") {
			return
		}
	}
	t.Fatalf("%s tells:\n%s\nwant:\n%s", n.domain, strings.Join(got, "\n"), strings.Join(want, "\n"))
}

// TestDiagnosis: both sides tell of a link while it stands, and of one that
// failed, until it is made.
func TestDiagnosis(t *testing.T) {
	w := newWorld(t)
	failed := make(chan string, 10)
	a := w.node("a.example", func(c *federation.Config) {
		c.Failed = func(domain, reason string) { failed <- domain + ": " + reason }
	})
	b := w.node("b.example", nil)
	const mismatch = "no TLSA record fits the certificate (RFC 6698 §2.1)"
	b.associate(dane.Of(a.cert, dane.DANEEE, dane.SPKI, dane.SHA256))
	a.say("bob@b.example", "1")
	a.hear() // it comes back
	diagnosed(t, a, "b.example in=false failed=true none "+mismatch)
	if got := <-failed; got != "b.example: "+mismatch {
		t.Errorf("the host hears %q", got)
	}
	diagnosed(t, b) // a handshake that ends names nobody

	c := w.node("c.example", nil)
	b.say("carol@c.example", "2")
	if h := b.hear(); h.typ != "error" { // c does not believe who has other TLSA records
		t.Fatalf("heard %+v", h)
	}
	diagnosed(t, c, "b.example in=true failed=true none "+mismatch)

	b.associate(dane.Of(b.cert, dane.DANEEE, dane.SPKI, dane.SHA256))
	d := w.node("d.example", nil)
	b.say("dan@d.example", "3")
	d.hear()
	diagnosed(t, d, "b.example in=true failed=false dane ")
	federation.Forgive(c.server, "b.example")
	diagnosed(t, c)
}

// TestDiagnosisOfDialback: who calls back only to verify a key has not failed,
// whatever it shows.
func TestDiagnosisOfDialback(t *testing.T) {
	w := newWorld(t)
	a, b := w.node("a.example", nil), w.node("b.example", nil)
	federation.HideCertificate(a.server)
	federation.HideCertificate(b.server)
	a.say("bob@b.example", "1")
	b.hear()
	diagnosed(t, a, "b.example in=false failed=false dane ")
	diagnosed(t, b, "a.example in=true failed=false dialback ")
	time.Sleep(100 * time.Millisecond) // until the connection that asked is gone
	diagnosed(t, a, "b.example in=false failed=false dane ")

	w.dns.mu.Lock()
	w.dns.services["a.example"] = resolve.Service{Status: resolve.Bogus}
	w.dns.mu.Unlock()
	c := w.node("c.example", nil)
	a.say("carol@c.example", "2")
	a.hear() // it comes back
	diagnosed(t, c, "a.example in=true failed=true none the SRV lookup is bogus: "+resolve.Reason(0).String()+" ("+resolve.Reason(0).Section()+")")
}

// TestFailuresAreForgotten, after an hour, and are bounded before.
func TestFailuresAreForgotten(t *testing.T) {
	w := newWorld(t)
	a := w.node("a.example", nil)
	w.dns.mu.Lock()
	w.dns.services["b.example"] = resolve.Service{Status: resolve.Bogus}
	w.dns.mu.Unlock()
	a.say("bob@b.example", "1")
	a.hear()
	for i := range 2000 {
		federation.Refuse(a.server, fmt.Sprintf("d%d.example", i), context.DeadlineExceeded)
	}
	if n := len(a.server.Diagnosis()); n != 1001 {
		t.Errorf("%d failures are told of, want 1001", n)
	}
	a.server.Sweep(time.Now().Add(59 * time.Minute))
	if n := len(a.server.Diagnosis()); n != 1001 {
		t.Errorf("%d of them after 59 minutes", n)
	}
	a.server.Sweep(time.Now().Add(61 * time.Minute))
	if n := len(a.server.Diagnosis()); n != 0 || federation.Links(a.server) != 0 {
		t.Errorf("%d of them, and %d links, after 61 minutes", n, federation.Links(a.server))
	}
}
