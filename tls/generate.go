package tls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"time"
)

// Generate makes a certificate for domains, signed by itself, and its P-256
// key, both PEM. It is valid from now on for lifetime.
func Generate(domains []string, now time.Time, lifetime time.Duration) (chain, key []byte, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	t := template(domains, now, lifetime)
	der, err := x509.CreateCertificate(rand.Reader, t, t, k.Public(), k)
	if err != nil {
		return nil, nil, err
	}
	key, err = encodeKey(k)
	return encode(der), key, err
}

// Authority is a certificate authority that lives in memory, for tests and
// the demo.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes an authority valid from now on for lifetime.
func NewAuthority(now time.Time, lifetime time.Duration) (*Authority, error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := template(nil, now, lifetime)
	t.Subject = pkix.Name{CommonName: "lethe laboratory"}
	t.IsCA, t.MaxPathLenZero = true, true
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageCertSign, nil
	der, err := x509.CreateCertificate(rand.Reader, t, t, k.Public(), k)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &Authority{cert, k}, err
}

// Issue makes a certificate for domains that ends when the authority does.
func (a *Authority) Issue(domains []string) (PEM, error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return PEM{}, err
	}
	t := template(domains, a.cert.NotBefore, 0)
	t.NotBefore, t.NotAfter = a.cert.NotBefore, a.cert.NotAfter
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, k.Public(), a.key)
	if err != nil {
		return PEM{}, err
	}
	key, err := encodeKey(k)
	return PEM{Name: "laboratory", Chain: append(encode(der), a.PEM()...), Key: key}, err
}

// Roots is a pool of this authority only.
func (a *Authority) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// PEM is the authority's certificate, for a client's list of roots.
func (a *Authority) PEM() []byte { return encode(a.cert.Raw) }

func template(domains []string, now time.Time, lifetime time.Duration) *x509.Certificate {
	t := &x509.Certificate{
		SerialNumber:          serial(),
		NotBefore:             now.Add(-time.Hour), // for clocks that run behind
		NotAfter:              now.Add(lifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	for _, d := range domains {
		t.DNSNames = append(t.DNSNames, ascii(d))
	}
	if len(t.DNSNames) > 0 && len(t.DNSNames[0]) <= 64 { // RFC 5280 §A.1: ub-common-name
		t.Subject = pkix.Name{CommonName: t.DNSNames[0]}
	}
	return t
}

// serial is a random certificate number of 127 bits (RFC 5280 §4.1.2.2).
func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b)
}

func encode(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func encodeKey(k *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, err
	}
	defer clear(der)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
