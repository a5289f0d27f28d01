package main

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
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
