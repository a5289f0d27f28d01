// Package dane judges whether a TLS peer is who its domain's DNS says it is.
//
// DANE puts the proof of a server's key into the DNS, where DNSSEC signs it: a
// TLSA record below the server's name holds a certificate, a public key or a
// digest of either, and says in its usage what it stands for (RFC 6698,
// RFC 7671):
//
//	3 DANE-EE   this is the server's key. Nothing else counts, neither names
//	            nor dates nor certificate authorities.
//	2 DANE-TA   this is the authority that signs the server's certificate,
//	            for these names and this time.
//	1 PKIX-EE   this is the server's certificate, and a certificate authority
//	            must vouch for it too.
//	0 PKIX-TA   this is the authority; it must be one that is trusted anyway.
//
// [Judge] weighs the records of one server against the certificates that it
// presented. [PKIX] asks certificate authorities alone, which is what remains
// where a domain publishes no TLSA record. Both check names as XMPP has them
// (RFC 6120 §13.7), in certificates for servers whichever side opened the
// connection: public authorities no longer issue any for clients.
//
// That the records are authentic is the caller's to know: records from an
// answer that DNSSEC did not prove must not be given to Judge, and an answer
// that is bogus or did not arrive is no empty set.
//
// Nothing here touches a socket, a file or a clock, and the zero value of every
// answer refuses.
package dane
