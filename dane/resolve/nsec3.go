package resolve

import (
	"bytes"
	"crypto/sha1"
	"encoding/base32"
	"encoding/hex"
	"strings"

	"github.com/miekg/dns"
)

// A hash is the SHA-1 of a name, the only one NSEC3 knows (RFC 5155 §11).
// That it is weak does not matter here: the records that carry it are signed.
type hash = [sha1.Size]byte

// A hashed is an NSEC3 record: the gap from one hash to the next.
type hashed struct {
	owner, next hash
	types       []uint16
	optOut      bool
}

// nsec3s are verified NSEC3 records of one zone, all of the same parameters.
type nsec3s struct {
	zone       string
	iterations uint16
	salt       []byte
	records    []hashed
	known      map[string]hash
	spend      func() bool // for each hash computed
	exhausted  bool
}

// add takes a record in. It leaves out what RFC 5155 §8.1 and §8.2 say to
// ignore: unknown hashes, unknown flags, and other parameters than the first.
func (n *nsec3s) add(r *dns.NSEC3) {
	salt, err := hex.DecodeString(strings.TrimPrefix(r.Salt, "-"))
	if err != nil || r.Hash != dns.SHA1 || r.Flags&^1 != 0 {
		return
	}
	if len(n.records) > 0 && (r.Iterations != n.iterations || !bytes.Equal(salt, n.salt)) {
		return
	}
	h := hashed{types: r.TypeBitMap, optOut: r.Flags&1 != 0}
	// RFC 5155 §3: the owner is one label below the zone.
	label, rest, _ := strings.Cut(r.Hdr.Name, ".")
	if rest == "" {
		rest = "."
	}
	if rest != n.zone || !decodeHash(&h.owner, label) || !decodeHash(&h.next, r.NextDomain) {
		return
	}
	n.iterations, n.salt = r.Iterations, salt
	n.records = append(n.records, h)
}

func decodeHash(to *hash, text string) bool {
	b, err := base32.HexEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(text))
	return err == nil && copy(to[:], b) == len(to) && len(b) == len(to)
}

// hash computes the hash of a name, RFC 5155 §5.
func (n *nsec3s) hash(name string) hash {
	if h, ok := n.known[name]; ok {
		return h
	}
	if n.exhausted = n.exhausted || !n.spend(); n.exhausted {
		return hash{}
	}
	h := sha1.Sum(append(octets(name), n.salt...))
	for range n.iterations {
		h = sha1.Sum(append(h[:], n.salt...))
	}
	n.known[name] = h
	return h
}

// match is the record for the name.
func (n *nsec3s) match(name string) *hashed {
	h := n.hash(name)
	for i := range n.records {
		if !n.exhausted && n.records[i].owner == h {
			return &n.records[i]
		}
	}
	return nil
}

// cover is a record whose gap the name's hash lies in, RFC 5155 §1.3.
func (n *nsec3s) cover(name string) *hashed {
	h := n.hash(name)
	for i := range n.records {
		r := &n.records[i]
		after := bytes.Compare(r.owner[:], h[:]) < 0
		before := bytes.Compare(h[:], r.next[:]) < 0
		last := bytes.Compare(r.next[:], r.owner[:]) <= 0
		if !n.exhausted && (after && before || last && (after || before)) {
			return r
		}
	}
	return nil
}

// encloser is the closest encloser of a name that does not exist, and the
// record whose gap the next name down lies in, RFC 5155 §8.3.
func (n *nsec3s) encloser(name string) (string, *hashed) {
	for below(name, n.zone) {
		next := name
		name = parent(name)
		r := n.match(name)
		if r == nil {
			continue
		}
		// RFC 5155 §8.3: "the DNAME type bit must not be set and the NS type
		// bit may only be set if the SOA type bit is set."
		if opaque(r.types) {
			return "", nil
		}
		return name, n.cover(next)
	}
	return "", nil
}

// deny finds what the records prove of a name in their zone. OptOut: only
// that nothing signed is there.
func (n *nsec3s) deny(name string, qtype uint16) (g gap, optOut bool) {
	if r := n.match(name); r != nil {
		return bitmap(r.types, qtype, false), false // RFC 5155 §8.5, §8.6
	}
	top, over := n.encloser(name)
	if over == nil {
		return notProved, false
	}
	if over.optOut && qtype == dns.TypeDS {
		return cut, true // RFC 5155 §8.6
	}
	star := wildcard(top)
	if r := n.match(star); r != nil {
		return bitmap(r.types, qtype, true), over.optOut // RFC 5155 §8.7
	}
	if n.cover(star) == nil {
		return notProved, false
	}
	return noName, over.optOut // RFC 5155 §8.4
}

// absent says whether neither the name nor any below it exists, as a
// wildcard's answer needs of the name one label below the wildcard's parent,
// RFC 5155 §8.8. OptOut: an unsigned zone may begin there.
func (n *nsec3s) absent(name string) (ok, optOut bool) {
	r := n.cover(name)
	return r != nil, r != nil && r.optOut
}
