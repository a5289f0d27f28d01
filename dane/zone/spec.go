package zone

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// A Spec says what a zone holds and how it is signed. Its zero value but for
// the name is a sound zone: one key of ECDSA P-256, NSEC, a DS of SHA-256.
type Spec struct {
	Name string // with the final dot
	Text string // records, in the form of a zone file, relative to Name

	Unsigned   bool   // no keys, no signatures, no DS
	Algorithm  uint8  // alg=8: of the keys, RFC 4034 §A.1; 0 means 13
	Split      bool   // split: one key for the keys, another for the rest
	NSEC3      bool   // nsec3: proofs of absence by hashes, RFC 5155
	Salt       string // salt=ab: for NSEC3, hexadecimal
	Iterations uint16 // iterations=5: for NSEC3, additional ones
	OptOut     bool   // optout: for NSEC3, unsigned delegations are left out
	Digest     uint8  // digest=4: type of the DS, RFC 4034 §A.2; 0 means 2

	// From and Until are when signatures begin and end to hold, from the
	// tree's time on; zero means an hour ago and in 30 days.
	From, Until time.Duration

	// What is wrong with the zone.

	NoDS    bool  // ds=none: the parent publishes no DS
	WrongDS bool  // ds=wrong: it publishes the DS of another key
	AllDS   bool  // ds=all: one of every key, though the first alone signs the keys
	Crossed bool  // crossed: the keys are signed by the last, not the first
	As      uint8 // as=200: the algorithm's number is given as this
	Flags   int   // flags=1: of the keys, instead of 257
	Twins   int   // twins=8: so many more keys with the same tag, first
}

var (
	errSyntax = errors.New("zone: text before the first $ZONE line")
	errOption = errors.New("zone: unknown option of a $ZONE line")
)

// Parse reads the zones of a tree.
func Parse(text string) ([]Spec, error) {
	var specs []Spec
	for line := range strings.Lines(text) {
		rest, begins := strings.CutPrefix(line, "$ZONE ")
		if begins {
			rest, _, _ = strings.Cut(rest, ";")
			s, err := parseSpec(strings.Fields(rest))
			if err != nil {
				return nil, err
			}
			specs = append(specs, s)
			continue
		}
		if len(specs) > 0 {
			specs[len(specs)-1].Text += line
		} else if line = strings.TrimSpace(line); line != "" && line[0] != ';' {
			return nil, errSyntax
		}
	}
	return specs, nil
}

func parseSpec(words []string) (Spec, error) {
	if len(words) == 0 {
		return Spec{}, errSyntax
	}
	s := Spec{Name: dns.CanonicalName(words[0])}
	for _, w := range words[1:] {
		if !s.option(w) {
			return Spec{}, errOption
		}
	}
	return s, nil
}

// option takes one word of a $ZONE line in.
func (s *Spec) option(word string) bool {
	key, value, _ := strings.Cut(word, "=")
	n, err := strconv.ParseUint(value, 10, 16)
	number := err == nil
	switch key {
	case "unsigned":
		s.Unsigned = true
	case "split":
		s.Split = true
	case "crossed":
		s.Crossed = true
	case "nsec3":
		s.NSEC3 = true
	case "optout":
		s.NSEC3, s.OptOut = true, true
	case "salt":
		s.NSEC3, s.Salt = true, value
	case "iterations":
		s.NSEC3, s.Iterations = true, uint16(n)
		return number
	case "alg":
		s.Algorithm = uint8(n)
		return number && n < 256
	case "as":
		s.As = uint8(n)
		return number && n < 256
	case "digest":
		s.Digest = uint8(n)
		return number && n < 256
	case "flags":
		s.Flags = int(n)
		return number
	case "twins":
		s.Twins = int(n)
		return number
	case "ds":
		s.NoDS, s.WrongDS, s.AllDS = value == "none", value == "wrong", value == "all"
		return s.NoDS || s.WrongDS || s.AllDS
	case "from", "until":
		d, err := time.ParseDuration(value)
		if key == "from" {
			s.From = d
		} else {
			s.Until = d
		}
		return err == nil
	default:
		return false
	}
	return true
}
