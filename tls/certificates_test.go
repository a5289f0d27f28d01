package tls

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	now := time.Now()
	chain, key, err := Generate([]string{"example.org", "*.rooms.example.org", "müller.example"}, now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	_, strange, err := Generate([]string{"example.org"}, now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	good := Pair{write(t, "chain.pem", chain), write(t, "key.pem", key)}
	for _, tt := range []struct {
		name    string
		pair    Pair
		domains []string
		now     time.Time
		want    string // in the error; "" for success
	}{
		{"right", good, []string{"example.org", "a.rooms.example.org", "EXAMPLE.org.", "müller.example", "xn--mller-kva.example"}, now, ""},
		{"no chain", Pair{"absent.pem", good.Key}, nil, now, "absent.pem"},
		{"no key", Pair{good.Chain, "absent.pem"}, nil, now, "absent.pem"},
		{"not PEM", Pair{write(t, "chain.pem", []byte("x")), good.Key}, nil, now, "chain.pem: failed to find any PEM data"},
		{"swapped", Pair{good.Key, good.Chain}, nil, now, "key.pem"},
		{"strange key", Pair{good.Chain, write(t, "key.pem", strange)}, nil, now, "chain.pem: private key does not match"},
		{"expired", good, nil, now.Add(2 * time.Hour), "chain.pem: expired at"},
		{"too early", good, nil, now.Add(-2 * time.Hour), "chain.pem: not valid before"},
		{"other domain", good, []string{"example.net"}, now, "no certificate names example.net"},
		{"wildcard is no parent", good, []string{"rooms.example.org"}, now, "names rooms.example.org"},
		{"wildcard is one label", good, []string{"a.b.rooms.example.org"}, now, "names a.b.rooms.example.org"},
		{"wildcard wants a label", good, []string{".rooms.example.org"}, now, "names .rooms.example.org"},
		{"no subdomain", good, []string{"a.example.org"}, now, "names a.example.org"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load([]Pair{tt.pair}, tt.domains, tt.now)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v; want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "PRIVATE") {
				t.Error("key in the error")
			}
		})
	}
	if _, err := Load(nil, nil, now); err == nil {
		t.Error("no certificate at all is accepted")
	}
}

func TestExpiring(t *testing.T) {
	now := time.Now()
	var pems []PEM
	for name, d := range map[string]time.Duration{"soon": 24 * time.Hour, "late": 9000 * time.Hour} {
		chain, key, err := Generate([]string{name}, now, d)
		if err != nil {
			t.Fatal(err)
		}
		pems = append(pems, PEM{name, chain, key})
	}
	c, err := Parse(pems, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	list := c.Expiring(now, 30*24*time.Hour)
	if len(list) != 1 || list[0].Name != "soon" || !list[0].NotAfter.Equal(c.NotAfter()) {
		t.Errorf("%v, %v", list, c.NotAfter())
	}
	if list := c.Expiring(now, time.Hour); len(list) != 0 {
		t.Errorf("%v", list)
	}
}

func TestServerNameSelects(t *testing.T) {
	a, err := NewAuthority(time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var pems []PEM
	for _, names := range [][]string{{"first.example"}, {"second.example", "*.wild.example"}, {"exact.wild.example"}} {
		p, err := a.Issue(names)
		if err != nil {
			t.Fatal(err)
		}
		pems = append(pems, p)
	}
	certs, err := Parse(pems, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(certs, false)
	shown := func(before, name string) string {
		ss, cs := sockets(t)
		var leaf string
		_, _, serr, cerr := both(
			func() (*Conn, error) { return s.HandshakeWith(ss, patience, Options{Domain: before, Ask: true}) },
			func() (*Conn, error) {
				return Client(cs, patience, ClientConfig{ServerName: name, Verify: func(chain []*x509.Certificate) error {
					leaf = chain[0].DNSNames[0]
					return nil
				}})
			})
		if serr != nil || cerr != nil {
			t.Fatal(serr, cerr)
		}
		return leaf
	}
	for _, tt := range []struct{ before, name, want string }{
		{"", "", "first.example"},
		{"", "unknown.example", "first.example"},
		{"", "second.example", "second.example"},
		{"", "SECOND.example", "second.example"},
		{"", "any.wild.example", "second.example"},
		{"", "exact.wild.example", "exact.wild.example"},
		{"second.example", "", "second.example"},
		{"second.example", "unknown.example", "second.example"},
		{"second.example", "exact.wild.example", "exact.wild.example"},
		{"unknown.example", "", "first.example"},
	} {
		if got := shown(tt.before, tt.name); got != tt.want {
			t.Errorf("%q, and %q before: shown %s, want %s", tt.name, tt.before, got, tt.want)
		}
	}
	s.SetCertificates(issue(t, a, "new.example"))
	if got := shown("", "second.example"); got != "new.example" {
		t.Error("after SetCertificates: shown", got)
	}
}

// Among several certificates of a name the client gets one it can check.
func TestAlgorithmSelects(t *testing.T) {
	a, err := NewAuthority(time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := template([]string{domain}, time.Now(), time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, public, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	certs := issue(t, a, domain)
	edwards := &leaf{"edwards", tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: cert}}
	certs.names[domain] = append([]*leaf{edwards}, certs.names[domain]...)
	hello := &tls.ClientHelloInfo{ServerName: domain, SupportedVersions: []uint16{tls.VersionTLS13},
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}}
	if got := certs.choose(hello, ""); got == edwards {
		t.Error("a client that knows only ECDSA is shown Ed25519")
	}
	hello.SignatureSchemes = []tls.SignatureScheme{tls.Ed25519}
	if got := certs.choose(hello, ""); got != edwards {
		t.Error("a client that knows only Ed25519 is shown ECDSA")
	}
}
