package demo

import (
	"bytes"
	"strings"
	"testing"
)

// The story comes out as told, and says so.
func TestDemoOnce(t *testing.T) {
	var out, errs bytes.Buffer
	if status := Command([]string{"-once"}, &out, &errs); status != 0 {
		t.Fatalf("exit status %d\n%s%s", status, out.String(), errs.String())
	}
	if n := strings.Count(out.String(), "✓"); n < 6 {
		t.Errorf("%d steps\n%s", n, out.String())
	}
}

// A step that goes wrong is shown and counted.
func TestTellerCountsWhatWentWrong(t *testing.T) {
	s, err := newStage("Alice", "Bob", "Carol")
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	s.people["Bob"].password = "forgotten"
	var out bytes.Buffer
	teller := &teller{out: &out}
	s.tell(teller)
	if teller.wrong == 0 || !strings.Contains(out.String(), "✗") {
		t.Errorf("Bob logs in with a wrong password:\n%s", out.String())
	}
}

func TestUsage(t *testing.T) {
	var out, errs bytes.Buffer
	for _, test := range []struct {
		args []string
		want int
	}{{[]string{"-h"}, 0}, {[]string{"-nonsense"}, 2}, {[]string{"argument"}, 2}} {
		if got := Command(test.args, &out, &errs); got != test.want {
			t.Errorf("%v: exit status %d, want %d", test.args, got, test.want)
		}
	}
}
