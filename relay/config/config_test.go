package config_test

import (
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"lethe/relay/config"
)

const (
	key1 = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
	key2 = "RWSmKaOrT6m3TGwjwBovgOmlhSbyBUw3hyhnSOYruHXbJa36xHr8rq2M"

	// least is the least that a file must say, in three lines.
	least = "domains = [\"example.org\"]\nusers = \"users.txt\"\nsigners = [\"" + key1 + "\"]\n"
)

func addrs(list ...string) []netip.AddrPort {
	out := make([]netip.AddrPort, len(list))
	for i, s := range list {
		out[i] = netip.MustParseAddrPort(s)
	}
	return out
}

// TestDefaults holds the defaults that the README promises, one by one.
func TestDefaults(t *testing.T) {
	got, err := config.Parse("/etc/lethe/lethe.toml", []byte(least))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Signers) != 1 || got.Signers[0].String() != key1 {
		t.Errorf("signers: %v", got.Signers)
	}
	want := &config.Config{
		Domains:     []string{"example.org"},
		Users:       "/etc/lethe/users.txt",
		Signers:     got.Signers,
		ForgetAfter: 24 * time.Hour,
		TLS:         config.TLS{Certificates: []config.Pair{{Chain: "/etc/lethe/fullchain.pem", Key: "/etc/lethe/privkey.pem"}}},
		Listen: config.Listen{
			Client: addrs("[::]:5222"), ClientTLS: addrs("[::]:5223"),
			Server: addrs("[::]:5269"), ServerTLS: addrs("[::]:5270"),
			Proxy65: addrs(), Web: addrs(), Metrics: addrs(),
		},
		Federation: config.Federation{Policy: config.DANE},
		Rooms:      config.Rooms{Host: "rooms"},
		Calls:      config.Calls{Lifetime: 12 * time.Hour},
		Log:        config.Log{Domains: true},
		Limits: config.Limits{
			StanzaBytes: 262144, BytesPerSecond: 131072, LoginsPerMinute: 20,
			ConnectionsPerAddress: 200, OutboxBytes: 4194304, Resume: 2 * time.Minute,
			ProxyBytesPerSecond: 1048576, ProxyBytes: 1073741824,
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if s := got.Signature(); s != "/etc/lethe/users.txt.minisig" {
		t.Errorf("Signature() = %q", s)
	}
	if h := got.RoomHosts(); !reflect.DeepEqual(h, []string{"rooms.example.org"}) {
		t.Errorf("RoomHosts() = %q", h)
	}
	d := config.Default()
	want.Domains, want.Signers, want.Users = nil, nil, ""
	want.TLS.Certificates = []config.Pair{{Chain: "fullchain.pem", Key: "privkey.pem"}}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("Default() = %+v\nwant %+v", d, want)
	}
}

// TestTemplate holds that the template's comments tell the defaults: with all
// of them in force, nothing changes.
func TestTemplate(t *testing.T) {
	filled := config.Fill([]string{"example.org"}, []string{key1}, false)
	got, err := config.Parse("lethe.toml", []byte(filled))
	if err != nil {
		t.Fatal(err)
	}
	minimal, err := config.Parse("lethe.toml", []byte(least))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, minimal) {
		t.Errorf("filled template: %+v\nwant %+v", got, minimal)
	}
	setting := regexp.MustCompile(`(?m)^# ([a-z0-9_]+ *=)`)
	if n := len(setting.FindAllString(filled, -1)); n != 42 {
		t.Errorf("the template has %d defaults, want 42", n)
	}
	uncommented := setting.ReplaceAllString(filled, "$1")
	if got, err = config.Parse("lethe.toml", []byte(uncommented)); err != nil {
		t.Fatalf("with its comments in force: %v", err)
	}
	// An empty list in the file and none at all mean the same.
	minimal.Federation.Allow, minimal.Federation.Deny = got.Federation.Allow, got.Federation.Deny
	if len(got.Federation.Allow)+len(got.Federation.Deny) != 0 || !reflect.DeepEqual(got, minimal) {
		t.Errorf("with its comments in force: %+v\nwant %+v", got, minimal)
	}
}

func TestOnionTemplate(t *testing.T) {
	domain := strings.Repeat("a", 56) + ".onion"
	c, err := config.Parse("lethe.toml", []byte(config.Fill([]string{domain}, []string{key1, key2}, true)))
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]netip.AddrPort{c.Listen.Client, c.Listen.ClientTLS, c.Listen.Server, c.Listen.ServerTLS, c.Onion.Clients, c.Onion.Relays} {
		if len(list) != 1 || !list[0].Addr().IsLoopback() {
			t.Errorf("an onion relay listens on %v", list)
		}
	}
	if c.Onion.SOCKS != netip.MustParseAddrPort("127.0.0.1:9050") || len(c.Signers) != 2 {
		t.Errorf("SOCKS %v, %d signers", c.Onion.SOCKS, len(c.Signers))
	}
}

// TestValues reads every key with a value that is not the default.
func TestValues(t *testing.T) {
	text := `
domains = ["Example.ORG", "bücher.example"]
users = "/srv/users"
signers = ["` + key1 + `", "` + key2 + `"]
forget_after = "90m"
tls.roots = "roots.pem"
tls.min_version = "1.2"
tls.certificates = [{ chain = "a.pem", key = "/k/a.pem" }, { chain = "b.pem", key = "b.key" }]
login = { plain = true }
[listen]
client = []
client_tls = ["127.0.0.1:0", "127.0.0.1:0", "[::1]:1"]
server = []
server_tls = []
proxy65 = ["192.0.2.1:7777"]
web = ["[::1]:443"]
metrics = ["127.0.0.1:9100"]
[federation]
policy = "dane-only"
allow = ["a.example.", "*.A.example", "*.xn--bcher-kva.example"]
deny = ["b.example", "*.onion"]
[dns]
resolver = "127.0.0.1:53"
trust_anchor = "anchor"
[rooms]
host = "Chat"
[calls]
services = ["stun:[2001:DB8::1]:1", "turn:192.0.2.1?transport=tcp", "turns:TURN.example.org"]
secret_file = "turn"
lifetime = "1h"
[contact]
abuse = ["mailto:abuse@example.org"]
admin = ["mailto:a@example.org", "xmpp:a@example.org"]
feedback = ["https://example.org/feedback"]
sales = ["tel:+4930123456"]
security = ["https://example.org/security"]
status = ["https://status.example.org"]
support = ["xmpp:help@rooms.example.org?join"]
[onion]
socks = "127.0.0.1:9050"
clients = ["127.0.0.1:5232"]
relays = ["[::1]:5279", "127.0.0.1:5279"]
[log]
domains = false
[limits]
stanza_bytes = 0
bytes_per_second = 0
logins_per_minute = 1
connections_per_address = 2
outbox_bytes = 18192
resume = "0s"
proxy_bytes_per_second = 0
proxy_bytes = 5
[proxy65]
host = "[2001:DB8::1]"
`
	got, err := config.Parse("dir/lethe.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Config{
		Domains: []string{"example.org", "bücher.example"}, Users: "/srv/users",
		Signers: got.Signers, ForgetAfter: 90 * time.Minute,
		TLS: config.TLS{
			Certificates: []config.Pair{{Chain: "dir/a.pem", Key: "/k/a.pem"}, {Chain: "dir/b.pem", Key: "dir/b.key"}},
			Roots:        "dir/roots.pem", Allow12: true,
		},
		Login: config.Login{Plain: true},
		Listen: config.Listen{
			Client: addrs(), ClientTLS: addrs("127.0.0.1:0", "127.0.0.1:0", "[::1]:1"), Server: addrs(), ServerTLS: addrs(),
			Proxy65: addrs("192.0.2.1:7777"), Web: addrs("[::1]:443"), Metrics: addrs("127.0.0.1:9100"),
		},
		Federation: config.Federation{
			Policy: config.DANEOnly,
			Allow:  []string{"a.example", "*.a.example", "*.bücher.example"}, Deny: []string{"b.example", "*.onion"},
		},
		DNS:   config.DNS{Resolver: netip.MustParseAddrPort("127.0.0.1:53"), TrustAnchor: "dir/anchor"},
		Rooms: config.Rooms{Host: "chat"}, Proxy65: config.Proxy65{Host: "2001:db8::1"},
		Calls: config.Calls{
			Services: []config.CallService{
				{Type: "stun", Host: "2001:db8::1", Port: 1, Transport: "udp"},
				{Type: "turn", Host: "192.0.2.1", Port: 3478, Transport: "tcp"},
				{Type: "turns", Host: "TURN.example.org", Port: 5349, Transport: "tcp"},
			},
			SecretFile: "dir/turn", Lifetime: time.Hour,
		},
		Contact: config.Contact{
			Abuse: []string{"mailto:abuse@example.org"}, Admin: []string{"mailto:a@example.org", "xmpp:a@example.org"},
			Feedback: []string{"https://example.org/feedback"}, Sales: []string{"tel:+4930123456"},
			Security: []string{"https://example.org/security"}, Status: []string{"https://status.example.org"},
			Support: []string{"xmpp:help@rooms.example.org?join"},
		},
		Onion: config.Onion{
			SOCKS:   netip.MustParseAddrPort("127.0.0.1:9050"),
			Clients: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:5232")},
			Relays:  []netip.AddrPort{netip.MustParseAddrPort("[::1]:5279"), netip.MustParseAddrPort("127.0.0.1:5279")},
		},
		Limits: config.Limits{LoginsPerMinute: 1, ConnectionsPerAddress: 2, OutboxBytes: 18192, ProxyBytes: 5},
	}
	if len(got.Signers) != 2 || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string // want: the start of the error
	}{
		{"empty", "", `lethe.toml: domains is missing; write e.g. domains = ["example.org"]`},
		{"no users", "domains = [\"a\"]\n", "lethe.toml: users is missing; "},
		{"no signers", "domains = [\"a\"]\nusers = \"u\"\nsigners = []\n", "lethe.toml:3: signers is empty; "},
		{"no domains", strings.Replace(least, `["example.org"]`, "[]", 1), "lethe.toml:1: domains is empty; "},
		{"syntax", least + "\n[tls\n", "lethe.toml:5: not TOML: "},
		{"unclosed", least + "tls = \"x", "lethe.toml:4: not TOML: "},
		{"unknown key", least + "forget = \"1h\"\n", `lethe.toml:4: unknown key "forget"; known there are domains, users, signers, forget_after, tls,`},
		{"unknown key in table", least + "[listen]\n\nclinet = []\n", `lethe.toml:6: unknown key "listen.clinet"; known there are client, client_tls,`},
		{"unknown table", least + "[logs]\n", `lethe.toml:4: unknown key "logs"; `},
		{"upper case", strings.Replace(least, "users", "Users", 1), `lethe.toml:2: unknown key "Users"; `},
		{"unknown key in inline table", least + "tls.certificates = [\n{ chain = \"a\",\n keys = \"b\" }]\n", `lethe.toml:6: unknown key "tls.certificates.keys"; known there are chain, key`},
		{"twice", least + "users = \"x\"\n", "lethe.toml:4: users is set twice; line 2 has it already"},
		{"table twice", least + "[tls]\n[tls]\n", "lethe.toml:5: tls is set twice; line 4 has it"},
		{"wrong kind", strings.Replace(least, `["example.org"]`, `"example.org"`, 1), `lethe.toml:1: domains has a value of the wrong kind; write e.g. domains = `},
		{"wrong kind in table", least + "[limits]\noutbox_bytes = \"4M\"\n", "lethe.toml:5: limits.outbox_bytes has a value of the wrong kind; write e.g. outbox_bytes = 4194304\n"},
		{"wrong kind, of a name that two tables have", least + "[log]\ndomains = 1\n", "lethe.toml:5: log.domains has a value of the wrong kind; write e.g. domains = true\n"},
		{"table for key", least + "[rooms.host]\n", "lethe.toml:4: rooms.host has a value of the wrong kind; "},
		{"no domain", "domains = [\n \"a\",\n \"a b\"]\n", `lethe.toml:3: domains has "a b", which is no domain; `},
		{"domain twice", "domains = [\"a\", \"A\"]\n", `lethe.toml:1: domains has "a" twice; `},
		{"bad key", "domains = [\"a\"]\nusers = \"u\"\nsigners = [\"" + key1[:40] + "\"]\n", "lethe.toml:3: signers has "},
		{"key with comment", "domains = [\"a\"]\nsigners = [\"untrusted comment: x\\n" + key1 + "\"]\n", "lethe.toml:2: signers has "},
		{"duration without unit", least + "forget_after = \"24\"\n", `lethe.toml:4: forget_after has "24", which is no time span; `},
		{"negative duration", least + "forget_after = \"-1h\"\n", "lethe.toml:4: forget_after has "},
		{"no certificates", least + "[tls]\ncertificates = []\n", "lethe.toml:5: tls.certificates is empty; "},
		{"certificate without key", least + "[[tls.certificates]]\nchain = \"a\"\nkey = \"b\"\n[[tls.certificates]]\nchain = \"c\"\n", "lethe.toml:7: tls.certificates lacks chain or key; "},
		{"version", least + "[tls]\nmin_version = \"1.1\"\n", `lethe.toml:5: tls.min_version has "1.1", which is no version; write "1.3" or "1.2"`},
		{"no port", least + "[listen]\nclient = [\"[::]\"]\n", `lethe.toml:5: listen.client has "[::]", which is no address and port; `},
		{"host name", least + "[listen]\nclient = [\n\"[::]:1\",\n\"localhost:5222\"]\n", `lethe.toml:7: listen.client has "localhost:5222"`},
		{"same port", least + "[listen]\nclient = [\"[::]:5223\"]\n", `lethe.toml: listen.client_tls has "[::]:5223", and so has client; `},
		{"metrics", least + "[listen]\nmetrics = [\"0.0.0.0:9100\"]\n", `lethe.toml:5: listen.metrics has "0.0.0.0:9100", which others can reach; `},
		{"policy", least + "[federation]\npolicy = \"tls\"\n", `lethe.toml:5: federation.policy has "tls", which is no policy; write "dane", "dane-only" or "off"`},
		{"allow", least + "[federation]\nallow = [\"a..b\"]\n", "lethe.toml:5: federation.allow has "},
		{"allow all", least + "[federation]\nallow = [\"*\"]\n", `lethe.toml:5: federation.allow has "*", which is no domain; write e.g. example.org, or *.example.org for all below it`},
		{"allow below nothing", least + "[federation]\nallow = [\"*.\"]\n", `lethe.toml:5: federation.allow has "*.", which is no domain; `},
		{"allow below an address", least + "[federation]\nallow = [\"*.192.0.2.1\"]\n", `lethe.toml:5: federation.allow has "*.192.0.2.1", which is no domain; `},
		{"allow below an address of version 6", least + "[federation]\nallow = [\"*.[::1]\"]\n", "lethe.toml:5: federation.allow has "},
		{"deny part of a label", least + "[federation]\ndeny = [\"a*.example\"]\n", "lethe.toml:5: federation.deny has "},
		{"deny twice below", least + "[federation]\ndeny = [\"*.*.example\"]\n", "lethe.toml:5: federation.deny has "},
		{"deny twice", least + "[federation]\ndeny = [\"*.b\",\n\"*.B\"]\n", `lethe.toml:6: federation.deny has "*.b" twice; remove one`},
		{"all below allowed and denied", least + "[federation]\nallow = [\"*.b\"]\ndeny = [\"*.b\"]\n", "lethe.toml:5: federation.allow has *.b, and so has deny; "},
		{"domain with a wildcard", "domains = [\"*.a\"]\n", `lethe.toml:1: domains has "*.a", which is no domain; write e.g. example.org`},
		{"allow and deny", least + "[federation]\nallow = [\"x\", \"b\"]\ndeny = [\"b\"]\n", "lethe.toml:5: federation.allow has b, and so has deny; "},
		{"resolver", least + "[dns]\nresolver = \"9.9.9.9\"\n", "lethe.toml:5: dns.resolver has "},
		{"circuits", least + "[onion]\nclients = [\"[::]:5232\"]\n", "lethe.toml:5: onion.clients has "},
		{"circuits", least + "[onion]\nrelays = [\"tor\"]\n", "lethe.toml:5: onion.relays has "},
		{"socks", least + "[onion]\nsocks = \"127.0.0.1:0\"\n", "lethe.toml:5: onion.socks has "},
		{"rooms", least + "[rooms]\nhost = \"a b\"\n", "lethe.toml:5: rooms.host has "},
		{"proxy nowhere", least + "[listen]\nproxy65 = [\"192.0.2.1:1\", \"[::]:1\"]\n", "lethe.toml:5: listen.proxy65 listens on all addresses, and clients must be told one; "},
		{"proxy at no host", least + "[proxy65]\nhost = \"a b\"\n", `lethe.toml:5: proxy65.host has "a b", which is no host; `},
		{"proxy is the rooms", least + "[rooms]\nhost = \"proxy\"\n[listen]\nproxy65 = [\"192.0.2.1:1\"]\n", `lethe.toml:5: rooms.host has "proxy", where the bytestreams proxy is; `},
		{"proxy among domains", "domains = [\"a\", \"proxy.a\"]\nusers = \"u\"\nsigners = [\"" + key1 + "\"]\n[listen]\nproxy65 = [\"192.0.2.1:1\"]\n", `lethe.toml:1: domains has "proxy.a", where the bytestreams proxy of a is; `},
		{"rooms among domains", "domains = [\"a\", \"rooms.a\"]\nusers = \"u\"\nsigners = [\"" + key1 + "\"]\n", `lethe.toml: rooms.host makes "rooms.a", which stands in domains; `},
		{"service without scheme", least + "[calls]\nservices = [\"turn.example.org\"]\n", `lethe.toml:5: calls.services has "turn.example.org", which is no STUN or TURN server; write e.g. "stun:turn.example.org"`},
		{"service with slashes", least + "[calls]\nservices = [\n\"stun:a\",\n\"stun://a\"]\n", `lethe.toml:7: calls.services has "stun://a", `},
		{"service of another kind", least + "[calls]\nservices = [\"ftp:a\"]\n", "lethe.toml:5: calls.services has "},
		{"service without host", least + "[calls]\nservices = [\"stun:\"]\n", "lethe.toml:5: calls.services has "},
		{"service at port 0", least + "[calls]\nservices = [\"stun:a:0\"]\n", "lethe.toml:5: calls.services has "},
		{"service at a port too high", least + "[calls]\nservices = [\"stun:a:65536\"]\n", "lethe.toml:5: calls.services has "},
		{"service without brackets", least + "[calls]\nservices = [\"stun:2001:db8::1\"]\n", "lethe.toml:5: calls.services has "},
		{"service with one bracket", least + "[calls]\nservices = [\"stun:[::1\"]\n", "lethe.toml:5: calls.services has "},
		{"service over something", least + "[calls]\nservices = [\"turn:a?transport=quic\"]\n", "lethe.toml:5: calls.services has "},
		{"STUN with a transport", least + "[calls]\nservices = [\"stun:a?transport=tcp\"]\n", "lethe.toml:5: calls.services has "},
		{"TURN without secret", least + "[calls]\nservices = [\"turn:a\"]\n", "lethe.toml:5: calls.services has a TURN server, and there is no secret for it; write e.g. secret_file = "},
		{"secret without TURN", least + "[calls]\nservices = [\"stun:a\"]\nsecret_file = \"s\"\n", "lethe.toml:6: calls.secret_file is set, and services has no TURN server; "},
		{"short lifetime", least + "[calls]\nlifetime = \"59s\"\n", `lethe.toml:5: calls.lifetime has "59s"; write at least "1m"`},
		{"long lifetime", least + "[calls]\nlifetime = \"169h\"\n", `lethe.toml:5: calls.lifetime has "169h"; `},
		{"contact without scheme", least + "[contact]\nadmin = [\n\"mailto:a@b\",\n\"a@b\"]\n", `lethe.toml:7: contact.admin has "a@b", which is no URI; write e.g. "mailto:admin@example.org"`},
		{"contact with a blank", least + "[contact]\nabuse = [\"mailto:a b\"]\n", `lethe.toml:5: contact.abuse has "mailto:a b", `},
		{"contact with a bad scheme", least + "[contact]\nabuse = [\"0x:a\"]\n", "lethe.toml:5: contact.abuse has "},
		{"contact without host", least + "[contact]\nabuse = [\"https://\"]\n", "lethe.toml:5: contact.abuse has "},
		{"contact with scheme alone", least + "[contact]\nabuse = [\"mailto:\"]\n", `lethe.toml:5: contact.abuse has "mailto:", which is no URI; `},
		{"negative limit", least + "[limits]\nlogins_per_minute = -1\n", "lethe.toml:5: limits.logins_per_minute is -1; "},
		{"small stanzas", least + "[limits]\nstanza_bytes = 9999\n", "lethe.toml:5: limits.stanza_bytes is 9999; write at least 10000"},
		{"no outbox", least + "[limits]\noutbox_bytes = 0\n", "lethe.toml:5: limits.outbox_bytes is 0; write at least 270336"},
		{"outbox for no stanza of full size", least + "[limits]\noutbox_bytes = 270335\n", "lethe.toml:5: limits.outbox_bytes is 270335; write at least 270336"},
		{"outbox without a limit on stanzas", least + "[limits]\nstanza_bytes = 0\noutbox_bytes = 18191\n", "lethe.toml:6: limits.outbox_bytes is 18191; write at least 18192"},
		{"resume", least + "[limits]\nresume = \"11m\"\n", `lethe.toml:5: limits.resume has "11m"; write at most "10m"`},
	} {
		c, err := config.Parse("lethe.toml", []byte(tt.text))
		if err == nil || c != nil {
			t.Errorf("%s: accepted", tt.name)
			continue
		}
		if got := err.Error(); !strings.HasPrefix(got+"\n", tt.want) || strings.Contains(got, "\n") {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// FuzzParse holds that no text makes Parse panic, that every refusal is one
// line about this file, and that what is accepted keeps what the rest of the
// relay rests on.
func FuzzParse(f *testing.F) {
	if seeds, _ := os.ReadDir("testdata/fuzz/FuzzParse"); len(seeds) == 0 {
		f.Fatal("testdata/fuzz/FuzzParse has no seeds")
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := config.Parse("dir/lethe.toml", text)
		if err != nil {
			if s := err.Error(); !strings.HasPrefix(s, "dir/lethe.toml:") || strings.ContainsAny(s, "\n\r") || c != nil {
				t.Fatalf("error %q", s)
			}
			return
		}
		if len(c.Domains) == 0 || len(c.Signers) == 0 || c.Users == "" || len(c.TLS.Certificates) == 0 {
			t.Fatalf("accepted without what must be there: %+v", c)
		}
		for _, s := range c.Calls.Services {
			if s.Host == "" || s.Port == 0 || s.Type[:4] == "turn" && c.Calls.SecretFile == "" {
				t.Fatalf("accepted services %+v", c.Calls)
			}
		}
		if c.Limits.OutboxBytes <= c.Limits.LargestStanza() || c.Limits.LargestStanza() < 10000 || c.Limits.OutboxBytes == 0 || c.ForgetAfter < 0 {
			t.Fatalf("accepted limits %+v", c.Limits)
		}
	})
}
