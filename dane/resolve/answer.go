package resolve

import (
	"time"

	"github.com/miekg/dns"
)

// Status is how far an answer can be believed, RFC 4033 §5.
type Status uint8

const (
	// Indeterminate: no answer was to be had, or no trust anchor covers the
	// name. Nothing may rest on it: refuse, as for Bogus.
	Indeterminate Status = iota
	// Bogus: signatures or proofs that must be there are missing or wrong.
	Bogus
	// Insecure: it is proved that the name lies where nothing is signed.
	Insecure
	// Secure: proved by signatures from a trust anchor on.
	Secure
)

// String is the status in one word.
func (s Status) String() string {
	switch s {
	case Secure:
		return "secure"
	case Insecure:
		return "insecure"
	case Bogus:
		return "bogus"
	}
	return "indeterminate"
}

// Usable says whether the records, or their absence, may be acted on at all.
func (s Status) Usable() bool { return s == Secure || s == Insecure }

// An Answer is what the DNS says of one name and type, and how far to believe
// it. It is shared with other callers: do not change what it points to.
type Answer struct {
	Status Status
	// Why the status is not Secure; Proved if it is.
	Why Reason
	// Zone is where that was decided, as "example.org."; it may be a name that
	// a peer's alias led to.
	Zone string
	// Names are the name asked for and, for each alias (CNAME, DNAME), the one
	// it leads to: the last is where the records are. They are in canonical
	// form: lower case, with the final dot.
	Names []string
	// Records has those of the type asked for; none is an answer too. It is
	// empty unless the status is Usable.
	Records []dns.RR
	// NoName says that the name does not exist, with any type (NXDOMAIN).
	NoName bool
	// TTL is how long this answer may be relied on.
	TTL time.Duration
}

// Name is the last of Names: where the records are.
func (a Answer) Name() string {
	if len(a.Names) == 0 {
		return ""
	}
	return a.Names[len(a.Names)-1]
}
