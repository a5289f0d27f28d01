package zone

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// A Tree is a signed tree of zones. It does not change once it is planted and
// may be asked by many goroutines.
type Tree struct {
	zones map[string]*zone
}

var (
	errNoRoot  = errors.New(`zone: no zone "."`)
	errTwice   = errors.New("zone: the same zone twice")
	errRecord  = errors.New("zone: not a record of this zone")
	errUnknown = errors.New("zone: no such signed zone")
)

// Plant makes the zones' keys, delegates them and signs everything, as of now.
func Plant(now time.Time, specs ...Spec) (*Tree, error) {
	t := &Tree{zones: map[string]*zone{}}
	for _, s := range specs {
		s.Name = dns.CanonicalName(s.Name)
		if t.zones[s.Name] != nil {
			return nil, errTwice
		}
		z, err := newZone(s)
		if err != nil {
			return nil, err
		}
		t.zones[s.Name] = z
	}
	if t.zones["."] == nil {
		return nil, errNoRoot
	}
	for _, z := range t.zones {
		if z.Name == "." {
			continue
		}
		if err := t.at(parent(z.Name)).delegate(z); err != nil {
			return nil, err
		}
	}
	for _, z := range t.zones {
		if err := z.finish(now); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Anchors are the root's DS records, in the form of a zone file.
func (t *Tree) Anchors() string {
	var b strings.Builder
	for _, ds := range t.zones["."].ds() {
		b.WriteString(ds.String() + "\n")
	}
	return b.String()
}

// Zones are the names of the zones, in canonical order.
func (t *Tree) Zones() []string {
	var names []string
	for name := range t.zones {
		names = append(names, name)
	}
	slices.SortFunc(names, compare)
	return names
}

// File is a zone with all signatures and proofs, in the form of a zone file;
// empty if there is no such zone.
func (t *Tree) File(name string) string {
	z := t.zones[name]
	if z == nil {
		return ""
	}
	var b strings.Builder
	for _, rr := range z.all() {
		b.WriteString(rr.String() + "\n")
	}
	return b.String()
}

// Questions are the names and types that have records of their own, in all
// zones, in order: what somebody who wants to see everything would ask.
func (t *Tree) Questions() []dns.Question {
	var all []dns.Question
	for _, name := range t.Zones() {
		z := t.zones[name]
		for _, owner := range z.names {
			if z.delegated(owner) {
				continue // but for the DS, the child is asked
			}
			for _, qtype := range sortedTypes(z.sets[owner]) {
				all = append(all, dns.Question{Name: owner, Qtype: qtype, Qclass: dns.ClassINET})
			}
		}
	}
	return all
}

// Sign signs records with the key of a zone, whether they belong to it or
// not. The edit, if any, is made to the signature's fields first.
func (t *Tree) Sign(name string, records []dns.RR, edit func(*dns.RRSIG)) (*dns.RRSIG, error) {
	z := t.zones[name]
	if z == nil || z.Unsigned {
		return nil, errUnknown
	}
	return z.sign(records, edit)
}

// at is the deepest zone at or above the name.
func (t *Tree) at(name string) *zone {
	for {
		if z := t.zones[name]; z != nil {
			return z
		}
		name = parent(name)
	}
}

// parent is the name without its first label; that of "." is ".".
func parent(name string) string {
	if i, end := dns.NextLabel(name, 0); !end {
		return name[i:]
	}
	return "."
}

// compare puts names in canonical order, RFC 4034 §6.1.
func compare(a, b string) int {
	x, y := dns.SplitDomainName(a), dns.SplitDomainName(b)
	slices.Reverse(x)
	slices.Reverse(y)
	return slices.Compare(x, y)
}

func sortedTypes(sets map[uint16][]dns.RR) []uint16 {
	var types []uint16
	for t := range sets {
		types = append(types, t)
	}
	slices.Sort(types)
	return types
}
