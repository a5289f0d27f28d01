package resolve

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"
)

func TestAddresses(t *testing.T) {
	tree := testTree(t)
	tests := []struct {
		host  string
		moves []move
		want  Status
		ips   []string
		last  string
	}{
		{"host.nsec.test", nil, Secure, []string{"2001:db8::11", "192.0.2.11"}, "host.nsec.test."},
		{"host.nsec.test.", nil, Secure, []string{"2001:db8::11", "192.0.2.11"}, "host.nsec.test."},
		{"host.new.nsec.test", nil, Secure, []string{"192.0.2.15"}, "host.new.nsec.test."},
		{"chain.nsec.test", nil, Secure, []string{"2001:db8::21", "192.0.2.21"}, "host.nsec3.test."},
		{"nobody.nsec.test", nil, Secure, nil, "nobody.nsec.test."},
		{"host.plain.test", nil, Insecure, []string{"192.0.2.40"}, "host.plain.test."},
		{"weak.nsec.test", nil, Insecure, []string{"192.0.2.40"}, "host.plain.test."},
		{"host.expired.test", nil, Bogus, nil, ""},
		{"host.nsec.test", []move{{"host.nsec.test.", "AAAA", "empty", nil}}, Bogus, nil, ""},
		{"host.nsec.test", []move{{"host.nsec.test.", "A", "drop", nil}}, Indeterminate, nil, ""},
		{"192.0.2.1.", nil, Secure, nil, "192.0.2.1."},
		{"", nil, Indeterminate, nil, ""},
		{".", nil, Indeterminate, nil, ""},
		{"a..b", nil, Indeterminate, nil, ""},
		{"müller.test", nil, Indeterminate, nil, ""},
		{"a\\.b.test", nil, Indeterminate, nil, ""},
		{"*.wild.nsec.test", nil, Indeterminate, nil, ""},
	}
	for _, tt := range tests {
		a := lab(t, tree, play(tree, tt.moves)).Addresses(context.Background(), tt.host)
		var ips []string
		for _, ip := range a.IPs {
			ips = append(ips, ip.String())
		}
		last := ""
		if len(a.Names) > 0 {
			last = a.Names[len(a.Names)-1]
		}
		if a.Status != tt.want || !slices.Equal(ips, tt.ips) || last != tt.last {
			t.Errorf("%q: %s (%s) %v at %q; want %s %v at %q", tt.host, a.Status, a.Why, ips, last, tt.want, tt.ips, tt.last)
		}
	}
}

func TestService(t *testing.T) {
	tree := testTree(t)
	ask := func(domain string, moves ...move) Service {
		return lab(t, tree, play(tree, moves)).Service(context.Background(), "xmpp-server", "tcp", domain)
	}
	s := ask("nsec.test")
	slices.SortFunc(s.Targets, func(a, b Target) int { return int(a.Weight) - int(b.Weight) })
	want := []Target{{"host.nsec.test", 5269, 5, 0}, {"host.nsec3.test", 5270, 5, 10}}
	if s.Status != Secure || s.Declined || !slices.Equal(s.Targets, want) {
		t.Errorf("%s %v", s.Status, s.Targets)
	}
	if s := ask("nsec3.test"); s.Status != Secure || s.Declined || s.Targets != nil {
		t.Errorf("no record: %+v", s)
	}
	if s := ask("plain.test"); s.Status != Insecure || s.Declined || s.Targets != nil {
		t.Errorf("no record, unsigned: %+v", s)
	}
	if s := ask("expired.test"); s.Status != Bogus || s.Why != Expired || s.Zone != "expired.test." {
		t.Errorf("expired: %+v", s)
	}
	name := "_xmpp-server._tcp.nsec.test."
	if s := ask("nsec.test", move{name, "SRV", "empty", nil}); s.Status != Bogus || s.Targets != nil {
		t.Errorf("stripped: %+v", s)
	}
	if s := ask("a b"); s.Status != Indeterminate || s.Why != BadName {
		t.Errorf("no name: %+v", s)
	}
	r := lab(t, tree, nil)
	if s := r.Service(context.Background(), "none", "tcp", "nsec.test"); s.Status != Secure || !s.Declined || s.Targets != nil {
		t.Errorf("declined: %+v", s)
	}
}

func TestTLSA(t *testing.T) {
	tree := testTree(t)
	data := bytes.Repeat([]byte{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}, 4)
	tests := []struct {
		port  uint16
		host  string
		moves []move
		want  Status
		n     int
	}{
		{5269, "host.nsec.test", nil, Secure, 1},
		{5269, "host.child.nsec.test", nil, Secure, 1},
		{5270, "host.nsec.test", nil, Secure, 0},
		{5269, "host.plain.nsec.test", nil, Insecure, 1},
		{5269, "host.nsec.test", []move{{tlsaName, "TLSA", "empty", nil}}, Bogus, 0},
		{5269, "host.nsec.test", []move{{tlsaName, "TLSA", "drop", nil}}, Indeterminate, 0},
		{5269, "host/nsec.test", nil, Indeterminate, 0},
	}
	for _, tt := range tests {
		a := lab(t, tree, play(tree, tt.moves)).TLSA(context.Background(), tt.port, tt.host)
		if a.Status != tt.want || len(a.Records) != tt.n {
			t.Errorf("%d %s: %s (%s), %d records; want %s, %d", tt.port, tt.host, a.Status, a.Why, len(a.Records), tt.want, tt.n)
		}
		for _, r := range a.Records {
			if r.Usage != 3 || r.Selector != 1 || r.Matching != 1 || !bytes.Equal(r.Data, data) {
				t.Errorf("%d %s: %+v", tt.port, tt.host, r)
			}
		}
	}
}

func TestZeroValuesRefuse(t *testing.T) {
	var a Answer
	if a.Status != Indeterminate || a.Status.Usable() || a.Why.Status() != Indeterminate || a.Name() != "" {
		t.Errorf("%+v", a)
	}
	if (Addresses{}).Status.Usable() || (Service{}).Status.Usable() || (Associations{}).Status.Usable() {
		t.Error("a zero value may be used")
	}
}

// TestReasons holds that each has its words, its section and one status.
func TestReasons(t *testing.T) {
	words := map[string]bool{}
	for r := range reasons {
		if r.String() == "" || words[r.String()] || len(r.Section()) < len("RFC 1034 §1") {
			t.Errorf("%d: %q, %q", r, r.String(), r.Section())
		}
		words[r.String()] = true
		if (r.Status() == Secure) != (r == Proved) {
			t.Errorf("%s: %s", r, r.Status())
		}
	}
	if Reason(200).Status() != Indeterminate || Reason(200).String() == "" {
		t.Error("an unknown reason is not indeterminate")
	}
}

func TestLookupRefuses(t *testing.T) {
	r := lab(t, testTree(t), nil)
	for _, q := range []question{
		{"host.nsec.test.", dns.TypeANY}, {"host.nsec.test.", dns.TypeRRSIG}, {"host.nsec.test.", dns.TypeOPT},
		{"host.nsec.test.", dns.TypeAXFR}, {"host.nsec.test.", 0}, {"a..b.", dns.TypeA},
	} {
		if a := r.Lookup(context.Background(), q.name, q.qtype); a.Why != BadName {
			t.Errorf("%v: %s", q, a.Why)
		}
	}
}

func TestAnchors(t *testing.T) {
	root := RootAnchors()
	if len(root) != 2 || root[0].KeyTag != 20326 || root[1].KeyTag != 38696 {
		t.Fatalf("%v", root)
	}
	server := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53")}
	if _, err := New(Config{Servers: server}); err != nil {
		t.Errorf("with the root's anchors: %v", err)
	}
	if _, err := New(Config{}); err == nil {
		t.Error("without a server")
	}
	// The keys of 2017 and 2024 as they stand in the root zone.
	keys := `. IN DNSKEY 257 3 8 AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5emLvN7SWXgnLh4+B5xQlNVz8Og8kvArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8efS3rCj/EWgvIWgb9tarpVUDK/b58Da+sqqls3eNbuv7pr+eoZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfdRUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qihylGa8subX2Nn6UwNR1AkUTV74bU= ; 20326
. IN DNSKEY 257 3 8 AwEAAa96jeuknZlaeSrvyAJj6ZHv28hhOKkx3rLGXVaC6rXTsDc449/cidltpkyGwCJNnOAlFNKF2jBosZBU5eeHspaQWOmOElZsjICMQMC3aeHbGiShvZsx4wMYSjH8e7Vrhbu6irwCzVBApESjbUdpWWmEnhathWu1jo+siFUiRAAxm9qyJNg/wOZqqzL/dL/q8PkcRU5oUKEpUge71M3ej2/7CPqpdVwuMoTvoB+ZOT4YeGyxMvHmbrxlFzGOHOijtzN+u1TQNatX2XBuzZNQ1K+s2CXkPIZo7s6JgZyvaBevYtxPvYLw4z9mR7K2vaF18UYH9Z9GNUUeayffKC73PYc= ; 38696
`
	same, err := ParseAnchors([]byte(keys))
	if err != nil || len(same) != 2 {
		t.Fatalf("%v, %v", same, err)
	}
	for i := range same {
		if same[i].KeyTag != root[i].KeyTag || !bytes.Equal(same[i].Hash, root[i].Hash) {
			t.Errorf("%v is not %v", same[i], root[i])
		}
	}
	for _, bad := range []string{
		"", "; nothing\n", ". IN A 192.0.2.1\n", ". IN DS 1 8 2 zz\n", "nonsense",
		". IN DNSKEY 0 3 8 AwEAAQ==\n", ". IN DNSKEY 385 3 8 AwEAAQ==\n", "$INCLUDE /etc/passwd\n",
	} {
		if a, err := ParseAnchors([]byte(bad)); err == nil {
			t.Errorf("%q: %v", bad, a)
		}
	}
	weak, err := ParseAnchors([]byte("corp. IN DS 1 5 2 00\n" + ". IN DS 1 8 2 00\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Servers: server, Anchors: weak}); err == nil {
		t.Error("an anchor that cannot be used would make a zone unsigned")
	}
}

// TestAnchorBelowRoot trusts one zone and nothing else.
func TestAnchorBelowRoot(t *testing.T) {
	tree := testTree(t)
	a := lab(t, tree, nil).Lookup(context.Background(), "nsec.test.", dns.TypeDS)
	ds := a.Records[0].String()
	anchors, err := ParseAnchors([]byte(ds))
	if err != nil {
		t.Fatal(err)
	}
	zones, err := trusted(anchors)
	if err != nil {
		t.Fatal(err)
	}
	r := lab(t, tree, nil)
	r.anchors = zones
	for name, want := range map[string]Status{
		"host.nsec.test.":       Secure,
		"host.child.nsec.test.": Secure,
		"host.plain.nsec.test.": Insecure,
		"host.nsec3.test.":      Indeterminate,
		"far.nsec.test.":        Indeterminate,
		"test.":                 Indeterminate,
	} {
		if a := r.Lookup(context.Background(), name, dns.TypeA); a.Status != want {
			t.Errorf("%s: %s (%s), want %s", name, a.Status, a.Why, want)
		}
	}
}
