package main

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"lethe/dane"
	"lethe/dane/zone"
)

// Where who is, in the network namespace of the test. testdata/interop/
// federation has the whole picture.
const (
	letheAt    = "127.0.0.10"
	prosodyAt  = "127.0.0.20"
	ejabberdAt = "127.0.0.30"
	nsdAt      = "127.0.0.53"
	unboundAt  = "127.0.0.54"
)

// A site is a domain: who serves it, and what is right and wrong with it.
type site struct {
	domain   string
	at       string // its server
	cert     credential
	tlsa     tlsa
	ttl      int    // of the TLSA records, in seconds; 0: an hour
	zone     string // options, as dane/zone has them
	spoilt   bool   // the signature over the TLSA records is wrong
	direct   bool   // direct TLS goes before STARTTLS
	dialback bool   // it knows no other authentication
}

// A credential is a certificate between servers. The zero value is as public
// authorities issue them: for servers only.
type credential struct {
	name    string // instead of the domain
	self    bool   // signed by itself
	expired bool
	usages  []x509.ExtKeyUsage
}

type tlsa uint8

const (
	noTLSA      tlsa = iota
	ownTLSA          // 3 1 1 of the certificate
	anotherTLSA      // 3 1 1 of another
)

// An internet is a signed root, everybody's servers, and an authority that all
// trust, for one test.
type internet struct {
	t     testing.TB
	dir   string
	ca    *lab
	trust *x509.CertPool // for logins
	sites []site
	tree  *zone.Tree
}

// newInternet makes the certificates and the DNS of the sites.
func newInternet(t testing.TB, sites ...site) *internet {
	t.Helper()
	n := &internet{t: t, dir: t.TempDir(), ca: newLab(t), trust: x509.NewCertPool(), sites: sites}
	n.trust.AddCert(n.ca.cert)
	text := "$ZONE .\n@ NS ns\nns A " + nsdAt + "\n$ZONE example.\n@ NS ns\nns A " + nsdAt + "\n"
	for _, s := range sites {
		n.ca.issue(s.domain, n.login(s)+".pem", n.login(s)+".key")
		text += s.zoneText(n.certify(s))
	}
	specs, err := zone.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if n.tree, err = zone.Plant(time.Now(), specs...); err != nil {
		t.Fatal(err)
	}
	return n
}

// login and peer are the files of a site's certificates for its users and for
// other servers, without what follows the dot.
func (n *internet) login(s site) string { return filepath.Join(n.dir, "login-"+s.domain) }
func (n *internet) peer(s site) string  { return filepath.Join(n.dir, "peer-"+s.domain) }

// certify makes a site's certificate between servers.
func (n *internet) certify(s site) *x509.Certificate {
	n.t.Helper()
	name := s.domain
	if s.cert.name != "" {
		name = s.cert.name
	}
	key := newKey(n.t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if s.cert.expired {
		template.NotAfter = time.Now().Add(-24 * time.Hour)
	}
	if s.cert.usages != nil {
		template.ExtKeyUsage = s.cert.usages
	}
	parent, issuer := n.ca.cert, n.ca
	if s.cert.self {
		parent, issuer = template, &lab{t: n.t, key: key}
	}
	cert := issuer.sign(template, parent, key, n.peer(s)+".pem")
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		n.t.Fatal(err)
	}
	writePEM(n.t, n.peer(s)+".key", "PRIVATE KEY", der)
	if s.cert.self {
		n.trust.AddCert(cert) // ejabberd and lethe show it to users too
	}
	return cert
}

// zoneText is a site's zone.
func (s site) zoneText(cert *x509.Certificate) string {
	text := fmt.Sprintf("$ZONE %s. %s\n@ NS ns\nns A %s\nxmpp A %s\n", s.domain, s.zone, nsdAt, s.at)
	ports := []int{5269}
	text += "_xmpp-server._tcp SRV 10 0 5269 xmpp\n"
	if s.direct {
		ports = append(ports, 5270)
		text += "_xmpps-server._tcp SRV 5 0 5270 xmpp\n"
	}
	record := dane.Of(cert, dane.DANEEE, dane.SPKI, dane.SHA256)
	switch s.tlsa {
	case noTLSA:
		return text
	case anotherTLSA:
		record.Data[0] ^= 1
	}
	ttl := 3600
	if s.ttl != 0 {
		ttl = s.ttl
	}
	for _, port := range ports {
		text += fmt.Sprintf("_%d._tcp.xmpp %d TLSA %s %x\n", port, ttl, record.Numbers(), record.Data)
	}
	return text
}

// resolvConf makes Unbound the system's resolver, in this namespace of mounts.
func (n *internet) resolvConf() {
	n.t.Helper()
	file := n.write("resolv.conf", "nameserver "+unboundAt+"\n")
	err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	if err == nil {
		err = syscall.Mount(file, "/etc/resolv.conf", "", syscall.MS_BIND, "")
	}
	if err != nil {
		n.t.Fatalf("resolv.conf: %v", err)
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
	n.run(nsdAt+":53", nil, "nsd", "-d", "-c", nsd)
	conf := n.fill("unbound.conf", map[string]any{"Unbound": unboundAt, "Dir": n.dir, "Hints": hints, "Anchors": anchors})
	return n.run(unboundAt+":53", nil, "unbound", "-d", "-c", conf)
}

// spoil changes one character of each signature over TLSA records.
func spoil(zone string) string {
	lines := strings.SplitAfter(zone, "\n")
	for i, line := range lines {
		if !strings.Contains(line, "RRSIG\tTLSA") {
			continue
		}
		at := strings.LastIndexByte(line, ' ') + 10
		other := byte('A')
		if line[at] == other {
			other = 'B'
		}
		lines[i] = line[:at] + string(other) + line[at+1:]
	}
	return strings.Join(lines, "")
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
func (n *internet) prosody() *daemon {
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
	return n.run(prosodyAt+":5269", nil, "prosody", "-F", "--config", conf)
}

// ejabberd starts ejabberd with a user bob in each domain.
func (n *internet) ejabberd() *daemon {
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
	p := n.run("", env, "erl", "+sbwt", "none", "-noshell", "-noinput", "-pa", code,
		"-mnesia", "dir", fmt.Sprintf("%q", filepath.Join(n.dir, "mnesia")),
		"-s", "ejabberd", "-eval", add+`io:format("users are there~n").`)
	p.await("users are there")
	return p
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
		"client":       `["127.0.0.1:5222", "` + letheAt + `:5222"]`,
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
	return r
}

// reset gives a key of lethe.toml another value and has it put in force.
func (r *instance) reset(t testing.TB, key, value string) {
	t.Helper()
	r.set(t, key, value)
	r.reload(t, "msg=reloaded")
}

// write puts a file into the test's folder.
func (n *internet) write(name, text string) string {
	n.t.Helper()
	file := filepath.Join(n.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
	return file
}

// fill writes a file by one of the templates.
func (n *internet) fill(name string, data any) string {
	n.t.Helper()
	t, err := template.ParseFiles("testdata/interop/federation/" + name)
	if err != nil {
		n.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		n.t.Fatal(err)
	}
	return n.write(name, b.String())
}

// A daemon is one of the servers, run until the test ends.
type daemon struct {
	t    testing.TB
	cmd  *exec.Cmd
	log  logged
	gone chan struct{}
}

// run starts a server and waits until it listens, if an address is given.
func (n *internet) run(address string, env []string, args ...string) *daemon {
	n.t.Helper()
	p := &daemon{t: n.t, cmd: exec.Command(args[0], args[1:]...), gone: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Dir = n.dir
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	// What it leaves behind must not keep the test waiting for its output.
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		close(p.gone)
	}()
	n.t.Cleanup(func() {
		p.cmd.Process.Signal(syscall.SIGCONT)
		p.end()
		if n.t.Failed() {
			n.t.Logf("%s wrote:\n%s", args[0], p.log.String())
		}
	})
	for deadline := time.Now().Add(patience); address != ""; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			break
		}
		p.alive(deadline, "listening at "+address)
	}
	return p
}

// await waits until the program has written that.
func (p *daemon) await(text string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(p.log.String(), text); time.Sleep(20 * time.Millisecond) {
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
		p.t.Fatalf("%s is not %s within %v", p.cmd.Path, what, patience)
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
