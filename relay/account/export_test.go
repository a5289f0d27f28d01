package account

import "lethe/relay/jid"

// Known returns how many sets of capabilities are remembered.
func (s *Server) Known() int {
	s.known.mu.Lock()
	defer s.known.mu.Unlock()
	return len(s.known.known)
}

// Published returns the first payload at a node as it lies in memory.
func (s *Server) Published(user jid.JID, node string) []byte {
	a := s.find(user)
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.published.Node(node).Items()[0].Payload
}

// Handled returns the namespaces that domains and accounts answer.
func Handled() []string {
	var all []string
	for _, h := range append(domainHandlers(), userHandlers()...) {
		all = append(all, h.ns)
	}
	return all
}
