package rooms

import (
	"hash/maphash"

	"lethe/relay/jid"
	"lethe/relay/wire"
)

// maxEntries bounds what a ledger remembers.
const maxEntries = 512

// A ledger remembers who asked whom what lately, by a hash. An answer or an
// error comes to the address at which the room hides the asker, so the ledger is
// what tells an error about a private message, which its writer must hear of,
// from one about a message to all, which says that the occupant is gone. The
// oldest entry makes room for the newest. The zero value is empty.
type ledger struct {
	entries []entry
	next    int
}

// An entry is one stanza that the room has passed on in somebody's name.
type entry struct {
	sum    uint64
	asker  jid.JID // real full address
	of     jid.JID // the occupant that was addressed
	copies int     // how many clients were given it and have not failed
}

func (l *ledger) add(e entry) {
	if len(l.entries) < maxEntries {
		l.entries = append(l.entries, e)
		return
	}
	l.entries[l.next] = e
	l.next = (l.next + 1) % maxEntries
}

// find returns the entry with this sum, the newest if there are several, or nil.
// One with no copies left is none.
func (l *ledger) find(sum uint64) *entry {
	for i := range l.entries {
		e := &l.entries[(l.next+len(l.entries)-1-i)%len(l.entries)]
		if e.sum == sum && e.copies > 0 {
			return e
		}
	}
	return nil
}

// sum identifies what the room has passed on: the occupant in whose name, the
// user to whom, the id.
func (s *Server) sum(as, user jid.JID, id []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	h.WriteString(as.String())
	h.WriteByte(0)
	h.WriteString(user.String())
	h.WriteByte(0)
	h.Write(id)
	return h.Sum64()
}

// returned handles an error about a message or a presence, and an answer to a
// request: what an occupant was sent comes back.
func (v *visit) returned() {
	r, sum := v.room, v.room.server.sum(v.to, v.from.Bare(), v.st.ID())
	if v.st.Kind == wire.IQ {
		if e := r.asked.find(sum); e != nil {
			e.copies = 0
			v.handOn(e)
		}
		return
	}
	if e := r.told.find(sum); v.st.Kind == wire.Message && e != nil {
		// Another client of the same occupant may have it still.
		if e.copies--; e.copies == 0 {
			v.handOn(e)
		}
		return
	}
	if r.bySession[v.from] != nil && unreachable(v.st) {
		r.failed = append(r.failed, v.from)
	}
}

// handOn hands on what has come back to who it is for.
func (v *visit) handOn(e *entry) {
	v.st.SetFrom(e.of.String())
	v.st.SetTo(e.asker.String())
	v.room.server.router.Route(v.pass, v.st, e.of, e.asker)
}

// unreachable reports whether an error says that its sender cannot be reached,
// rather than that something was wrong (XEP-0045 §11.1, §18.1.2).
func unreachable(st *wire.Stanza) bool {
	c, ok := st.Child(string(st.NS()), "error")
	if !ok {
		return true
	}
	e := parseChild(c)
	if e == nil {
		return true
	}
	for _, condition := range []wire.Condition{
		wire.CondGone, wire.CondInternalServerError, wire.CondItemNotFound, wire.CondJIDMalformed,
		wire.CondRecipientUnavailable, wire.CondRedirect, wire.CondRemoteServerNotFound,
		wire.CondRemoteServerTimeout, wire.CondServiceUnavailable,
	} {
		if e.Child(wire.NSStanzaErrors, condition.String()) != nil {
			return true
		}
	}
	return false
}
