package main

import (
	"net"
	"time"

	"lethe/dane/resolve"
	"lethe/relay"
	"lethe/relay/web"
)

// A watched resolver counts its lookups.
type watched interface{ Lookups(resolve.Status) uint64 }

// serveMetrics answers those who watch over the relay, until l is closed.
func (h *host) serveMetrics(l net.Listener, _ bool) error {
	links := h.links
	if !h.cfg.Log.Domains {
		links = nil
	}
	return web.NewMetrics(h.measure, links).Serve(l)
}

// measure writes what is counted: nothing else is in it than numbers and words
// of lethe's own.
func (h *host) measure(p *web.Page) {
	h.relay.Measure(p)
	f := p.Counter("lethe_events_total", "What may need looking after; the log has the same.")
	for e := range h.events {
		if e > 0 { // they are numbered from 1
			f.With(int64(h.events[e].Load()), "event", relay.Event(e).String())
		}
	}
	if h.resolver != nil {
		f := p.Counter("lethe_dns_lookups_total", "Lookups by what DNSSEC says of the answer; those from the cache do not count.")
		for s := resolve.Indeterminate; s <= resolve.Secure; s++ {
			f.With(int64(h.resolver.Lookups(s)), "verdict", s.String())
		}
	}
	left := time.Until(h.relay.Certificates().NotAfter())
	p.Gauge("lethe_certificate_days_left", "Whole days until the first of the certificates ends.").Is(int64(left / (24 * time.Hour)))
	p.Runtime()
}
