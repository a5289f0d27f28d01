// Package federation speaks with other domains' servers, and only with those
// that are proved to be who they say.
//
// A link is made when the first stanza for a domain comes: package dial finds
// the domain's servers in the DNS, with the proof that DNSSEC gives or does not
// give, reaches one over TLS and judges its certificate; we prove ourselves
// with our own certificate (SASL EXTERNAL, RFC 6120 §6, XEP-0178), or by
// dialback (XEP-0220) to those who know nothing else. Meanwhile the stanzas wait
// in the link's Outbox, bounded in bytes and time; when no link comes about
// each is answered with what went wrong.
//
// A server that connects to us says which domain it is. It is that domain's if
// its certificate is one that the domain's own servers may show, found and
// judged as if we had connected to them, or if these servers, reached and
// proved by ourselves, confirm by dialback that it is. Its stanzas must come
// from a domain that it has proved and go to one of ours.
//
// Provers gather facts: what the DNS answered and how far that is to be
// believed, what the TLSA records say of the peer's certificate, what
// certificate authorities say of it. One place decides what follows from them,
// for links in both directions: [Policy.Decide].
package federation
