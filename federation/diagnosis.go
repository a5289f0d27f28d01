package federation

import "time"

const (
	// maxRefused bounds how many domains are remembered whose servers could not
	// prove themselves. They only claim to be of that domain, and can claim many.
	maxRefused = 1000

	// remembered is how long a failure is told of.
	remembered = time.Hour
)

// A Link is what an operator is told of the streams with another domain. Its
// words are lethe's own, and the domain is the only name.
type Link struct {
	Domain   string // if Incoming and Failed, only claimed
	Incoming bool   // the peer opened it
	Proof    Proof  // of the peer, if it stands
	Failed   bool   // it did not come about
	Reason   string // why, if Failed
	// Since is when it failed or, if it stands, when it came about. A stream
	// that the peer opened counts from its first byte.
	Since time.Time
}

// Diagnosis is what links stand and which have failed lately, in no order.
func (s *Server) Diagnosis() []Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.cfg.Now().Add(-remembered)
	var all []Link
	for _, l := range s.links {
		if t := l.told; t.Proof != Unproved || t.Since.After(old) {
			all = append(all, t)
		}
	}
	for in := range s.incoming {
		set := in.proved.Load()
		if set == nil {
			continue
		}
		for d := range *set {
			all = append(all, Link{Domain: d, Incoming: true, Proof: Proof(in.counted.Load()), Since: in.since})
		}
	}
	for _, l := range s.refused {
		if l.Since.After(old) {
			all = append(all, l)
		}
	}
	return all
}

// Sweep forgets failures of which nothing is told any more. It is to be called
// every few minutes.
func (s *Server) Sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := now.Add(-remembered)
	for who, l := range s.links {
		if l.failed != nil && l.told.Since.Before(old) {
			delete(s.links, who)
		}
	}
	for d, l := range s.refused {
		if l.Since.Before(old) {
			delete(s.refused, d)
		}
	}
}

// refusal remembers why a stream did not prove to be of a domain.
func (s *Server) refusal(domain string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.refused[domain]; !known && len(s.refused) >= maxRefused {
		for d := range s.refused { // whichever
			delete(s.refused, d)
			break
		}
	}
	_, reason := whatFailed(err)
	s.refused[domain] = Link{Domain: domain, Incoming: true, Failed: true, Reason: reason, Since: s.cfg.Now()}
}

// unproved remembers a stream that has ended and never proved the domain that
// it named, unless it had no need to, or its dialback has been told of.
func (in *incoming) unproved() {
	if in.asks || in.external == nil || in.remote == "" || in.proved.Load() != nil {
		return
	}
	in.srv.mu.Lock()
	told, ok := in.srv.refused[in.remote]
	in.srv.mu.Unlock()
	if !ok || told.Since.Before(in.since) {
		in.srv.refusal(in.remote, in.external)
	}
}

// forgive forgets what is told against a domain that has proved itself.
func (s *Server) forgive(domain string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refused, domain)
}
