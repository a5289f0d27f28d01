package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"lethe/relay/client"
	"lethe/relay/jid"
	"lethe/relay/need"
	"lethe/relay/wire"
)

// TestServeSaysWhatIsWrong breaks one thing of a sound set-up at a time: lethe
// serve must end at once with one line that says what, where, and what to do.
func TestServeSaysWhatIsWrong(t *testing.T) {
	held, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { held.Close() }) // after the parallel parts
	sound := newRelay(t, "alice", "bob")

	for _, tt := range []struct {
		name string
		harm func(t *testing.T, r *instance)
		want string // of the error: file and line, what, cure
	}{
		{"no configuration", func(t *testing.T, r *instance) { r.remove(t, "lethe.toml") }, `lethe\.toml.*lethe init`},
		{"unknown key", func(t *testing.T, r *instance) { r.set(t, "forget_after", "\"24h\"\ncolour = \"grey\"") }, `lethe\.toml:\d+: .*colour.*;`},
		{"value of the wrong kind", func(t *testing.T, r *instance) { r.set(t, "forget_after", `"soon"`) }, `lethe\.toml:\d+: .*forget_after.*;`},
		{"no TOML", func(t *testing.T, r *instance) { r.set(t, "forget_after", `"24h`) }, `lethe\.toml:\d+: `},
		{"address without a port", func(t *testing.T, r *instance) { r.set(t, "client", `["127.0.0.1"]`) }, `lethe\.toml:\d+: .*client.*;`},
		{"port in use", func(t *testing.T, r *instance) { r.set(t, "client", fmt.Sprintf(`[%q]`, held.Addr())) },
			regexp.QuoteMeta(held.Addr().String()) + `: .*address already in use; .*`},
		{"no certificate", func(t *testing.T, r *instance) { r.remove(t, "fullchain.pem") }, `fullchain\.pem.*;`},
		{"no key", func(t *testing.T, r *instance) { r.remove(t, "privkey.pem") }, `privkey\.pem.*;`},
		{"unreadable key", func(t *testing.T, r *instance) { r.write(t, "privkey.pem", "not PEM\n") }, `fullchain\.pem: .*key.*;`},
		{"a folder for a key", func(t *testing.T, r *instance) { r.remove(t, "privkey.pem"); os.Mkdir(r.file("privkey.pem"), 0o700) }, `privkey\.pem.*;`},
		{"key of another certificate", func(t *testing.T, r *instance) { newLab(t).issue(r.domain, r.file("other.pem"), r.key) }, `fullchain\.pem: .*key.*;`},
		{"certificate for another domain", func(t *testing.T, r *instance) { newLab(t).issue("other.test", r.leaf, r.key) }, `lethe\.test.*;`},
		{"no users file", func(t *testing.T, r *instance) { r.remove(t, "users.txt") }, `users\.txt.*;`},
		{"no signature", func(t *testing.T, r *instance) { r.remove(t, "users.txt.minisig") }, `users\.txt\.minisig.*lethe sign`},
		{"tampered users file", func(t *testing.T, r *instance) { r.append(t, "users.txt", "# one more line\n") }, `users\.txt.*signature.*;`},
		{"tampered signature", func(t *testing.T, r *instance) { r.append(t, "users.txt.minisig", "x\n") }, `users\.txt.*signature.*;`},
		{"wrong line in the users file", func(t *testing.T, r *instance) {
			need.Program(t, "minisign", "minisign") // lethe sign would refuse it
			r.append(t, "users.txt", "user nobody\n")
			minisign(t, "-S", "-s", r.file("signer.key"), "-m", r.file("users.txt"))
		}, `users\.txt:\d+: .*;`},
		{"signed by a stranger", func(t *testing.T, r *instance) {
			lethe(t, "", "keygen", "-out", r.file("stranger"))
			lethe(t, "", "sign", "-key", r.file("stranger.key"), r.file("users.txt"))
		}, `users\.txt.*;`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := sound.copy(t)
			tt.harm(t, r)
			cmd := prepare("serve", "-config", r.file("lethe.toml"))
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer time.AfterFunc(patience, func() { cmd.Process.Kill() }).Stop()
			err := cmd.Wait()
			if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Fatalf("lethe serve: %v, want exit status 1\n%s", err, &stderr)
			}
			text := stderr.String()
			if strings.Count(text, "\n") != 1 || !regexp.MustCompile(tt.want).MatchString(text) {
				t.Errorf("lethe serve says %q\nwant one line matching %q", text, tt.want)
			}
		})
	}
}

// TestReload changes the files under a running relay. What is wrong changes
// nothing: who is there stays and others may come. What is right takes effect.
func TestReload(t *testing.T) {
	r := startRelay(t, "alice", "bob")
	users := r.read(t, "users.txt")
	signature := r.read(t, "users.txt.minisig")
	chain := r.read(t, "fullchain.pem")
	alice := r.login(t, "alice")

	for _, tt := range []struct {
		name string
		harm func(t *testing.T)
		want string // of the log
	}{
		{"unsigned", func(t *testing.T) { r.append(t, "users.txt", "# one more line\n") }, `users\.txt`},
		{"no signature", func(t *testing.T) { r.remove(t, "users.txt.minisig") }, `minisig`},
		{"no certificate", func(t *testing.T) { r.remove(t, "fullchain.pem") }, `fullchain\.pem`},
		{"wrong configuration", func(t *testing.T) { r.append(t, "lethe.toml", "[colours]\n") }, `lethe\.toml:\d+`},
		{"lower serial", func(t *testing.T) {
			r.write(t, "users.txt", regexp.MustCompile(`(?m)^serial .*`).ReplaceAllString(users, "serial 1"))
			r.sign(t)
		}, `serial`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			toml := r.read(t, "lethe.toml")
			tt.harm(t)
			r.reload(t, `level=ERROR .*`+tt.want)
			r.write(t, "users.txt", users)
			r.write(t, "users.txt.minisig", signature)
			r.write(t, "fullchain.pem", chain)
			r.write(t, "lethe.toml", toml)

			if err := alice.Ping(); err != nil {
				t.Errorf("who was there is not any more: %v", err)
			}
			r.login(t, "bob").Close()
		})
	}

	// In force from now on: carol comes, alice goes.
	r.add(t, "carol")
	lethe(t, "", "user", "remove", "-users", r.file("users.txt"), "alice@"+r.domain)
	r.sign(t)
	r.reload(t, `level=INFO msg=reloaded`)
	r.login(t, "carol").Close()
	if err := ending(t, alice); err == nil {
		t.Error("a removed user is still connected")
	}
	if c, err := r.dial(t, "alice"); err == nil {
		c.Close()
		t.Error("a removed user logs in")
	}
}

// TestReloadOfAnswers: what clients are told of servers for calls, and the
// secret in a file of its own, change without a restart.
func TestReloadOfAnswers(t *testing.T) {
	t.Parallel()
	r := startRelay(t, "alice")
	alice := r.login(t, "alice")
	services := func() *wire.Node {
		n, err := alice.Ask("<iq type='get' id='s' to='" + r.domain + "'><services xmlns='urn:xmpp:extdisco:2'/></iq>")
		if err != nil {
			t.Fatal(err)
		}
		return n.Child("urn:xmpp:extdisco:2", "services")
	}
	if services() != nil {
		t.Error("servers for calls without configuration")
	}
	r.set(t, "services", `["turn:turn.example.org"]`)
	r.set(t, "secret_file", `"turn.secret"`)
	r.reload(t, `level=ERROR .*turn\.secret`)
	if services() != nil {
		t.Error("a refused reload changed something")
	}
	password := func(secret string) string {
		r.write(t, "turn.secret", secret)
		r.reload(t, `level=INFO msg=reloaded`)
		n := services()
		if n == nil || len(n.Children) != 1 || n.Children[0].Attr("host") != "turn.example.org" {
			t.Fatalf("services: %+v", n)
		}
		h := hmac.New(sha1.New, []byte("swordfish"))
		h.Write([]byte(n.Children[0].Attr("username")))
		if n.Children[0].Attr("password") == base64.StdEncoding.EncodeToString(h.Sum(nil)) {
			return "swordfish"
		}
		return ""
	}
	if password("another\n") != "" || password("swordfish\n") != "swordfish" {
		t.Error("the credential is not made with the secret in the file")
	}
}

// TestShutdown ends a relay with somebody connected.
func TestShutdown(t *testing.T) {
	t.Parallel()
	r := startRelay(t, "alice")
	alice := r.login(t, "alice")
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// RFC 6120 §4.9.3.22
	if err := ending(t, alice); err == nil || err.Condition != "system-shutdown" {
		t.Errorf("the stream ends with %v, want system-shutdown", err)
	}
	if c, err := r.dial(t, "alice"); err == nil {
		c.Close()
		t.Error("a relay that shuts down takes a login")
	}
}

// ending waits for the stream error that ends a connection; nil when it does
// not end with one.
func ending(t testing.TB, c *client.Client) *client.Failure {
	_, err := c.Until(func(*wire.Node) bool { return false })
	var failure *client.Failure
	if !errors.As(err, &failure) {
		t.Logf("the connection ends with %v", err)
	}
	return failure
}

// TestMinisign has the users file signed by minisign itself, and lethe's
// signature checked by it.
func TestMinisign(t *testing.T) {
	t.Parallel()
	need.Program(t, "minisign", "minisign")
	r := newRelay(t, "alice")
	minisign(t, "-V", "-p", r.file("signer.pub"), "-m", r.file("users.txt"))

	minisign(t, "-G", "-W", "-p", r.file("theirs.pub"), "-s", r.file("theirs.key"))
	minisign(t, "-S", "-s", r.file("theirs.key"), "-m", r.file("users.txt"))
	lines := strings.Fields(r.read(t, "theirs.pub"))
	r.set(t, "signers", fmt.Sprintf("[%q]", lines[len(lines)-1]))
	lethe(t, "", "verify", "-config", r.file("lethe.toml"), r.file("users.txt"))
	r.start(t)
	r.login(t, "alice").Close()
}

// minisign runs the program of that name.
func minisign(t testing.TB, args ...string) {
	t.Helper()
	if out, err := exec.Command("minisign", args...).CombinedOutput(); err != nil {
		t.Fatalf("minisign %s: %v\n%s", args[0], err, out)
	}
}

// reload sends SIGHUP and waits for a new line in the log.
func (r *instance) reload(t testing.TB, want string) {
	t.Helper()
	before := len(r.log.String())
	if err := r.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	re := regexp.MustCompile(want)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if re.MatchString(r.log.String()[before:]) {
			return
		}
	}
	t.Fatalf("the log has no %q after SIGHUP, but %q", want, r.log.String()[before:])
}

// dial logs in with SCRAM and channel binding.
func (r *instance) dial(t testing.TB, user string) (*client.Client, error) {
	t.Helper()
	who, err := jid.New(user, r.domain, "")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(r.ca)
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("no CA in %s: %v", r.ca, err)
	}
	return client.Dial(context.Background(), client.Config{
		Address: fmt.Sprintf("127.0.0.1:%d", r.port), User: who, Password: r.password(user), Roots: roots,
	})
}

// login is dial where it must succeed.
func (r *instance) login(t testing.TB, user string) *client.Client {
	t.Helper()
	c, err := r.dial(t, user)
	if err != nil {
		t.Fatalf("%s does not log in: %v", user, err)
	}
	t.Cleanup(c.Cut)
	return c
}

// copy is a relay with the same files in another place.
func (r *instance) copy(t testing.TB) *instance {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "lethe")
	if err := os.CopyFS(dir, os.DirFS(r.dir)); err != nil {
		t.Fatal(err)
	}
	return &instance{domain: r.domain, dir: dir, secret: r.secret, ca: r.ca,
		leaf: filepath.Join(dir, "fullchain.pem"), key: filepath.Join(dir, "privkey.pem")}
}

func (r *instance) read(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(r.file(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (r *instance) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(r.file(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r *instance) append(t testing.TB, name, text string) {
	t.Helper()
	r.write(t, name, r.read(t, name)+text)
}

func (r *instance) remove(t testing.TB, name string) {
	t.Helper()
	if err := os.Remove(r.file(name)); err != nil {
		t.Fatal(err)
	}
}
