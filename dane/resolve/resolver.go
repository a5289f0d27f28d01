package resolve

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// Config says whom to ask and what to trust.
type Config struct {
	// Servers are the recursive resolvers, the preferred one first.
	Servers []netip.AddrPort
	// Anchors to trust; nil means the root's, as of RootAnchors.
	Anchors []Anchor
	// Now is the clock signatures are held against; nil means time.Now.
	Now func() time.Time
	// Timeout is how long one server has for one question; 0 means 2 s. A
	// lookup as a whole ends after eight times that.
	Timeout time.Duration
	// CacheBytes is about how much memory the cache may hold; 0 means 4 MiB.
	CacheBytes int
}

// A Resolver answers questions. It may be used by many goroutines at once.
type Resolver struct {
	servers []netip.AddrPort
	anchors map[string][]*dns.DS // by zone
	now     func() time.Time
	timeout time.Duration
	asking  chan struct{} // a place for each question on the network
	lead    atomic.Uint32 // the server that answered last

	answers cache[question, Answer]
	places  cache[string, place] // where names lie, proved

	lookups [Secure + 1]atomic.Uint64 // by status

	mu      sync.Mutex
	flights map[question]*flight // lookups under way

	// exchange is query, but in tests.
	exchange func(ctx context.Context, server netip.AddrPort, q question) (*dns.Msg, Reason)
}

// A flight is a lookup under way, for all who want its answer.
type flight struct {
	done   chan struct{}
	answer Answer
}

var errNoServers = errors.New("resolve: no server to ask; name one")

// New checks the configuration. It asks nothing yet.
func New(c Config) (*Resolver, error) {
	if len(c.Servers) == 0 {
		return nil, errNoServers
	}
	if c.Anchors == nil {
		c.Anchors = RootAnchors()
	}
	anchors, err := trusted(c.Anchors)
	if err != nil {
		return nil, err
	}
	r := &Resolver{
		servers: slices.Clone(c.Servers),
		anchors: anchors,
		now:     c.Now,
		timeout: c.Timeout,
		asking:  make(chan struct{}, maxAsking),
		flights: map[question]*flight{},
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.timeout <= 0 {
		r.timeout = 2 * time.Second
	}
	size := c.CacheBytes
	if size <= 0 {
		size = 4 << 20
	}
	r.answers.limit, r.places.limit = size/2, size/2
	r.exchange = r.query
	return r, nil
}

// Lookup asks for the records of one name and type, following aliases. The
// name is in ASCII, with or without the final dot; the type is one of the
// package dns, as dns.TypeTLSA. It returns when ctx ends, if not before.
// Callers outside lethe/dane use Addresses, Service and TLSA instead.
func (r *Resolver) Lookup(ctx context.Context, name string, qtype uint16) Answer {
	name, ok := canonical(name)
	if !ok || !askable(qtype) {
		return Answer{Why: BadName}
	}
	q := question{name, qtype}
	if a, left, ok := r.answers.get(q, r.now()); ok {
		a.TTL = left
		return a
	}
	f := r.join(q)
	select {
	case <-f.done:
		return f.answer
	case <-ctx.Done():
		return Answer{Why: Canceled}
	}
}

// Lookups is how many lookups ended with a status. Answers from the cache do not
// count.
func (r *Resolver) Lookups(s Status) uint64 { return r.lookups[s].Load() }

// askable says whether a type is one that records have, and whose records
// stand for themselves. RFC 6895 §3.1: 128 to 255 are for questions; RFC 4035
// §2.2: signatures are not themselves signed.
func askable(qtype uint16) bool {
	return qtype != 0 && qtype != dns.TypeOPT && qtype != dns.TypeRRSIG && (qtype < 128 || qtype > 255)
}

// join starts a lookup, or joins the one that is under way. It goes on when
// its callers have given up: others may have joined, and it is bounded.
func (r *Resolver) join(q question) *flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.flights[q]; f != nil {
		return f
	}
	f := &flight{done: make(chan struct{})}
	r.flights[q] = f
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), maxPatience*r.timeout)
		defer cancel()
		f.answer = r.resolve(ctx, q)
		r.lookups[f.answer.Status].Add(1)
		r.answers.put(q, f.answer, f.answer.cost(), r.now().Add(f.answer.TTL))
		r.mu.Lock()
		delete(r.flights, q)
		r.mu.Unlock()
		close(f.done)
	}()
	return f
}

// resolve asks one server, and others as far as that one does not answer. A
// bogus answer may be the server's fault, or that of keys which were kept and
// have since been replaced: so it is tried again, with the next server if there
// is one, and with a chain that is proved anew.
func (r *Resolver) resolve(ctx context.Context, q question) Answer {
	var a Answer
	for try := range min(max(2, len(r.servers)), 3) {
		inner, cancel := context.WithCancel(ctx)
		j := &judge{
			Resolver: r, ctx: inner, now: r.now(),
			other: try % len(r.servers), fresh: try > 0,
			calls: map[question]*call{}, seen: map[string]place{},
		}
		a = j.answer(q)
		cancel()
		if a.Status != Bogus || a.Why == TooMuchWork || ctx.Err() != nil {
			break
		}
	}
	return a
}

// cost is about what an answer takes in memory.
func (a Answer) cost() int {
	n := 512
	for _, name := range a.Names {
		n += 2 * len(name)
	}
	for _, rr := range a.Records {
		n += 256 + 2*dns.Len(rr)
	}
	return n
}
