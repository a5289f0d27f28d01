package zone

import (
	"encoding/base64"
	"slices"

	"github.com/miekg/dns"
)

// Strip is an attacker who takes the records of a type out of every answer,
// and their signatures, as if none were published. The type is written as in a
// zone file.
func Strip(qtype string) Hook {
	t := dns.StringToType[qtype]
	return func(m *dns.Msg, _ bool) *dns.Msg {
		m.Answer = slices.DeleteFunc(m.Answer, func(rr dns.RR) bool {
			sig, signature := rr.(*dns.RRSIG)
			return rr.Header().Rrtype == t || signature && sig.TypeCovered == t
		})
		return m
	}
}

// Forge is an attacker who puts a record of his own in the place of those of
// its name and type. Without the zone's key the signature is what he makes up:
// the true one with a bit changed. The record is a line of a zone file, with a
// full name.
func Forge(record string) (Hook, error) {
	forged, err := dns.NewRR(record)
	if err != nil || forged == nil {
		return nil, errRecord
	}
	name, qtype := dns.CanonicalName(forged.Header().Name), forged.Header().Rrtype
	return func(m *dns.Msg, _ bool) *dns.Msg {
		for i, rr := range m.Answer {
			if dns.CanonicalName(rr.Header().Name) != name {
				continue
			}
			if sig, ok := rr.(*dns.RRSIG); ok && sig.TypeCovered == qtype {
				sig.Signature = flip(sig.Signature)
			} else if rr.Header().Rrtype == qtype {
				m.Answer[i] = dns.Copy(forged)
			}
		}
		return m
	}, nil
}

// flip changes one bit of a signature.
func flip(signature string) string {
	b, _ := base64.StdEncoding.DecodeString(signature) // we made it
	b[len(b)/2] ^= 1
	return base64.StdEncoding.EncodeToString(b)
}
