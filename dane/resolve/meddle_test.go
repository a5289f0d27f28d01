package resolve

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"

	signed "lethe/dane/zone"
)

// What the lines "meddle" of the corpus can do to an answer. Its README says
// what they mean.

// A move is one thing done to the answers to some questions.
type move struct {
	name, qtype string // "*" for any
	do          string
	args        []string
}

func (mv move) applies(q question) bool {
	return (mv.name == "*" || dns.CanonicalName(mv.name) == q.name) &&
		(mv.qtype == "*" || dns.StringToType[mv.qtype] == q.qtype)
}

// play makes a meddler of moves.
func play(tree *signed.Tree, moves []move) meddler {
	return func(q question, m *dns.Msg) *dns.Msg {
		for _, mv := range moves {
			if !mv.applies(q) {
				continue
			}
			do, ok := tricks[mv.do]
			if !ok {
				panic("no such trick: " + mv.do)
			}
			if m = do(tree, m, mv.args); m == nil {
				return nil
			}
		}
		return m
	}
}

// A trick changes an answer in place, or returns another; nil drops it.
type trick = func(tree *signed.Tree, m *dns.Msg, args []string) *dns.Msg

var tricks = map[string]trick{
	"drop":    func(*signed.Tree, *dns.Msg, []string) *dns.Msg { return nil },
	"rcode":   setRcode,
	"ad":      func(_ *signed.Tree, m *dns.Msg, _ []string) *dns.Msg { m.AuthenticatedData = true; return m },
	"empty":   empty,
	"strip":   strip,
	"unsign":  unsign,
	"flip":    flipFirst,
	"add":     add,
	"answer":  borrow,
	"proofs":  borrowProofs,
	"instead": instead,
	"rename":  rename,
	"resign":  resign,
	"sig":     editSig,
	"junk":    junk,
	"ttl":     setTTL,
	"unprove": func(_ *signed.Tree, m *dns.Msg, _ []string) *dns.Msg { m.Ns = nil; return m },
}

func setRcode(_ *signed.Tree, m *dns.Msg, args []string) *dns.Msg {
	m.Rcode = dns.StringToRcode[args[0]]
	return m
}

func empty(_ *signed.Tree, m *dns.Msg, _ []string) *dns.Msg {
	m.Answer, m.Ns = nil, nil
	return m
}

// each calls f for the records of both sections.
func each(m *dns.Msg, f func(dns.RR)) {
	for _, rr := range slices.Concat(m.Answer, m.Ns) {
		f(rr)
	}
}

// prune leaves out the records that drop says.
func prune(m *dns.Msg, drop func(dns.RR) bool) *dns.Msg {
	m.Answer = slices.DeleteFunc(m.Answer, drop)
	m.Ns = slices.DeleteFunc(m.Ns, drop)
	return m
}

// covers says whether rr is a signature over records of the type; "*": any.
func covers(rr dns.RR, qtype string) bool {
	sig, ok := rr.(*dns.RRSIG)
	return ok && (qtype == "*" || sig.TypeCovered == dns.StringToType[qtype])
}

func strip(_ *signed.Tree, m *dns.Msg, args []string) *dns.Msg {
	return prune(m, func(rr dns.RR) bool {
		return rr.Header().Rrtype == dns.StringToType[args[0]] || covers(rr, args[0])
	})
}

func unsign(_ *signed.Tree, m *dns.Msg, args []string) *dns.Msg {
	return prune(m, func(rr dns.RR) bool { return covers(rr, args[0]) })
}

// flipFirst: flip TYPE BIT, in the data of the first record of the type.
func flipFirst(_ *signed.Tree, m *dns.Msg, args []string) *dns.Msg {
	bit, err := strconv.Atoi(args[1])
	if err != nil {
		panic(err)
	}
	for _, section := range [][]dns.RR{m.Answer, m.Ns} {
		for i, rr := range section {
			if rr.Header().Rrtype == dns.StringToType[args[0]] {
				other, ok := flipped(rr, bit)
				if !ok {
					panic("bit cannot be flipped")
				}
				section[i] = other
				return m
			}
		}
	}
	panic("nothing to flip")
}

// flipped is the record with one bit of its data the other way; it fails when
// that is no record of its type any more.
func flipped(rr dns.RR, bit int) (dns.RR, bool) {
	wire := make([]byte, dns.Len(rr)+64)
	n, err := dns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		return nil, false
	}
	start := len(octets(rr.Header().Name)) + 10
	if at := start + bit/8; at < n {
		wire[at] ^= 1 << (bit % 8)
	} else {
		return nil, false
	}
	out, end, err := dns.UnpackRR(wire[:n], 0)
	return out, err == nil && end == n
}

// bitsOf is how many bits of data a record has.
func bitsOf(rr dns.RR) int {
	wire := make([]byte, dns.Len(rr)+64)
	n, err := dns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		return 0
	}
	return 8 * (n - len(octets(rr.Header().Name)) - 10)
}

// add: add answer|authority RECORD
func add(_ *signed.Tree, m *dns.Msg, args []string) *dns.Msg {
	rr, err := dns.NewRR(strings.Join(args[1:], " "))
	if err != nil {
		panic(err)
	}
	if args[0] == "answer" {
		m.Answer = append(m.Answer, rr)
	} else {
		m.Ns = append(m.Ns, rr)
	}
	return m
}

func other(tree *signed.Tree, args []string) *dns.Msg {
	return tree.Respond(request(1, question{dns.CanonicalName(args[0]), dns.StringToType[args[1]]}))
}

// instead: the answer to another question, under this one.
func instead(tree *signed.Tree, m *dns.Msg, args []string) *dns.Msg {
	o := other(tree, args)
	o.Question = m.Question
	return o
}

// borrow: answer NAME TYPE puts that answer's records in place of these.
func borrow(tree *signed.Tree, m *dns.Msg, args []string) *dns.Msg {
	m.Answer = other(tree, args).Answer
	return m
}

// borrowProofs: proofs NAME TYPE puts that answer's proofs in place of these.
func borrowProofs(tree *signed.Tree, m *dns.Msg, args []string) *dns.Msg {
	m.Ns = other(tree, args).Ns
	return m
}

// rename: rename TYPE NAME gives the records and their signatures that owner.
func rename(_ *signed.Tree, m *dns.Msg, args []string) *dns.Msg {
	each(m, func(rr dns.RR) {
		if rr.Header().Rrtype == dns.StringToType[args[0]] || covers(rr, args[0]) {
			rr.Header().Name = args[1]
		}
	})
	return m
}

// resign: resign TYPE ZONE [field=value...] signs each set of the type anew,
// with the key of a zone. Fields are as for sig.
func resign(tree *signed.Tree, m *dns.Msg, args []string) *dns.Msg {
	unsign(tree, m, args[:1])
	for _, section := range []*[]dns.RR{&m.Answer, &m.Ns} {
		for _, set := range group(map[question]*rrset{}, slices.Clone(*section)) {
			if set.qtype != dns.StringToType[args[0]] {
				continue
			}
			sig, err := tree.Sign(args[1], set.records, func(sig *dns.RRSIG) { setFields(sig, args[2:]) })
			if err != nil {
				panic(err)
			}
			*section = append(*section, sig)
		}
	}
	return m
}

// editSig: sig TYPE field=value... changes signatures, which then are wrong.
func editSig(_ *signed.Tree, m *dns.Msg, args []string) *dns.Msg {
	each(m, func(rr dns.RR) {
		if covers(rr, args[0]) {
			setFields(rr.(*dns.RRSIG), args[1:])
		}
	})
	return m
}

func setFields(sig *dns.RRSIG, fields []string) {
	for _, f := range fields {
		key, value, _ := strings.Cut(f, "=")
		n, _ := strconv.Atoi(value)
		d, _ := time.ParseDuration(value)
		switch key {
		case "signer":
			sig.SignerName = value
		case "labels":
			sig.Labels = uint8(n)
		case "tag":
			sig.KeyTag = uint16(n)
		case "algorithm":
			sig.Algorithm = uint8(n)
		case "from":
			sig.Inception = uint32(noon.Add(d).Unix())
		case "until":
			sig.Expiration = uint32(noon.Add(d).Unix())
		case "origttl":
			sig.OrigTtl = uint32(n)
		case "long": // the same numbers, with a zero in front of each
			b, _ := base64.StdEncoding.DecodeString(sig.Signature)
			half := len(b) / 2
			b = slices.Concat([]byte{0}, b[:half], []byte{0}, b[half:])
			sig.Signature = base64.StdEncoding.EncodeToString(b)
		default:
			panic("no such field: " + key)
		}
	}
}

// junk: junk TYPE N puts so many wrong signatures before the right one.
func junk(_ *signed.Tree, m *dns.Msg, args []string) *dns.Msg {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		panic(err)
	}
	for _, section := range []*[]dns.RR{&m.Answer, &m.Ns} {
		var more []dns.RR
		for _, rr := range *section {
			if !covers(rr, args[0]) {
				continue
			}
			for i := range n {
				bad, _ := flipped(rr, bitsOf(rr)-1-i)
				more = append(more, bad)
			}
		}
		*section = append(more, *section...)
	}
	return m
}

func setTTL(_ *signed.Tree, m *dns.Msg, args []string) *dns.Msg {
	n, err := strconv.ParseUint(args[1], 10, 32)
	if err != nil {
		panic(err)
	}
	each(m, func(rr dns.RR) {
		if rr.Header().Rrtype == dns.StringToType[args[0]] || covers(rr, args[0]) {
			rr.Header().Ttl = uint32(n)
		}
	})
	return m
}

// A trial is one case of the corpus.
type trial struct {
	name    string
	line    int
	ask     question
	moves   []move
	status  string
	section string
	records int
	noName  bool
	last    string // the name the records are at
}

// parseTrials reads testdata/dnssec/cases.txt.
func parseTrials(text string) ([]trial, error) {
	var all []trial
	line := 0
	for s := range strings.Lines(text) {
		line++
		words := strings.Fields(s)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if words[0] == "case" && len(words) == 2 {
			all = append(all, trial{name: words[1], line: line, records: -1})
			continue
		}
		if len(all) == 0 || !all[len(all)-1].read(words) {
			return nil, fmt.Errorf("line %d: not understood", line)
		}
	}
	return all, nil
}

func (c *trial) read(words []string) bool {
	switch {
	case words[0] == "ask" && len(words) == 3:
		c.ask = question{words[1], dns.StringToType[words[2]]}
		return c.ask.qtype != 0
	case words[0] == "meddle" && len(words) >= 4:
		mv := move{words[1], words[2], words[3], words[4:]}
		c.moves = append(c.moves, mv)
		return tricks[mv.do] != nil && (mv.qtype == "*" || dns.StringToType[mv.qtype] != 0)
	case words[0] == "expect" && len(words) >= 5:
		c.status, c.section = words[1], strings.Join(words[2:5], " ")
		for _, w := range words[5:] {
			key, value, _ := strings.Cut(w, "=")
			switch key {
			case "records":
				c.records, _ = strconv.Atoi(value)
			case "noname":
				c.noName = true
			case "at":
				c.last = value
			default:
				return false
			}
		}
		return true
	}
	return false
}
