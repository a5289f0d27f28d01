package c2s

import "time"

// SetPatience shortens what a test would have to wait for.
func (s *Server) SetPatience(negotiation, idle, answer time.Duration) {
	s.patience = patience{negotiation: negotiation, handshake: negotiation, idle: idle, answer: answer}
}
