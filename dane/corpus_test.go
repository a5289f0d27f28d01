package dane

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// now is when the cases are judged.
func now() time.Time { return time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC) }

// A trial is a case of testdata/tlsa. A line of its text is
//
//	case NAME
//	tlsa U S M CERTIFICATE [flip | cut N | more N | times N] [as U S M]
//	chain CERTIFICATE...        as presented, leaf first
//	domain NAME                 instead of partner.example
//	hosts NAME...               instead of xmpp.partner.example
//	roots CERTIFICATE | none    instead of public
//	pkix                        PKIX is asked, not Judge
//	want dane U S M | pkix | authorities SECTION: REASON | refused SECTION: REASON
//	openssl WHY                 why it is not asked, as it says something else
//
// A record's data is what its numbers say of the certificate: with one bit
// flipped, cut short, with more behind; "as" puts other numbers above it.
type trial struct {
	name    string
	records []Record
	chain   []*x509.Certificate
	leaf    string // name of the first of chain
	names   Names
	roots   *x509.CertPool
	root    string // name of the one in roots
	pkix    bool
	want    string
	differs string
}

// judge returns what came out, as a case wants it.
func (c *trial) judge() (Outcome, string) {
	var o Outcome
	if c.pkix {
		o = PKIX(c.chain, c.names, c.roots, now())
	} else {
		o = Judge(c.records, c.chain, c.names, c.roots, now())
	}
	switch o.Verdict {
	case DANE:
		return o, "dane " + o.Record.Numbers()
	case ByPKIX:
		return o, "pkix"
	}
	return o, o.Verdict.String() + " " + o.Reason.Section() + ": " + o.Reason.String()
}

// readCases reads every case.
func readCases(tb testing.TB) (map[string]*certificate, []*trial) {
	tb.Helper()
	certs := readCertificates(tb)
	systemRoots(tb, certs["public"])
	files, err := filepath.Glob("testdata/tlsa/*.txt")
	if err != nil {
		tb.Fatal(err)
	}
	var all []*trial
	for _, file := range files {
		if filepath.Base(file) == "certificates.txt" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			if len(words) == 0 || words[0] == "#" {
				continue
			}
			if words[0] == "case" {
				all = append(all, &trial{
					name: words[1], root: "public", roots: pool(certs["public"].cert),
					names: Names{"partner.example", []string{"xmpp.partner.example"}},
				})
				continue
			}
			if !all[len(all)-1].read(certs, words) {
				tb.Fatalf("%s: %s", file, line)
			}
		}
	}
	if len(all) < 60 {
		tb.Fatalf("%d cases", len(all))
	}
	return certs, all
}

// read takes one line of a case.
func (c *trial) read(certs map[string]*certificate, words []string) bool {
	rest := words[1:]
	switch words[0] {
	case "tlsa":
		return c.readRecord(certs, rest)
	case "chain":
		for i, name := range rest {
			if certs[name] == nil {
				return false
			}
			if i == 0 {
				c.leaf = name
			}
			c.chain = append(c.chain, certs[name].cert)
		}
	case "domain":
		c.names.Domain = strings.Join(rest, "")
	case "hosts":
		c.names.Hosts = rest
	case "roots":
		c.root, c.roots = rest[0], nil
		if c.root != "none" {
			c.roots = pool(certs[c.root].cert)
		}
	case "pkix":
		c.pkix = true
	case "want":
		c.want = strings.Join(rest, " ")
	case "openssl":
		c.differs = strings.Join(rest, " ")
	default:
		return false
	}
	return true
}

func (c *trial) readRecord(certs map[string]*certificate, words []string) bool {
	n := numbers(words[:3])
	r := Of(certs[words[3]].cert, n[0], n[1], n[2])
	if r.Data == nil { // numbers that Of does not know
		r.Data = Of(certs[words[3]].cert, DANEEE, n[1], n[2]).Data
	}
	r.Data = slices.Clone(r.Data)
	times := 1
	for words = words[4:]; len(words) > 0; words = words[1:] {
		switch words[0] {
		case "flip":
			r.Data[len(r.Data)-1] ^= 1
			continue
		case "as":
			n = numbers(words[1:4])
			r.Usage, r.Selector, r.Matching = n[0], n[1], n[2]
			words = words[3:]
			continue
		}
		count, err := strconv.Atoi(words[1])
		if err != nil {
			return false
		}
		switch words[0] {
		case "cut":
			r.Data = r.Data[:len(r.Data)-count]
		case "more":
			r.Data = append(r.Data, make([]byte, count)...)
		case "times":
			times = count
		default:
			return false
		}
		words = words[1:]
	}
	c.records = append(c.records, slices.Repeat([]Record{r}, times)...)
	return true
}

func numbers(words []string) []uint8 {
	out := make([]uint8, len(words))
	for i, w := range words {
		n, err := strconv.ParseUint(w, 10, 8)
		if err != nil {
			panic(err)
		}
		out[i] = uint8(n)
	}
	return out
}

func pool(certs ...*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certs {
		p.AddCert(c)
	}
	return p
}

// systemRoots makes an authority one that the system trusts, so that falling
// back to those shows.
func systemRoots(tb testing.TB, c *certificate) {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "roots.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.cert.Raw}), 0o600); err != nil {
		tb.Fatal(err)
	}
	tb.Setenv("SSL_CERT_FILE", file)
	tb.Setenv("SSL_CERT_DIR", tb.TempDir())
}
