package account

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/pep"
	"lethe/relay/users"
	"lethe/relay/wire"
)

// Config is what a Server needs to know beside its users.
type Config struct {
	Domains     []string         // served, in normal form
	Services    []string         // labels before each domain at which there is more, as in proxy.example.org
	ForgetAfter time.Duration    // how long memory outlives the last connection; 0: not at all
	Answers     Answers          // see SetAnswers
	Plain       bool             // logins may tell the relay a password: it is said of the domain
	Resume      time.Duration    // how long a broken connection may be taken up again: likewise
	Now         func() time.Time // nil: time.Now
}

// Answers is what domains answer that neither the code nor the users file says.
type Answers struct {
	Calls   Calls
	Contact Contact
}

// A Server is all accounts of the served domains, and the domains themselves.
// It is the [relay.Home] of their connections and the [relay.Endpoint] of what
// is addressed to them. Many goroutines may use it at once.
type Server struct {
	router   *relay.Router
	domains  []string
	services []string
	forget   time.Duration
	plain    bool
	resume   time.Duration
	now      func() time.Time
	atDomain []handler
	atUser   []handler
	seed     maphash.Seed

	reload sync.Mutex // one SetUsers at a time
	set    atomic.Pointer[users.Set]

	answers atomic.Pointer[Answers]
	blocked blocklists // by the users themselves
	known   capsCache  // of clients

	mu       sync.RWMutex
	accounts map[string]*account      // by bare address: connected or remembered
	farewell map[string]chan struct{} // by full address: who leaves; closed when all have been told
}

// New returns the accounts of set. It does not register with r: the caller
// does, for every domain in cfg.
func New(r *relay.Router, set *users.Set, cfg Config) *Server {
	s := &Server{
		router:   r,
		domains:  slices.Clone(cfg.Domains),
		services: slices.Clone(cfg.Services),
		forget:   cfg.ForgetAfter,
		plain:    cfg.Plain,
		resume:   cfg.Resume,
		now:      cfg.Now,
		atDomain: domainHandlers(),
		atUser:   userHandlers(),
		seed:     maphash.MakeSeed(),
		accounts: make(map[string]*account),
		farewell: make(map[string]chan struct{}),
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.set.Store(set)
	s.SetAnswers(cfg.Answers)
	return s
}

// SetAnswers puts other answers in force.
func (s *Server) SetAnswers(a Answers) { s.answers.Store(&a) }

// Size returns how many accounts are in memory, connected or remembered, and
// how many connections they have.
func (s *Server) Size() (accounts, connections int) {
	all := s.all()
	for _, a := range all {
		a.mu.Lock()
		connections += len(a.seats)
		a.mu.Unlock()
	}
	return len(all), connections
}

// Remembered is how many accounts are in memory; it looks at none of them.
func (s *Server) Remembered() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.accounts)
}

// Sweep forgets the memory of accounts whose last connection ended ForgetAfter
// before now, or earlier. Call it every now and then.
func (s *Server) Sweep(now time.Time) {
	for _, a := range s.all() {
		a.mu.Lock()
		if len(a.seats) == 0 && now.Sub(a.idle) >= recent {
			a.shared = nil
		}
		if len(a.seats) == 0 && now.Sub(a.idle) >= s.forget {
			s.remove(a)
		}
		a.mu.Unlock()
	}
}

// CloseAll ends every connection with reason, system-shutdown when the relay
// stops (RFC 6120 §4.9.3.20). Goodbyes follow as the connections leave.
func (s *Server) CloseAll(p *relay.Pass, reason wire.StreamError) {
	last := wire.AppendStreamError(nil, reason, "")
	for _, a := range s.all() {
		a.mu.Lock()
		seats := slices.Clone(a.seats)
		a.mu.Unlock()
		for _, t := range seats {
			t.gone.Store(true)
			t.out.Close(p, last)
		}
	}
}

// local reports whether j is in a served domain.
func (s *Server) local(j jid.JID) bool { return slices.Contains(s.domains, j.Domain()) }

// service reports whether j is at a service below a served domain. What comes
// from there may come while an account's presence goes there, its cast locked.
func (s *Server) service(j jid.JID) bool {
	for _, label := range s.services {
		below, ok := strings.CutPrefix(j.Domain(), label+".")
		if ok && slices.Contains(s.domains, below) {
			return true
		}
	}
	return false
}

// all returns the accounts in memory.
func (s *Server) all() []*account {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*account, 0, len(s.accounts))
	for _, a := range s.accounts {
		all = append(all, a)
	}
	return all
}

// find returns the account in memory with this bare address, or nil.
func (s *Server) find(bare jid.JID) *account {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.accounts[bare.String()]
}

// enter returns the account with this bare address, new if it was not in
// memory, and locked.
func (s *Server) enter(bare jid.JID) *account {
	for {
		s.mu.Lock()
		a := s.accounts[bare.String()]
		if a == nil {
			a = &account{
				server: s, jid: bare, idle: s.now(),
				published: pep.NewStore(maxPublished), private: pep.NewStore(maxPrivate),
			}
			s.accounts[bare.String()] = a
		}
		s.mu.Unlock()
		a.mu.Lock()
		if !a.removed {
			return a
		}
		a.mu.Unlock() // forgotten between the two locks
	}
}

// remove takes a, which is locked, out of memory.
func (s *Server) remove(a *account) {
	a.removed = true
	a.published.Clear()
	a.private.Clear()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.accounts[a.jid.String()] == a {
		delete(s.accounts, a.jid.String())
	}
}

// leaves notes that the holder of a full address, which nobody takes meanwhile,
// takes leave, and returns what is to be called when all have been told.
func (s *Server) leaves(full jid.JID) (told func()) {
	done := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.farewell[full.String()] = done
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.farewell, full.String())
		close(done)
	}
}

// leaving returns what is closed when the holder of a full address has taken
// leave, nil if nobody is about to.
func (s *Server) leaving(full jid.JID) <-chan struct{} {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.farewell[full.String()]
}
