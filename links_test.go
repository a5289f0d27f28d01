//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"lethe/relay/wire"
)

// TestFailedLinks has an operator mend links: the log names a domain that
// cannot be reached, once, lethe check tells what the running relay knows, and
// a setting switches both off.
func TestFailedLinks(t *testing.T) {
	t.Parallel()
	here, there := newRelayFor(t, "here.test", "alice"), newRelayFor(t, "there.test", "dan")
	federate(t, here, there)
	port := freePort(t)
	here.set(t, "metrics", fmt.Sprintf(`["127.0.0.1:%d"]`, port))
	here.start(t)
	there.start(t)
	write := func() {
		t.Helper()
		a, d := here.online(t, "alice"), there.online(t, "dan")
		tell(t, a, d, d.JID().String(), "chat", "there", "text")
		for range 2 {
			if err := a.Say("SECRET@nowhere.test/SECRET", "back", "SECRET"); err != nil {
				t.Fatal(err)
			}
			if _, err := a.Until(func(n *wire.Node) bool { return n.Attr("type") == "error" }); err != nil {
				t.Fatal(err)
			}
		}
	}
	write()
	waitFor(t, here, "no link") // the sender hears of it first
	if got := regexp.MustCompile(`(?m)level=WARN msg="no link" (.*)$`).FindAllStringSubmatch(here.log.String(), -1); len(got) != 1 ||
		got[0][1] != `domain=nowhere.test reason="no server of the domain has an address"` || strings.Contains(here.log.String(), "SECRET") {
		t.Errorf("the log says %q", got)
	}
	for domain, want := range map[string]string{"there.test": "out standing dane ", "nowhere.test": "out failed  no server of the domain has an address"} {
		out, _ := prepare("check", "-config", here.file("lethe.toml"), "-json", domain).Output() // status 1 for nowhere.test
		var said struct {
			RunningRelay []struct{ Direction, State, Proof, Reason string } `json:"running_relay"`
		}
		if err := json.Unmarshal(out, &said); err != nil || len(said.RunningRelay) != 1 {
			t.Fatalf("check -json %s: %v\n%s", domain, err, out)
		}
		if l := said.RunningRelay[0]; l.Direction+" "+l.State+" "+l.Proof+" "+l.Reason != want {
			t.Errorf("of %s the running relay says %+v, want %s", domain, l, want)
		}
	}

	here.write(t, "lethe.toml", strings.Replace(here.read(t, "lethe.toml"), "# domains = true", "domains = false", 1))
	before := len(here.log.String())
	here.restart(t)
	write()
	time.Sleep(100 * time.Millisecond)
	if log := here.log.String()[before:]; strings.Contains(log, "nowhere.test") {
		t.Errorf("the log names a domain:\n%s", log)
	}
	answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/links", port))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("/links answers %s", answer.Status)
	}
}

// TestNamedOnce: the log names a domain once in ten minutes, and a hundred at
// most, however many users write to.
func TestNamedOnce(t *testing.T) {
	var s spoken
	now := time.Now()
	count := func(n int) (named int) {
		for i := range n {
			if s.first(fmt.Sprint(i, ".example"), now) {
				named++
			}
		}
		return named
	}
	for _, step := range []struct{ domains, want int }{{60, 60}, {60, 0}, {200, 40}} {
		if got := count(step.domains); got != step.want {
			t.Errorf("of %d domains %d are named, want %d", step.domains, got, step.want)
		}
	}
	now = now.Add(quiet)
	if got := count(1); got != 1 || len(s.when) != 1 {
		t.Errorf("after a while %d are named, %d remembered", got, len(s.when))
	}
}
