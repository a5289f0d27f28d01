package relay

import "lethe/relay/wire"

// Drop says why a stanza went no further. The zero value means that it was
// delivered: an Endpoint took it and answers for it.
type Drop uint8

// The reasons. What a sender is told never differs between an address that
// does not exist, one without a connection, one whose queue is full and one
// that has blocked the sender: nobody learns who is a user or who is online by
// sending to them.
const (
	Delivered    Drop = iota
	NoUser            // the address belongs to nobody
	Offline           // no connected resource may take it
	Full              // the receiver's Outbox has no room
	Lost              // the connection ended before the stanza was written
	Unwanted          // the receiver's account does not let it in
	Unsupported       // nothing at this address handles it
	NoRoute           // nobody here serves the domain
	Misaddressed      // the address is malformed
	drops             // number of reasons

	// Answered is no reason: the Endpoint refused the stanza and has said so
	// by RefuseWith.
	Answered
)

// Drops is how many outcomes there are, Delivered among them; they are numbered
// from 0.
const Drops = int(drops)

// String is the reason's name in events and metrics.
func (d Drop) String() string {
	switch d {
	case Delivered:
		return "delivered"
	case NoUser:
		return "no-user"
	case Offline:
		return "offline"
	case Full:
		return "full"
	case Lost:
		return "lost"
	case Unwanted:
		return "unwanted"
	case Unsupported:
		return "unsupported"
	case NoRoute:
		return "no-route"
	case Misaddressed:
		return "misaddressed"
	}
	return "unknown"
}

// Condition is the stanza error that answers the drop, with a sentence for a
// person to read.
func (d Drop) Condition() (wire.Condition, string) {
	switch d {
	case NoRoute:
		// RFC 6120 §8.3.3.16
		return wire.CondRemoteServerNotFound, "This server has no connection to that domain."
	case Misaddressed:
		// RFC 6120 §8.3.3.8
		return wire.CondJIDMalformed, "That is not a valid address."
	case Unsupported:
		// RFC 6120 §8.3.3.19
		return wire.CondServiceUnavailable, "This is not available here."
	}
	// RFC 6121 §8.5.2.2.1: unknown and offline alike.
	return wire.CondServiceUnavailable, "The message could not be delivered now and was not kept."
}
