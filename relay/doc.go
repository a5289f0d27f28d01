// Package relay is the switchboard: it moves stanzas between rooms and
// connections, and it says what happens to those that cannot be moved.
//
// A stanza comes from a connection's reader, who stamps it and calls
// [Router.Route]. The Router finds the [Endpoint] of the addressed domain; the
// Endpoint puts the stanza's bytes in an [Outbox], or refuses with a [Drop]. A
// refused stanza is counted and, where RFC 6120 allows an answer, answered:
// there is no third way, and nothing is kept for later.
//
// Nobody waits for anybody. An Outbox takes bytes up to its limit or refuses
// at once. What a reader has put in Outboxes during one batch of input is
// written at the batch's end, by [Pass.Flush], without blocking; where a
// peer's socket is full a goroutine of its own waits for it, under a deadline.
//
// The package touches no socket, file or clock; a connection is a [Link] here.
package relay
