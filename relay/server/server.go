// Package server puts the rooms together to one running relay. It is given
// checked parts and open listeners, so that main can make them from files and
// the demo from nothing.
package server

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"lethe/federation"
	"lethe/federation/dial"
	"lethe/relay"
	"lethe/relay/account"
	"lethe/relay/c2s"
	"lethe/relay/jid"
	"lethe/relay/proxy65"
	"lethe/relay/rooms"
	"lethe/relay/users"
	"lethe/relay/wire"
	"lethe/tls"
)

const (
	// sweep is how often forgotten accounts are looked for.
	sweep = time.Minute
	// grace is how long Shutdown waits for connections to take leave.
	grace = 3 * time.Second
)

// Parts is what a relay is made of. Report may be nil, all else is needed.
type Parts struct {
	Domains       []string
	RoomHosts     []string // the domain of rooms under each, with the same label; or none
	Users         *users.Set
	Certificates  *tls.Certificates
	TLS12         bool // allow TLS 1.2 too
	Plain         bool // offer SASL PLAIN too
	StrictBinding bool // see c2s.Config
	ForgetAfter   time.Duration
	Answers       account.Answers // what domains answer
	Limits        c2s.Limits
	Federation    *Federation // nil: other domains cannot be reached
	Proxy         *Proxy      // nil: there is none
	Report        func(relay.Event)
}

// Federation is what links with other domains stand on. Roots may be nil, all
// else is needed.
type Federation struct {
	Policy   *federation.Policy
	Resolver dial.Resolver
	Roots    *x509.CertPool // certificate authorities; nil: none
	Dial     func(ctx context.Context, to netip.AddrPort) (net.Conn, error)
	Tor      func(ctx context.Context, host string, port uint16) (net.Conn, error) // nil: no onion services
	Failed   func(domain, reason string)                                           // see federation.Config; may be nil
}

// Proxy is the bytestreams proxy.
type Proxy struct {
	Label  string // before each domain, in its address
	Host   string // see proxy65.Config
	Limits proxy65.Limits
}

// Server is a running relay.
type Server struct {
	users    atomic.Pointer[users.Set]
	tls      *tls.Server
	router   *relay.Router
	accounts *account.Server
	rooms    *rooms.Server
	clients  *c2s.Server
	peers    *federation.Server // nil without federation
	proxy    *proxy65.Server    // nil without one
	stop     chan struct{}
}

// New returns a relay that serves as soon as it is given listeners.
func New(p Parts) *Server {
	if p.Report == nil {
		p.Report = func(relay.Event) {}
	}
	s := &Server{router: relay.NewRouter(), tls: tls.NewServer(p.Certificates, p.TLS12), stop: make(chan struct{})}
	s.users.Store(p.Users)
	s.accounts = account.New(s.router, p.Users, account.Config{
		Domains: p.Domains, Services: services(p), ForgetAfter: p.ForgetAfter,
		Answers: p.Answers, Plain: p.Plain, Resume: p.Limits.Resume,
	})
	for _, d := range p.Domains {
		s.router.Handle(d, s.accounts)
	}
	s.rooms = rooms.New(s.router, p.Users, rooms.Config{Hosts: p.RoomHosts, Domains: p.Domains})
	for _, h := range p.RoomHosts {
		s.router.Handle(h, s.rooms)
	}
	s.clients = c2s.NewServer(c2s.Config{
		Domains:       p.Domains,
		TLS:           s.tls,
		Router:        s.router,
		Home:          s.accounts,
		Users:         s.users.Load,
		Plain:         p.Plain,
		StrictBinding: p.StrictBinding,
		ForgetAfter:   p.ForgetAfter,
		Limits:        p.Limits,
		Report:        p.Report,
	})
	if p.Federation != nil {
		s.federate(p)
	}
	if p.Proxy != nil {
		s.mediate(p)
	}
	go s.sweep()
	return s
}

// services are the labels below each domain at which there is more.
func services(p Parts) []string {
	var labels []string
	if len(p.RoomHosts) > 0 {
		label, _ := strings.CutSuffix(p.RoomHosts[0], "."+p.Domains[0])
		labels = append(labels, label)
	}
	if p.Proxy != nil {
		labels = append(labels, p.Proxy.Label)
	}
	return labels
}

func (s *Server) mediate(p Parts) {
	s.proxy = proxy65.NewServer(proxy65.Config{
		Domains: p.Domains,
		Host:    p.Proxy.Host,
		Router:  s.router,
		Limits:  p.Proxy.Limits,
		Report:  p.Report,
	})
	for _, d := range p.Domains {
		s.router.Handle(p.Proxy.Label+"."+d, s.proxy)
	}
}

func (s *Server) federate(p Parts) {
	s.peers = federation.NewServer(federation.Config{
		Domains:  slices.Concat(p.Domains, p.RoomHosts),
		TLS:      s.tls,
		TLS12:    p.TLS12,
		Router:   s.router,
		Resolver: p.Federation.Resolver,
		Policy:   p.Federation.Policy,
		Roots:    p.Federation.Roots,
		Dial:     p.Federation.Dial,
		Tor:      p.Federation.Tor,
		Limits: federation.Limits{
			StanzaBytes:           p.Limits.StanzaBytes,
			OutboxBytes:           p.Limits.OutboxBytes,
			ConnectionsPerAddress: p.Limits.ConnectionsPerAddress,
		},
		Report: p.Report,
		Failed: p.Federation.Failed,
		Now:    time.Now,
	})
	s.router.HandleElse(s.peers)
}

func (s *Server) sweep() {
	tick := time.NewTicker(sweep)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			s.accounts.Sweep(now)
			s.clients.Sweep(now)
			if s.peers != nil {
				s.peers.Sweep(now)
			}
		case <-s.stop:
			return
		}
	}
}

// ServeClients accepts clients on l until l is closed; direct says that TLS
// begins with the first byte.
func (s *Server) ServeClients(l net.Listener, direct bool) error {
	return s.clients.Serve(l, direct)
}

// ServePeers accepts other domains' servers on l until l is closed.
func (s *Server) ServePeers(l net.Listener, direct bool) error {
	return s.peers.Serve(l, direct)
}

// ServeProxy accepts the connections of transfers on l until l is closed. TLS
// there is none.
func (s *Server) ServeProxy(l net.Listener, _ bool) error {
	return s.proxy.Serve(l)
}

// Peers are the links with other domains, nil without federation.
func (s *Server) Peers() *federation.Server { return s.peers }

// Users returns the set in force.
func (s *Server) Users() *users.Set { return s.users.Load() }

// SetUsers puts another set in force. Connections of users that it has no
// more, or with other credentials, end at once.
func (s *Server) SetUsers(set *users.Set) {
	s.users.Store(set)
	var p relay.Pass
	s.accounts.SetUsers(&p, set)
	s.rooms.SetUsers(&p, set)
	p.Flush()
	if s.proxy != nil {
		s.proxy.Keep(func(user jid.JID) bool { _, ok := set.Lookup(user); return ok })
	}
}

// Ended is how many connections have ended so far: a caller who collects memory
// when there are more leaves nothing of theirs.
func (s *Server) Ended() uint64 {
	n := s.clients.Ended()
	if s.peers != nil {
		n += s.peers.Ended()
	}
	return n
}

// SetAnswers puts others in force.
func (s *Server) SetAnswers(a account.Answers) { s.accounts.SetAnswers(a) }

// Certificates returns the certificates in force.
func (s *Server) Certificates() *tls.Certificates { return s.tls.Certificates() }

// SetCertificates puts others in force, for connections from now on.
func (s *Server) SetCertificates(c *tls.Certificates) { s.tls.SetCertificates(c) }

// Shutdown ends every stream with system-shutdown (RFC 6120 §4.9.3.20) and
// returns when all are gone or have had their time. The listeners must be
// closed before.
func (s *Server) Shutdown() {
	close(s.stop)
	s.clients.Stop() // from now on nobody binds
	var p relay.Pass
	s.rooms.CloseAll(&p)
	s.accounts.CloseAll(&p, wire.SystemShutdown)
	p.Flush()
	s.clients.Shutdown(grace)
	if s.proxy != nil {
		s.proxy.Shutdown(grace)
	}
	if s.peers != nil {
		s.peers.Shutdown(grace)
	}
}
