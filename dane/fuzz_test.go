package dane

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	encoding "encoding/asn1"
	"math/big"
	"os"
	"slices"
	"testing"
)

// seeded fails a fuzz target whose seeds are gone.
func seeded(f *testing.F) {
	if seeds, err := os.ReadDir("testdata/fuzz/" + f.Name()); err != nil || len(seeds) == 0 {
		f.Fatal("no seeds", err)
	}
}

// stillTheAuthority reports whether an altered record holds an authority that
// differs in nothing that proves: a record 2 0 0 is the anchor by itself, and
// one with another serial number or a broken signature of its own names the
// same authority.
func stillTheAuthority(altered, record Record) bool {
	if record.Usage != DANETA || record.Selector != Cert || record.Matching != Full {
		return false
	}
	a, err := x509.ParseCertificate(altered.Data)
	b, err2 := x509.ParseCertificate(record.Data)
	return err == nil && err2 == nil && bytes.Equal(a.RawSubject, b.RawSubject) &&
		bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo)
}

func flipped(r Record, bit int) Record {
	r.Data = slices.Clone(r.Data)
	r.Data[bit/8%len(r.Data)] ^= 1 << (bit % 8)
	return r
}

// TestFlipped alters each bit of each record that matched.
func TestFlipped(t *testing.T) {
	_, cases := readCases(t)
	tried := map[string]bool{}
	for _, c := range cases {
		o, _ := c.judge()
		if key := o.Record.String() + c.leaf; o.Verdict != DANE || tried[key] {
			continue
		} else {
			tried[key] = true
		}
		for bit := range 8 * len(o.Record.Data) {
			r := flipped(o.Record, bit)
			if got := Judge([]Record{r}, c.chain, c.names, c.roots, now()); got.Verdict == DANE && !stillTheAuthority(r, o.Record) {
				t.Errorf("%s: accepted with bit %d altered", c.name, bit)
			}
		}
	}
	if len(tried) < 20 {
		t.Errorf("only %d records altered", len(tried))
	}
}

// FuzzJudge judges one record beside one that matches nothing. Without data
// the record is one that fits the certificate.
func FuzzJudge(f *testing.F) {
	seeded(f)
	_, cases := readCases(f)
	stranger := Record{DANEEE, Cert, SHA256, make([]byte, 32)}
	f.Fuzz(func(t *testing.T, usage, selector, matching uint8, data []byte, number uint8, bit uint16) {
		c := cases[int(number)%len(cases)]
		if len(c.chain) == 0 {
			return
		}
		r := Record{usage, selector, matching, data}
		if len(data) == 0 {
			r = Of(c.chain[int(bit)%len(c.chain)], usage, selector, matching)
		}
		o := Judge([]Record{stranger, r}, c.chain, c.names, c.roots, now())
		if o.Verdict != DANE {
			if o.Verdict != Refuse {
				t.Errorf("%v, although the stranger's record is usable", o)
			}
			return
		}
		if o.Record.String() != r.String() || o.Reason != Matched {
			t.Errorf("%v matched", o)
		}
		if len(c.chain) <= MaxChain && len(r.Data) > 0 {
			altered := flipped(r, int(bit))
			o := Judge([]Record{stranger, altered}, c.chain, c.names, c.roots, now())
			if o.Verdict == DANE && !stillTheAuthority(altered, r) {
				t.Errorf("%v accepted with bit %d altered", r, bit)
			}
		}
	})
}

// FuzzSAN reads a subjectAltName as x509 does, as far as x509 reads it, and
// accepts no name that x509 does not.
func FuzzSAN(f *testing.F) {
	seeded(f)
	key := newKey("fuzz", false)
	f.Fuzz(func(t *testing.T, der []byte) {
		names, err := parseNames(der)
		if err != nil {
			if len(names.dns)+len(names.srv)+len(names.xmpp) != 0 {
				t.Errorf("%v beside %v", names, err)
			}
			return
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fuzz"}, NotBefore: now(), NotAfter: now(),
			ExtraExtensions: []pkix.Extension{{Id: encoding.ObjectIdentifier{2, 5, 29, 17}, Value: der}},
		}
		made, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
		if err != nil {
			return
		}
		cert, err := x509.ParseCertificate(made)
		if err != nil {
			return
		}
		if !slices.Equal(cert.DNSNames, names.dns) {
			t.Errorf("%q, x509 read %q", names.dns, cert.DNSNames)
		}
		const domain = "partner.example"
		if names.nameHost(Names{Domain: domain}) && cert.VerifyHostname(domain) != nil {
			t.Errorf("%q matched", names.dns)
		}
	})
}
