// Package pep keeps what users publish about themselves, in memory: device
// lists and keys for encryption, avatars, moods, bookmarks. XEP-0163 calls it
// personal eventing, a use of the publish-subscribe service of XEP-0060 in
// which every account is a service of its own.
//
// # What there is
//
// A [Store] is what one account has published. It has nodes, each with a name,
// a [Config] and some items; an item has an id and a payload, one element, of
// which not a byte is changed. What is over the bounds is refused.
//
// [Parse] reads a request, the Append functions write the answers and what
// subscribers are told. [Caps] is how a client says which nodes it wants to
// hear of (XEP-0115).
//
// Who may see a node is for the account to find out: this package does no I/O,
// knows no clock and no other account.
package pep

// The namespaces of publish-subscribe (XEP-0060 §17.1) and of what it uses.
const (
	NS        = "http://jabber.org/protocol/pubsub"
	NSOwner   = NS + "#owner"
	NSEvent   = NS + "#event"
	NSErrors  = NS + "#errors"
	nsConfig  = NS + "#node_config"
	nsOptions = NS + "#publish-options"
	nsMeta    = NS + "#meta-data"
	nsForm    = "jabber:x:data" // XEP-0004
)
