package operator_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lethe/relay/jid"
	"lethe/relay/operator"
	"lethe/relay/sasl"
	"lethe/relay/users"
)

// A result is what a command did.
type result struct {
	code     int
	out, err string
}

// command is one of this package's.
type command func([]string, operator.Stdio) int

// run runs a command and holds what is true of all: an error is one line, and
// there is one exactly when the status is not 0.
func run(t *testing.T, cmd command, stdin string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := cmd(args, operator.Stdio{In: strings.NewReader(stdin), Out: &out, Err: &errs})
	if lines := strings.Count(errs.String(), "\n"); lines != min(code, 1) {
		t.Errorf("%v: status %d with %d lines of errors:\n%s", args, code, lines, errs.String())
	}
	return result{code, out.String(), errs.String()}
}

// must runs a command that must succeed and returns what it printed.
func must(t *testing.T, cmd command, stdin string, args ...string) string {
	t.Helper()
	r := run(t, cmd, stdin, args...)
	if r.code != 0 {
		t.Fatalf("%v: status %d: %s", args, r.code, r.err)
	}
	return r.out
}

// refuse runs a command that must fail with this status, saying this.
func refuse(t *testing.T, cmd command, stdin string, code int, want string, args ...string) {
	t.Helper()
	if r := run(t, cmd, stdin, args...); r.code != code || !strings.Contains(r.err, want) {
		t.Errorf("%v: status %d, %q; want %d, %q", args, r.code, r.err, code, want)
	}
}

// fresh makes a configuration for example.org and returns paths of its files.
// Federation is off, as the DNS of tests knows nothing: see published_test.go.
func fresh(t *testing.T) (dir, usersFile, key, conf string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "lethe")
	must(t, operator.Init, "", dir, "example.org")
	set(t, filepath.Join(dir, "lethe.toml"), "policy", `"off"`)
	return dir, filepath.Join(dir, "users.txt"), filepath.Join(dir, "signer.key"), filepath.Join(dir, "lethe.toml")
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestStory goes from nothing to a signed file with users and shows what
// verify says when somebody meddles with it.
func TestStory(t *testing.T) {
	dir, file, key, conf := fresh(t)
	if out := must(t, operator.Verify, "", "-config", conf, file); !strings.Contains(out, "good: serial 1, 0 users") {
		t.Errorf("verify after init: %s", out)
	}
	must(t, operator.Check, "", "-config", conf)

	before := read(t, file)
	out := must(t, operator.User, "correct horse\n", "add", "-users", file, "-name", "Alice Müller", "-groups", "board,sales", "Alice@Example.org")
	if !strings.Contains(out, "added alice@example.org; "+file+" has serial 2 now") || !strings.Contains(out, "  lethe sign -key "+key+" "+file+"\n") {
		t.Errorf("user add: %s", out)
	}
	after := read(t, file)
	if strings.Contains(after, "correct horse") {
		t.Error("the users file has the password")
	}
	unchanged := strings.Replace(before, "serial 1", "serial 2", 1)
	if !strings.HasPrefix(after, unchanged) || strings.Count(strings.TrimPrefix(after, unchanged), "\n") != 1 {
		t.Errorf("user add changed more than it should:\n%s", after)
	}
	refuse(t, operator.Verify, "", 1, "changed after signing", "-config", conf, file)

	if out := must(t, operator.Sign, "", "-key", key, file); !strings.Contains(out, "serial 2 with 1 users") {
		t.Errorf("sign: %s", out)
	}
	must(t, operator.Verify, "", "-config", conf, file)
	must(t, operator.Check, "", "-config", conf)

	write(t, file, strings.Replace(read(t, file), "groups=board", "groups=admin", 1))
	refuse(t, operator.Verify, "", 1, "changed after signing", "-config", conf, file)
	refuse(t, operator.Check, "", 1, "1 of the checks failed", "-config", conf)
	write(t, file, after)
	must(t, operator.Verify, "", "-config", conf, file)

	if names := leftovers(t, dir); len(names) != 7 {
		t.Errorf("the folder has %v", names)
	}
}

func leftovers(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestPasswords holds that what add and passwd write lets exactly the password
// in, for both hashes.
func TestPasswords(t *testing.T) {
	_, file, _, _ := fresh(t)
	must(t, operator.User, "first\r\n", "add", "-users", file, "bob@example.org")
	knows(t, file, "first")
	old := read(t, file)
	must(t, operator.User, "sécond", "passwd", "-users", file, "bob@example.org")
	knows(t, file, "sécond")
	if strings.Count(read(t, file), "\n") != strings.Count(old, "\n") {
		t.Error("passwd added or removed lines")
	}
	for name, stdin := range map[string]string{"empty": "\n", "nothing": "", "control character": "a\tb\n", "not UTF-8": "a\xff\n", "long": strings.Repeat("a", 9000)} {
		before := read(t, file)
		if r := run(t, operator.User, stdin, "passwd", "-users", file, "bob@example.org"); r.code != 1 {
			t.Errorf("%s: status %d, %s", name, r.code, r.out)
		}
		if r := run(t, operator.User, stdin, "add", "-users", file, "new@example.org"); r.code != 1 {
			t.Errorf("%s: status %d, %s", name, r.code, r.out)
		}
		if read(t, file) != before {
			t.Errorf("%s: the file changed", name)
		}
	}
}

// knows checks bob's verifiers against a password.
func knows(t *testing.T, file, password string) {
	t.Helper()
	set, err := users.Parse([]byte(read(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	j, _ := jid.Parse("bob@example.org")
	bob, ok := set.Lookup(j)
	if !ok {
		t.Fatal("bob is missing")
	}
	if bytes.Equal(bob.SHA256.Salt, bob.SHA1.Salt) {
		t.Error("both verifiers have one salt")
	}
	for h, v := range map[sasl.Hash]*users.Verifier{sasl.SHA256: bob.SHA256, sasl.SHA1: bob.SHA1} {
		if v.Iterations != sasl.DefaultIterations || len(v.Salt) != sasl.SaltSize {
			t.Errorf("%d iterations, salt of %d bytes", v.Iterations, len(v.Salt))
		}
		want, err := sasl.Derive(h, password, v.Salt, v.Iterations)
		if err != nil || !bytes.Equal(v.StoredKey, want.StoredKey) || !bytes.Equal(v.ServerKey, want.ServerKey) {
			t.Errorf("hash %v: the verifier is not of %q", h, password)
		}
	}
}

func TestInit(t *testing.T) {
	dir, _, key, conf := fresh(t)
	for name, want := range map[string]os.FileMode{
		"lethe.toml": 0o644, "users.txt": 0o600, "users.txt.minisig": 0o644,
		"signer.key": 0o600, "signer.pub": 0o644, "fullchain.pem": 0o644, "privkey.pem": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
	// A second init must leave everything alone, whichever file is there.
	was := read(t, conf) + read(t, key)
	refuse(t, operator.Init, "", 1, "exists; it is not overwritten", dir, "example.org")
	if read(t, conf)+read(t, key) != was {
		t.Error("init overwrote a file")
	}
	half := t.TempDir()
	write(t, filepath.Join(half, "privkey.pem"), "mine")
	refuse(t, operator.Init, "", 1, "privkey.pem exists", half, "example.org")
	if names := leftovers(t, half); len(names) != 1 || read(t, filepath.Join(half, "privkey.pem")) != "mine" {
		t.Errorf("a refused init left %v", names)
	}
	for _, name := range []string{"a b", "[::1]", ""} {
		refuse(t, operator.Init, "", 1, "is no domain; write e.g. example.org", filepath.Join(half, "x"), name)
	}
	if names := leftovers(t, half); len(names) != 1 {
		t.Errorf("a refused init left %v", names)
	}
}

func TestInitOnion(t *testing.T) {
	dir := t.TempDir()
	onion := strings.Repeat("a", 56) + ".onion"
	must(t, operator.Init, "", "-onion", dir, onion)
	conf := filepath.Join(dir, "lethe.toml")
	must(t, operator.Check, "", "-config", conf)
	if text := read(t, conf); strings.Contains(text, "[::]") || !strings.Contains(text, "\nclient     = [\"127.0.0.1:5222\"]") {
		t.Errorf("an onion relay's configuration:\n%s", text)
	}
	refuse(t, operator.Init, "", 1, "is no onion address", "-onion", filepath.Join(dir, "x"), "example.org")
}

// TestInitWorks holds that what init writes is sound for domains of all kinds.
func TestInitWorks(t *testing.T) {
	for _, domain := range []string{"localhost", "192.0.2.1", "Bücher.Example.", "xn--bcher-kva.example"} {
		dir := t.TempDir()
		must(t, operator.Init, "", dir, domain)
		set(t, filepath.Join(dir, "lethe.toml"), "resolver", `"127.0.0.1:1"`) // nobody answers there
		must(t, operator.Check, "", "-config", filepath.Join(dir, "lethe.toml"))
	}
}

// TestInitBelowFile holds that an init that cannot write leaves nothing.
func TestInitBelowFile(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "f"), "")
	refuse(t, operator.Init, "", 1, "choose a folder that you may make", filepath.Join(dir, "f", "g"), "example.org")
}

func TestUserRefuses(t *testing.T) {
	_, file, _, _ := fresh(t)
	must(t, operator.User, "pw\n", "add", "-users", file, "alice@example.org")
	before := read(t, file)
	add := func(args ...string) []string { return append([]string{"add", "-users", file}, args...) }
	for _, tt := range []struct {
		code int
		want string
		args []string
	}{
		{1, "has alice@example.org already; change the password with lethe user passwd", add("alice@example.org")},
		{1, `"example.org" is no user's address`, add("example.org")},
		{1, `"a@example.org/r" is no user's address`, add("a@example.org/r")},
		{1, "bad group name", add("-groups", "a b", "bob@example.org")},
		{1, `bad group name ""`, add("-groups", "a,,b", "bob@example.org")},
		{1, "the control character U+000A", add("-name", "a\nuser x@y", "bob@example.org")},
		{2, "0 operands instead of 1", add()},
		{2, "2 operands instead of 1", add("bob@example.org", "-name")},
		{2, "flag provided but not defined: -group", add("-group", "x", "bob@example.org")},
		{1, "no user bob@example.org; lethe user list", []string{"passwd", "-users", file, "bob@example.org"}},
		{1, "no user bob@example.org; lethe user list", []string{"remove", "-users", file, "bob@example.org"}},
		{1, ".none: no such file or directory; name the users file", []string{"list", "-users", file + ".none"}},
		{2, "no such command", []string{"rename"}},
		{2, "no such command", nil},
	} {
		refuse(t, operator.User, "pw\n", tt.code, tt.want, tt.args...)
	}
	if read(t, file) != before {
		t.Error("a refused command changed the file")
	}
}

func TestUserRemoveAndList(t *testing.T) {
	_, file, _, _ := fresh(t)
	must(t, operator.User, "pw\n", "add", "-users", file, "-name", "Alice", "-groups", "g", "alice@example.org")
	must(t, operator.User, "pw\n", "add", "-users", file, "bob@example.org")
	write(t, file, read(t, file)+"contact alice@example.org bob@example.org\n")
	list := must(t, operator.User, "", "list", "-users", file)
	want := "ADDRESS            NAME   GROUPS  LOGIN\n" +
		"alice@example.org  Alice  g       scram-sha-256, scram-sha-1\n" +
		"bob@example.org    -      -       scram-sha-256, scram-sha-1\n"
	if list != want {
		t.Errorf("list:\n%s\nwant:\n%s", list, want)
	}
	if out := must(t, operator.User, "", "remove", "-users", file, "bob@example.org"); !strings.Contains(out, "removed bob@example.org and what named it in lines [") {
		t.Errorf("remove: %s", out)
	}
	if text := read(t, file); strings.Contains(text, "bob@") || !strings.Contains(text, "\nserial 4\n") {
		t.Errorf("after remove:\n%s", text)
	}
}

func TestImport(t *testing.T) {
	_, file, key, conf := fresh(t)
	before := read(t, file)
	for _, tt := range []struct{ name, stdin, want string }{
		{"nothing", "", "no lines on stdin"},
		{"no password", "bob@example.org\n", "stdin:1: 1 fields; write JID"},
		{"five fields", "a@example.org\tpw\n\nb@example.org\tpw\t\t\tx\n", "stdin:3: 5 fields; write JID"},
		{"address", "a@example.org\tpw\nb\tpw\n", `stdin:2: "b" is no user's address`},
		{"empty password", "a@example.org\t\tA\n", "stdin:1: the password is empty"},
		{"group", "a@example.org\tpw\tA\tx y\n", "stdin:1: bad group name"},
		{"twice", "a@example.org\tpw\nA@example.org\tpw\n", "stdin:2: line 1 adds a@example.org already"},
		{"long line", "a@example.org\tpw\n" + strings.Repeat("a", 10000), "stdin:2: a line of stdin is longer"},
	} {
		r := run(t, operator.User, tt.stdin, "import", "-users", file)
		if r.code != 1 || !strings.Contains(r.err, tt.want) {
			t.Errorf("%s: status %d, %q; want %q", tt.name, r.code, r.err, tt.want)
		}
		if read(t, file) != before {
			t.Fatalf("%s: a refused import changed the file", tt.name)
		}
	}
	out := must(t, operator.User, "bob@example.org\tfirst\tBob\tsales,board\r\n\ncarol@example.org\tpw", "import", "-users", file)
	if !strings.Contains(out, "added 2 users; ") {
		t.Errorf("import: %s", out)
	}
	knows(t, file, "first")
	if !strings.Contains(read(t, file), "\nuser bob@example.org name=\"Bob\" groups=sales,board scram-sha-256=") {
		t.Errorf("after import:\n%s", read(t, file))
	}
	r := run(t, operator.User, "dave@example.org\tpw\nbob@example.org\tpw\n", "import", "-users", file)
	if r.code != 1 || !strings.Contains(r.err, "stdin:2: the users file has bob@example.org already") {
		t.Errorf("import of a user who is there: %s", r.err)
	}
	must(t, operator.Sign, "", "-key", key, file)
	must(t, operator.Verify, "", "-config", conf, file)
}

func TestCheck(t *testing.T) {
	dir, file, _, conf := fresh(t)
	for line := range strings.Lines(must(t, operator.Check, "", "-config", conf, "-json")) {
		var f struct {
			Check, Detail string
			OK            bool
		}
		if err := json.Unmarshal([]byte(line), &f); err != nil || !f.OK || f.Check == "" || f.Detail == "" {
			t.Errorf("%s: %v", line, err)
		}
	}
	chain, good := filepath.Join(dir, "fullchain.pem"), read(t, conf)
	for _, tt := range []struct {
		name  string
		spoil func()
		want  string
	}{
		{"key open to all", func() { os.Chmod(filepath.Join(dir, "privkey.pem"), 0o644) }, "everybody on this machine may read it"},
		{"no signature", func() { os.Remove(file + ".minisig") }, ".minisig: no such file or directory; sign the users file"},
		{"domain without certificate", func() { write(t, conf, strings.Replace(good, `"example.org"`, `"example.org", "example.net"`, 1)) }, "example.net"},
		{"no certificate", func() { os.Remove(chain) }, "fullchain.pem"},
		{"bad configuration", func() { write(t, conf, good+"\nx = 1\n") }, "unknown key"},
	} {
		tt.spoil()
		r := run(t, operator.Check, "", "-config", conf)
		if r.code != 1 || !strings.Contains(r.out, "FAIL") || !strings.Contains(r.out, tt.want) {
			t.Errorf("%s: status %d, %s", tt.name, r.code, r.out)
		}
	}
	refuse(t, operator.Check, "", 1, "1 of the checks failed", "-config", filepath.Join(dir, "none"))
}

// TestUsage holds that every command explains itself and has an example.
func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		cmd  command
		args []string
		want string
	}{
		{operator.Init, nil, "usage: lethe init [-onion] DIR DOMAIN\n"},
		{operator.User, nil, "usage: lethe user COMMAND"},
		{operator.User, []string{"add"}, "usage: lethe user add [-users FILE] [-name NAME] [-groups A,B] JID\n"},
		{operator.User, []string{"passwd"}, "usage: lethe user passwd [-users FILE] JID\n"},
		{operator.User, []string{"remove"}, "usage: lethe user remove [-users FILE] JID\n"},
		{operator.User, []string{"list"}, "usage: lethe user list [-users FILE]\n"},
		{operator.User, []string{"import"}, "usage: lethe user import [-users FILE] < LINES\n"},
		{operator.Sign, nil, "usage: lethe sign -key FILE USERS\n"},
		{operator.Verify, nil, "usage: lethe verify [-config FILE] [-pub KEY] USERS\n"},
		{operator.Keygen, nil, "usage: lethe keygen -out NAME\n"},
		{operator.Check, nil, "usage: lethe check [-config FILE] [-json] [DOMAIN...]\n"},
		{operator.DNS, nil, "usage: lethe dns [-config FILE] [-host NAME] [-next FILE]\n"},
	} {
		out := must(t, tt.cmd, "", append(tt.args, "-h")...)
		if !strings.HasPrefix(out, tt.want) || !strings.Contains(out, "\nexample: ") && !strings.Contains(out, "COMMAND -h") {
			t.Errorf("%v -h prints:\n%s", tt.args, out)
		}
	}
}
