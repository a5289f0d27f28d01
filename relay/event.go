package relay

// Event is something an operator may want to hear of. The vocabulary is
// closed: an event says what happened, never to whom, and carries nothing a
// peer sent.
type Event uint8

// The events of client connections.
const (
	_               Event = iota
	ConnectionLimit       // an address has its share of connections, one more was refused
	HandshakeFailed       // TLS did not come about
	CleartextBytes        // bytes stood in the clear behind <starttls/>: plaintext injection, or a broken client
	StreamViolation       // a peer broke the rules of the stream and was cut off
	LoginFailed           // wrong user, password or mechanism
	LoginSlowed           // too many wrong logins from one address, attempt refused unseen
	NegotiationSlow       // no login within the deadline
	IdleTimeout           // a client stopped answering
	InternalError         // a defect in lethe; one connection ended, the others did not notice

	// The events of federation.

	LinkUp      // a domain was proved and a link to or from it stands
	LinkFailed  // a link that stanzas waited for did not come about
	PeerRefused // a server that connected to us could not prove its domain
	events      // number of events
)

// Events is how many events there are; they are numbered from 1.
const Events = int(events)

// String is the event's name in the log.
func (e Event) String() string {
	switch e {
	case ConnectionLimit:
		return "connection-limit"
	case HandshakeFailed:
		return "handshake-failed"
	case CleartextBytes:
		return "cleartext-bytes"
	case StreamViolation:
		return "stream-violation"
	case LoginFailed:
		return "login-failed"
	case LoginSlowed:
		return "login-slowed"
	case NegotiationSlow:
		return "negotiation-slow"
	case IdleTimeout:
		return "idle-timeout"
	case InternalError:
		return "internal-error"
	case LinkUp:
		return "link-up"
	case LinkFailed:
		return "link-failed"
	case PeerRefused:
		return "peer-refused"
	}
	return "unknown"
}
