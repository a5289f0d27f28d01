package proxy65

import "time"

// SetPatience shortens what a Server waits for, before it serves.
func (s *Server) SetPatience(meet, tick, idle, stall time.Duration) {
	s.patience = patience{meet, tick, idle, stall, time.Hour}
}

// SetLife is how long a transfer may last at most.
func (s *Server) SetLife(d time.Duration) { s.patience.life = d }

// Exported for tests.
const (
	MaxWaitingPerSource = maxWaitingPerSource
	MaxTransfers        = maxTransfers
)

// Handshake and KeyOf are what a connection begins with.
var (
	Handshake = handshake
	KeyOf     = keyOf
)
