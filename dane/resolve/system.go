package resolve

import (
	"bytes"
	"net/netip"

	"github.com/miekg/dns"
)

// SystemServers reads the servers out of a resolv.conf (resolv.conf(5)). Lines
// that are wrong are passed over, as the system's own resolver does.
func SystemServers(text []byte) []netip.AddrPort {
	conf, err := dns.ClientConfigFromReader(bytes.NewReader(text))
	if err != nil {
		return nil
	}
	var servers []netip.AddrPort
	for _, s := range conf.Servers {
		if addr, err := netip.ParseAddr(s); err == nil {
			servers = append(servers, netip.AddrPortFrom(addr, 53))
		}
	}
	return servers
}
