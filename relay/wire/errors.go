package wire

// The namespaces of the framing itself.
const (
	NSClient       = "jabber:client"                        // RFC 6120 §4.8.2
	NSServer       = "jabber:server"                        // RFC 6120 §4.8.2
	NSStream       = "http://etherx.jabber.org/streams"     // RFC 6120 §4.8.1
	NSStreamErrors = "urn:ietf:params:xml:ns:xmpp-streams"  // RFC 6120 §4.9.2
	NSStanzaErrors = "urn:ietf:params:xml:ns:xmpp-stanzas"  // RFC 6120 §8.3.2
	NSXML          = "http://www.w3.org/XML/1998/namespace" // Namespaces in XML 1.0 §3
	nsXMLNS        = "http://www.w3.org/2000/xmlns/"        // Namespaces in XML 1.0 §3
)

// A StreamError is a condition that ends a stream, by the name RFC 6120 §4.9.3
// gives it. It never holds a byte of the peer's.
type StreamError string

// The conditions of RFC 6120 §4.9.3.
const (
	BadFormat              StreamError = "bad-format"
	BadNamespacePrefix     StreamError = "bad-namespace-prefix"
	Conflict               StreamError = "conflict"
	ConnectionTimeout      StreamError = "connection-timeout"
	HostGone               StreamError = "host-gone"
	HostUnknown            StreamError = "host-unknown"
	ImproperAddressing     StreamError = "improper-addressing"
	InternalServerError    StreamError = "internal-server-error"
	InvalidFrom            StreamError = "invalid-from"
	InvalidNamespace       StreamError = "invalid-namespace"
	InvalidXML             StreamError = "invalid-xml"
	NotAuthorized          StreamError = "not-authorized"
	NotWellFormed          StreamError = "not-well-formed"
	PolicyViolation        StreamError = "policy-violation"
	RemoteConnectionFailed StreamError = "remote-connection-failed"
	Reset                  StreamError = "reset"
	ResourceConstraint     StreamError = "resource-constraint"
	RestrictedXML          StreamError = "restricted-xml"
	SeeOtherHost           StreamError = "see-other-host"
	SystemShutdown         StreamError = "system-shutdown"
	UndefinedCondition     StreamError = "undefined-condition"
	UnsupportedEncoding    StreamError = "unsupported-encoding"
	UnsupportedFeature     StreamError = "unsupported-feature"
	UnsupportedStanzaType  StreamError = "unsupported-stanza-type"
	UnsupportedVersion     StreamError = "unsupported-version"
)

// Error names the condition.
func (e StreamError) Error() string { return "stream error: " + string(e) }

// AppendStreamError appends the stream error e, with text (if any) for people,
// and the end of the stream (RFC 6120 §4.9.1.1). The stream must have been
// opened with the prefix "stream".
func AppendStreamError(dst []byte, e StreamError, text string) []byte {
	dst = append(dst, "<stream:error><"...)
	dst = append(dst, e...)
	dst = append(dst, " xmlns='"+NSStreamErrors+"'/>"...)
	dst = appendErrorText(dst, NSStreamErrors, text)
	return append(dst, "</stream:error></stream:stream>"...)
}

// A Condition is a stanza error condition of RFC 6120 §8.3.3. The zero value
// is undefined-condition.
type Condition uint8

// The conditions of RFC 6120 §8.3.3.
const (
	CondUndefinedCondition Condition = iota
	CondBadRequest
	CondConflict
	CondFeatureNotImplemented
	CondForbidden
	CondGone
	CondInternalServerError
	CondItemNotFound
	CondJIDMalformed
	CondNotAcceptable
	CondNotAllowed
	CondNotAuthorized
	CondPolicyViolation
	CondRecipientUnavailable
	CondRedirect
	CondRegistrationRequired
	CondRemoteServerNotFound
	CondRemoteServerTimeout
	CondResourceConstraint
	CondServiceUnavailable
	CondSubscriptionRequired
	CondUnexpectedRequest
)

// String returns the name of the condition's element.
func (c Condition) String() string { name, _ := c.describe(); return name }

// Type returns the error type RFC 6120 §8.3.3 gives for the condition: auth,
// cancel, modify or wait.
func (c Condition) Type() string { _, typ := c.describe(); return typ }

func (c Condition) describe() (name, typ string) {
	switch c {
	case CondBadRequest:
		return "bad-request", "modify"
	case CondConflict:
		return "conflict", "cancel"
	case CondFeatureNotImplemented:
		return "feature-not-implemented", "cancel"
	case CondForbidden:
		return "forbidden", "auth"
	case CondGone:
		return "gone", "cancel"
	case CondInternalServerError:
		return "internal-server-error", "cancel"
	case CondItemNotFound:
		return "item-not-found", "cancel"
	case CondJIDMalformed:
		return "jid-malformed", "modify"
	case CondNotAcceptable:
		return "not-acceptable", "modify"
	case CondNotAllowed:
		return "not-allowed", "cancel"
	case CondNotAuthorized:
		return "not-authorized", "auth"
	case CondPolicyViolation:
		return "policy-violation", "modify"
	case CondRecipientUnavailable:
		return "recipient-unavailable", "wait"
	case CondRedirect:
		return "redirect", "modify"
	case CondRegistrationRequired:
		return "registration-required", "auth"
	case CondRemoteServerNotFound:
		return "remote-server-not-found", "cancel"
	case CondRemoteServerTimeout:
		return "remote-server-timeout", "wait"
	case CondResourceConstraint:
		return "resource-constraint", "wait"
	case CondServiceUnavailable:
		return "service-unavailable", "cancel"
	case CondSubscriptionRequired:
		return "subscription-required", "auth"
	case CondUnexpectedRequest:
		return "unexpected-request", "wait"
	default:
		return "undefined-condition", "cancel"
	}
}

// AppendError appends the error that answers the stanza s (RFC 6120 §8.3): same
// kind, same id, type error, the condition c and text (if any) for people.
// Nothing of the stanza's payload is echoed. A nonza is answered by nothing. If
// ns is not empty it is declared, so that the answer stands on its own; on a
// stream whose content namespace is the default one it need not be. Empty from
// and to are left out.
func AppendError(dst []byte, s *Stanza, ns, from, to string, c Condition, text string) []byte {
	return AppendErrorWith(dst, s, ns, from, to, c, text, "")
}

// AppendErrorWith is [AppendError] with a condition of an application's own
// (RFC 6120 §8.3.4): an element, or "" for none.
func AppendErrorWith(dst []byte, s *Stanza, ns, from, to string, c Condition, text, own string) []byte {
	kind := s.Kind.String()
	if kind == "" {
		return dst
	}
	name, typ := c.describe()
	dst = append(dst, '<')
	dst = append(dst, kind...)
	if ns != "" {
		dst = AppendAttr(dst, "xmlns", ns)
	}
	dst = append(dst, " type='error'"...)
	if id := s.ID(); id != nil {
		dst = append(dst, " id"...)
		dst = appendQuoted(dst, id)
	}
	if from != "" {
		dst = AppendAttr(dst, "from", from)
	}
	if to != "" {
		dst = AppendAttr(dst, "to", to)
	}
	dst = append(dst, "><error type='"...)
	dst = append(dst, typ...)
	dst = append(dst, "'><"...)
	dst = append(dst, name...)
	dst = append(dst, " xmlns='"+NSStanzaErrors+"'/>"...)
	dst = appendErrorText(dst, NSStanzaErrors, text)
	dst = append(dst, own...)
	dst = append(dst, "</error></"...)
	dst = append(dst, kind...)
	return append(dst, '>')
}

// appendErrorText appends the <text/> of an error, if there is one to say.
func appendErrorText(dst []byte, ns, text string) []byte {
	if text == "" {
		return dst
	}
	dst = append(dst, "<text"...)
	dst = AppendAttr(dst, "xmlns", ns)
	dst = append(dst, " xml:lang='en'>"...)
	dst = AppendText(dst, text)
	return append(dst, "</text>"...)
}

// Answerable reports whether an error may answer the stanza. Errors and
// results are never answered, so that no two entities answer each other for
// ever (RFC 6120 §8.3.1); nor is a presence that says goodbye.
func Answerable(s *Stanza) bool {
	switch typ := string(s.Type()); s.Kind {
	case Message:
		return typ != "error"
	case IQ:
		return typ == "get" || typ == "set" // RFC 6120 §8.2.3
	case Presence:
		return typ != "error" && typ != "unavailable"
	default:
		return false
	}
}
