package dane

import (
	"bytes"
	"crypto/x509"
	"slices"
	"time"
)

// MaxRecords is how many TLSA records of one server are judged. More are
// refused, as leaving some out could leave out those that count.
const MaxRecords = 64

// A judge holds one case.
type judge struct {
	chain []*x509.Certificate
	names Names
	roots *x509.CertPool
	now   time.Time
}

// Judge weighs the TLSA records of a server, which DNSSEC has proved, against
// the chain that it presented, leaf first. The verdict is DANE if one record
// holds, and Authorities if there is none that could: certificate authorities
// must vouch for the peer then ([PKIX]). Anything else is refused, whatever
// certificate authorities say.
//
// The names count for all usages but 3, the time likewise, and roots for usages
// 0 and 1, where nil means that none is trusted.
func Judge(records []Record, chain []*x509.Certificate, names Names, roots *x509.CertPool, now time.Time) Outcome {
	if len(records) == 0 {
		return Outcome{Verdict: Authorities, Reason: NoRecords}
	}
	if len(records) > MaxRecords {
		return Outcome{Reason: TooManyRecords}
	}
	records = usable(records)
	if len(records) == 0 {
		// RFC 6698 §4.1: as if TLSA were not there, which is not less than PKIX.
		return Outcome{Verdict: Authorities, Reason: NoneUsable}
	}
	if reason := presentable(chain); reason != Validated {
		return Outcome{Reason: reason}
	}
	j := &judge{chain, names, roots, now}
	reason := Mismatch
	for _, by := range []func([]Record) (Record, Reason){j.leaf, j.anchor, j.bareAnchor, j.authority} {
		record, why := by(records)
		if why == Matched {
			return Outcome{Verdict: DANE, Reason: Matched, Record: record}
		}
		// What came closest is most telling.
		if reason == Mismatch || reason == NoAnchor && why != Mismatch {
			reason = why
		}
	}
	return Outcome{Reason: reason}
}

// leaf tries records of usage 3.
func (j *judge) leaf(records []Record) (Record, Reason) {
	for _, r := range records {
		// RFC 7671 §5.1: neither names nor dates nor anything else in the
		// certificate counts beside the key that the record proves.
		if r.Usage == DANEEE && r.matches(j.chain[0]) {
			return r, Matched
		}
	}
	return Record{}, Mismatch
}

// anchor tries records of usage 2 whose authority is at hand: presented, or
// whole in the record.
func (j *judge) anchor(records []Record) (Record, Reason) {
	anchors, found, asked := x509.NewCertPool(), false, false
	for _, r := range records {
		if r.Usage != DANETA {
			continue
		}
		asked = true
		for _, c := range j.issuers(r) {
			anchors.AddCert(c)
			found = true
		}
	}
	switch {
	case !asked:
		return Record{}, Mismatch
	case !found:
		return Record{}, NoAnchor
	}
	paths, reason := validate(j.chain, j.names, anchors, j.now)
	if reason != Validated {
		return Record{}, reason
	}
	for _, r := range records {
		if r.Usage == DANETA && slices.ContainsFunc(paths, func(path []*x509.Certificate) bool { return r.matches(path[len(path)-1]) }) {
			return r, Matched
		}
	}
	return Record{}, NoAnchor
}

// issuers returns the authorities that a record of usage 2 stands for. The leaf
// is none: a record of it alone has usage 3.
func (j *judge) issuers(r Record) []*x509.Certificate {
	var found []*x509.Certificate
	for _, c := range j.chain[1:] {
		if r.matches(c) && !bytes.Equal(c.Raw, j.chain[0].Raw) {
			found = append(found, c)
		}
	}
	// RFC 7671 §5.2.2: an authority that is whole in the record need not be
	// presented.
	if len(found) == 0 && r.Selector == Cert && r.Matching == Full && !r.matches(j.chain[0]) {
		if c, err := x509.ParseCertificate(r.Data); err == nil {
			found = append(found, c)
		}
	}
	return found
}

// bareAnchor tries records 2 1 0, whose key may have signed the last
// certificate of the chain with no certificate of its own there (RFC 7671
// §5.2.3).
func (j *judge) bareAnchor(records []Record) (Record, Reason) {
	top := j.chain[len(j.chain)-1]
	for _, r := range records {
		if r.Usage != DANETA || r.Selector != SPKI || r.Matching != Full || !signed(r.Data, top) {
			continue
		}
		anchors := x509.NewCertPool()
		anchors.AddCert(top)
		if _, reason := validate(j.chain, j.names, anchors, j.now); reason != Validated {
			return Record{}, reason
		}
		return r, Matched
	}
	return Record{}, Mismatch
}

// signed reports whether the key, a SubjectPublicKeyInfo, signed cert. SHA-1,
// which CheckSignature would take, does not count, as in a chain.
func signed(spki []byte, cert *x509.Certificate) bool {
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil || cert.SignatureAlgorithm == x509.SHA1WithRSA || cert.SignatureAlgorithm == x509.ECDSAWithSHA1 {
		return false
	}
	signer := &x509.Certificate{PublicKey: key}
	return signer.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
}

// authority tries records of usages 0 and 1, which certificate authorities must
// second.
func (j *judge) authority(records []Record) (Record, Reason) {
	records = slices.DeleteFunc(slices.Clone(records), func(r Record) bool {
		return r.Usage != PKIXTA && (r.Usage != PKIXEE || !r.matches(j.chain[0]))
	})
	if len(records) == 0 {
		return Record{}, Mismatch
	}
	paths, reason := validate(j.chain, j.names, j.roots, j.now)
	if reason != Validated {
		return Record{}, reason
	}
	for _, r := range records {
		// RFC 6698 §2.1.1: the authority of usage 0 may be in any of the paths.
		if r.Usage == PKIXEE || slices.ContainsFunc(paths, func(path []*x509.Certificate) bool { return slices.ContainsFunc(path[1:], r.matches) }) {
			return r, Matched
		}
	}
	return Record{}, Mismatch
}
