package dane

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	encoding "encoding/asn1"
	"encoding/hex"
	"math/big"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A certificate of testdata/tlsa/certificates.txt, with its key.
type certificate struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// readCertificates makes the certificates, in the order of the file.
func readCertificates(tb testing.TB) map[string]*certificate {
	tb.Helper()
	text, err := os.ReadFile("testdata/tlsa/certificates.txt")
	if err != nil {
		tb.Fatal(err)
	}
	made := map[string]*certificate{}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		if made[words[0]], err = makeCertificate(made, words[0], words[1:]); err != nil {
			tb.Fatalf("%s: %v", words[0], err)
		}
	}
	return made
}

func makeCertificate(made map[string]*certificate, name string, attributes []string) (*certificate, error) {
	key := newKey(name, false)
	serial := sha256.Sum256([]byte(name))
	t := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial[1:9]),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now().AddDate(0, 0, -1), NotAfter: now().AddDate(0, 0, 90),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		KeyUsage:    x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	var signer, issuer *certificate
	var names cryptobyte.Builder
	critical := false
	for _, a := range attributes {
		word, value, _ := strings.Cut(a, "=")
		switch word {
		case "by":
			signer, issuer = made[value], made[value]
		case "issuer":
			issuer = made[value]
		case "ca":
			t.IsCA, t.ExtKeyUsage, t.KeyUsage = true, nil, x509.KeyUsageCertSign
		case "pathlen":
			t.MaxPathLen, t.MaxPathLenZero = int(value[0]-'0'), true
		case "key":
			if value == "p256" {
				key = newKey(name, true)
			} else {
				key = made[value].key
			}
		case "subject":
			t.Subject = made[value].cert.Subject
		case "days":
			from, to, _ := strings.Cut(value, ":")
			t.NotBefore, t.NotAfter = day(from), day(to)
		case "eku":
			t.ExtKeyUsage = nil
			for w := range strings.SplitSeq(value, ",") {
				uses := map[string][]x509.ExtKeyUsage{"server": {x509.ExtKeyUsageServerAuth}, "client": {x509.ExtKeyUsageClientAuth}, "any": {x509.ExtKeyUsageAny}}
				t.ExtKeyUsage = append(t.ExtKeyUsage, uses[w]...)
			}
		case "cn":
			t.Subject.CommonName = value
		case "permit":
			t.PermittedDNSDomains, t.PermittedDNSDomainsCritical = []string{value}, true
		case "exclude":
			t.ExcludedDNSDomains, t.PermittedDNSDomainsCritical = []string{value}, true
		case "critical":
			critical, t.Subject = true, pkix.Name{}
		default:
			addNames(&names, word, value)
		}
	}
	if san := names.BytesOrPanic(); len(san) > 0 {
		t.ExtraExtensions = []pkix.Extension{{Id: encoding.ObjectIdentifier{2, 5, 29, 17}, Critical: critical, Value: inSequence(san)}}
	}
	self := &certificate{t, key}
	if signer == nil {
		signer, issuer = self, self
	}
	if issuer == nil {
		issuer = signer
	}
	parent := *issuer.cert
	parent.PublicKey = signer.key.Public() // "issuer" lies about it
	der, err := x509.CreateCertificate(nil, t, &parent, key.Public(), signer.key)
	if err != nil {
		return nil, err
	}
	self.cert, err = x509.ParseCertificate(der)
	return self, err
}

// newKey makes the key of a certificate from its name.
func newKey(name string, p256 bool) crypto.Signer {
	seed := sha256.Sum256([]byte("lethe " + name))
	if !p256 {
		return ed25519.NewKeyFromSeed(seed[:])
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
	if err != nil {
		panic(err)
	}
	return key
}

func day(s string) time.Time {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return now().AddDate(0, 0, n)
}

// addNames adds names of one kind to a subjectAltName.
func addNames(b *cryptobyte.Builder, kind, values string) {
	for value := range strings.SplitSeq(values, ",") {
		switch kind {
		case "dns":
			b.AddASN1(asn1.Tag(2).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(value)) })
		case "ip":
			b.AddASN1(asn1.Tag(7).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(net.ParseIP(value).To4()) })
		case "xmpp":
			addOther(b, 5, asn1.UTF8String, value)
		case "srv":
			addOther(b, 7, asn1.IA5String, value)
		case "san": // what is in the outer SEQUENCE
			der, err := hex.DecodeString(value)
			var inner cryptobyte.String
			if s := cryptobyte.String(der); err != nil || !s.ReadASN1(&inner, asn1.SEQUENCE) || !s.Empty() {
				panic("san: " + value)
			}
			b.AddBytes(inner)
		default:
			panic("unknown attribute " + kind)
		}
	}
}

func addOther(b *cryptobyte.Builder, id int, tag asn1.Tag, value string) {
	outer := asn1.Tag(0).Constructed().ContextSpecific()
	b.AddASN1(outer, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(encoding.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 8, id})
		b.AddASN1(outer, func(b *cryptobyte.Builder) {
			b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(value)) })
		})
	})
}

func inSequence(der []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(der) })
	return b.BytesOrPanic()
}

// TestCertificatesStay holds that the corpus is the same in each run, which
// its seeds and its readers rely on.
func TestCertificatesStay(t *testing.T) {
	again := readCertificates(t)
	for name, c := range readCertificates(t) {
		if !bytes.Equal(c.cert.Raw, again[name].cert.Raw) {
			t.Errorf("%s differs from run to run", name)
		}
	}
}
