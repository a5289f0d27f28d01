package operator_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lethe/relay/need"
	"lethe/relay/operator"
)

func TestVerifyRefuses(t *testing.T) {
	dir, file, key, conf := fresh(t)
	pub := filepath.Join(dir, "signer.pub")
	other := filepath.Join(dir, "other")
	must(t, operator.Keygen, "", "-out", other)

	// Each pair of -config and -pub, with a file that is good.
	rw := strings.Split(read(t, pub), "\n")[1]
	for _, args := range [][]string{{"-config", conf}, {"-pub", rw}, {"-pub", pub}, {"-config", conf, "-pub", pub}} {
		must(t, operator.Verify, "", append(args, file)...)
	}
	refuse(t, operator.Verify, "", 1, "which is not among the signers", "-pub", other+".pub", file)
	refuse(t, operator.Verify, "", 1, "neither a minisign public key nor a file", "-pub", "RWQ", file)
	refuse(t, operator.Verify, "", 1, "not a minisign public key", "-pub", conf, file)
	refuse(t, operator.Verify, "", 1, "no such file or directory; name the configuration", "-config", conf+"x", file)
	refuse(t, operator.Verify, "", 1, "no such file or directory; name the users file", "-config", conf, file+"x")

	// A candidate for the users file in use.
	next := filepath.Join(dir, "next.txt")
	try := func(text, want string) {
		t.Helper()
		write(t, next, text)
		os.Remove(next + ".minisig")
		signRaw(t, key, next)
		refuse(t, operator.Verify, "", 1, next+want, "-config", conf, next)
	}
	try("lethe-users 1\nserial 2\nuser x@example.net\n", `:3: user in domain "example.net", which is not served; `)
	try("lethe-users 1\nserial 2\nroom x@example.org members=a@b\n", `:3: room on "example.org", which is no room host here; `)
	try("lethe-users 1\nserial 2\nusr x@example.org\n", `:3: unknown record "usr"; `)
	must(t, operator.User, "pw\n", "add", "-users", file, "a@example.org")
	must(t, operator.Sign, "", "-key", key, file)
	try("lethe-users 1\nserial 1\n", ": serial 1 is lower than 2, with which the relay runs; ")
	write(t, next+".minisig", "x")
	refuse(t, operator.Verify, "", 1, "the signature file is not one of minisign", "-config", conf, next)

	must(t, operator.Sign, "", "-key", other+".key", file)
	refuse(t, operator.Verify, "", 1, "which is not among the signers", "-config", conf, file)
}

// signRaw signs what lethe sign would refuse to sign.
func signRaw(t *testing.T, key, path string) {
	t.Helper()
	if err := operator.SignBytes(key, path); err != nil {
		t.Fatal(err)
	}
}

func TestSignRefuses(t *testing.T) {
	dir, file, key, _ := fresh(t)
	sig := read(t, file+".minisig")
	refuse(t, operator.Sign, "", 2, "-key FILE is missing", file)
	refuse(t, operator.Sign, "", 1, "no such file or directory; name a secret key", "-key", key+"x", file)
	refuse(t, operator.Sign, "", 1, "not a secret key of minisign", "-key", file, file)
	refuse(t, operator.Sign, "", 1, "not a secret key of minisign", "-key", filepath.Join(dir, "signer.pub"), file)
	refuse(t, operator.Keygen, "", 2, "-out NAME is missing")
	refuse(t, operator.Keygen, "", 1, "signer.key exists", "-out", filepath.Join(dir, "signer"))
	write(t, file, read(t, file)+"nonsense\n")
	refuse(t, operator.Sign, "", 1, `: unknown record "nonsense"; records are`, "-key", key, file)
	if read(t, file+".minisig") != sig {
		t.Error("a refused sign wrote a signature")
	}
}

// TestLink holds that editing through a link edits what it points to.
func TestLink(t *testing.T) {
	dir, file, _, _ := fresh(t)
	link := filepath.Join(dir, "link")
	if err := os.Symlink("users.txt", link); err != nil {
		t.Fatal(err)
	}
	must(t, operator.User, "pw\n", "add", "-users", link, "a@example.org")
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link is gone")
	}
	if !strings.Contains(read(t, file), "\nuser a@example.org") {
		t.Error("the file behind the link has no new user")
	}
	if info, _ := os.Stat(file); info.Mode() != 0o600 {
		t.Errorf("an edit changed the mode to %v", info.Mode())
	}
}

// minisignTool returns the real tool, in a folder of its own.
func minisignTool(t *testing.T, dir string) func(stdin string, args ...string) {
	t.Helper()
	tool := need.Program(t, "minisign", "minisign")
	return func(stdin string, args ...string) {
		t.Helper()
		cmd := exec.Command(tool, args...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("minisign %v: %v\n%s", args, err, out)
		}
	}
}

// TestMinisign holds that lethe and the minisign tool read each other's keys
// and signatures.
func TestMinisign(t *testing.T) {
	dir, file, key, conf := fresh(t)
	tool := minisignTool(t, dir)
	tool("", "-V", "-p", "signer.pub", "-m", "users.txt") // by init
	must(t, operator.Sign, "", "-key", key, file)
	tool("", "-V", "-H", "-p", "signer.pub", "-m", "users.txt") // by sign
	for _, mode := range []string{"-S", "-Sl"} {
		os.Remove(file + ".minisig")
		tool("", mode, "-W", "-s", "signer.key", "-m", "users.txt") // key by init
		must(t, operator.Verify, "", "-config", conf, file)
	}
	tool("", "-G", "-W", "-p", "m.pub", "-s", "m.key")
	must(t, operator.Sign, "", "-key", filepath.Join(dir, "m.key"), file)
	tool("", "-V", "-p", "m.pub", "-m", "users.txt")
	must(t, operator.Verify, "", "-pub", filepath.Join(dir, "m.pub"), file)
}

// TestEncryptedKey goes through keys with a passphrase, both ways. Each step
// takes seconds and a gigabyte, as scrypt's parameters are minisign's own, so
// all of them are walked only where interoperation is required.
func TestEncryptedKey(t *testing.T) {
	if testing.Short() {
		t.Skip("scrypt takes seconds and a gigabyte")
	}
	dir, file, _, _ := fresh(t)
	name := filepath.Join(dir, "mine")
	if out := must(t, operator.Keygen, "pass phrase\n", "-out", name); !strings.Contains(out, "(encrypted)") {
		t.Errorf("keygen: %s", out)
	}
	must(t, operator.Sign, "pass phrase\n", "-key", name+".key", file)
	must(t, operator.Verify, "", "-pub", name+".pub", file)
	tool := minisignTool(t, dir)
	tool("", "-V", "-p", "mine.pub", "-m", "users.txt")
	if !need.All() {
		return
	}
	refuse(t, operator.Sign, "", 1, "wrong passphrase", "-key", name+".key", file)
	tool("pass phrase\n", "-S", "-s", "mine.key", "-m", "users.txt")
	must(t, operator.Verify, "", "-pub", name+".pub", file)
}
