// Package sasl is the login of XMPP (RFC 6120 §6) as step functions: bytes of
// one side go in, bytes for the other come out. It knows no socket, no clock
// and no users; what it needs of them its caller hands in.
//
// # SCRAM
//
// In SCRAM (RFC 5802, RFC 7677) neither side says the password. A salted,
// slow hash of it (SaltedPassword) yields a ClientKey and a ServerKey. The
// server keeps a [Verifier]: H(ClientKey), the ServerKey, the salt and the
// iteration count. Both sides sign all that was said: the client so that only
// the ClientKey's owner can, the server with the ServerKey. Whoever steals
// verifiers can pose as the server, not as a user, and must guess passwords
// one slow hash at a time.
//
// The PLUS variants sign a value that belongs to this TLS connection alone
// (channel binding: tls-exporter, RFC 9266, and tls-server-end-point, RFC
// 5929), so that a man in the middle with a certificate of his own is noticed.
// He could strike mechanisms or binding types from what the server advertises,
// or lead both sides to an older TLS, on which depends what can be bound; the
// server therefore signs a hash of the lists (XEP-0474) and the version of TLS
// (XEP-0515), and a client that says it would have bound the channel had it been
// offered is refused if it was (RFC 5802 §6).
//
// # Tokens
//
// A client that has logged in may be given a random token for the next time.
// With it, login is one message and one answer (Hashed Token): there is no salt
// to ask for and nothing slow, for nobody guesses 32 random bytes. Which tokens
// there are, and for how long, is for the caller to say.
//
// # Who is unknown
//
// An unknown user, a user without a verifier for the mechanism, and a wrong
// password look the same: the same steps, the same computing, the same
// failure. Salts of unknown users are made up, and are the same at every
// attempt.
//
// # Strings
//
// User names are the local part of an address and are prepared as such
// (RFC 7622 §3.3), passwords with SASLprep (RFC 4013), which SCRAM demands and
// clients do.
package sasl
