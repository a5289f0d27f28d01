package tls

import (
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Server takes TLS connections of clients and of other servers. It may be
// used by many goroutines.
type Server struct {
	min12 bool
	certs atomic.Pointer[Certificates]

	mu      sync.Mutex
	configs map[greeting]*tls.Config // guarded by mu
}

// greeting is a way to meet clients; there are few.
type greeting struct {
	ask  bool   // for a certificate
	alpn string // protocols, joined by NUL
}

// NewServer shows the certificates of c, which may be nil: then it refuses
// until SetCertificates. It accepts TLS 1.3 and, with min12, TLS 1.2.
func NewServer(c *Certificates, min12 bool) *Server {
	s := &Server{min12: min12, configs: make(map[greeting]*tls.Config)}
	s.SetCertificates(c)
	return s
}

// SetCertificates replaces the certificates for handshakes yet to begin.
func (s *Server) SetCertificates(c *Certificates) { s.certs.Store(c) }

// Certificates is what handshakes now choose from.
func (s *Server) Certificates() *Certificates { return s.certs.Load() }

// Handshake does the server's part on nc, a TCP or Unix socket, within
// timeout. A client that offers application protocols (ALPN) must offer one
// of alpn; with no alpn what it offers is ignored. Deadlines of nc are cleared
// after success; nc is closed after failure, and the error is a
// [HandshakeError].
func (s *Server) Handshake(nc net.Conn, timeout time.Duration, alpn ...string) (*Conn, error) {
	return s.HandshakeWith(nc, timeout, Options{ALPN: alpn})
}

// Options say how to meet a peer.
type Options struct {
	// Domain is what the peer said before that it wants, as in the header of
	// its stream. It is shown that domain's certificate unless it names, within
	// TLS, another that there is one for (SNI, which some leave out).
	Domain string
	// Ask asks for a certificate. The peer may refuse to have one, and nobody
	// verifies it: see [Conn.PeerCertificates].
	Ask  bool
	ALPN []string // see [Server.Handshake]
}

// HandshakeWith is Handshake with options.
func (s *Server) HandshakeWith(nc net.Conn, timeout time.Duration, o Options) (*Conn, error) {
	c := &Conn{timeout: timeout}
	c.conduit.wanted = o.Domain
	if err := c.conduit.init(nc); err != nil {
		nc.Close()
		return nil, &HandshakeError{cause: err}
	}
	c.tls = tls.Server(&c.conduit, s.config(o.Ask, o.ALPN))
	return c.establish()
}

// config is shared by all connections that are asked alike: each keeps a
// pointer to it.
func (s *Server) config(ask bool, alpn []string) *tls.Config {
	key := greeting{ask, strings.Join(alpn, "\x00")}
	s.mu.Lock()
	defer s.mu.Unlock()
	if cfg, ok := s.configs[key]; ok {
		return cfg
	}
	cfg := policy(s.min12, alpn)
	cfg.GetCertificate = s.choose
	if ask {
		cfg.ClientAuth = tls.RequestClientCert
	}
	s.configs[key] = cfg
	return cfg
}

func (s *Server) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	conduit := hello.Conn.(*conduit)
	l := s.certs.Load().choose(hello, conduit.wanted)
	if l == nil {
		return nil, errNoCertificate
	}
	conduit.leaf = l
	return &l.cert, nil
}

// policy is what holds for every connection, both ways.
func policy(min12 bool, alpn []string) *tls.Config {
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: alpn,
		CurvePreferences: []tls.CurveID{
			tls.X25519MLKEM768, tls.X25519, tls.CurveP256,
		},
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true, // the conduit gathers records
	}
	if min12 {
		cfg.MinVersion = tls.VersionTLS12
		cfg.CipherSuites = []uint16{ // RFC 9325 §4.2: ECDHE and AEAD
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
			tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		}
	}
	return cfg
}
