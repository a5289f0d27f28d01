package resolve

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// A zone is a signed zone whose keys are proved.
type zone struct {
	name string
	keys []key
}

// A key is one of a zone, with its tag: to compute it takes time.
type key struct {
	*dns.DNSKEY
	tag uint16
}

// algorithm says whether a signing algorithm is relied on. RFC 9904 has the
// list; RFC 9905 §2 takes SHA-1 off it (5 and 7).
func algorithm(a uint8) bool {
	switch a {
	case dns.RSASHA256, dns.RSASHA512, dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.ED25519:
		return true
	}
	return false
}

// supported are the DS records that can vouch for a key: those with a digest
// by SHA-256 (RFC 4509) or SHA-384 (RFC 6605). SHA-1 is no longer for use in
// delegations (RFC 9904), so who still has no other DS counts as unsigned.
func supported(set []*dns.DS) []*dns.DS {
	var can []*dns.DS
	for _, ds := range set {
		if algorithm(ds.Algorithm) && (ds.DigestType == dns.SHA256 || ds.DigestType == dns.SHA384) {
			can = append(can, ds)
		}
	}
	return can
}

// usable says whether a key may sign the zone's records.
func usable(key *dns.DNSKEY) bool {
	// RFC 4034 §2.1.1, §2.1.2: the Zone Key flag, and protocol 3.
	// RFC 5011 §2.1: a revoked key is none.
	return key.Flags&dns.ZONE != 0 && key.Flags&dns.REVOKE == 0 &&
		key.Protocol == 3 && algorithm(key.Algorithm)
}

// A seal is a signature that holds.
type seal struct {
	labels int           // of the name that was signed, a "*" not counted
	ttl    time.Duration // how long the records may be kept
}

// verify finds a signature of the set by a key of the zone the set lies in.
// The reason is Proved, or how far the best of the signatures came.
func (j *judge) verify(set *rrset, z *zone) (seal, Reason) {
	if len(set.records) > maxRecords {
		return seal{}, TooMuchWork
	}
	why, tries := NoSignature, maxTries
	for _, sig := range set.sigs {
		switch r := j.check(sig, set, z, &tries); r {
		case Proved:
			return seal{int(sig.Labels), j.lifetime(sig, set)}, Proved
		case TooMuchWork:
			return seal{}, TooMuchWork
		default:
			why = max(why, r)
		}
	}
	return seal{}, why
}

// check tries one signature with every key it may be by.
func (j *judge) check(sig *dns.RRSIG, set *rrset, z *zone, tries *int) Reason {
	if r := j.plausible(sig, set, z); r != Proved {
		return r
	}
	why := NoKey
	for _, key := range twins(z.keys, sig.KeyTag, sig.Algorithm) {
		if !spend(&j.budget.checks, maxChecks) || *tries == 0 {
			return TooMuchWork
		}
		*tries--
		if sig.Verify(key.DNSKEY, set.records) == nil { // RFC 4035 §5.3.3
			return Proved
		}
		why = BadSignature
	}
	return why
}

// plausible looks at all of a signature but the arithmetic, RFC 4035 §5.3.1.
// Owner, class and type covered fit, or it would not be in the set.
func (j *judge) plausible(sig *dns.RRSIG, set *rrset, z *zone) Reason {
	// "The RRSIG RR's Signer's Name field MUST be the name of the zone that
	// contains the RRset": neither of the zone above nor of one below.
	if dns.CanonicalName(sig.SignerName) != z.name || !within(set.name, z.name) {
		return WrongSigner
	}
	// "The number of labels in the RRset owner name MUST be greater than or
	// equal to the value in the RRSIG RR's Labels field." Fewer: expanded from
	// a wildcard, which lies in the zone too.
	have, signed := signedLabels(set.name), int(sig.Labels)
	if signed > have || signed < dns.CountLabel(z.name) || signed < have && exact(set.qtype) {
		return WrongLabels
	}
	// RFC 4034 §3.1.5: serial numbers of 32 bits, compared as in RFC 1982.
	now := uint32(j.now.Unix())
	if int32(now-sig.Inception) < 0 {
		return NotYetValid
	}
	if int32(sig.Expiration-now) < 0 {
		return Expired
	}
	if !wellFormed(sig) {
		return BadSignature
	}
	return Proved
}

// signedLabels counts the labels as a signature does, RFC 4034 §3.1.3.
func signedLabels(name string) int {
	n := dns.CountLabel(name)
	if n > 0 && (name == "*." || strings.HasPrefix(name, "*.")) {
		n--
	}
	return n
}

// exact says whether records of this type stand for their own name only. A
// proof of absence made from a wildcard would place the gap where the sender
// likes (CVE-2017-15105); keys and digests belong to one zone; RFC 6672 §3.3
// advises against DNAME in wildcards.
func exact(qtype uint16) bool {
	switch qtype {
	case dns.TypeNSEC, dns.TypeNSEC3, dns.TypeDNSKEY, dns.TypeDS, dns.TypeSOA, dns.TypeDNAME:
		return true
	}
	return false
}

// wellFormed refuses a signature with more than one spelling: the arithmetic
// splits it in the middle, whatever its length.
func wellFormed(sig *dns.RRSIG) bool {
	b, err := base64.StdEncoding.DecodeString(sig.Signature)
	switch sig.Algorithm {
	case dns.ECDSAP256SHA256, dns.ED25519: // RFC 6605 §4, RFC 8080 §4
		return err == nil && len(b) == 64
	case dns.ECDSAP384SHA384:
		return err == nil && len(b) == 96
	}
	return err == nil
}

// twins are the keys a signature or digest may mean. With more than maxTwins it
// means none: the verdict must not depend on the order they come in.
func twins(keys []key, tag uint16, algorithm uint8) []key {
	var fit []key
	for _, key := range keys {
		if key.Algorithm == algorithm && key.tag == tag {
			fit = append(fit, key)
		}
	}
	if len(fit) > maxTwins {
		return nil
	}
	return fit
}

// lifetime is how long verified records may be kept, RFC 4035 §5.3.3.
func (j *judge) lifetime(sig *dns.RRSIG, set *rrset) time.Duration {
	left := time.Duration(int32(sig.Expiration-uint32(j.now.Unix()))) * time.Second
	return min(lowest(set.records), seconds(sig.OrigTtl), seconds(sig.Hdr.Ttl), left)
}
