package demo

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"lethe/dane"
	"lethe/dane/zone"
)

// The story comes out as told, says so, and leaves no file behind.
func TestDemoOnce(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"} {
		t.Setenv(name, dir)
	}
	var out, errs bytes.Buffer
	if status := Command([]string{"-once"}, &out, &errs); status != 0 {
		t.Fatalf("exit status %d\n%s%s", status, out.String(), errs.String())
	}
	for _, told := range []string{
		"SCRAM-SHA-256-PLUS", "arrived as they were sent", "TLSA 3 1 1 ", "service-unavailable", "not-authorized",
		"changed after signing", "TLS is the only thing", "no TLSA record fits the certificate (RFC 6698 §2.1)",
		"nothing there, but no proof of it (RFC 4035 §5.4)", "the signature is wrong (RFC 4035 §5.3.3)",
	} {
		if !strings.Contains(out.String(), told) {
			t.Errorf("nothing is said of %q", told)
		}
	}
	if n := strings.Count(out.String(), "✓"); n != 11 || t.Failed() {
		t.Errorf("%d steps\n%s", n, out.String())
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) > 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

// A step that goes wrong is shown and counted, and the others are told.
func TestTellerCountsWhatWentWrong(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(s *stage)
		steps []string // that go wrong
		rest  int      // how many do not
	}{
		{"a wrong password", func(s *stage) { s.bob.password = "forgotten" },
			[]string{"Alice logs in"}, 0},
		{"Mallory is away", func(s *stage) { s.mallory.peers = s.south.peers },
			[]string{"Mallory answers"}, 10},
		{"the southern domain publishes nothing", func(s *stage) { s.tree = replant(t, s.north.zone()) },
			[]string{"Mallory answers", "Mallory takes", "Mallory puts"}, 8},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newTestStage(t)
			tt.spoil(s)
			var out bytes.Buffer
			teller := &teller{out: &out}
			s.tell(teller)
			var wrong []string
			for line := range strings.Lines(out.String()) {
				if strings.HasPrefix(line, "✗") {
					wrong = append(wrong, line)
				}
			}
			same := slices.EqualFunc(wrong, tt.steps, func(line, step string) bool { return strings.Contains(line, step) })
			if rest := strings.Count(out.String(), "✓"); !same || rest != tt.rest || teller.wrong != len(tt.steps) {
				t.Errorf("%d counted, %d as told:\n%s", teller.wrong, rest, out.String())
			}
		})
	}
}

// What Mallory does would work if the southern domain had no TLSA record: then
// the authority's word is enough, and the message ends at Mallory's relay,
// which knows no Bob.
func TestAttackIsReal(t *testing.T) {
	s := newTestStage(t)
	bare := s.south.zone()
	bare.Text = bare.Text[:strings.LastIndex(bare.Text, "\n_")+1]
	s.tree = replant(t, s.north.zone(), bare)
	if _, err := s.attack(nil, dane.Mismatch); err == nil || !strings.Contains(err.Error(), "could not be delivered") {
		t.Errorf("the message ended elsewhere: %v", err)
	}
}

func newTestStage(t *testing.T) *stage {
	t.Helper()
	s, err := newStage()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	for _, h := range s.houses() {
		h.patience = 2 * time.Second
	}
	return s
}

func replant(t *testing.T, houses ...zone.Spec) *zone.Tree {
	t.Helper()
	tree, err := zone.Plant(time.Now(), append(houses, zone.Spec{Name: "."}, zone.Spec{Name: "localhost."})...)
	if err != nil {
		t.Fatal(err)
	}
	return tree
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
