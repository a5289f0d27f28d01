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

// Refuse is what a Server does with a domain that was not proved, and Forgive
// with one that was.
func Refuse(s *Server, domain string, err error) { s.refusal(domain, err) }
func Forgive(s *Server, domain string)           { s.forgive(domain) }
