package tls

import (
	"crypto"
	"crypto/x509"
	"errors"
)

var errNoBinding = errors.New("tls: no such channel binding for this connection")

// Exporter is the channel binding tls-exporter of RFC 9266. It fails for a
// TLS 1.2 connection without the extended master secret (§4).
func (c *Conn) Exporter() ([]byte, error) {
	state := c.tls.ConnectionState()
	// RFC 9266 §2: this label, a context of zero length, 32 bytes
	b, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
	if err != nil {
		return nil, errNoBinding
	}
	return b, nil
}

// EndPoint is the channel binding tls-server-end-point of RFC 5929 §4. It
// fails for a certificate whose signature algorithm names no single hash, such
// as Ed25519.
func (c *Conn) EndPoint() ([]byte, error) {
	if !c.client {
		if c.conduit.leaf == nil {
			return nil, errNoBinding
		}
		return endPoint(c.conduit.leaf.cert.Leaf)
	}
	if chain := c.PeerCertificates(); len(chain) > 0 {
		return endPoint(chain[0])
	}
	return nil, errNoBinding
}

func endPoint(cert *x509.Certificate) ([]byte, error) {
	h := signatureHash(cert.SignatureAlgorithm)
	if h == 0 {
		return nil, errNoBinding
	}
	d := h.New()
	d.Write(cert.Raw)
	return d.Sum(nil), nil
}

// signatureHash is the hash function of a signature algorithm, 0 if it has
// none, with SHA-256 in the place of MD5 and SHA-1 (RFC 5929 §4.1).
func signatureHash(a x509.SignatureAlgorithm) crypto.Hash {
	switch a {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1,
		x509.SHA256WithRSA, x509.DSAWithSHA256, x509.ECDSAWithSHA256, x509.SHA256WithRSAPSS:
		return crypto.SHA256
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		return crypto.SHA384
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		return crypto.SHA512
	}
	return 0
}
