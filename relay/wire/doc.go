// Package wire frames XMPP streams: it cuts the bytes of a peer into stanzas
// and writes a stanza onto another stream. It does no I/O and knows no clock.
//
// An XMPP stream (RFC 6120 §4) is one long XML document. Its root element, the
// stream header, is opened once; each child of the root is a stanza (message,
// presence or iq, RFC 6120 §8) or another first-level element that negotiates
// something, which XEP-0360 calls a nonza. The Reader reads that document as it
// comes, at whatever places the network cut it, and hands on one stanza at a
// time as a view into its own buffer.
//
// # What arrives is what was sent
//
// Relaying means not to understand. Only the start tag of the stanza itself is
// ever rewritten: the addresses, xml:lang, the content namespace (jabber:client
// towards clients, jabber:server between servers) and the declaration of those
// prefixes which the sender declared in its stream header. Everything behind
// that tag leaves byte for byte as it came.
//
// # Strictness
//
// Bytes that two parsers read differently are how a stanza is smuggled past
// one of them. So the Reader accepts only what every parser reads in the same
// way: XML 1.0 well-formed and namespace-well-formed, in UTF-8, legal
// characters only, without the features RFC 6120 §11.1 forbids (comments,
// processing instructions, DOCTYPE, entities but the five). Anything else ends
// the stream with the StreamError RFC 6120 §4.9.3 names, before a byte of the
// stanza is seen by anybody. Names follow the tables of XML 1.0, fourth
// edition, the narrower ones, as expat does.
//
// # Cost
//
// The scanner looks at each byte once, eight at a time where it can, and keeps
// its place between two reads: a peer that sends single bytes costs no more
// per byte than one that sends all at once. Limits are counted while reading,
// so a stanza never takes a larger buffer than one for Limits.Bytes. Buffers are
// lent by package buffer and go back, cleared, as soon as no part of a stanza is
// held. A stanza costs no allocation.
package wire
