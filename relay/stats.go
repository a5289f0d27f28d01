package relay

import "sync/atomic"

// Stats counts outcomes. It holds no address and is lost at exit.
type Stats struct {
	stanzas [drops]atomic.Uint64
	answers atomic.Uint64
	full    atomic.Int64
}

// Count is the number of stanzas that ended as d; Count(Delivered) is the
// number that an Endpoint took.
func (s *Stats) Count(d Drop) uint64 { return s.stanzas[d].Load() }

// Full is how many connections do not take now what is written to them.
func (s *Stats) Full() int64 { return s.full.Load() }

// Answers is the number of dropped stanzas that were answered with an error.
func (s *Stats) Answers() uint64 { return s.answers.Load() }
