package account

import (
	"hash/maphash"
	"time"

	"lethe/relay/jid"
	"lethe/relay/wire"
)

const (
	firstShared = 64   // messages there is room for at first
	maxShared   = 4096 // and at most: a resource that waits to be resumed holds many

	// recent is how long a message may be on its way to a resource, as a rule:
	// one that is silent for so long has been cut off and given up.
	recent = 15 * time.Minute
)

// A shared remembers the latest messages that several resources took, by a
// hash. One that a resource fails to get is lost only when all have failed.
type shared struct {
	ring []taking
	next int // where the oldest stands, once the ring is full
}

// A taking is one message and how many resources took it and have not failed.
type taking struct {
	sum uint64
	at  time.Time
	by  int
}

// add remembers a message that so many resources took.
func (h *shared) add(sum uint64, by int, now time.Time) {
	t := taking{sum, now, by}
	if len(h.ring) < cap(h.ring) {
		h.ring = append(h.ring, t)
		return
	}
	if n := len(h.ring); n < maxShared && (n == 0 || now.Sub(h.ring[h.next].at) < recent) {
		grown := make([]taking, 0, max(firstShared, 2*n))
		grown = append(append(grown, h.ring[h.next:]...), h.ring[:h.next]...)
		h.ring, h.next = append(grown, t), 0
		return
	}
	h.ring[h.next] = t
	h.next = (h.next + 1) % len(h.ring)
}

// fail says that one resource has failed to get a message, and reports whether
// another got it or still may. Of the same message sent twice, the one that
// more resources have is taken to be meant.
func (h *shared) fail(sum uint64) (another bool) {
	if h == nil {
		return false
	}
	var found *taking
	for i := range h.ring {
		if t := &h.ring[i]; t.sum == sum && (found == nil || t.by > found.by) {
			found = t
		}
	}
	if found == nil || found.by == 0 {
		return false
	}
	found.by--
	return found.by > 0
}

// share remembers that so many resources of a, which is locked, took st.
func (a *account) share(st *wire.Stanza, from jid.JID, by int) {
	if by < 2 {
		return
	}
	if a.shared == nil {
		a.shared = new(shared)
	}
	a.shared.add(a.server.sum(st, from), by, a.server.now())
}

// sum identifies a message by its sender, id and content.
func (s *Server) sum(st *wire.Stanza, from jid.JID) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	h.WriteString(from.String())
	h.WriteByte(0)
	h.Write(st.ID())
	for _, c := range st.Children() {
		h.WriteByte(0)
		h.Write(c.Raw)
	}
	return h.Sum64()
}
