// Package proxy65 passes files between two clients that cannot reach each
// other: it is the proxy of SOCKS5 bytestreams (XEP-0065).
//
// # How two clients meet
//
// The requester, a user of this relay, asks for the proxy's address and offers
// it to the target, who may be anybody. Both connect here and name, as if it
// were a host that they want to reach, a digest of the stream's id and of both
// addresses. Nobody here was told of it before. So a connection waits, carries
// nothing and is dropped after a minute, unless a second one names the same
// digest and the requester says over XMPP, where it cannot lie about who it is,
// that the transfer may begin.
//
// # What may go wrong
//
// This is the one port without TLS of its own: XEP-0065 has none. Whoever sees
// the traffic sees the bytes, if the clients do not encrypt them, and whoever
// learns the digest beforehand can take the place of one of the two. That is
// why the proxy is off unless it is configured.
//
// # Where the bytes are
//
// In the kernel: on Linux splice(2) moves them from one socket to the other, and
// they never enter the memory of the process. Only where the system has no
// splice, or no descriptor is left for the pipe that it takes, they pass
// through.
//
// # Goroutines
//
// Each connection has one. It leads the connection to its meeting, then moves
// what comes from it, so that nobody waits but those two who talk with each
// other.
package proxy65
