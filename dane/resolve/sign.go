package resolve

import (
	"time"

	"github.com/miekg/dns"
)

// A zone is a signed zone whose keys are proved.
type zone struct {
	name string
	keys []*dns.DNSKEY
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

// supported are the DS records that can vouch for a key. RFC 9904 §3 has the
// digests; SHA-1 (1) must no longer be used for delegations.
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
	if len(set.sigs) == 0 {
		return seal{}, NoSignature
	}
	why, tries := NoSignature, 0
	for _, sig := range set.sigs {
		r := j.plausible(sig, set, z)
		for _, key := range twins(z.keys, sig) {
			if r != Proved {
				break
			}
			tries++
			if tries > maxTries || !spend(&j.budget.checks, maxChecks) {
				return seal{}, TooMuchWork
			}
			// RFC 4035 §5.3.3
			if sig.Verify(key, set.records) == nil {
				return seal{int(sig.Labels), j.lifetime(sig, set)}, Proved
			}
			r = BadSignature
			if tries < maxTries {
				r = Proved // the next key
			}
		}
		if r == Proved {
			r = NoKey
		}
		why = max(why, r)
	}
	return seal{}, why
}
