package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"time"
)

const (
	// maxPage is how much of the links of a relay Links reads, in bytes.
	maxPage = 8 << 20
	// askTime is how long it asks.
	askTime = 5 * time.Second
)

// A Link is a line of GET /links: a stream with another domain, or one that did
// not come about.
type Link struct {
	Domain    string `json:"domain"`
	Direction string `json:"direction"`        // who opened it: in, the domain; out, the relay
	State     string `json:"state"`            // standing or failed
	Proof     string `json:"proof,omitempty"`  // of the domain, if standing: dane, pkix, onion or dialback
	Reason    string `json:"reason,omitempty"` // if failed, in lethe's own words
	Seconds   int64  `json:"seconds"`          // since it stands or failed
}

// ErrNoLinks says that a relay does not tell of its links.
var ErrNoLinks = errors.New("the relay tells nothing of its links")

// writeLinks writes one JSON object a line.
func writeLinks(w http.ResponseWriter, links []Link) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	for _, l := range links {
		if lines.Encode(l) != nil {
			return // who asked has gone
		}
	}
}

// Links asks the relay whose metrics are at an address what it knows of links
// with a domain. It takes five seconds at most.
func Links(ctx context.Context, at netip.AddrPort, domain string) ([]Link, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", "http://"+at.String()+"/links", nil)
	if err != nil {
		return nil, err
	}
	// No proxy: it is on this machine.
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, ErrNoLinks
	}
	links := []Link{}
	lines := bufio.NewScanner(io.LimitReader(answer.Body, maxPage))
	for lines.Scan() {
		var l Link
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, ErrNoLinks // something else answers there
		}
		if l.Domain == domain {
			links = append(links, l)
		}
	}
	return links, lines.Err()
}
