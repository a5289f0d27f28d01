package c2s

import "time"

// SetPatience shortens what a test would have to wait for.
func (s *Server) SetPatience(negotiation, idle, answer time.Duration) {
	s.patience = patience{negotiation: negotiation, handshake: negotiation, idle: idle, answer: answer}
}

// ForgetGuesses makes up for what a test has guessed wrong.
func (s *Server) ForgetGuesses() {
	s.guesses.mu.Lock()
	defer s.guesses.mu.Unlock()
	clear(s.guesses.addresses)
	clear(s.guesses.accounts)
}

// Sessions is how many sessions are remembered, and how many of them wait.
func (s *Server) Sessions() (all, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.managed), len(s.waiting)
}
