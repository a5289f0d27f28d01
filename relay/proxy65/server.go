package proxy65

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/stream"
)

// Bounds of what strangers and users can take. Each connection of a transfer
// costs a goroutine and three file descriptors, a waiting one costs one.
const (
	maxConnections      = 1024 // at the same time, in all
	maxWaiting          = 512  // of these, without a transfer
	maxWaitingPerSource = 32   // of these, from one address
	maxTransfers        = 16   // at the same time, that one user has begun
)

// Limits bound what one transfer or address may use. A zero switches a limit
// off.
type Limits struct {
	BytesPerSecond        int // of one transfer, in each direction
	Bytes                 int // of one transfer, both directions together
	ConnectionsPerAddress int
}

// Config is what a Server stands on. All fields but Host are needed.
type Config struct {
	Domains []string // served, in normal form; their users may use the proxy
	Host    string   // where clients are told to connect; "": where the listener is
	Router  *relay.Router
	Limits  Limits
	Report  func(relay.Event)
}

// A Server is the proxy of all served domains: the [relay.Endpoint] of what is
// addressed to it, and the port on which clients meet.
type Server struct {
	cfg      Config
	patience patience
	moved    atomic.Uint64 // bytes

	mu        sync.Mutex
	closing   bool
	hosts     []streamhost
	conns     map[*conn]struct{}
	sources   map[netip.Prefix]*source
	waiting   int                // connections without a transfer
	meetings  map[string][]*conn // one or two that wait, by digest
	transfers map[*transfer]struct{}
	running   sync.WaitGroup
}

// patience is how long a Server waits for others.
type patience struct {
	meet  time.Duration // from a connection's first byte to its transfer
	tick  time.Duration // how often a silent transfer is looked at
	idle  time.Duration // a transfer on which nothing moves
	stall time.Duration // a client that does not take a share; longer than tick
	life  time.Duration // a transfer, however much moves
}

func usualPatience() patience {
	return patience{time.Minute, 15 * time.Second, 2 * time.Minute, 2 * time.Minute, 12 * time.Hour}
}

// A streamhost is where clients connect (XEP-0065 §9.2).
type streamhost struct{ host, port string }

// A source is how many connections an address has.
type source struct{ all, waiting int }

// A conn is one client's connection.
type conn struct {
	*net.TCPConn
	from  netip.Prefix
	early [64]byte // read while nobody knew whether it counts

	// Guarded by Server.mu.
	key      string
	transfer *transfer // nil: it waits
}

// NewServer returns a Server that serves nobody until Serve. It does not
// register with the Router: the caller does, under "proxy." and each domain.
func NewServer(cfg Config) *Server {
	return &Server{
		cfg:       cfg,
		patience:  usualPatience(),
		conns:     make(map[*conn]struct{}),
		sources:   make(map[netip.Prefix]*source),
		meetings:  make(map[string][]*conn),
		transfers: make(map[*transfer]struct{}),
	}
}

// Serve accepts connections on l, a TCP listener, until l is closed. From now on
// clients are told to come there.
func (s *Server) Serve(l net.Listener) error {
	s.announce(l.Addr())
	return stream.Accept(l, func(nc net.Conn) {
		tc, ok := nc.(*net.TCPConn)
		if !ok || !s.admit(&conn{TCPConn: tc, from: stream.Source(nc)}) {
			nc.Close()
		}
	})
}

func (s *Server) announce(addr net.Addr) {
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return
	}
	// XEP-0065 §4: an IPv6 address stands without brackets.
	h := streamhost{s.cfg.Host, strconv.Itoa(int(ap.Port()))}
	if h.host == "" && !ap.Addr().IsUnspecified() {
		h.host = ap.Addr().Unmap().String()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.host != "" && !slices.Contains(s.hosts, h) {
		s.hosts = append(s.hosts, h)
	}
}

// admit begins a connection's life, if there is room for it.
func (s *Server) admit(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	from := s.sources[c.from]
	if from == nil {
		from = new(source)
	}
	limit := s.cfg.Limits.ConnectionsPerAddress
	if len(s.conns) >= maxConnections || s.waiting >= maxWaiting ||
		from.waiting >= maxWaitingPerSource || limit > 0 && from.all >= limit {
		s.cfg.Report(relay.ConnectionLimit)
		return false
	}
	from.all++
	from.waiting++
	s.waiting++
	s.sources[c.from] = from
	s.conns[c] = struct{}{}
	s.running.Add(1)
	go s.connection(c)
	return true
}

func (s *Server) connection(c *conn) {
	orderly := false
	if !stream.Contain(func() { orderly = s.lead(c) }) {
		s.cfg.Report(relay.InternalError)
	}
	s.part(c, orderly)
	s.release(c)
}

// lead takes a connection from its first byte to its last, and reports whether
// that was the last of a transfer.
func (s *Server) lead(c *conn) (orderly bool) {
	c.SetDeadline(time.Now().Add(s.patience.meet))
	key, err := handshake(c)
	if err != nil {
		return false
	}
	if !s.join(c, key) {
		refuse(c, notAllowed)
		return false
	}
	if accept(c, key) != nil {
		return false
	}
	t, early := s.await(c)
	return t != nil && t.carry(c, early)
}

// part takes c out of its meeting or, if it has become part of a transfer,
// perhaps this very moment, waits for the other direction, which ends on c.
func (s *Server) part(c *conn, orderly bool) {
	s.mu.Lock()
	s.leave(c) // nobody can activate it any more
	t := c.transfer
	s.mu.Unlock()
	if t == nil {
		return
	}
	if !orderly {
		t.end()
	}
	t.both.Done()
	t.both.Wait()
}

func (s *Server) release(c *conn) {
	c.Close()
	s.mu.Lock()
	delete(s.conns, c)
	from := s.sources[c.from]
	if c.transfer == nil {
		s.settled(c)
	} else {
		delete(s.transfers, c.transfer)
	}
	if from.all--; from.all == 0 {
		delete(s.sources, c.from)
	}
	s.mu.Unlock()
	s.running.Done()
}

// settled says that a connection waits no more. mu is held.
func (s *Server) settled(c *conn) {
	s.waiting--
	s.sources[c.from].waiting--
}

// Keep ends the transfers of those users for whom is says no.
func (s *Server) Keep(is func(user jid.JID) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range s.transfers {
		if !is(t.owner) {
			t.end()
		}
	}
}

// Size returns how many connections wait, how many transfers there are, and how
// many bytes were moved since the start.
func (s *Server) Size() (waiting, transfers int, moved uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting, len(s.transfers), s.moved.Load()
}

// Shutdown ends all connections and waits until they are gone, or for the grace
// time. The listeners must be closed before.
func (s *Server) Shutdown(grace time.Duration) {
	s.mu.Lock()
	s.closing = true
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	stream.Await(&s.running, grace)
}
