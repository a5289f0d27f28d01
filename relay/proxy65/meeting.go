package proxy65

import (
	"slices"
	"time"

	"lethe/relay/jid"
)

// maxEarly is how many reads' worth of bytes a client may send too early.
const maxEarly = 64

// join has c wait under its key, if fewer than two do. Only one target may
// connect (XEP-0065 §10.1).
func (s *Server) join(c *conn, key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.meetings[key]) >= 2 {
		return false
	}
	c.key = key
	s.meetings[key] = append(s.meetings[key], c)
	return true
}

// leave takes c out of its meeting, if it is in one. mu is held.
func (s *Server) leave(c *conn) {
	waiting := s.meetings[c.key]
	i := slices.Index(waiting, c)
	if i < 0 {
		return
	}
	if len(waiting) == 1 {
		delete(s.meetings, c.key)
		return
	}
	s.meetings[c.key] = slices.Delete(waiting, i, i+1)
}

// await waits until c is part of a transfer. It returns nil if the client goes
// or the time is over. What was read behind the activation is the first early
// bytes of c.early.
func (s *Server) await(c *conn) (t *transfer, early int) {
	for range maxEarly {
		n, err := c.Read(c.early[:])
		s.mu.Lock()
		t = c.transfer
		s.mu.Unlock()
		if t != nil {
			return t, n
		}
		clear(c.early[:]) // XEP-0065 §10.1: sent too early, ignored
		if err != nil {
			return nil, 0
		}
	}
	return nil, 0
}

// An outcome is what became of an activation.
type outcome uint8

const (
	activated outcome = iota
	nobodyHere
	oneIsMissing
	tooMany
)

// activate begins the transfer between those who wait under key, in the name of
// owner, a bare address.
func (s *Server) activate(owner jid.JID, key string) outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	pair := s.meetings[key]
	switch {
	case len(pair) == 0:
		return nobodyHere
	case len(pair) == 1:
		return oneIsMissing
	case s.begun(owner) >= maxTransfers:
		return tooMany
	}
	delete(s.meetings, key)
	t := newTransfer(s, owner, [2]*conn(pair))
	s.transfers[t] = struct{}{}
	for _, c := range pair {
		c.transfer = t
		s.settled(c)
		// Wakes up await. It cannot hit a later read: carry sets a deadline
		// of its own, and comes after await has had the lock.
		c.SetReadDeadline(time.Unix(1, 0))
	}
	return activated
}

// begun is how many transfers a user has begun. mu is held.
func (s *Server) begun(owner jid.JID) int {
	n := 0
	for t := range s.transfers {
		if t.owner == owner {
			n++
		}
	}
	return n
}
