package resolve

// A Reason says why an answer has its status. The set is closed: no reason
// carries a word that came from the network.
type Reason uint8

const (
	// NoAnswer is the reason of the zero value.
	NoAnswer Reason = iota
	// Proved is the reason of what is Secure.
	Proved

	// Of what is Indeterminate.

	NoAnchor
	BadName
	ServerFailed
	Canceled

	// Of what is Insecure.

	Unsigned
	UnsupportedKeys
	OptOut
	TooManyIterations

	// Of what is Bogus.

	NoSignature
	WrongSigner
	WrongLabels
	NotYetValid
	Expired
	NoKey
	BadSignature
	NoTrustedKey
	NotDenied
	WildcardNotProved
	BadAlias
	TooMuchWork
	TooManyAliases

	reasons // how many there are
)

// String is the reason in a few words.
func (r Reason) String() string { return r.about().text }

// Section is the place in the RFCs that the reason rests on, as
// "RFC 4035 §5.3.1".
func (r Reason) Section() string { return r.about().section }

// Status is the one status that goes with the reason.
func (r Reason) Status() Status {
	switch {
	case r == Proved:
		return Secure
	case r >= Unsigned && r <= TooManyIterations:
		return Insecure
	case r >= NoSignature && r < reasons:
		return Bogus
	}
	return Indeterminate
}

type about struct{ text, section string }

func (r Reason) about() about {
	if r >= reasons {
		r = NoAnswer
	}
	return [reasons]about{
		NoAnswer: {"no resolver answered in time", "RFC 1035 §7.2"},
		Proved:   {"signed from the trust anchor on", "RFC 4035 §5"},

		NoAnchor:     {"no trust anchor covers the name", "RFC 4033 §5"},
		BadName:      {"not a name that can be asked for", "RFC 1035 §2.3.4"},
		ServerFailed: {"the resolvers failed to answer", "RFC 1035 §4.1.1"},
		Canceled:     {"given up before an answer came", "RFC 1035 §7.2"},

		Unsigned:          {"proved: its zone is not signed", "RFC 4035 §5.2"},
		UnsupportedKeys:   {"signed only with algorithms or digests that are not relied on", "RFC 4035 §5.2"},
		OptOut:            {"proved only as far as unsigned delegations go (opt-out)", "RFC 5155 §9.2"},
		TooManyIterations: {"its absence is proved with too many NSEC3 iterations", "RFC 9276 §3.2"},

		NoSignature:       {"a signed zone, but no signature", "RFC 4035 §5.3"},
		WrongSigner:       {"signed by another zone than its own", "RFC 4035 §5.3.1"},
		WrongLabels:       {"the signature is for a name of other length", "RFC 4035 §5.3.1"},
		NotYetValid:       {"the signature is not yet valid", "RFC 4035 §5.3.1"},
		Expired:           {"the signature has expired", "RFC 4035 §5.3.1"},
		NoKey:             {"no key of the zone fits the signature", "RFC 4035 §5.3.1"},
		BadSignature:      {"the signature is wrong", "RFC 4035 §5.3.3"},
		NoTrustedKey:      {"no key of the zone is the one its parent vouches for", "RFC 4035 §5.2"},
		NotDenied:         {"nothing there, but no proof of it", "RFC 4035 §5.4"},
		WildcardNotProved: {"made from a wildcard, but no proof that it applies", "RFC 4035 §5.3.4"},
		BadAlias:          {"the alias does not follow from the signed one", "RFC 6672 §5.3.1"},
		TooMuchWork:       {"to validate it would take too much work", "RFC 4033 §12"},
		TooManyAliases:    {"too many aliases in a row", "RFC 1034 §5.2.2"},
	}[r]
}
