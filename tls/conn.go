package tls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"
)

// Conn is an established TLS connection.
//
// One goroutine reads: Wait, Read, More. One at a time writes: TryWrite,
// Drain, Write. The rest may be called by anybody at any time. A Conn that
// waits to be read and has nothing to write holds no buffer of ours.
type Conn struct {
	tls     *tls.Conn
	conduit conduit
	timeout time.Duration // Write's
	client  bool
	rest    bool // the last Read may have left plaintext in crypto/tls
}

// Wait parks until Read has something to work on: a whole record, or the
// connection's end. It fails with [os.ErrDeadlineExceeded] once the read
// deadline is past; another deadline makes the connection readable again.
func (c *Conn) Wait() error {
	if c.rest {
		return nil
	}
	return c.conduit.wait()
}

// Read waits like Wait and reads at most one record's plaintext. It returns
// 0 and no error when what was here carried no data, such as a key update, so
// that it never parks after More said yes. The end is [io.EOF], with or
// without close_notify: a stream says itself where it ends.
func (c *Conn) Read(p []byte) (int, error) {
	if err := c.Wait(); err != nil {
		return 0, err
	}
	n, err := c.tls.Read(p)
	c.rest = n > 0 && n == len(p)
	if !c.rest {
		c.conduit.forget()
	}
	if _, ok := err.(again); ok {
		return n, nil
	}
	if err != nil {
		c.conduit.release()
	}
	return n, err
}

// Release is the reading goroutine's last call: what it has not read is
// cleared.
func (c *Conn) Release() {
	c.conduit.forget()
	c.conduit.release()
}

// More reports whether Read would work on bytes that are already here.
func (c *Conn) More() bool { return c.rest || c.conduit.whole() }

// TryWrite encrypts all of p and offers it to the kernel in one call, never
// blocking. Unless done, ciphertext waits in c: the caller calls Drain before
// it writes again, and so bounds by len(p) what waits. After an error the
// connection is of no more use.
func (c *Conn) TryWrite(p []byte) (done bool, err error) {
	c.conduit.expect(len(p))
	_, err = c.tls.Write(p)
	done, late := c.conduit.settled()
	if err == nil {
		err = late
	}
	return done && err == nil, bare(err)
}

// Drain parks until the kernel has all ciphertext that waits. It fails with
// [os.ErrDeadlineExceeded] when the peer took nothing for timeout; every
// progress grants it another.
func (c *Conn) Drain(timeout time.Duration) error { return c.conduit.drain(timeout) }

// Write is TryWrite and Drain, with the handshake's timeout: for negotiation.
func (c *Conn) Write(p []byte) (int, error) {
	done, err := c.TryWrite(p)
	if err == nil && !done {
		err = c.Drain(c.timeout)
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close sends close_notify if the kernel takes it at once, and closes. What
// waits for Drain is dropped.
func (c *Conn) Close() error { return bare(c.tls.Close()) }

// Cut closes without a word and without letting the kernel go on delivering:
// for peers that do not read.
func (c *Conn) Cut() error {
	if tc, ok := c.conduit.nc.(interface{ SetLinger(int) error }); ok {
		tc.SetLinger(0) // fails only on a closed connection
	}
	return c.conduit.Close()
}

// SetReadDeadline bounds Wait and Read, one that is parked included. The zero
// time means none.
func (c *Conn) SetReadDeadline(t time.Time) error { return bare(c.conduit.nc.SetReadDeadline(t)) }

// RemoteAddr is the peer's IP address; the zero Addr if it has none.
func (c *Conn) RemoteAddr() netip.Addr {
	if a, ok := c.conduit.nc.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// Version is the protocol version as on the wire: 0x0304 is TLS 1.3.
func (c *Conn) Version() uint16 { return c.tls.ConnectionState().Version }

// ServerName is the name the client asked for (SNI, RFC 6066 §3), or "".
func (c *Conn) ServerName() string { return c.tls.ConnectionState().ServerName }

// Protocol is the application protocol agreed on (ALPN, RFC 7301), or "".
func (c *Conn) Protocol() string { return c.tls.ConnectionState().NegotiatedProtocol }

// PeerCertificates is the chain the peer showed, its leaf first. On a server
// nobody has verified more than that the peer has the leaf's key.
func (c *Conn) PeerCertificates() []*x509.Certificate {
	return c.tls.ConnectionState().PeerCertificates
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
