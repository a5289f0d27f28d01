// Package resolve asks the DNS and says how far the answer can be believed.
//
// It is a validating stub resolver. It sends its questions to recursive
// resolvers near by (they walk the tree of servers and keep a large cache),
// asks them for the signatures (EDNS DO) and to keep their own opinion to
// themselves (CD), and trusts nothing in what comes back: neither the AD bit
// nor the response code nor that the answer is complete. Whoever sits between
// lethe and the resolver, or owns the resolver, can silence it but not talk it
// into anything.
//
// # How an answer is proved
//
// A zone is a part of the tree with one owner and one set of keys (DNSKEY). It
// signs every record set in it (RRSIG). Its parent publishes a digest of its
// key (DS), and signs that; so from a digest of the root's key, the trust
// anchor, a chain leads down to every signed name:
//
//	anchor → DNSKEY . → DS org. → DNSKEY org. → DS example.org. → DNSKEY example.org. → A
//
// Not every zone is signed, so what is missing must be proved too: otherwise
// taking the signatures away would make a signed zone an unsigned one. A
// signed zone lists its names in order (NSEC), or their hashes (NSEC3), and
// signs the gaps. From the root down this package asks at every label whether
// a DS stands there (chain.go). Each answer must be one of: the DS, signed by
// the parent; a proof that there is none though a zone begins there, from
// where on everything is insecure; a proof that no zone begins there. Anything
// else is bogus. So it is known, before a record is looked at, which zone it
// lies in and that only this zone's keys may sign it.
//
// # What is answered
//
// Every answer carries a Status. Secure: proved by signatures from the anchor
// on. Insecure: proved that its zone is not signed, or not in a way that may
// be relied on. Bogus: neither, so somebody may be lying. Indeterminate: no
// answer was to be had. The zero value is Indeterminate, and a caller must
// treat it as Bogus: refuse. A Reason says why, and by which section of which
// RFC.
//
// RFC 4033, 4034 and 4035 describe DNSSEC, RFC 5155 NSEC3, RFC 6840 what the
// first ones got wrong.
//
// # What it may cost
//
// Whoever runs a zone decides how much work it is to validate. The limits in
// work.go end that: CVE-2023-50387 (KeyTrap) and CVE-2023-50868 were resolvers
// without them.
package resolve
