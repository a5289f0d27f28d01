package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// settle makes this namespace fit to live in: loopback, a /proc of its own
// processes, and the system's resolver at an address.
func settle(t testing.TB, resolver string) {
	t.Helper()
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("ip link: %v: %s", err, out)
	}
	file := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(file, []byte("nameserver "+resolver+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, m := range []struct {
		from, to, kind string
		flags          uintptr
	}{
		{"none", "/", "", syscall.MS_REC | syscall.MS_PRIVATE},
		{"proc", "/proc", "proc", 0},
		{file, "/etc/resolv.conf", "", syscall.MS_BIND},
	} {
		if err := syscall.Mount(m.from, m.to, m.kind, m.flags, ""); err != nil {
			t.Fatalf("%s: %v", m.to, err)
		}
	}
}

// publish writes the zones down, spoilt ones too, and starts the name servers.
func (n *internet) publish() (unbound *daemon) {
	n.t.Helper()
	zones := map[string]string{}
	for _, name := range n.tree.Zones() {
		text := n.tree.File(name)
		for _, s := range n.sites {
			if s.spoilt && name == s.domain+"." {
				text = spoil(text)
			}
		}
		zones[name] = n.write("zone-"+name+"db", text)
	}
	anchors := n.write("anchors", n.tree.Anchors())
	hints := n.fill("hints.zone", map[string]any{"NSD": nsdAt})
	nsd := n.fill("nsd.conf", map[string]any{"NSD": nsdAt, "Dir": n.dir, "Zones": zones})
	n.run(nil, "nsd", "-d", "-c", nsd).reach(nsdAt + ":53")
	conf := n.fill("unbound.conf", map[string]any{"Unbound": unboundAt, "Dir": n.dir, "Hints": hints, "Anchors": anchors})
	unbound = n.run(nil, "unbound", "-d", "-c", conf)
	unbound.reach(unboundAt + ":53")
	return unbound
}

// A hosted site as the templates have it.
type hosted struct {
	Domain, Login, Peer string
	Dialback            bool
}

func (n *internet) hosted(at string) []hosted {
	var list []hosted
	for _, s := range n.sites {
		if s.at == at {
			list = append(list, hosted{s.domain, n.login(s), n.peer(s), s.dialback})
		}
	}
	return list
}

// password is everybody's.
const password = "pass word"

// prosody starts Prosody with a user bob in each domain.
func (n *internet) prosody() {
	n.t.Helper()
	plugins, err := filepath.Abs("testdata/interop/federation/prosody")
	if err != nil {
		n.t.Fatal(err)
	}
	hosts := n.hosted(prosodyAt)
	for _, h := range hosts {
		folder := strings.NewReplacer(".", "%2e", "-", "%2d").Replace(h.Domain)
		n.write("prosody/"+folder+"/accounts/bob.dat", fmt.Sprintf("return { password = %q }", password))
	}
	conf := n.fill("prosody.cfg.lua", map[string]any{
		"Dir": n.dir, "Plugins": plugins, "Prosody": prosodyAt, "CA": n.ca.file, "Hosts": hosts,
		"Anchors": filepath.Join(n.dir, "anchors"), "Hints": filepath.Join(n.dir, "hints.zone"),
	})
	n.run(nil, "prosody", "-F", "--config", conf).reach(prosodyAt+":5222", prosodyAt+":5269")
}

// ejabberd starts ejabberd with a user bob in each domain.
func (n *internet) ejabberd() {
	n.t.Helper()
	code := ejabberdCode()
	hosts := n.hosted(ejabberdAt)
	conf := n.fill("ejabberd.yml", map[string]any{"Ejabberd": ejabberdAt, "CA": n.ca.file, "Hosts": hosts})
	add := ""
	for _, h := range hosts {
		add += fmt.Sprintf("ok = ejabberd_auth:try_register(<<\"bob\">>, <<%q>>, <<%q>>), ", h.Domain, password)
	}
	env := []string{
		"EJABBERD_CONFIG_PATH=" + conf, "EJABBERD_LOG_PATH=" + filepath.Join(n.dir, "ejabberd.log"),
		"EJABBERD_PID_PATH=" + filepath.Join(n.dir, "ejabberd.pid"), "ERL_CRASH_DUMP_BYTES=0",
		"HOME=" + n.dir, "ERL_LIBS=" + filepath.Dir(filepath.Dir(code)),
	}
	// It listens before the users are there; what is printed last tells.
	n.run(env, "erl", "+sbwt", "none", "-noshell", "-noinput", "-pa", code,
		"-mnesia", "dir", fmt.Sprintf("%q", filepath.Join(n.dir, "mnesia")),
		"-s", "ejabberd", "-eval", add+`io:format("users are there~n").`,
	).await("users are there")
}

// ejabberdCode is the folder with ejabberd's code, empty if it is not installed.
func ejabberdCode() string {
	found, _ := filepath.Glob("/usr/lib/*/ejabberd-*/ebin")
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

// lethe sets a lethe up for all sites at its address, with these users.
func (n *internet) lethe(users ...string) *instance {
	n.t.Helper()
	var domains, pairs []string
	for _, h := range n.hosted(letheAt) {
		domains = append(domains, fmt.Sprintf("%q", h.Domain))
		pairs = append(pairs, fmt.Sprintf("{ chain = %q, key = %q }", h.Peer+".pem", h.Peer+".key"))
	}
	dir := filepath.Join(n.dir, "lethe")
	r := &instance{domain: "lethe.example", dir: dir, port: 5222, secret: password}
	lethe(n.t, "", "init", dir, r.domain)
	for key, value := range map[string]string{
		"domains":      "[" + strings.Join(domains, ", ") + "]",
		"certificates": "[" + strings.Join(pairs, ", ") + "]",
		"roots":        fmt.Sprintf("%q", n.ca.file),
		"client":       `["127.0.0.1:5222", "` + letheAt + `:5222"]`, // instance.start tries the first
		"client_tls":   "[]",
		"server":       `["` + letheAt + `:5269"]`,
		"server_tls":   `["` + letheAt + `:5270"]`,
		"resolver":     `"` + unboundAt + `:53"`,
		"trust_anchor": fmt.Sprintf("%q", filepath.Join(n.dir, "anchors")),
		"host":         `""`,
	} {
		r.set(n.t, key, value)
	}
	for _, user := range users {
		lethe(n.t, password+"\n", "user", "add", "-users", r.file("users.txt"), user)
	}
	r.sign(n.t)
	r.start(n.t)
	for deadline := time.Now().Add(patience); !strings.Contains(r.log.String(), "msg=running"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			n.t.Fatal("lethe does not run")
		}
	}
	return r
}

// reset gives a key of lethe.toml another value and has it put in force.
func (r *instance) reset(t testing.TB, key, value string) {
	t.Helper()
	r.set(t, key, value)
	r.reload(t, "msg=reloaded")
}

// A daemon is one of the servers, run until the test ends.
type daemon struct {
	t    testing.TB
	cmd  *exec.Cmd
	log  logged
	gone chan struct{}
}

// run starts a server.
func (n *internet) run(env []string, args ...string) *daemon {
	n.t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = n.dir
	return runDaemon(n.t, cmd)
}

// runDaemon starts a program that ends with the test.
func runDaemon(t testing.TB, cmd *exec.Cmd) *daemon {
	t.Helper()
	p := &daemon{t: t, cmd: cmd, gone: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	// What it leaves behind must not keep the test waiting for its output.
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		close(p.gone)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Signal(syscall.SIGCONT)
		p.end()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", strings.Join(cmd.Args, " "), p.log.String())
		}
	})
	return p
}

// reach waits until the program listens there.
func (p *daemon) reach(addresses ...string) {
	p.t.Helper()
	for _, a := range addresses {
		for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			if c, err := net.Dial("tcp", a); err == nil {
				c.Close()
				break
			}
			p.alive(deadline, "listening at "+a)
		}
	}
}

// await waits until the program has written that.
func (p *daemon) await(text string) {
	p.t.Helper()
	p.awaitUntil(time.Now().Add(patience), text)
}

// awaitUntil is await for a time of the caller's.
func (p *daemon) awaitUntil(deadline time.Time, text string) {
	p.t.Helper()
	for ; !strings.Contains(p.log.String(), text); time.Sleep(20 * time.Millisecond) {
		p.alive(deadline, "having written "+text)
	}
}

// alive fails the test if the program has ended or the time is over.
func (p *daemon) alive(deadline time.Time, what string) {
	p.t.Helper()
	select {
	case <-p.gone:
		p.t.Fatalf("%s ended before %s", p.cmd.Path, what)
	default:
	}
	if time.Now().After(deadline) {
		p.t.Fatalf("%s is not %s in time", p.cmd.Path, what)
	}
}

// end ends the program, if need be by force.
func (p *daemon) end() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.gone:
	case <-time.After(2 * time.Second):
		p.cmd.Process.Kill()
		<-p.gone
	}
}
