package users_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"

	"lethe/relay/need"
	"lethe/relay/users"
)

func newKey(t *testing.T) (minisign.PublicKey, minisign.PrivateKey) {
	t.Helper()
	pub, key, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pub, key
}

// sign makes the hashed signature that minisign makes by default.
func sign(key minisign.PrivateKey, text []byte) []byte {
	r := minisign.NewReader(bytes.NewReader(text))
	var sink bytes.Buffer
	sink.ReadFrom(r)
	return r.Sign(key)
}

func TestLoad(t *testing.T) {
	pub, key := newKey(t)
	pub2, key2 := newKey(t)
	_, stranger := newKey(t)
	text := []byte(full)
	good := users.Terms{
		Signers: []minisign.PublicKey{pub, pub2}, Serial: 7,
		Domains: []string{"example.org", "example.net"}, Rooms: []string{"rooms.example.org"},
	}
	change := func(f func(*users.Terms)) users.Terms {
		terms := good
		f(&terms)
		return terms
	}
	hashed := sign(key, text)
	for _, tt := range []struct {
		name  string
		text  []byte
		sig   []byte
		terms users.Terms
		want  string
	}{
		{"hashed", text, hashed, good, ""},
		{"legacy", text, minisign.Sign(key, text), good, ""},
		{"second signer", text, sign(key2, text), good, ""},
		{"lower serial before", text, hashed, change(func(t *users.Terms) { t.Serial = 6 }), ""},
		{"stranger", text, sign(stranger, text), good, "which is not among the signers"},
		{"zero terms", text, hashed, users.Terms{}, "which is not among the signers"},
		{"one byte more", append(bytes.Clone(text), '\n'), hashed, good, string(users.ErrTampered)},
		{"one bit less", bytes.Replace(text, []byte("bob@"), []byte("bo`@"), 1), hashed, good, string(users.ErrTampered)},
		{"trusted comment", text, bytes.Replace(hashed, []byte("timestamp:"), []byte("timestamp;"), 1), good, string(users.ErrTampered)},
		{"no signature", text, nil, good, string(users.ErrMalformed)},
		{"cut signature", text, hashed[:100], good, string(users.ErrMalformed)},
		{"wrong line", append(bytes.Clone(text), "x\n"...), sign(key, append(bytes.Clone(text), "x\n"...)), good, `line 17: unknown record "x"`},
		{"rollback", text, hashed, change(func(t *users.Terms) { t.Serial = 8 }), "serial 7 is lower than 8"},
		{"domain", text, hashed, change(func(t *users.Terms) { t.Domains = t.Domains[:1] }), `line 7: user in domain "example.net", which is not served`},
		{"room host", text, hashed, change(func(t *users.Terms) { t.Rooms = nil }), `line 13: room on "rooms.example.org"`},
	} {
		s, err := users.Load(tt.text, tt.sig, tt.terms)
		if tt.want == "" {
			if err != nil || s.Serial() != 7 {
				t.Errorf("%s: %v", tt.name, err)
			}
		} else if err == nil || s != nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

// TestSignatureErrors holds that callers can tell a bad signature from a bad
// file.
func TestSignatureErrors(t *testing.T) {
	pub, key := newKey(t)
	var e users.SignatureError
	if err := users.Verify([]byte("x"), sign(key, []byte("y")), []minisign.PublicKey{pub}); !errors.As(err, &e) || e != users.ErrTampered {
		t.Errorf("Verify: %v", err)
	}
	if err := users.Verify([]byte("x"), sign(key, []byte("x")), nil); !errors.As(err, &e) {
		t.Errorf("without signers: %v", err)
	}
}

// TestMinisign holds that signatures of the real tool, hashed and legacy,
// count here.
func TestMinisign(t *testing.T) {
	tool := need.Program(t, "minisign", "minisign")
	dir := t.TempDir()
	file := filepath.Join(dir, "users.txt")
	if err := os.WriteFile(file, []byte(full), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(tool, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("minisign %v: %v\n%s", args, err, out)
		}
	}
	run("-G", "-W", "-p", "k.pub", "-s", "k.key")
	pub, err := minisign.PublicKeyFromFile(filepath.Join(dir, "k.pub"))
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"", "-l"} {
		args := []string{"-S", "-s", "k.key", "-m", "users.txt", "-t", "by hand"}
		if mode != "" {
			args = append(args, mode)
		}
		run(args...)
		sig, err := os.ReadFile(file + ".minisig")
		if err != nil {
			t.Fatal(err)
		}
		if err := users.Verify([]byte(full), sig, []minisign.PublicKey{pub}); err != nil {
			t.Errorf("minisign -S %s: %v", mode, err)
		}
		if err := users.Verify([]byte(full+"#\n"), sig, []minisign.PublicKey{pub}); err != users.ErrTampered {
			t.Errorf("minisign -S %s, file changed: %v", mode, err)
		}
	}
}
