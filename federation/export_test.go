package federation

import (
	"time"

	"lethe/tls"
)

// SetIdle shortens how long a stream without traffic is kept. Call it before
// the first.
func SetIdle(s *Server, d time.Duration) { s.idle = d }

// HideCertificate makes outgoing links show none. Call it before the first.
func HideCertificate(s *Server) { s.own = func() *tls.Certificates { return nil } }

// Links is how many links a Server holds.
func Links(s *Server) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.links)
}
