// Package rooms holds conversations of many (XEP-0045), in memory and no longer
// than somebody is in them.
//
// # What there is
//
// A room has an address like tea@rooms.example.org. Who comes in picks a nick
// and is then an occupant, tea@rooms.example.org/ann, whom the others may know
// by that address only. A person may be in with several clients under one nick;
// they are one occupant with several sessions.
//
// A temporary room is made by a local user who enters it, belongs to that user,
// and is gone with its last occupant. A standing room comes from the signed
// users file: it is always there, for its members alone, and nobody in it, not
// those whom the file calls its owners, can take from anybody what the file gives. Its subject, its settings and its last
// few messages go with its last occupant all the same.
//
// # What happens to a stanza
//
// All comes through [Server.Deliver]. It finds the room, holds its lock for as
// long as the stanza takes, and calls that a visit. A message to all is written
// once, with what the room adds to it, parsed once, and then offered to every
// session with nothing but its address changed.
//
// # Locks
//
// A room's mu is held while the Router is called, because all occupants must
// see the same order. That is allowed since nobody behind the Router waits, and
// nobody there calls into a room while holding a lock that a room's sending
// takes: an account calls with its cast held, which no delivery asks for. The
// order is an account's cast, a room's mu, and then either the Server's table or
// whatever the Router's endpoints lock. No two rooms are locked at once: a room
// sends nothing to a room.
//
// What the Router refuses comes back as an error while the room is still
// sending, in the same goroutine. The room knows this by the [relay.Pass], which
// belongs to one goroutine, and notes who was not reached; they are removed when
// all others have been served.
package rooms
