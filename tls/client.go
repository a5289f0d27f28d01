package tls

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"time"
)

// ClientConfig says whom a client expects. The zero value refuses everybody.
type ClientConfig struct {
	// ServerName is sent (SNI) and, unless Verify is set, must be a name of
	// the certificate.
	ServerName string
	// Roots are the authorities to trust, nil for the system's.
	Roots *x509.CertPool
	// Verify, if set, decides alone: neither names, dates nor authorities are
	// looked at before. The leaf, of which the peer has proved to hold the
	// key, is first.
	Verify func(chain []*x509.Certificate) error

	ALPN        []string // what to offer
	Certificate *PEM     // what to show if asked
	// Own are certificates of which the one for domain As is shown if asked,
	// whatever authorities the server names: it has other means to know it.
	Own      *Certificates
	As       string
	MinTLS12 bool // TLS 1.2 will do
}

// refusal is Verify's error.
type refusal struct{ cause error }

func (r *refusal) Error() string { return "tls: certificate refused" }
func (r *refusal) Unwrap() error { return r.cause }

// Client does the client's part on nc, a TCP or Unix socket, within timeout.
// Deadlines of nc are cleared after success; nc is closed after failure, and
// the error is a [HandshakeError].
func Client(nc net.Conn, timeout time.Duration, cfg ClientConfig) (*Conn, error) {
	c := &Conn{timeout: timeout, client: true}
	config, err := cfg.config()
	if err == nil {
		err = c.conduit.init(nc)
	}
	if err != nil {
		nc.Close()
		return nil, &HandshakeError{cause: err}
	}
	c.tls = tls.Client(&c.conduit, config)
	return c.establish()
}

func (cfg ClientConfig) config() (*tls.Config, error) {
	config := policy(cfg.MinTLS12, cfg.ALPN)
	config.ServerName = cfg.ServerName
	config.RootCAs = cfg.Roots
	if verify := cfg.Verify; verify != nil {
		// What replaces the check that InsecureSkipVerify takes away:
		// crypto/tls fails the handshake with what VerifyConnection returns.
		config.VerifyConnection = func(state tls.ConnectionState) error {
			if err := verify(state.PeerCertificates); err != nil {
				return &refusal{err}
			}
			return nil
		}
		config.InsecureSkipVerify = true
	}
	if cfg.Own != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if list := cfg.Own.find(cfg.As); len(list) > 0 {
				return &list[0].cert, nil
			}
			return new(tls.Certificate), nil // none
		}
	}
	if cfg.Certificate != nil {
		pair, err := tls.X509KeyPair(cfg.Certificate.Chain, cfg.Certificate.Key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
