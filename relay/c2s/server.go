// Package c2s speaks with clients (RFC 6120): it leads a connection from the
// first byte through TLS, login and resource binding, then hands each stanza
// to the account.
//
// A connection passes through states, each with one handler that accepts only
// what belongs to it:
//
//	cleartext  → the only feature is <starttls/>; nothing else is heard
//	secured    → SASL; a stanza ends the stream
//	known      → resource binding, unless SASL2 has done that in line
//	bound      → stanzas, until the end
//
// The first three run under one deadline and write synchronously: the peer is
// nobody yet and only its own goroutine waits. Once bound, reading goes on in
// a fresh goroutine with a small stack, and all writing goes through the
// connection's [relay.Outbox].
package c2s

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/stream"
	"lethe/relay/users"
	"lethe/relay/wire"
	"lethe/tls"
)

// Limits bound what one client may use. A zero switches a limit off, but for
// OutboxBytes and StanzaBytes.
type Limits struct {
	StanzaBytes           int // one stanza
	BytesPerSecond        int // read from one connection, after a burst
	LoginsPerMinute       int // failed ones, for one address
	ConnectionsPerAddress int
	OutboxBytes           int // waiting for one connection
	// Resume is how long a managed stream waits for its client to come back
	// (XEP-0198 §5); 0: not at all.
	Resume time.Duration
}

// Config is what a Server stands on. All fields are needed.
type Config struct {
	Domains []string // served, in normal form
	TLS     *tls.Server
	Router  *relay.Router
	Home    relay.Home
	Users   func() *users.Set // the set now in force
	Plain   bool              // offer SASL PLAIN too
	// StrictBinding refuses clients that try a channel binding which TLS 1.3
	// does not have, then claim that none was offered: slixmpp and poezio do,
	// and so would somebody in the middle (RFC 5802 §6).
	StrictBinding bool
	// ForgetAfter is how long what a client may log in with in place of the
	// password outlives its last connection; 0: it gets nothing of the kind.
	ForgetAfter time.Duration
	Limits      Limits
	Report      func(relay.Event)
}

// Server accepts client connections.
type Server struct {
	cfg      Config
	domains  map[string]bool
	readers  wire.Pool
	guesses  *guesses
	tokens   *tokens
	patience patience

	mu       sync.Mutex
	closing  bool
	open     int                   // connections
	ended    uint64                // connections, and sessions nobody came back for
	unbound  map[net.Conn]struct{} // still negotiating
	sessions map[netip.Prefix]int  // connections by address
	managed  map[string]*session   // those that may be resumed, by id
	waiting  map[jid.JID]*session  // of these, the last of each address whose client is gone
	streams  sync.WaitGroup
}

// NewServer returns a Server that serves nobody until Serve.
func NewServer(cfg Config) *Server {
	s := &Server{
		cfg:      cfg,
		domains:  make(map[string]bool),
		guesses:  newGuesses(cfg.Limits.LoginsPerMinute),
		tokens:   newTokens(cfg.ForgetAfter),
		unbound:  make(map[net.Conn]struct{}),
		sessions: make(map[netip.Prefix]int),
		managed:  make(map[string]*session),
		waiting:  make(map[jid.JID]*session),
		patience: usualPatience(),
	}
	for _, d := range cfg.Domains {
		s.domains[d] = true
	}
	return s
}

// Serve accepts connections on l until l is closed. On a direct listener TLS
// begins with the first byte (XEP-0368); on others it is asked for with
// STARTTLS.
func (s *Server) Serve(l net.Listener, direct bool) error {
	return stream.Accept(l, func(nc net.Conn) {
		from := stream.Source(nc)
		if s.admit(nc, from) {
			go s.connection(nc, from, direct)
			return
		}
		nc.Close()
	})
}

func (s *Server) admit(nc net.Conn, from netip.Prefix) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	if limit := s.cfg.Limits.ConnectionsPerAddress; limit > 0 && s.sessions[from] >= limit {
		s.cfg.Report(relay.ConnectionLimit)
		return false
	}
	s.sessions[from]++
	s.open++
	s.unbound[nc] = struct{}{}
	s.streams.Add(1)
	return true
}

// bound moves a connection out of the care of Stop into that of its account,
// unless the Server has stopped.
func (s *Server) bound(nc net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.unbound, nc)
	return !s.closing
}

func (s *Server) release(nc net.Conn, from netip.Prefix) {
	s.mu.Lock()
	s.open--
	s.ended++
	delete(s.unbound, nc)
	if s.sessions[from]--; s.sessions[from] <= 0 {
		delete(s.sessions, from)
	}
	s.mu.Unlock()
	s.streams.Done()
}

// Size is how many connections have not bound a resource yet, and how many
// have.
func (s *Server) Size() (negotiating, bound int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.unbound), s.open - len(s.unbound)
}

// Sweep forgets the tokens that there is no reason to keep. Call it every now
// and then.
func (s *Server) Sweep(now time.Time) { s.tokens.sweep(s.cfg.Users(), now) }

// Ended is how many connections have ended so far, and sessions that nobody
// came back for.
func (s *Server) Ended() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// Stop admits nobody any more and ends the connections that have not bound a
// resource, and those that wait for a client to come back. The others are their
// accounts' to end.
func (s *Server) Stop() {
	s.mu.Lock()
	s.closing = true
	for nc := range s.unbound {
		nc.Close()
	}
	s.mu.Unlock()
	s.dismiss()
}

// Shutdown stops and waits until all connections are gone, or for the grace
// time.
func (s *Server) Shutdown(grace time.Duration) {
	s.Stop()
	stream.Await(&s.streams, grace)
}
