// Package zone is a small signed DNS in memory: a root of its own, zones below
// it, keys, signatures and proofs of absence (RFC 4034, RFC 5155), served to
// resolvers on loopback.
//
// The demo and the tests need a tree whose keys they hold: to publish records
// in, to make mistakes in, and to play the attacker on the way to it. A tree
// is written as a few lines of zone file (RFC 1035 §5) after a line for each
// zone:
//
//	$ZONE .
//	$ZONE example. nsec3 optout
//	@     A     192.0.2.1
//	www   CNAME @
//	$ZONE plain.example. unsigned
//	@     A     192.0.2.2
//
// What a zone needs and the text leaves out is added: SOA, name servers, keys,
// signatures, and in the zone above the delegation with its DS. Options and
// their meaning are those of Spec.
//
// A Tree answers as a recursive resolver would that asked the servers of all
// these zones (Respond, Serve), and writes zone files for real name servers
// (File). It is not a name server for the world: it knows no transfers, no
// updates, and lives as long as its signatures.
package zone
