package dane

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// MaxChain is how many certificates a peer may present.
const MaxChain = 10

// PKIX judges the presented chain, leaf first, by the certificate authorities
// in roots alone. Without roots none is trusted. The verdict is ByPKIX or
// Refuse.
//
// names.Hosts must hold a server's name only if DNSSEC proved the SRV record
// that leads there (RFC 7673 §4.1).
func PKIX(chain []*x509.Certificate, names Names, roots *x509.CertPool, now time.Time) Outcome {
	if reason := presentable(chain); reason != Validated {
		return Outcome{Reason: reason}
	}
	if _, reason := validate(chain, names, roots, now); reason != Validated {
		return Outcome{Reason: reason}
	}
	return Outcome{Verdict: ByPKIX, Reason: Validated}
}

// presentable reports Validated for a chain of a length worth the work.
func presentable(chain []*x509.Certificate) Reason {
	switch {
	case len(chain) == 0 || slices.Contains(chain, nil):
		return NoCertificate
	case len(chain) > MaxChain:
		return ChainTooLong
	}
	return Validated
}

// validate finds the paths from the leaf to roots, at least one if the reason
// is Validated: all certificates in date, and the leaf for servers and for one
// of the names.
func validate(chain []*x509.Certificate, names Names, roots *x509.CertPool, now time.Time) ([][]*x509.Certificate, Reason) {
	if roots == nil {
		roots = x509.NewCertPool() // nil would mean the system's
	}
	if now.IsZero() {
		return nil, Unjudged // zero would mean the system's clock
	}
	intermediates := x509.NewCertPool()
	for _, c := range chain[1:] {
		intermediates.AddCert(c)
	}
	presented, err := readNames(chain[0])
	if err != nil {
		return nil, Invalid
	}
	// A peer that opened the link shows the same certificate as one that
	// accepted it, with serverAuth alone: authorities issue no other, and the
	// names, not the role, are what is proved. A link is never proved by a
	// certificate for clients, which anybody could have for an address.
	paths, err := withNamesRead(chain[0]).Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return nil, reasonOf(err, chain, now)
	}
	if presented.nameHost(names) {
		return paths, Validated
	}
	if presented.nameDomain(names) {
		if paths = slices.DeleteFunc(paths, constrained); len(paths) > 0 {
			return paths, Validated
		}
	}
	return nil, WrongName
}

// reasonOf puts an error of x509 into our words.
func reasonOf(err error, chain []*x509.Certificate, now time.Time) Reason {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		switch invalid.Reason {
		case x509.Expired:
			if invalid.Cert != nil && now.Before(invalid.Cert.NotBefore) {
				return NotYetValid
			}
			return Expired
		case x509.NotAuthorizedToSign:
			return NotAuthority
		case x509.IncompatibleUsage, x509.CANotAuthorizedForExtKeyUsage:
			return NotForServers
		case x509.CANotAuthorizedForThisName, x509.NameConstraintsWithoutSANs, x509.UnconstrainedName, x509.TooManyConstraints:
			return Constrained
		}
		return Invalid
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return unknown(chain)
	}
	return Invalid
}

// unknown says why nothing trusted is above the leaf.
func unknown(chain []*x509.Certificate) Reason {
	leaf := chain[0]
	if bytes.Equal(leaf.RawIssuer, leaf.RawSubject) {
		return SelfSigned
	}
	for _, c := range chain[1:] {
		if !c.IsCA && bytes.Equal(leaf.RawIssuer, c.RawSubject) {
			return NotAuthority
		}
	}
	return UnknownAuthority
}
