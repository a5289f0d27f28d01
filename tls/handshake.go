package tls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"time"
)

var errNoCertificate = errors.New("tls: no certificate loaded")

// HandshakeError says why a handshake failed, in words that hold nothing the
// peer chose.
type HandshakeError struct{ cause error }

// Unwrap gives the cause, whose text may quote the peer.
func (e *HandshakeError) Unwrap() error { return e.cause }

func (e *HandshakeError) Error() string { return "tls handshake: " + e.reason() }

func (e *HandshakeError) reason() string {
	var (
		header    tls.RecordHeaderError
		broken    *os.SyscallError
		remote    *net.OpError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		refused   *refusal
	)
	switch err := e.cause; {
	case errors.Is(err, errNoSocket), errors.Is(err, errNoCertificate):
		return err.Error()
	case isTimeout(err):
		return "not finished in time"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.As(err, &broken):
		return "the connection ended"
	case errors.As(err, &header):
		return "the peer does not speak TLS"
	case errors.As(err, &remote) && remote.Op == "remote error":
		return "refused by the peer: " + remote.Err.Error() // an alert's name
	case errors.As(err, &authority):
		return "the certificate is signed by an unknown authority"
	case errors.As(err, &name):
		return "the certificate is for another name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate is expired or not yet valid"
	case errors.As(err, &invalid):
		return "the certificate is not valid"
	case errors.As(err, &refused):
		return "the certificate was refused"
	}
	return "no agreement on version, protocol or cipher"
}

// establish does the handshake and makes c live, or closes the connection.
func (c *Conn) establish() (*Conn, error) {
	nc := c.conduit.nc
	err := nc.SetDeadline(time.Now().Add(c.timeout))
	if err == nil {
		err = c.tls.Handshake()
	}
	if err == nil {
		err = nc.SetDeadline(time.Time{})
	}
	if err != nil {
		c.conduit.release()
		nc.Close()
		return nil, &HandshakeError{cause: err}
	}
	c.conduit.live = true
	return c, nil
}
