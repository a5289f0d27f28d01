package operator

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"lethe/dane/resolve"
	"lethe/federation"
	"lethe/federation/dial"
	"lethe/relay/config"
)

// resolvConf names the system's resolvers, where the configuration names none.
const resolvConf = "/etc/resolv.conf"

// Outside is what a relay with this configuration needs to find other domains'
// servers and to judge them: domains, policy, resolver, authorities and the way
// out. Certificates, limits and all that carries stanzas are left to the
// caller. The error names the file and the key.
func Outside(cfg *config.Config) (federation.Config, error) {
	resolver, err := resolverOf(cfg)
	if err != nil {
		return federation.Config{}, err
	}
	roots, err := authorities(cfg.TLS.Roots)
	if err != nil {
		return federation.Config{}, err
	}
	out := federation.Config{
		Domains: cfg.Domains, TLS12: cfg.TLS.Allow12,
		Policy: Policy(cfg), Resolver: resolver, Roots: roots,
		Dial: func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", to.String())
		},
		Now: time.Now,
	}
	if cfg.Onion.SOCKS.IsValid() {
		out.Tor = dial.Tor(cfg.Onion.SOCKS)
	}
	return out, nil
}

// Policy is what the table [federation] says.
func Policy(cfg *config.Config) *federation.Policy {
	p := &federation.Policy{Allow: cfg.Federation.Allow, Deny: cfg.Federation.Deny}
	switch cfg.Federation.Policy {
	case config.DANE:
		p.Mode = federation.DANE
	case config.DANEOnly:
		p.Mode = federation.DANEOnly
	}
	return p
}

func resolverOf(cfg *config.Config) (*resolve.Resolver, error) {
	r := resolve.Config{}
	if cfg.DNS.Resolver.IsValid() {
		r.Servers = []netip.AddrPort{cfg.DNS.Resolver}
	} else if text, err := os.ReadFile(resolvConf); err == nil {
		r.Servers = resolve.SystemServers(text)
	}
	if len(r.Servers) == 0 {
		r.Servers = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:53")} // resolv.conf(5)
	}
	if path := cfg.DNS.TrustAnchor; path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, about(path, err, "see trust_anchor in [dns]")
		}
		if r.Anchors, err = resolve.ParseAnchors(text); err != nil {
			return nil, about(path, err, "see trust_anchor in [dns]")
		}
	}
	return resolve.New(r)
}

// authorities are those in a PEM file, or the system's.
func authorities(path string) (*x509.CertPool, error) {
	if path == "" {
		return x509.SystemCertPool()
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, about(path, err, "see roots in [tls]")
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: there is no certificate in it; see roots in [tls]", path)
	}
	return pool, nil
}
