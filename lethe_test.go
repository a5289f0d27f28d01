package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// asLethe in the environment makes the test binary be lethe: so the tests need
// no other build of it, and the race detector watches the commands too.
const asLethe = "LETHE_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asLethe) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// prepare makes lethe with args, not yet started.
func prepare(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	// The race detector would linger for a second at every exit.
	cmd.Env = append(os.Environ(), asLethe+"=1", "GORACE=atexit_sleep_ms=0")
	return cmd
}

// lethe runs a command that must succeed and returns what it printed.
func lethe(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	cmd := prepare(args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("lethe %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return stdout.String()
}

// An instance is a lethe that serves one domain on loopback until its test ends.
type instance struct {
	domain string
	dir    string // configuration, made by lethe init
	port   int    // STARTTLS, on 127.0.0.1
	direct int    // direct TLS, likewise
	ca     string // PEM file of the CA that made the certificate
	leaf   string // PEM file of the certificate itself
	key    string // and its key
	secret string // what passwords begin with
	peers  string // where other relays connect, if federate has made it
	cmd    *exec.Cmd
	ended  chan error // has what became of cmd
	log    logged
}

// password is what user logs in with.
func (r *instance) password(user string) string { return r.secret + user }

// newRelay sets a domain up as an operator would, with a certificate from a lab
// CA and users who share a group.
func newRelay(t testing.TB, users ...string) *instance {
	t.Helper()
	return newRelayFor(t, "lethe.test", users...)
}

func newRelayFor(t testing.TB, domain string, users ...string) *instance {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "lethe")
	r := &instance{domain: domain, dir: dir, secret: "pass word-", port: freePort(t), direct: freePort(t),
		leaf: filepath.Join(dir, "fullchain.pem"), key: filepath.Join(dir, "privkey.pem")}
	lethe(t, "", "init", dir, r.domain)
	ca := newLab(t)
	r.ca = ca.file
	ca.issue(r.domain, r.leaf, r.key)
	for _, user := range users {
		r.add(t, user)
	}
	r.sign(t)
	r.set(t, "client", fmt.Sprintf(`["127.0.0.1:%d"]`, r.port))
	r.set(t, "client_tls", fmt.Sprintf(`["127.0.0.1:%d"]`, r.direct))
	r.set(t, "server", "[]")
	r.set(t, "server_tls", "[]")
	return r
}

// startRelay sets a relay up and runs it.
func startRelay(t testing.TB, users ...string) *instance {
	t.Helper()
	r := newRelay(t, users...)
	r.start(t)
	return r
}

// file is the path of one of the relay's files.
func (r *instance) file(name string) string { return filepath.Join(r.dir, name) }

// add adds a user to the file, unsigned.
func (r *instance) add(t testing.TB, user string) {
	t.Helper()
	lethe(t, r.password(user)+"\n", "user", "add", "-users", r.file("users.txt"),
		"-name", named(user), "-groups", "staff", user+"@"+r.domain)
}

// named is what contact lists call the owner of an address.
func named(jid string) string {
	user, _, _ := strings.Cut(jid, "@")
	return strings.ToUpper(user[:1]) + user[1:]
}

// sign signs the users file with the key that lethe init made.
func (r *instance) sign(t testing.TB) {
	t.Helper()
	lethe(t, "", "sign", "-key", r.file("signer.key"), r.file("users.txt"))
}

// set gives a key of lethe.toml a value; it may stand there in a comment. Of two
// of that name it is the first.
func (r *instance) set(t testing.TB, key, value string) {
	t.Helper()
	text, err := os.ReadFile(r.file("lethe.toml"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^(# )?` + key + ` +=.*$`)
	at := line.FindIndex(text)
	if at == nil {
		t.Fatalf("lethe init wrote no %s in lethe.toml:\n%s", key, text)
	}
	text = slices.Replace(text, at[0], at[1], []byte(key+" = "+value)...)
	if err := os.WriteFile(r.file("lethe.toml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// start runs lethe serve and waits until it answers. When the test ends it is
// told to end too, and has to do so in order.
func (r *instance) start(t testing.TB) {
	t.Helper()
	t.Cleanup(func() { r.end(t) })
	r.serve(t)
}

// restart ends the relay and runs another in its place: whoever stays has to
// log in again.
func (r *instance) restart(t testing.TB) {
	t.Helper()
	r.stop(t)
	r.serve(t)
}

// serve runs lethe serve and waits until it answers.
func (r *instance) serve(t testing.TB) {
	t.Helper()
	r.run(t, prepare("serve", "-config", r.file("lethe.toml")))
}

// run runs a command that is or becomes lethe serve, and waits until it answers.
func (r *instance) run(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	r.cmd, r.ended = cmd, make(chan error, 1)
	ended := r.ended
	cmd.Stdout, cmd.Stderr = &r.log, &r.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { ended <- cmd.Wait() }()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
		if err == nil {
			c.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("lethe serve: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("lethe serve does not listen: %v", err)
		}
	}
}

// stop ends the relay as an operator would, and in order it must end.
func (r *instance) stop(t testing.TB) {
	t.Helper()
	r.cmd.Process.Signal(syscall.SIGTERM)
	var err error
	select {
	case err = <-r.ended:
	case <-time.After(patience):
		r.cmd.Process.Kill()
		err = errors.Join(errors.New("SIGTERM did not end it"), <-r.ended)
	}
	if err != nil {
		t.Errorf("lethe serve: %v", err)
	}
}

// end stops the relay and looks back at how it did.
func (r *instance) end(t testing.TB) {
	r.stop(t)
	if log := r.log.String(); strings.Contains(log, r.secret) || strings.Contains(log, "@"+r.domain) {
		t.Errorf("the log names a user or a password")
	}
	if t.Failed() {
		t.Logf("lethe serve wrote:\n%s", r.log.String())
	}
}

// logged is what a running program has written so far.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// freePort is a port of 127.0.0.1 that nobody listened on a moment ago, and that
// the system gives to no connection of its own accord.
func freePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000)))
		if err == nil {
			defer l.Close()
			return l.Addr().(*net.TCPAddr).Port
		}
	}
	t.Fatal("no free port")
	return 0
}
