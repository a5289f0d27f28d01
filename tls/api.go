// Package tls: skeleton, being filled in.
package tls

import (
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

var errSkeleton = errors.New("tls: not there yet")

// Pair names the two PEM files of a certificate.
type Pair struct{ Chain, Key string }

// PEM is a certificate chain and its key as PEM bytes, for what lies in no file. Name stands in errors.
type PEM struct {
	Name       string
	Chain, Key []byte
}

// Certificates is an immutable checked snapshot.
type Certificates struct{}

// Expiry says which certificate ends when.
type Expiry struct {
	Name     string // the chain's file
	NotAfter time.Time
}

func Load(pairs []Pair, domains []string, now time.Time) (*Certificates, error) {
	return nil, errSkeleton
}
func Parse(pems []PEM, domains []string, now time.Time) (*Certificates, error) {
	return nil, errSkeleton
}
func (c *Certificates) NotAfter() time.Time                                   { return time.Time{} }
func (c *Certificates) Expiring(now time.Time, within time.Duration) []Expiry { return nil }
func (c *Certificates) Leaf(domain string) *x509.Certificate                  { return nil }
func Generate(domains []string, now time.Time, lifetime time.Duration) (chain, key []byte, err error) {
	return nil, nil, errSkeleton
}

// Authority is a small CA for tests and the demo.
type Authority struct{}

func NewAuthority(now time.Time, lifetime time.Duration) (*Authority, error) { return nil, errSkeleton }
func (a *Authority) Issue(domains []string) (PEM, error)                     { return PEM{}, errSkeleton }
func (a *Authority) Roots() *x509.CertPool                                   { return nil }
func (a *Authority) PEM() []byte                                             { return nil }

// Server takes connections.
type Server struct{}

func NewServer(c *Certificates, min12 bool) *Server { return &Server{} }
func (s *Server) SetCertificates(c *Certificates)   {}
func (s *Server) Certificates() *Certificates       { return nil }

// Handshake asks for no client certificate; on error nc is closed.
func (s *Server) Handshake(nc net.Conn, timeout time.Duration, alpn ...string) (*Conn, error) {
	return nil, errSkeleton
}

// HandshakeAsking also asks for a client certificate (not verified here: see Conn.PeerCertificates).
func (s *Server) HandshakeAsking(nc net.Conn, timeout time.Duration, alpn ...string) (*Conn, error) {
	return nil, errSkeleton
}

// Buffers is the pool connections of one owner share.
type Buffers struct{ pool sync.Pool }

// ClientConfig: the zero value refuses.
type ClientConfig struct {
	ServerName  string
	ALPN        []string
	Roots       *x509.CertPool
	Verify      func(chain []*x509.Certificate) error
	Certificate *PEM
	MinTLS12    bool
	Buffers     *Buffers
}

func Client(nc net.Conn, timeout time.Duration, cfg ClientConfig) (*Conn, error) {
	return nil, errSkeleton
}

// Conn is one TLS connection: one reader goroutine, one writer at a time.
type Conn struct{}

// Wait parks until a whole record (or the end) is there.
func (c *Conn) Wait() error { return errSkeleton }

// Read may return 0, nil: what was here carried no data.
func (c *Conn) Read(p []byte) (int, error)               { return 0, errSkeleton }
func (c *Conn) More() bool                               { return false }
func (c *Conn) TryWrite(p []byte) (done bool, err error) { return false, errSkeleton }

// Drain fails when the peer takes nothing for timeout.
func (c *Conn) Drain(timeout time.Duration) error     { return errSkeleton }
func (c *Conn) Write(p []byte) (int, error)           { return 0, errSkeleton }
func (c *Conn) Exporter() ([]byte, error)             { return nil, errSkeleton }
func (c *Conn) EndPoint() ([]byte, error)             { return nil, errSkeleton }
func (c *Conn) Close() error                          { return nil }
func (c *Conn) Cut() error                            { return nil }
func (c *Conn) SetReadDeadline(t time.Time) error     { return nil }
func (c *Conn) RemoteAddr() netip.Addr                { return netip.Addr{} }
func (c *Conn) Version() uint16                       { return 0 }
func (c *Conn) ServerName() string                    { return "" }
func (c *Conn) Protocol() string                      { return "" }
func (c *Conn) PeerCertificates() []*x509.Certificate { return nil }
