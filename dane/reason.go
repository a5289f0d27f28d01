package dane

// A Verdict is what follows for the peer. The zero value refuses it.
type Verdict uint8

// The verdicts.
const (
	Refuse      Verdict = iota // the peer is not proved to be the domain
	Authorities                // DANE says nothing: certificate authorities must, see [PKIX]
	DANE                       // proved by a TLSA record
	ByPKIX                     // proved by certificate authorities
)

// String returns the verdict's word.
func (v Verdict) String() string {
	return [...]string{"refused", "authorities", "dane", "pkix"}[v]
}

// An Outcome is a judgement. The zero value refuses.
type Outcome struct {
	Verdict Verdict
	Reason  Reason
	Record  Record // the one that matched, of verdict DANE
}

// A Reason says why a judgement is what it is. There are no others than those
// below, and none holds anything that a peer sent.
type Reason uint8

// The reasons.
const (
	Unjudged         Reason = iota // nothing was judged, or no time was given
	Matched                        // DANE
	Validated                      // ByPKIX
	NoRecords                      // Authorities
	NoneUsable                     // Authorities
	TooManyRecords                 // Refuse, as all that follow
	NoCertificate                  //
	ChainTooLong                   //
	Mismatch                       // no record fits
	NoAnchor                       // of usage 2: no record's authority is in the chain
	Expired                        //
	NotYetValid                    //
	WrongName                      //
	SelfSigned                     //
	UnknownAuthority               //
	NotAuthority                   // signed by what may not sign certificates
	NotForServers                  // extended key usage, e.g. for clients only
	Constrained                    // an authority may not speak for the name
	Invalid                        // anything else
)

// String says the reason in a few words.
func (r Reason) String() string { what, _, _ := r.text(); return what }

// Section names the clause that the reason rests on, e.g. "RFC 7671 §5.1".
func (r Reason) Section() string { _, section, _ := r.text(); return section }

// Cure says what the peer's operator can do, empty where nothing is wrong.
func (r Reason) Cure() string { _, _, cure := r.text(); return cure }

func (r Reason) text() (what, section, cure string) {
	switch r {
	case Matched:
		return "a TLSA record matched", "RFC 6698 §2.1", ""
	case Validated:
		return "certificate authorities vouch for it", "RFC 6120 §13.7.2", ""
	case NoRecords:
		return "no TLSA record is published", "RFC 7673 §4.1", "publish the records that lethe dns prints"
	case NoneUsable:
		return "no TLSA record is usable", "RFC 6698 §4.1", "publish records with known numbers and whole digests, best 3 1 1"
	case TooManyRecords:
		return "there are too many TLSA records", "RFC 7671 §10.1", "remove those of certificates no longer in use"
	case NoCertificate:
		return "the peer presented no certificate", "RFC 6120 §13.7.2", "present the server's certificate on incoming and outgoing links"
	case ChainTooLong:
		return "the peer presented too many certificates", "RFC 5280 §6.1", "send the certificate and what leads to its authority, no more"
	case Mismatch:
		return "no TLSA record fits the certificate", "RFC 6698 §2.1", "publish the TLSA record of the certificate in use before using it"
	case NoAnchor:
		return "the chain lacks the authority of the TLSA record", "RFC 7671 §5.2.2", "send the authority's certificate with the server's"
	case Expired:
		return "a certificate has expired", "RFC 5280 §4.1.2.5", "renew the certificate"
	case NotYetValid:
		return "a certificate is not valid yet", "RFC 5280 §4.1.2.5", "compare the clocks"
	case WrongName:
		return "the certificate does not name the domain", "RFC 6120 §13.7.2", "use a certificate whose dNSName is the XMPP domain"
	case SelfSigned:
		return "the certificate is signed by itself", "RFC 5280 §6.1", "publish a TLSA record of usage 3, or use an authority's certificate"
	}
	return r.chainText()
}

// chainText are the reasons that a chain of certificates gives.
func (r Reason) chainText() (what, section, cure string) {
	switch r {
	case UnknownAuthority:
		return "no trusted authority signed the certificate", "RFC 5280 §6.1", "send all intermediate certificates, or publish TLSA records"
	case NotAuthority:
		return "what signed a certificate may not sign certificates", "RFC 5280 §4.2.1.9", "use a certificate that an authority signed"
	case NotForServers:
		return "the certificate is not for servers", "RFC 5280 §4.2.1.12", "use a certificate with the usage serverAuth"
	case Constrained:
		return "an authority may not speak for that name", "RFC 5280 §4.2.1.10", "use another authority"
	case Invalid:
		return "the certificates do not form a valid chain", "RFC 5280 §6.1", "check the chain, e.g. with openssl verify"
	}
	return "nothing was judged", "RFC 6698 §4.1", "report this as a defect"
}
