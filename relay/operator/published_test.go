package operator_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"lethe/dane"
	"lethe/dane/resolve"
	"lethe/dane/zone"
	"lethe/federation"
	"lethe/relay"
	"lethe/relay/need"
	"lethe/relay/operator"
	"lethe/tls"
)

// roots are the zones above those of the tests.
const roots = "$ZONE .\n$ZONE org.\n$ZONE example.\n"

// believe makes the configuration ask a DNS of the test's own.
func believe(t *testing.T, conf, text string) {
	t.Helper()
	specs, err := zone.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := zone.Plant(time.Now(), specs...)
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	server, err := tree.Serve(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	anchor := filepath.Join(filepath.Dir(conf), "anchor")
	write(t, anchor, tree.Anchors())
	set(t, conf, "resolver", fmt.Sprintf("%q", server.Addr()))
	set(t, conf, "trust_anchor", `"anchor"`)
	set(t, conf, "policy", `"dane"`)
}

// set gives a key of a configuration a value; it stands there in a comment.
func set(t *testing.T, conf, key, value string) {
	t.Helper()
	text := read(t, conf)
	line := regexp.MustCompile(`(?m)^(# )?` + key + ` +=.*$`)
	if !line.MatchString(text) {
		t.Fatalf("lethe init wrote no %s:\n%s", key, text)
	}
	write(t, conf, line.ReplaceAllLiteralString(text, key+" = "+value))
}

// leaf reads the certificate of a relay.
func leaf(t *testing.T, dir string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(read(t, filepath.Join(dir, "fullchain.pem"))))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// TestDNS holds that what is printed is a zone file with these records, and
// that lethe check is content with what lethe dns prints.
func TestDNS(t *testing.T) {
	dir, _, _, conf := fresh(t)
	set(t, conf, "policy", `"dane"`)
	set(t, conf, "client_tls", `["127.0.0.1:443", "[::1]:443"]`)
	set(t, conf, "server_tls", "[]")
	out := must(t, operator.DNS, "", "-config", conf, "-host", "XMPP.example.org.")
	key := dane.Of(leaf(t, dir), 3, 1, 1).String()
	want := strings.ReplaceAll(`_xmpps-client._tcp.example.org. 3600 IN SRV 0 0 443 xmpp.example.org.
_xmpp-client._tcp.example.org. 3600 IN SRV 5 0 5222 xmpp.example.org.
_xmpps-server._tcp.example.org. 3600 IN SRV 0 0 0 .
_xmpp-server._tcp.example.org. 3600 IN SRV 5 0 5269 xmpp.example.org.
_xmpps-server._tcp.rooms.example.org. 3600 IN SRV 0 0 0 .
_xmpp-server._tcp.rooms.example.org. 3600 IN SRV 5 0 5269 xmpp.example.org.
_443._tcp.xmpp.example.org. 3600 IN TLSA KEY
_5222._tcp.xmpp.example.org. 3600 IN TLSA KEY
_5269._tcp.xmpp.example.org. 3600 IN TLSA KEY
`, "KEY", key)
	if got := records(out); got != want {
		t.Errorf("lethe dns prints:\n%s\nwant:\n%s", out, want)
	}
	if !strings.Contains(out, "; Sign the zone with DNSSEC") {
		t.Error("it does not say that the zone must be signed")
	}
	believe(t, conf, roots+"$ZONE example.org.\nxmpp A 127.0.0.1\n"+out)
	if seen := must(t, operator.Check, "", "-config", conf); strings.Count(seen, "ok    dns") != 5 || strings.Contains(seen, "warn") {
		t.Errorf("check of what dns printed:\n%s", seen)
	}
}

// TestDNSZoneFile has a name server read what is printed.
func TestDNSZoneFile(t *testing.T) {
	path := need.Program(t, "nsd-checkzone", "nsd")
	dir, _, _, conf := fresh(t)
	set(t, conf, "server", "[]")
	file := filepath.Join(dir, "zone")
	write(t, file, "$TTL 3600\n@ IN SOA ns.example.org. a.example.org. 1 3600 600 86400 300\n@ IN NS ns\n@ IN A 127.0.0.1\nns IN A 127.0.0.1\n"+
		must(t, operator.DNS, "", "-config", conf, "-next", filepath.Join(dir, "privkey.pem")))
	if said, err := exec.Command(path, "example.org", file).CombinedOutput(); err != nil {
		t.Errorf("nsd-checkzone: %v\n%s", err, said)
	}
}

// records are the lines of a zone file that are not comments.
func records(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" && line[0] != ';' {
			b.WriteString(line)
		}
	}
	return b.String()
}

// TestDNSNext holds that the next key is published beside the one in use, from
// each kind of file.
func TestDNSNext(t *testing.T) {
	_, _, _, conf := fresh(t)
	other := t.TempDir()
	must(t, operator.Init, "", other, "example.org")
	next := dane.Of(leaf(t, other), 3, 1, 1).String()
	public, err := x509.MarshalPKIXPublicKey(leaf(t, other).PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(other, name) }
	write(t, at("public.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
	write(t, at("with.pem"), "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"+read(t, at("privkey.pem")))
	before := strings.Count(must(t, operator.DNS, "", "-config", conf), " IN TLSA ")
	for _, name := range []string{"fullchain.pem", "privkey.pem", "public.pem", "with.pem"} {
		out := must(t, operator.DNS, "", "-config", conf, "-next", at(name))
		if strings.Count(out, " IN TLSA ") != 2*before || strings.Count(out, next) != before || !strings.Contains(out, "which is to take over") {
			t.Errorf("%s:\n%s", name, out)
		}
	}
	refuse(t, operator.DNS, "", 1, "there is no certificate or key in it", "-config", conf, "-next", at("lethe.toml"))
	refuse(t, operator.DNS, "", 1, "none: no such file or directory; name a certificate", "-config", conf, "-next", at("none"))
	refuse(t, operator.DNS, "", 2, `"192.0.2.1" is no name in the DNS`, "-config", conf, "-host", "192.0.2.1")
	refuse(t, operator.DNS, "", 2, "1 operands instead of 0", "-config", conf, "example.org")
}

// TestDNSOfOtherNames holds that what is not in the DNS is not published, and
// that the DNS gets A-labels.
func TestDNSOfOtherNames(t *testing.T) {
	for domain, want := range map[string]string{
		"localhost":                        "; localhost is not in the DNS",
		"192.0.2.1":                        "; 192.0.2.1 is not in the DNS",
		strings.Repeat("a", 56) + ".onion": ".onion is not in the DNS",
		"bücher.example":                   "_xmpp-server._tcp.xn--bcher-kva.example. 3600 IN SRV 5 0 5269 xn--bcher-kva.example.\n",
		"sub.localhost.example":            "_5269._tcp.sub.localhost.example. 3600 IN TLSA 3 1 1 ",
	} {
		dir := t.TempDir()
		must(t, operator.Init, "", dir, domain)
		if out := must(t, operator.DNS, "", "-config", filepath.Join(dir, "lethe.toml")); !strings.Contains(out, want) {
			t.Errorf("%s:\n%s", domain, out)
		}
	}
	_, _, _, conf := fresh(t) // with federation off
	if out := must(t, operator.DNS, "", "-config", conf); !strings.Contains(out, "_xmpp-server._tcp.example.org. 3600 IN SRV 0 0 0 .\n") || strings.Contains(out, "5269") {
		t.Errorf("without federation:\n%s", out)
	}
}

// TestCheckPublished spoils what is published in one way at a time.
func TestCheckPublished(t *testing.T) {
	dir, _, _, conf := fresh(t)
	set(t, conf, "policy", `"dane"`)
	out := must(t, operator.DNS, "", "-config", conf)
	key := dane.Of(leaf(t, dir), 3, 1, 1).String()
	own := "$ZONE example.org.\n@ A 127.0.0.1\n"
	for _, test := range []struct {
		name, zones string
		code        int
		want        string
	}{
		{"all as it should be", own + out, 0, "ok    dns            example.org: example.org:5269: other servers accept the certificate: TLSA 3 1 1 matched\n"},
		{"another key", own + strings.ReplaceAll(out, key, "3 1 1 "+strings.Repeat("00", 32)), 1,
			"FAIL  dns            example.org: example.org:5269: other servers refuse this: no TLSA record fits the certificate (RFC 6698 §2.1); publish"},
		{"no TLSA", own + without(out, " IN TLSA "), 1, "other servers refuse this: the certificate is signed by itself"},
		{"not signed", strings.Replace(own, "org.\n", "org. unsigned\n", 1) + out, 1, "the certificate is signed by itself"},
		{"signatures expired", strings.Replace(own, "org.\n", "org. from=-48h until=-24h\n", 1) + out, 1, "_xmpps-client._tcp is bogus: the signature has expired (RFC 4035 §5.3.1); repair"},
		{"a service denied", own + strings.Replace(out, "SRV 5 0 5269 example.org.", "SRV 0 0 0 .", 1), 1, "_xmpp-server._tcp says that there is no such service, and server in [listen]"},
		{"another port", own + strings.Replace(out, "SRV 5 0 5222", "SRV 5 0 5322", 1), 0, "warn  dns            example.org: _xmpp-client._tcp leads to port 5322, where client in [listen] does not listen"},
		{"no address", "$ZONE example.org.\n" + out, 1, "other servers do not get here: the server has no address"},
		{"nothing", own, 0, "warn  dns            example.org: no SRV record for _xmpps-client._tcp, _xmpp-client._tcp, _xmpps-server._tcp, _xmpp-server._tcp; publish"},
		{"no such domain", "", 0, "warn  dns            example.org: example.org:5269: other servers do not get here"},
	} {
		believe(t, conf, roots+test.zones)
		r := run(t, operator.Check, "", "-config", conf)
		if r.code != test.code || !strings.Contains(r.out, test.want) || !strings.Contains(r.out, "ok    users") {
			t.Errorf("%s: status %d, want %d and %q\n%s%s", test.name, r.code, test.code, test.want, r.out, r.err)
		}
	}
	// Whose DNS is dead, or signed by others, learns nothing and is told so.
	for key, value := range map[string]string{"resolver": `"127.0.0.1:1"`, "trust_anchor": `""`} {
		believe(t, conf, roots+own+out)
		set(t, conf, key, value)
		if said := must(t, operator.Check, "", "-config", conf); !strings.Contains(said, "warn  dns            example.org: the DNS cannot be asked: ") {
			t.Errorf("%s = %s:\n%s", key, value, said)
		}
		if said := must(t, operator.Check, "", "-config", conf, "-json"); !strings.Contains(said, `"check":"dns","ok":true,"detail":"example.org: the DNS`) || !strings.Contains(said, `,"warning":true}`) {
			t.Errorf("%s = %s:\n%s", key, value, said)
		}
	}
	set(t, conf, "trust_anchor", `"lethe.toml"`)
	refuse(t, operator.Check, "", 1, "1 of the checks failed", "-config", conf)
}

func without(text, what string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.Contains(line, what) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// partner serves domains on loopback and returns its port and TLSA record.
func partner(t *testing.T, domains ...string) (port uint16, key string) {
	t.Helper()
	chain, private, err := tls.Generate(domains, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	certs, err := tls.Parse([]tls.PEM{{Name: "partner", Chain: chain, Key: private}}, domains, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := resolve.New(resolve.Config{Servers: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1")}})
	if err != nil {
		t.Fatal(err)
	}
	s := federation.NewServer(federation.Config{
		Domains: domains, TLS: tls.NewServer(certs, false), Router: relay.NewRouter(), Resolver: nobody,
		Policy: &federation.Policy{Mode: federation.DANE}, Report: func(relay.Event) {}, Now: time.Now,
		Limits: federation.Limits{StanzaBytes: 1 << 16, OutboxBytes: 1 << 16},
		Dial:   func(context.Context, netip.AddrPort) (net.Conn, error) { return nil, net.ErrClosed },
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l, false)
	t.Cleanup(func() { l.Close(); s.Shutdown(time.Second) })
	return uint16(l.Addr().(*net.TCPAddr).Port), dane.Of(certs.Leaf(domains[0]), 3, 1, 1).String()
}

// TestCheckDomain connects to servers on loopback that a signed DNS leads to.
func TestCheckDomain(t *testing.T) {
	_, _, _, conf := fresh(t)
	port, key := partner(t, "good.example", "bad.example")
	const bad = "3 1 1 0000000000000000000000000000000000000000000000000000000000000000"
	zones := roots + "$ZONE example.org.\n"
	for name, records := range map[string]string{
		"good.example.":     fmt.Sprintf("_xmpp-server._tcp SRV 0 0 %d xmpp\nxmpp A 127.0.0.1\n_%d._tcp.xmpp TLSA %s\n", port, port, key),
		"bad.example.":      fmt.Sprintf("_xmpp-server._tcp SRV 0 0 %d xmpp\nxmpp A 127.0.0.1\n_%d._tcp.xmpp TLSA %s\n", port, port, bad),
		"declined.example.": "_xmpp-server._tcp SRV 0 0 0 .\n_xmpps-server._tcp SRV 0 0 0 .\n",
	} {
		zones += "$ZONE " + name + "\n" + records
	}
	believe(t, conf, zones+"$ZONE old.example. from=-48h until=-24h\n@ A 127.0.0.1\n")
	for _, test := range []struct {
		domain string
		code   int
		want   string // the line of JSON
	}{
		{"good.example", 0, fmt.Sprintf(`{"domain":"good.example","verdict":"dane","reason":"TLSA 3 1 1 matched","policy":"dane","targets":[`+
			`{"host":"xmpp.good.example","port":%d,"tls":"starttls","srv":"secure","tlsa":["%s"],"verdict":"dane","reason":"TLSA 3 1 1 matched"}]}`, port, key)},
		{"bad.example", 1, fmt.Sprintf(`{"domain":"bad.example","verdict":"refused","reason":"no TLSA record fits the certificate (RFC 6698 §2.1)","policy":"dane","targets":[`+
			`{"host":"xmpp.bad.example","port":%d,"tls":"starttls","srv":"secure","tlsa":["%s"],"verdict":"refused","reason":"no TLSA record fits the certificate (RFC 6698 §2.1)"}]}`, port, bad)},
		{"declined.example", 1, `{"domain":"declined.example","verdict":"unreachable","reason":"the domain offers no federation (RFC 2782)","policy":"dane","targets":[]}`},
		{"Old.example", 1, `{"domain":"old.example","verdict":"refused","reason":"the SRV lookup is bogus: the signature has expired (RFC 4035 §5.3.1)","policy":"dane","targets":[]}`},
		{"none.example", 1, `{"domain":"none.example","verdict":"unreachable","reason":"the server has no address (RFC 6120 §3.2.1)","policy":"dane","targets":[` +
			`{"host":"none.example","port":5269,"tls":"starttls","srv":"secure","tlsa":[],"verdict":"unreachable","reason":"the server has no address (RFC 6120 §3.2.1)"}]}`},
	} {
		r := run(t, operator.Check, "", "-config", conf, "-json", test.domain)
		if r.code != test.code || r.out != test.want+"\n" {
			t.Errorf("%s: status %d\n%swant\n%s", test.domain, r.code, r.out, test.want)
		}
	}
	r := run(t, operator.Check, "", "-config", conf, "good.example", "bad.example")
	for _, want := range []string{
		"good.example, policy dane\n    ok    policy    the domain may federate once it is proved\n    ok    SRV       secure, 1 server\n",
		"\n    ok    TLS       TLSA 3 1 1 matched\n", "\n  = dane: TLSA 3 1 1 matched\n", "\ngood.example: dane: TLSA 3 1 1 matched\nbad.example, policy dane\n",
		"\n    FAIL  TLS       no TLSA record fits the certificate (RFC 6698 §2.1)\n                    cure: publish the TLSA record of the certificate in use before using it\n",
		"\nbad.example: refused: no TLSA record fits the certificate (RFC 6698 §2.1)\n",
	} {
		if !strings.Contains(r.out, want) {
			t.Errorf("check prints\n%swithout\n%s", r.out, want)
		}
	}
	if r.code != 1 || !strings.Contains(r.err, "no federation with 1 of 2 domains") {
		t.Errorf("status %d, %s", r.code, r.err)
	}
	refuse(t, operator.Check, "", 2, `"a b" is no domain`, "-config", conf, "a b")
	refuse(t, operator.Check, "", 2, `"-json" is no domain; write e.g. partner.example, and flags before it`, "-config", conf, "good.example", "-json")
	set(t, conf, "policy", `"off"`)
	r = run(t, operator.Check, "", "-config", conf, "-json", "good.example")
	if r.code != 1 || !strings.Contains(r.out, `"reason":"federation is switched off (RFC 6120 §4.9.3.14)","policy":"off","targets":[]}`) {
		t.Errorf("policy off: status %d, %s", r.code, r.out)
	}
}
