package operator_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lethe/relay/config"
	"lethe/relay/operator"
)

// TestAnswers: what the configuration says of calls and contacts, with the
// secret of its file.
func TestAnswers(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "turn.secret")
	cfg := &config.Config{
		Calls: config.Calls{
			Services:   []config.CallService{{Type: "turn", Host: "turn.example.org", Port: 3478, Transport: "udp"}},
			SecretFile: secret,
		},
		Contact: config.Contact{Abuse: []string{"mailto:abuse@example.org"}},
	}
	for _, tt := range []struct{ text, want string }{
		{"", "there is no secret in it"},
		{" \n", "there is no secret in it"},
		{"one\ntwo\n", "it has more than one line"},
		{"swordfish\n", ""},
	} {
		write(t, secret, tt.text)
		got, err := operator.Answers(cfg)
		switch {
		case tt.want == "":
			if err != nil || string(got.Calls.Secret) != "swordfish" || got.Calls.Services[0].Host != "turn.example.org" || len(got.Contact.Abuse) != 1 {
				t.Errorf("%q: %+v, %v", tt.text, got, err)
			}
		case err == nil || !strings.HasPrefix(err.Error(), secret+": "+tt.want+"; see secret_file in [calls]"):
			t.Errorf("%q: %v", tt.text, err)
		}
	}
	os.Remove(secret)
	if _, err := operator.Answers(cfg); err == nil || !strings.HasPrefix(err.Error(), secret+": no such file") {
		t.Errorf("without the file: %v", err)
	}
}

// TestCheckCalls: a secret is read and others may not read it.
func TestCheckCalls(t *testing.T) {
	dir, _, _, conf := fresh(t)
	write(t, conf, strings.NewReplacer(
		"# services    = []  ", `services    = ["turn:turn.example.org"] `,
		`# secret_file = ""`, `secret_file = "turn.secret"`).Replace(read(t, conf)))
	secret := filepath.Join(dir, "turn.secret")
	check := func(want string, code int) {
		t.Helper()
		if r := run(t, operator.Check, "", "-config", conf); r.code != code || !strings.Contains(r.out, want) {
			t.Errorf("status %d, want %d: %s", r.code, code, r.out)
		}
	}
	check("turn.secret: no such file", 1)
	write(t, secret, "swordfish\n")
	os.Chmod(secret, 0o644)
	check("turn.secret: everybody on this machine may read it", 1)
	os.Chmod(secret, 0o600)
	check("calls          the secret is not open to everybody", 0)
}
