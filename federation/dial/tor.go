package dial

import (
	"context"
	"crypto/rand"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/net/proxy"
)

// Tor returns a way to onion services through Tor's SOCKS port (RFC 1928). Tor
// is given names, never looks them up in the DNS, and gives each service a
// circuit of its own: what is sent with the name as user name and a secret as
// password shares a circuit with nothing else (IsolateSOCKSAuth, RFC 1929).
func Tor(socks netip.AddrPort) func(ctx context.Context, host string, port uint16) (net.Conn, error) {
	secret := rand.Text()
	return func(ctx context.Context, host string, port uint16) (net.Conn, error) {
		below := &capture{}
		d, err := proxy.SOCKS5("tcp", socks.String(), &proxy.Auth{User: host, Password: secret}, below)
		if err != nil {
			return nil, err
		}
		address := net.JoinHostPort(host, strconv.Itoa(int(port)))
		if _, err := d.(proxy.ContextDialer).DialContext(ctx, "tcp", address); err != nil {
			return nil, err
		}
		return below.conn, nil
	}
}

// capture dials and keeps the socket. What the proxy package returns is wrapped
// and no socket any more; nothing of it is needed once SOCKS is done.
type capture struct{ conn net.Conn }

func (c *capture) Dial(network, address string) (net.Conn, error) {
	return c.DialContext(context.Background(), network, address)
}

func (c *capture) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	c.conn = conn
	return conn, err
}
