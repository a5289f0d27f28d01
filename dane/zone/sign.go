package zone

import (
	"crypto"
	"encoding/base64"

	"github.com/miekg/dns"
)

// A key signs.
type key struct {
	record  *dns.DNSKEY
	private crypto.Signer
}

// sep is the flag of a key that the parent vouches for, RFC 4034 §2.1.1.
const sep = dns.ZONE | dns.SEP

// generate makes the zone's keys: the first signs the keys, the last the rest.
func (z *zone) generate() error {
	flags := []uint16{sep}
	if z.Split {
		flags = append(flags, dns.ZONE)
	}
	for _, f := range flags {
		k := key{record: &dns.DNSKEY{
			Hdr:   dns.RR_Header{Name: z.Name, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
			Flags: f, Protocol: 3, Algorithm: z.Algorithm,
		}}
		if z.Flags != 0 {
			k.record.Flags = uint16(z.Flags)
		}
		if z.Algorithm == 0 {
			k.record.Algorithm = dns.ECDSAP256SHA256
		}
		private, err := k.record.Generate(bits(k.record.Algorithm))
		if err != nil {
			return err
		}
		k.private = private.(crypto.Signer)
		if z.As != 0 {
			k.record.Algorithm = z.As
		}
		z.keys = append(z.keys, k)
	}
	for i := range z.Twins {
		z.add(twin(z.keys[0].record, i))
	}
	return nil
}

func bits(algorithm uint8) int {
	switch algorithm {
	case dns.ECDSAP256SHA256, dns.ED25519:
		return 256
	case dns.ECDSAP384SHA384:
		return 384
	}
	return 2048
}

// twin is another key with the same tag: two words of it have changed places,
// and the tag is a sum of words (RFC 4034 §B).
func twin(k *dns.DNSKEY, n int) *dns.DNSKEY {
	other := dns.Copy(k).(*dns.DNSKEY)
	b, _ := base64.StdEncoding.DecodeString(k.PublicKey)
	at := 2 + 2*n%(len(b)-2)
	b[0], b[1], b[at], b[at+1] = b[at], b[at+1], b[0], b[1]
	other.PublicKey = base64.StdEncoding.EncodeToString(b)
	return other
}

// ds are the digests of the key that signs the keys, for the parent.
func (z *zone) ds() []*dns.DS {
	if z.Unsigned {
		return nil
	}
	set := []*dns.DS{z.digest(z.keys[0])}
	for i := len(z.keys) - 1; z.AllDS && i > 0; i-- {
		set = append([]*dns.DS{z.digest(z.keys[i])}, set...)
	}
	return set
}

func (z *zone) digest(k key) *dns.DS {
	digest := z.Digest
	if digest == 0 {
		digest = dns.SHA256
	}
	ds := k.record.ToDS(digest)
	if ds == nil { // a type nobody knows: any digest will do
		ds = k.record.ToDS(dns.SHA256)
		ds.DigestType = digest
	}
	return ds
}

// signAll signs every set that is the zone's own: neither the name servers of
// a delegation nor glue (RFC 4035 §2.2).
func (z *zone) signAll() error {
	for name, sets := range z.sets {
		z.sigs[name] = map[uint16][]dns.RR{}
		for qtype, set := range sets {
			if z.delegated(name) && qtype != dns.TypeDS {
				continue
			}
			sig, err := z.sign(set, nil)
			if err != nil {
				return err
			}
			z.sigs[name][qtype] = []dns.RR{sig}
		}
	}
	for i := range z.chain {
		sig, err := z.sign(z.chain[i].records, nil)
		if err != nil {
			return err
		}
		z.chain[i].records = append(z.chain[i].records, sig)
	}
	return nil
}

// sign signs one set of records.
func (z *zone) sign(set []dns.RR, edit func(*dns.RRSIG)) (*dns.RRSIG, error) {
	k := z.keys[len(z.keys)-1]
	if set[0].Header().Rrtype == dns.TypeDNSKEY && !z.Crossed {
		k = z.keys[0]
	}
	sig := &dns.RRSIG{
		Hdr:        dns.RR_Header{Ttl: set[0].Header().Ttl},
		Algorithm:  k.record.Algorithm,
		KeyTag:     k.record.KeyTag(),
		SignerName: z.Name,
		Inception:  uint32(z.from.Unix()),
		Expiration: uint32(z.to.Unix()),
	}
	if edit != nil {
		edit(sig)
	}
	if z.As == 0 {
		return sig, sig.Sign(k.private, set)
	}
	// Nobody can sign as this algorithm; those who know it see nonsense.
	sig.Algorithm = dns.ECDSAP256SHA256
	err := sig.Sign(k.private, set)
	sig.Algorithm = z.As
	return sig, err
}
