package dane

import (
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCorpus(t *testing.T) {
	_, cases := readCases(t)
	seen := map[string]bool{}
	for _, c := range cases {
		if seen[c.name] {
			t.Errorf("%s stands twice", c.name)
		}
		seen[c.name] = true
		if _, got := c.judge(); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestKeyAltered holds that no certificate with another key, however like the
// old in all else, takes its place: neither a leaf's by itself nor one that an
// authority signed by the attacker's own key.
func TestKeyAltered(t *testing.T) {
	certs, cases := readCases(t)
	proved := 0
	for _, c := range cases {
		o, _ := c.judge()
		if o.Verdict != DANE && o.Verdict != ByPKIX {
			continue
		}
		proved++
		other := *c
		other.chain = slices.Clone(c.chain)
		other.chain[0] = withOtherKey(t, c.chain[0], certs["evil"])
		if got, _ := other.judge(); got.Verdict == DANE || got.Verdict == ByPKIX {
			t.Errorf("%s: accepted with another key", c.name)
		}
	}
	if proved < 60 {
		t.Errorf("only %d cases to alter", proved)
	}
}

// withOtherKey copies a certificate with another key, signed by that key.
func withOtherKey(tb testing.TB, cert *x509.Certificate, by *certificate) *x509.Certificate {
	tb.Helper()
	parent := *cert
	parent.PublicKey, parent.SubjectKeyId = by.key.Public(), nil
	parent.RawSubject = cert.RawIssuer
	copied := *cert
	copied.ExtraExtensions, copied.SignatureAlgorithm = cert.Extensions, 0
	der, err := x509.CreateCertificate(nil, &copied, &parent, by.key.Public(), by.key)
	if err != nil {
		tb.Fatal(err)
	}
	altered, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return altered
}

// TestPermuted holds that neither the order of the records nor a record that
// is not usable changes who is accepted.
func TestPermuted(t *testing.T) {
	_, cases := readCases(t)
	for _, c := range cases {
		want, _ := c.judge()
		if c.pkix || len(c.records) == 0 || len(c.records) >= MaxRecords {
			continue
		}
		other := *c
		other.records = append(slices.Clone(c.records), Record{Usage: 7, Data: []byte("?")})
		slices.Reverse(other.records)
		if got, _ := other.judge(); got.Verdict != want.Verdict || got.Reason != want.Reason {
			t.Errorf("%s: %v instead of %v", c.name, got, want)
		}
	}
}

// TestNothingGiven holds that what is forgotten refuses.
func TestNothingGiven(t *testing.T) {
	certs, cases := readCases(t)
	if (Outcome{}).Verdict != Refuse || Refuse.String() != "refused" {
		t.Error("the zero Outcome does not refuse")
	}
	good := []*x509.Certificate{certs["good"].cert, certs["public-inter"].cert}
	names, roots := Names{Domain: "partner.example"}, pool(certs["public"].cert)
	if o := PKIX(good, names, roots, time.Time{}); o.Verdict != Refuse || o.Reason != Unjudged {
		t.Errorf("without time: %v", o)
	}
	if o := PKIX(good, Names{}, roots, now()); o.Verdict != Refuse {
		t.Errorf("without names: %v", o)
	}
	if o := PKIX(good, names, nil, now()); o.Verdict != Refuse {
		t.Errorf("without roots: %v", o)
	}
	for _, chain := range [][]*x509.Certificate{nil, {nil}, {good[0], nil}, {{}}, {good[0], {}}} {
		if o := PKIX(chain, names, roots, now()); o.Verdict != Refuse {
			t.Errorf("with chain %v: %v", chain, o)
		}
		o := Judge([]Record{Of(certs["self"].cert, DANEEE, SPKI, SHA256)}, chain, names, roots, now())
		if o.Verdict != Refuse {
			t.Errorf("with chain %v: %v", chain, o)
		}
	}
	for _, c := range cases {
		if o := Judge(c.records, c.chain, c.names, c.roots, time.Time{}); o.Verdict == DANE && o.Record.Usage != DANEEE {
			t.Errorf("%s: without time: %v", c.name, o)
		}
	}
}

// TestReasons holds that each reason has its words and section and that there
// is a cure for what is refused.
func TestReasons(t *testing.T) {
	seen := map[string]Reason{}
	for r := Matched; r <= Invalid; r++ {
		if r.Section() == "" || r.String() == Unjudged.String() {
			t.Errorf("reason %d has no text", r)
		}
		if old, twice := seen[r.String()]; twice {
			t.Errorf("reasons %d and %d say the same", old, r)
		}
		seen[r.String()] = r
		if accepted := r == Matched || r == Validated; accepted != (r.Cure() == "") {
			t.Errorf("%v: cure %q", r, r.Cure())
		}
	}
}

// TestWork holds that a peer cannot make names costly by their length.
func TestWork(t *testing.T) {
	long := strings.Repeat("a.", maxName/2) + "b"
	if _, ok := hostname(long); !ok {
		t.Errorf("%d bytes are no name", len(long))
	}
	if _, ok := hostname(long + "c"); ok {
		t.Errorf("%d bytes are a name", len(long)+1)
	}
	var all strings.Builder // each once, which costs Punycode most
	for r := range rune(20000) {
		all.WriteRune(0x4e00 + r)
	}
	p := presented{xmpp: slices.Repeat([]string{all.String()}, 1000)}
	start := time.Now()
	if p.nameDomain(Names{Domain: "partner.example"}) {
		t.Error("matched")
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %v", took)
	}
}

// TestSHA1 holds that a bare key proves nothing by a signature over SHA-1.
func TestSHA1(t *testing.T) {
	key := newKey("sha1", true)
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	tbs := []byte("to be signed")
	weak, strong := sha1.Sum(tbs), sha256.Sum256(tbs)
	for _, tt := range []struct {
		digest    []byte
		hash      crypto.Hash
		algorithm x509.SignatureAlgorithm
		want      bool
	}{
		{weak[:], crypto.SHA1, x509.ECDSAWithSHA1, false},
		{strong[:], crypto.SHA256, x509.ECDSAWithSHA256, true},
	} {
		signature, err := key.Sign(nil, tt.digest, tt.hash)
		if err != nil {
			t.Fatal(err)
		}
		cert := &x509.Certificate{SignatureAlgorithm: tt.algorithm, RawTBSCertificate: tbs, Signature: signature}
		if got := signed(spki, cert); got != tt.want {
			t.Errorf("%v: %v", tt.algorithm, got)
		}
	}
}

func TestRecord(t *testing.T) {
	r := Record{3, 1, 1, []byte{0xab, 0x12}}
	if got := r.String(); got != "3 1 1 ab12" {
		t.Errorf("%q", got)
	}
	if got := (Record{Usage: 255}).String(); got != "255 0 0 " {
		t.Errorf("%q", got)
	}
	key := Of(readCertificates(t)["self"].cert, DANEEE, SPKI, Full)
	if !key.usable() {
		t.Errorf("%v is not usable", key)
	}
	key.Data = inSequence(append(key.Data[2:], 5, 0))
	if key.usable() {
		t.Errorf("%v is usable", key)
	}
	if got := Of(readCertificates(t)["self"].cert, 3, 2, 1); got.Data != nil || got.usable() {
		t.Errorf("selector 2 gave %v", got)
	}
}

func BenchmarkJudge(b *testing.B) {
	_, cases := readCases(b)
	for _, name := range []string{"ee-spki-sha256", "ta-above-inter", "ta-spki-full-not-presented", "pkix-ta-root", "most-records", "inter"} {
		c := cases[slices.IndexFunc(cases, func(c *trial) bool { return c.name == name })]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if o, _ := c.judge(); o.Verdict == Refuse {
					b.Fatal(o)
				}
			}
		})
	}
}
