package main

import (
	"sync"
	"time"

	"lethe/relay/web"
)

const (
	// quiet is how long the log says nothing more of a domain whose link has
	// failed; the next attempts will fail for the same reason.
	quiet = 10 * time.Minute
	// maxNamed bounds how many domains the log names in that time. Users can
	// write to as many as they can think of.
	maxNamed = 100
)

// spoken is the domains that the log has named lately.
type spoken struct {
	mu   sync.Mutex
	when map[string]time.Time
}

// first reports whether a domain is to be named now.
func (n *spoken) first(domain string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for d, t := range n.when {
		if now.Sub(t) >= quiet {
			delete(n.when, d)
		}
	}
	if _, lately := n.when[domain]; lately || len(n.when) >= maxNamed {
		return false
	}
	if n.when == nil {
		n.when = make(map[string]time.Time)
	}
	n.when[domain] = now
	return true
}

// linkFailed logs the only names that the log has: operators cannot mend a link
// if they do not know which.
func (h *host) linkFailed(domain, reason string) {
	if h.cfg.Log.Domains && h.spoken.first(domain, time.Now()) {
		h.log.Warn("no link", "domain", domain, "reason", reason)
	}
}

// links is what lethe check asks of the running relay.
func (h *host) links() []web.Link {
	now := time.Now()
	all := []web.Link{}
	if h.relay.Peers() == nil {
		return all
	}
	for _, l := range h.relay.Peers().Diagnosis() {
		told := web.Link{Domain: l.Domain, Direction: "out", State: "standing", Reason: l.Reason, Seconds: int64(now.Sub(l.Since) / time.Second)}
		if l.Incoming {
			told.Direction = "in"
		}
		if l.Failed {
			told.State = "failed"
		} else {
			told.Proof = l.Proof.String()
		}
		all = append(all, told)
	}
	return all
}
