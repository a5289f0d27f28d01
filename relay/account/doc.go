// Package account answers in the name of the users and of the domains they
// live in: it is what RFC 6121 calls the user's server.
//
// # What there is
//
// An account has an address like alice@example.org and any number of
// connections, each bound to a resource: alice@example.org/phone. The signed
// users file says which accounts exist and who is whose contact. All else is
// in memory, hangs on the account and goes with it, [Config].ForgetAfter after
// its last connection ended: contacts a user added, names given to contacts,
// requests nobody has answered yet, and what the user's clients publish and store
// (package pep). Whom a user blocks from a client is the [Server]'s to remember,
// until it ends.
//
// # What happens to a stanza
//
// A client's stanza enters through its Seat. Presence is the account's
// business (RFC 6121 §3, §4): it goes to those who may see it. All else goes
// through the [relay.Router] to the addressed domain. What is addressed to a
// served domain, from wherever, comes to [Server.Deliver], and RFC 6121 §8.5
// says where it goes: to one resource, to the most available ones, to the
// account's own answers (RFC 6121 §2, XEP-0030, XEP-0199 and a few more), or
// nowhere. Of a message, other resources of either side may get a copy
// (XEP-0280), but never of one in OTR, which is for one resource.
//
// # What a stranger learns
//
// Nothing, but what a user's clients publish for everybody, as they do with keys
// for encryption. Whoever is not let in by a presence subscription gets the same
// bytes of error for an address that nobody has, for one that is offline, for
// one that is online and for one that blocks the asker.
//
// # Locks
//
// Each account has two. cast is held while its presence, or word of what it has
// published, goes out, so that contacts see changes in the order they happened;
// mu guards the fields. No
// account's mu is held while another's is taken, nor while the Router is
// called. A resource has one for what is held while its client is inactive, in
// its calm. The order is cast, mu, the Server's tables, calm, Outbox; a cast is
// never taken while another is held, nor for what a service sends, whose own
// locks may be held then.
package account
