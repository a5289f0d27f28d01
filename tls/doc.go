// Package tls decides how lethe encrypts: which versions, suites, groups and
// certificates, and how ciphertext moves between crypto/tls and the kernel.
// It is the only room that imports crypto/tls.
//
// # Policy
//
// TLS 1.3, and TLS 1.2 only where the configuration asks for it, then with
// ECDHE and an AEAD (RFC 9325 §4.2). Session tickets are off: a resumed
// session would rest on a key that outlives its connections. A client that
// offers application protocols must offer ours (RFC 7301 §3.2). Compression,
// renegotiation and early data do not exist.
//
// Certificates are loaded as a checked whole ([Load]) and swapped as a whole
// ([Server.SetCertificates]); a connection keeps what it began with.
//
// # Transport
//
// A relay holds thousands of quiet connections and must never wait for one
// of them while it writes. crypto/tls alone gives neither: it reads into a
// buffer that it keeps, and its Write blocks. So under each crypto/tls
// connection lies a conduit, which
//
//   - waits for bytes without holding a buffer, reads all the kernel has in
//     one call and hands on exactly one record at a time, so that [Conn.More]
//     can say whether another is already here;
//   - sends all the records of one write in one call that does not block, and
//     keeps, in order, what the kernel did not take until [Conn.Drain].
//
// After the handshake only [Conn.Wait] and [Conn.Drain] ever park.
package tls
