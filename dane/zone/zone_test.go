package zone

import (
	"bytes"
	"lethe/relay/need"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const story = `
$ZONE .
$ZONE example. split
@     A     192.0.2.1
www   CNAME @
*.w   A     192.0.2.2
a.b   TXT   "below an empty non-terminal"
d     DNAME hashed.
$ZONE hashed. optout salt=ab iterations=2
www   A     192.0.2.3
$ZONE plain.hashed. unsigned
www   A     192.0.2.4
`

func plantStory(t testing.TB) *Tree {
	t.Helper()
	specs, err := Parse(story)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := Plant(time.Now(), specs...)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func ask(tree *Tree, name string, qtype uint16, do bool) *dns.Msg {
	q := new(dns.Msg)
	q.SetQuestion(name, qtype)
	if do {
		q.SetEdns0(1232, true)
	}
	return tree.Respond(q)
}

// shape is a message in short: response code, and the types in each section.
func shape(m *dns.Msg) string {
	list := func(rrs []dns.RR) string {
		var types []string
		for _, rr := range rrs {
			types = append(types, dns.TypeToString[rr.Header().Rrtype])
		}
		return strings.Join(types, " ")
	}
	return dns.RcodeToString[m.Rcode] + ": " + list(m.Answer) + "; " + list(m.Ns)
}

func TestRespond(t *testing.T) {
	tree := plantStory(t)
	tests := []struct {
		name  string
		qtype uint16
		do    bool
		want  string
	}{
		{"example.", dns.TypeA, false, "NOERROR: A; "},
		{"example.", dns.TypeA, true, "NOERROR: A RRSIG; "},
		{"EXAMPLE.", dns.TypeA, true, "NOERROR: A RRSIG; "},
		{"www.example.", dns.TypeA, true, "NOERROR: CNAME RRSIG A RRSIG; "},
		{"www.example.", dns.TypeCNAME, true, "NOERROR: CNAME RRSIG; "},
		{"example.", dns.TypeAAAA, true, "NOERROR: ; SOA RRSIG NSEC RRSIG"},
		{"example.", dns.TypeAAAA, false, "NOERROR: ; SOA"},
		{"b.example.", dns.TypeA, true, "NOERROR: ; SOA RRSIG NSEC RRSIG"},
		{"no.example.", dns.TypeA, true, "NXDOMAIN: ; SOA RRSIG NSEC RRSIG NSEC RRSIG"},
		{"x.w.example.", dns.TypeA, true, "NOERROR: A RRSIG; NSEC RRSIG"},
		{"x.w.example.", dns.TypeTXT, true, "NOERROR: ; SOA RRSIG NSEC RRSIG"},
		{"www.d.example.", dns.TypeA, true, "NOERROR: DNAME RRSIG CNAME A RRSIG; "},
		{"example.", dns.TypeDS, true, "NOERROR: DS RRSIG; "},
		{"plain.hashed.", dns.TypeDS, true, "NOERROR: ; SOA RRSIG NSEC3 RRSIG NSEC3 RRSIG"},
		{"www.plain.hashed.", dns.TypeA, true, "NOERROR: A; "},
		{"no.plain.hashed.", dns.TypeA, true, "NXDOMAIN: ; SOA"},
		{"hashed.", dns.TypeTXT, true, "NOERROR: ; SOA RRSIG NSEC3 RRSIG"},
		{".", dns.TypeDNSKEY, true, "NOERROR: DNSKEY RRSIG; "},
	}
	for _, tt := range tests {
		if got := shape(ask(tree, tt.name, tt.qtype, tt.do)); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.name, dns.TypeToString[tt.qtype], got, tt.want)
		}
	}
}

// TestFiles reads the zones' files back: every record is there, and signed.
func TestFiles(t *testing.T) {
	tree := plantStory(t)
	if got := strings.Join(tree.Zones(), " "); got != ". example. hashed. plain.hashed." {
		t.Errorf("zones %s", got)
	}
	for _, name := range tree.Zones() {
		signed := strings.Count(tree.File(name), "\tRRSIG\t") > 0
		if signed != (name != "plain.hashed.") {
			t.Errorf("%s: signed %v", name, signed)
		}
		p := dns.NewZoneParser(strings.NewReader(tree.File(name)), "", "")
		rr, ok := p.Next()
		if !ok || rr.Header().Rrtype != dns.TypeSOA {
			t.Errorf("%s begins with %v", name, rr)
		}
		for ok {
			_, ok = p.Next()
		}
		if p.Err() != nil {
			t.Errorf("%s: %v", name, p.Err())
		}
	}
	if tree.File("no.") != "" {
		t.Error("a file of no zone")
	}
	if n := strings.Count(tree.Anchors(), "DS"); n != 1 {
		t.Errorf("%d anchors", n)
	}
}

func TestSign(t *testing.T) {
	tree := plantStory(t)
	a, _ := dns.NewRR("www.hashed. 60 IN A 192.0.2.9")
	sig, err := tree.Sign("example.", []dns.RR{a}, func(s *dns.RRSIG) { s.SignerName = "hashed." })
	if err != nil || sig.SignerName != "hashed." || sig.TypeCovered != dns.TypeA {
		t.Errorf("%v, %v", sig, err)
	}
	if _, err := tree.Sign("plain.hashed.", []dns.RR{a}, nil); err == nil {
		t.Error("signed by a zone without keys")
	}
}

func TestMistakes(t *testing.T) {
	for _, text := range []string{
		"@ A 192.0.2.1\n$ZONE .\n", "$ZONE \n", "$ZONE . nonsense\n", "$ZONE . alg=x\n", "$ZONE . alg=300\n", "$ZONE . ds=maybe\n", "$ZONE . from=soon\n",
	} {
		if specs, err := Parse(text); err == nil {
			t.Errorf("%q: %v", text, specs)
		}
	}
	for _, specs := range [][]Spec{
		nil, {{Name: "example."}}, {{Name: "."}, {Name: "."}}, {{Name: ".", Text: "@ A nonsense\n"}},
		{{Name: "."}, {Name: "a.", Text: "b. A 192.0.2.1\n"}}, {{Name: ".", Algorithm: 99}},
	} {
		if _, err := Plant(time.Now(), specs...); err == nil {
			t.Errorf("%v grows", specs)
		}
	}
}

func TestServe(t *testing.T) {
	tree := plantStory(t)
	s, err := tree.Serve(func(m *dns.Msg, tcp bool) *dns.Msg {
		switch {
		case m.Question[0].Name == "drop.":
			return nil
		case m.Question[0].Qtype == dns.TypeTXT && !tcp:
			m.Truncated = true
		}
		return m
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	q := new(dns.Msg)
	q.SetQuestion("a.b.example.", dns.TypeTXT)
	for network, truncated := range map[string]bool{"udp": true, "tcp": false} {
		c := dns.Client{Net: network, Timeout: time.Second}
		m, _, err := c.Exchange(q, s.Addr().String())
		if err != nil || m.Truncated != truncated || len(m.Answer) != 1 {
			t.Errorf("%s: %v, %v", network, m, err)
		}
	}
	// 512 bytes are all that a question without EDNS leaves room for.
	big := new(dns.Msg)
	big.SetQuestion("example.", dns.TypeDNSKEY)
	big.SetEdns0(100, true)
	c := dns.Client{Timeout: time.Second}
	if m, _, err := c.Exchange(big, s.Addr().String()); err != nil || !m.Truncated && m.Len() > dns.MinMsgSize {
		t.Errorf("%v, %v", m, err)
	}
	c.Timeout = 50 * time.Millisecond
	if m, _, err := c.Exchange(new(dns.Msg).SetQuestion("drop.", dns.TypeA), s.Addr().String()); err == nil {
		t.Errorf("not dropped: %v", m)
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/fuzz/FuzzParse/*")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds in testdata/fuzz/FuzzParse")
	}
	f.Fuzz(func(t *testing.T, text string) {
		specs, err := Parse(text)
		if err != nil {
			return
		}
		for i := range specs {
			specs[i].Algorithm = 0 // RSA takes its time
			specs[i].Iterations = min(specs[i].Iterations, 5)
		}
		if len(specs) > 3 || strings.Contains(text, "$GENERATE") || strings.Contains(text, "$INCLUDE") {
			return
		}
		tree, err := Plant(time.Now(), specs...)
		if err != nil {
			return
		}
		for _, q := range tree.Questions() {
			ask(tree, q.Name, q.Qtype, true)
			if dns.IsSubDomain(".", "x."+q.Name) && len(q.Name) < 200 {
				ask(tree, "x."+q.Name, dns.TypeA, true)
			}
		}
	})
}

// TestDelv has BIND's delv validate what the tree answers. Zones that are as
// they should be are secure, others insecure.
func TestDelv(t *testing.T) {
	delv := need.Program(t, "delv", "bind9-dnsutils")
	tree := plantStory(t)
	s, err := tree.Serve(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f := strings.Fields(tree.Anchors())
	anchors := filepath.Join(t.TempDir(), "anchors")
	text := `trust-anchors { "." static-ds ` + strings.Join(f[4:7], " ") + ` "` + strings.Join(f[7:], "") + "\"; };\n"
	if err := os.WriteFile(anchors, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	names := append(tree.Questions(),
		dns.Question{Name: "x.w.example.", Qtype: dns.TypeA}, dns.Question{Name: "no.example.", Qtype: dns.TypeA},
		dns.Question{Name: "b.example.", Qtype: dns.TypeA}, dns.Question{Name: "www.d.example.", Qtype: dns.TypeA},
		dns.Question{Name: "x.w.example.", Qtype: dns.TypeTXT}, dns.Question{Name: "www.hashed.", Qtype: dns.TypeTXT})
	for _, q := range names {
		out, _ := exec.Command(delv, "@127.0.0.1", "-p", strings.TrimPrefix(s.Addr().String(), "127.0.0.1:"),
			"-a", anchors, "+root=.", q.Name, dns.TypeToString[q.Qtype]).CombinedOutput()
		want := "; fully validated"
		if strings.HasSuffix(q.Name, "plain.hashed.") {
			want = "; unsigned answer"
		}
		lines := bytes.Split(out, []byte("\n"))
		if !slices.ContainsFunc(lines, func(l []byte) bool {
			return string(l) == want || want == "; fully validated" && string(l) == "; negative response, fully validated"
		}) {
			t.Errorf("%s %s: %s", q.Name, dns.TypeToString[q.Qtype], out)
		}
	}
}
