package resolve

import (
	"context"
	"errors"
	"net/netip"
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
	cache   cache
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
	r := &Resolver{servers: c.Servers, anchors: anchors, now: c.Now, timeout: c.Timeout}
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
	r.cache.limit = size
	return r, nil
}

// Lookup asks for the records of one name and type, following aliases. The
// name is in ASCII, with or without the final dot; the type is one of the
// package dns, as dns.TypeTLSA. Callers outside lethe/dane use Addresses,
// Service and TLSA instead.
func (r *Resolver) Lookup(ctx context.Context, name string, qtype uint16) Answer {
	return Answer{}
}
