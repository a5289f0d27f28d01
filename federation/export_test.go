package federation

import "lethe/tls"

// HideCertificate makes outgoing links show none. Call it before the first.
func HideCertificate(s *Server) { s.own = func() *tls.Certificates { return nil } }
