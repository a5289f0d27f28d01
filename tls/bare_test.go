package tls

import (
	"crypto/tls"
	"net"
	"testing"
)

// bareClient is a crypto/tls client without anything of ours below it.
func bareClient(t testing.TB, l *lab, nc net.Conn) *tls.Conn {
	t.Helper()
	c := tls.Client(nc, &tls.Config{ServerName: domain, RootCAs: l.authority.Roots(),
		DynamicRecordSizingDisabled: true})
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return c
}

// tap is a net.Conn whose writes can be held back.
type tap struct {
	net.Conn
	hold bool
	held []byte
}

func (t *tap) Write(b []byte) (int, error) {
	if !t.hold {
		return t.Conn.Write(b)
	}
	t.held = append(t.held, b...)
	return len(b), nil
}
