package web

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/netutil"
)

const (
	// maxScrapes is how many connections may ask at the same time.
	maxScrapes = 16
	// scrapeTime is how long a request and its answer may take, each.
	scrapeTime = 10 * time.Second
)

// Metrics answers those who watch over the relay.
type Metrics struct {
	http http.Server
}

// NewMetrics returns what answers GET /metrics with the page that measure
// writes, GET /links with links unless that is nil, and all else with 404 or
// 405. It asks nobody who they are: its listeners are on loopback.
func NewMetrics(measure func(*Page), links func() []Link) *Metrics {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		var p Page
		measure(&p)
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		w.Write(p.text)
	})
	if links != nil {
		mux.HandleFunc("GET /links", func(w http.ResponseWriter, _ *http.Request) { writeLinks(w, links()) })
	}
	return &Metrics{http.Server{
		Handler:        byAddress(mux),
		ReadTimeout:    scrapeTime,
		WriteTimeout:   scrapeTime,
		IdleTimeout:    time.Minute + scrapeTime, // Prometheus asks every minute
		MaxHeaderBytes: 4 << 10,
		ErrorLog:       log.New(io.Discard, "", 0), // would name who asks
	}}
}

// byAddress answers who asks by an address or as localhost. A browser on this
// machine can be made to ask by a name that a web page chose, and would let the
// page read the answer (DNS rebinding).
func byAddress(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = strings.Trim(r.Host, "[]") // without a port
		}
		if _, err := netip.ParseAddr(host); err != nil && host != "localhost" {
			http.Error(w, "ask by address or as localhost", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// Serve answers on l until l or the Metrics is closed.
func (m *Metrics) Serve(l net.Listener) error {
	return m.http.Serve(netutil.LimitListener(l, maxScrapes))
}

// Close ends all connections and closes the listeners.
func (m *Metrics) Close() { m.http.Close() }
