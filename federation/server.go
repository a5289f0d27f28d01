package federation

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lethe/federation/dial"
	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/stream"
	"lethe/relay/wire"
	"lethe/tls"
)

// Limits bound what one peer may use.
type Limits struct {
	StanzaBytes           int // one stanza
	OutboxBytes           int // waiting for one link
	ConnectionsPerAddress int // incoming; 0: any number
}

// Config is what a Server stands on. All fields are needed, but for Roots, Tor
// and Failed.
type Config struct {
	Domains  []string // served, in normal form
	TLS      *tls.Server
	TLS12    bool // TLS 1.2 will do on outgoing links too
	Router   *relay.Router
	Resolver dial.Resolver
	Policy   *Policy
	Roots    *x509.CertPool // certificate authorities; nil: none
	Dial     func(ctx context.Context, to netip.AddrPort) (net.Conn, error)
	Tor      func(ctx context.Context, host string, port uint16) (net.Conn, error) // nil: no onion services
	Limits   Limits
	Report   func(relay.Event)
	// Failed hears of a link that stanzas waited for and that did not come
	// about: its domain and, in lethe's own words, why.
	Failed func(domain, reason string)
	Now    func() time.Time
}

// Server holds the links between our domains and others. It is the Endpoint of
// every domain that is not ours.
type Server struct {
	cfg     Config
	domains map[string]bool
	policy  atomic.Pointer[Policy]
	own     func() *tls.Certificates // what outgoing links show
	keys    keys                     // of dialback
	readers wire.Pool
	done    context.Context // of everything that waits
	stop    context.CancelFunc
	idle    time.Duration // how long a stream without traffic is kept
	hidden  bool          // all our domains are onion services

	standing standing // links, counted

	mu       sync.Mutex
	closing  bool
	links    map[pair]*link
	incoming map[*incoming]struct{}
	refused  map[string]Link // by domain; see Diagnosis
	sources  map[netip.Prefix]int
	closed   uint64 // connections that have ended
	running  sync.WaitGroup
}

// maxLinks bounds how many domains are linked to, or remembered as out of reach,
// at once.
const maxLinks = 10000

// pair is whom a link connects.
type pair struct{ local, remote string }

// NewServer returns a Server without links.
func NewServer(cfg Config) *Server {
	s := &Server{
		cfg:      cfg,
		domains:  make(map[string]bool),
		own:      cfg.TLS.Certificates,
		keys:     newKeys(),
		idle:     idleTime,
		links:    make(map[pair]*link),
		incoming: make(map[*incoming]struct{}),
		refused:  make(map[string]Link),
		sources:  make(map[netip.Prefix]int),
		hidden:   !slices.ContainsFunc(cfg.Domains, func(d string) bool { return !dial.UnderOnion(d) }),
	}
	s.done, s.stop = context.WithCancel(context.Background())
	s.policy.Store(cfg.Policy)
	for _, d := range cfg.Domains {
		s.domains[d] = true
	}
	return s
}

// Deliver implements [relay.Endpoint]: s goes onto the link to its domain, which
// is made if there is none.
func (s *Server) Deliver(p *relay.Pass, st *wire.Stanza, from, to jid.JID) relay.Drop {
	who := pair{from.Domain(), to.Domain()}
	if refusal := s.admits(who.remote); refusal != nil {
		return s.refuse(p, st, from, to, failure{condition: refusal.Condition(), text: refusal.Error()})
	}
	// A link that has just ended refuses; the next one takes it.
	for range 2 {
		l, why := s.link(who)
		if why != nil {
			return s.refuse(p, st, from, to, *why)
		}
		if l.out.Offer(p, st) {
			return relay.Delivered
		}
		if !s.ended(l) {
			return relay.Full
		}
	}
	return relay.Lost
}

func (s *Server) local(domain string) bool { return s.domains[domain] }

// refuse answers a stanza in the words of the failure.
func (s *Server) refuse(p *relay.Pass, st *wire.Stanza, from, to jid.JID, f failure) relay.Drop {
	s.cfg.Router.RefuseWith(p, st, from, to, relay.NoRoute, f.condition, f.text)
	return relay.Answered
}

// link returns the link of a pair, a new one if need be. A pair whose link has
// failed a moment ago is not tried again so soon.
func (s *Server) link(who pair) (*link, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.links[who]
	switch {
	case s.closing:
		return nil, &failure{condition: wire.CondRemoteServerTimeout, text: "This server is shutting down."}
	case l == nil && !s.room():
		return nil, &failure{condition: wire.CondResourceConstraint, text: "This server has too many links to other domains now."}
	case l == nil:
		l = s.newLink(who, 0)
	case l.failed != nil && s.cfg.Now().Before(l.again):
		return nil, l.failed
	case l.failed != nil:
		told := l.told
		l = s.newLink(who, l.failures)
		l.told = told
	default:
		return l, nil
	}
	s.links[who] = l
	s.running.Add(1)
	go l.run()
	return l, nil
}

// ended reports whether a link takes nothing more, and forgets it.
func (s *Server) ended(l *link) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.failed == nil && !l.out.Closed() {
		return false
	}
	if l.failed == nil && s.links[l.pair] == l {
		delete(s.links, l.pair) // a failure is remembered for a while
	}
	return true
}

// room makes room for one more link, by forgetting failures that no longer
// count. mu is held.
func (s *Server) room() bool {
	if len(s.links) < maxLinks {
		return true
	}
	now := s.cfg.Now()
	for who, l := range s.links {
		if l.failed != nil && now.After(l.again) {
			delete(s.links, who)
		}
	}
	return len(s.links) < maxLinks
}

// adopt makes an incoming stream over which we may send (XEP-0288) the link to
// the domain it has proved, unless there is one.
func (s *Server) adopt(in *incoming, domain string) {
	l := &link{pair: pair{in.session.local, domain}, srv: s, out: in.out}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.links[l.pair]; old != nil && old.failed == nil || s.closing {
		return
	}
	s.links[l.pair] = l
	in.links = append(in.links, l)
}

// dropLinks forgets the links over an incoming stream that has ended.
func (s *Server) dropLinks(in *incoming) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range in.links {
		if s.links[l.pair] == l {
			delete(s.links, l.pair)
		}
	}
}

// Ended is how many connections have ended so far.
func (s *Server) Ended() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// SetPolicy puts another policy in force and ends what no longer fits it.
func (s *Server) SetPolicy(p *Policy) {
	s.policy.Store(p)
	s.end(func(domain string) bool { return s.admits(domain) != nil }, wire.PolicyViolation)
}

// Shutdown ends all links and waits until they are gone, or for the grace time.
// The listeners must be closed before.
func (s *Server) Shutdown(grace time.Duration) {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.end(func(string) bool { return true }, wire.SystemShutdown)
	s.stop()
	stream.Await(&s.running, grace)
}

// end ends the streams with the domains for which that is so.
func (s *Server) end(is func(domain string) bool, why wire.StreamError) {
	last := wire.AppendStreamError(nil, why, "")
	var outs []*relay.Outbox
	s.mu.Lock()
	for who, l := range s.links {
		if is(who.remote) {
			outs = append(outs, l.out)
		}
	}
	for in := range s.incoming {
		switch out := in.writable.Load(); {
		case out == nil && why == wire.SystemShutdown:
			in.Net().Close() // nobody yet
		case out != nil && in.speaksFor(is):
			outs = append(outs, out)
		}
	}
	s.mu.Unlock()
	var p relay.Pass
	for _, out := range outs {
		out.Close(&p, last)
	}
	p.Flush()
}
