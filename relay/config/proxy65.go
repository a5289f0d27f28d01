package config

import (
	"net/netip"
	"slices"
)

// ProxyLabel stands before each domain in the address of its bytestreams proxy.
const ProxyLabel = "proxy"

// Proxy65 is the table [proxy65].
type Proxy65 struct {
	Host string // where clients are told to connect, a name or an IP address; "": where it listens
}

// proxy65 checks where clients are told to connect, and that the proxy's
// addresses are nobody else's.
func (c *checker) proxy65(host string, cfg *Config) Proxy65 {
	name, ok := parseHost(host)
	if host != "" && !ok {
		c.fail("proxy65.host", " has "+quote(host)+", which is no host", `write e.g. "proxy.example.org" or "192.0.2.1"`)
	}
	everywhere := func(a netip.AddrPort) bool { return a.Addr().IsUnspecified() }
	if i := slices.IndexFunc(cfg.Listen.Proxy65, everywhere); host == "" && i >= 0 {
		c.fail(element("listen.proxy65", i), " listens on all addresses, and clients must be told one", `write e.g. host = "proxy.example.org" under [proxy65]`)
	}
	if len(cfg.Listen.Proxy65) == 0 {
		return Proxy65{Host: name}
	}
	if cfg.Rooms.Host == ProxyLabel {
		c.fail("rooms.host", " has "+quote(ProxyLabel)+", where the bytestreams proxy is", "use another host for rooms")
	}
	for _, d := range cfg.Domains {
		if full := ProxyLabel + "." + d; slices.Contains(cfg.Domains, full) {
			c.fail("domains", " has "+quote(full)+", where the bytestreams proxy of "+d+" is", "serve another domain, or listen on no proxy65")
		}
	}
	return Proxy65{Host: name}
}
