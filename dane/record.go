package dane

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"strconv"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// What a record stands for (RFC 6698 §2.1.1, names of RFC 7218 §2.1).
const (
	PKIXTA = 0 // an authority that is trusted anyway
	PKIXEE = 1 // the server's certificate, which an authority vouches for too
	DANETA = 2 // an authority
	DANEEE = 3 // the server's certificate
)

// What of a certificate is compared (RFC 6698 §2.1.2).
const (
	Cert = 0 // all of it
	SPKI = 1 // its public key
)

// How it is compared (RFC 6698 §2.1.3).
const (
	Full   = 0 // byte for byte
	SHA256 = 1
	SHA512 = 2
)

// A Record is a TLSA record (RFC 6698 §2.1).
type Record struct {
	Usage, Selector, Matching uint8
	Data                      []byte // the certificate association data
}

// String returns the record as a zone file has it, in one line (RFC 6698
// §2.2).
func (r Record) String() string {
	return r.Numbers() + " " + hex.EncodeToString(r.Data)
}

// Numbers returns the record without its data, as "3 1 1".
func (r Record) Numbers() string {
	b := strconv.AppendUint(nil, uint64(r.Usage), 10)
	b = strconv.AppendUint(append(b, ' '), uint64(r.Selector), 10)
	return string(strconv.AppendUint(append(b, ' '), uint64(r.Matching), 10))
}

// Of returns the record that fits cert. A selector or matching beyond those
// above gives a record without data, which is not usable.
func Of(cert *x509.Certificate, usage, selector, matching uint8) Record {
	r := Record{Usage: usage, Selector: selector, Matching: matching}
	r.Data = r.association(cert)
	return r
}

// association returns what the record's data must be to match cert.
func (r Record) association(cert *x509.Certificate) []byte {
	var of []byte
	switch r.Selector {
	case Cert:
		of = cert.Raw
	case SPKI:
		of = cert.RawSubjectPublicKeyInfo
	}
	if len(of) == 0 {
		return nil
	}
	switch r.Matching {
	case Full:
		return of
	case SHA256:
		sum := sha256.Sum256(of)
		return sum[:]
	case SHA512:
		sum := sha512.Sum512(of)
		return sum[:]
	}
	return nil
}

// matches reports whether cert is what the record stands for.
func (r Record) matches(cert *x509.Certificate) bool {
	want := r.association(cert)
	return len(want) > 0 && bytes.Equal(want, r.Data)
}

// usable reports whether the record's numbers are known and its data is what
// they say.
func (r Record) usable() bool {
	if r.Usage > DANEEE || r.Selector > SPKI {
		return false
	}
	switch r.Matching {
	case Full:
		if r.Selector == Cert {
			_, err := x509.ParseCertificate(r.Data)
			return err == nil
		}
		return isPublicKey(r.Data)
	case SHA256:
		return len(r.Data) == sha256.Size
	case SHA512:
		return len(r.Data) == sha512.Size
	}
	return false
}

// isPublicKey reports whether der is a SubjectPublicKeyInfo (RFC 5280 §4.1) of
// any algorithm.
func isPublicKey(der []byte) bool {
	s := cryptobyte.String(der)
	var info, algorithm, key cryptobyte.String
	return s.ReadASN1(&info, asn1.SEQUENCE) && s.Empty() &&
		info.ReadASN1(&algorithm, asn1.SEQUENCE) && algorithm.SkipASN1(asn1.OBJECT_IDENTIFIER) &&
		info.ReadASN1(&key, asn1.BIT_STRING) && len(key) > 1 && info.Empty()
}

// usable returns the records that count.
func usable(records []Record) []Record {
	var known []Record
	for _, r := range records {
		// RFC 6698 §4.1: a record that is not usable is as if it were not there.
		if r.usable() {
			known = append(known, r)
		}
	}
	// RFC 7671 §9: beside a stronger digest for the same usage and selector a
	// weaker one does not count, or whoever can forge the weaker would win.
	return slices.DeleteFunc(slices.Clone(known), func(r Record) bool {
		return r.Matching == SHA256 && slices.ContainsFunc(known, func(s Record) bool {
			return s.Matching == SHA512 && s.Usage == r.Usage && s.Selector == r.Selector
		})
	})
}
