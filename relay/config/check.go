package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aead.dev/minisign"

	"lethe/relay/jid"
)

// maxResume is the longest that a cut connection's stanzas may wait.
const maxResume = 10 * time.Minute

// minStanza is the least that a limit on stanzas may be, in bytes
// (RFC 6120 §13.12).
const minStanza = 10000

// growth is what a stanza may gain on its way, in bytes: a sender's address, a
// receiver's, a language, namespaces of the stream it came from.
const growth = 8 << 10

// A checker turns a document into a Config and keeps the first error.
type checker struct {
	file, dir string
	at        places
	err       error
}

// fail notes that the value of a key is wrong. An element's path falls back to
// its list's.
func (c *checker) fail(path, what, cure string) {
	if c.err != nil {
		return
	}
	line, ok := c.at[path]
	if !ok {
		line = c.at[withoutIndices(path)]
	}
	c.err = &Error{c.file, line, withoutIndices(path) + what, cure}
}

// required refuses a file in which a key is missing or empty.
func (c *checker) required(key string, there bool) {
	if there {
		return
	}
	what := " is empty"
	if c.at[key] == 0 {
		what = " is missing"
	}
	cure := map[string]string{
		"domains": `write e.g. domains = ["example.org"]`,
		"users":   `write e.g. users = "users.txt"`,
		"signers": `write the line that lethe keygen left in NAME.pub, e.g. signers = ["RWQ..."]`,
	}[key]
	c.fail(key, what, cure)
}

func (c *checker) config(d *document) *Config {
	cfg := &Config{
		Domains:     c.domains("domains", d.Domains),
		Users:       c.path(d.Users),
		Signers:     c.signers(d.Signers),
		ForgetAfter: c.duration("forget_after", d.ForgetAfter),
		Log:         Log{Domains: d.Log.Domains},
		Login:       Login{Plain: d.Login.Plain, StrictBinding: d.Login.StrictBinding},
		Federation: Federation{
			Policy: c.policy(d.Federation.Policy),
			Allow:  c.peers("federation.allow", d.Federation.Allow),
			Deny:   c.peers("federation.deny", d.Federation.Deny),
		},
		DNS: DNS{
			Resolver:    c.address("dns.resolver", d.DNS.Resolver),
			TrustAnchor: c.path(d.DNS.TrustAnchor),
		},
		Onion: Onion{
			SOCKS:   c.address("onion.socks", d.Onion.SOCKS),
			Clients: c.circuits("onion.clients", d.Onion.Clients),
			Relays:  c.circuits("onion.relays", d.Onion.Relays),
		},
	}
	for i, s := range cfg.Federation.Allow {
		if slices.Contains(cfg.Federation.Deny, s) {
			c.fail(element("federation.allow", i), " has "+s+", and so has deny", "remove one of the two")
		}
	}
	cfg.TLS = c.tls(d)
	cfg.Listen = c.listen(d)
	cfg.Rooms = c.rooms(d.Rooms.Host, cfg.Domains)
	cfg.Proxy65 = c.proxy65(d.Proxy65.Host, cfg)
	cfg.Calls = c.calls(d)
	cfg.Contact = c.contact(d)
	cfg.Limits = c.limits(d)
	return cfg
}

func (c *checker) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.dir, p)
}

func (c *checker) domains(key string, list []string) []string {
	return c.normal(key, list, jid.Domain, "write e.g. example.org")
}

// peers reads domains, each of which may stand for all below it.
func (c *checker) peers(key string, list []string) []string {
	return c.normal(key, list, func(s string) (string, error) {
		parent, below := strings.CutPrefix(s, "*.")
		d, err := jid.Domain(parent)
		switch {
		case !below || err != nil:
			return d, err
		case isAddress(d):
			return "", jid.ErrDomain
		}
		return "*." + d, nil
	}, "write e.g. example.org, or *.example.org for all below it")
}

// isAddress reports whether a domain is an IP address, which has none below it.
func isAddress(domain string) bool {
	_, err := netip.ParseAddr(strings.Trim(domain, "[]"))
	return err == nil
}

// normal brings a list into the form that read gives each element.
func (c *checker) normal(key string, list []string, read func(string) (string, error), cure string) []string {
	var domains []string
	for i, s := range list {
		d, err := read(s)
		switch {
		case err != nil:
			c.fail(element(key, i), " has "+quote(s)+", which is no domain", cure)
		case slices.Contains(domains, d):
			c.fail(element(key, i), " has "+quote(d)+" twice", "remove one")
		}
		domains = append(domains, d)
	}
	return domains
}

func (c *checker) signers(list []string) []minisign.PublicKey {
	var keys []minisign.PublicKey
	for i, s := range list {
		var key minisign.PublicKey
		if err := key.UnmarshalText([]byte(s)); err != nil || key.String() != s {
			c.fail(element("signers", i), " has "+quote(s)+", which is no minisign public key", "write the second line of NAME.pub, 56 characters that begin with RW")
		}
		keys = append(keys, key)
	}
	return keys
}

func (c *checker) duration(key, s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		c.fail(key, " has "+quote(s)+", which is no time span", `write hours, minutes and seconds, e.g. "24h" or "1m30s"`)
	}
	return d
}

func (c *checker) policy(s string) Policy {
	for _, p := range []Policy{Off, DANE, DANEOnly} {
		if p.String() == s {
			return p
		}
	}
	c.fail("federation.policy", " has "+quote(s)+", which is no policy", `write "dane", "dane-only" or "off"`)
	return Off
}

// address reads one address:port, which may be missing.
func (c *checker) address(key, s string) netip.AddrPort {
	if s == "" {
		return netip.AddrPort{}
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil || a.Port() == 0 {
		c.fail(key, " has "+quote(s)+", which is no address and port", `write e.g. "127.0.0.1:53" or "[::1]:53"`)
	}
	return a
}

func (c *checker) tls(d *document) TLS {
	t := TLS{Roots: c.path(d.TLS.Roots), Allow12: d.TLS.MinVersion == "1.2"}
	if v := d.TLS.MinVersion; v != "1.2" && v != "1.3" {
		c.fail("tls.min_version", " has "+quote(v)+", which is no version", `write "1.3" or "1.2"`)
	}
	if len(d.TLS.Certificates) == 0 {
		c.fail("tls.certificates", " is empty", "nothing is served without TLS: write e.g. "+example("tls.certificates"))
	}
	for i, p := range d.TLS.Certificates {
		if p.Chain == "" || p.Key == "" {
			c.fail(element("tls.certificates", i), " lacks chain or key", "write e.g. "+example("tls.certificates"))
		}
		t.Certificates = append(t.Certificates, Pair{c.path(p.Chain), c.path(p.Key)})
	}
	return t
}

func (c *checker) listen(d *document) Listen {
	seen := map[netip.AddrPort]string{}
	read := func(key string, list []string) []netip.AddrPort {
		addrs := make([]netip.AddrPort, len(list))
		for i, s := range list {
			addrs[i] = c.listener(element("listen."+key, i), s)
			if old, twice := seen[addrs[i]]; twice && addrs[i].Port() != 0 {
				c.fail(element("listen."+key, i), " has "+quote(s)+", and so has "+old, "use another port for one of them")
			}
			seen[addrs[i]] = key
		}
		return addrs
	}
	l := Listen{
		Client:    read("client", d.Listen.Client),
		ClientTLS: read("client_tls", d.Listen.ClientTLS),
		Server:    read("server", d.Listen.Server),
		ServerTLS: read("server_tls", d.Listen.ServerTLS),
		Proxy65:   read("proxy65", d.Listen.Proxy65),
		Web:       read("web", d.Listen.Web),
		Metrics:   read("metrics", d.Listen.Metrics),
	}
	for i, a := range l.Metrics {
		if !a.Addr().IsLoopback() {
			c.fail(element("listen.metrics", i), " has "+quote(a.String())+", which others can reach", `write e.g. "127.0.0.1:9100"`)
		}
	}
	return l
}

// listener reads one address:port to listen on. Port 0 lets the system choose,
// which tests need.
func (c *checker) listener(path, s string) netip.AddrPort {
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		c.fail(path, " has "+quote(s)+", which is no address and port", `write e.g. "[::]:5222" for all addresses or "127.0.0.1:5222"`)
	}
	return a
}

// circuits reads where Tor brings connections: nowhere that others can reach.
func (c *checker) circuits(key string, list []string) []netip.AddrPort {
	var all []netip.AddrPort
	for i, s := range list {
		a := c.listener(element(key, i), s)
		if !a.Addr().IsLoopback() {
			c.fail(element(key, i), " has "+quote(s)+", which others than Tor can reach", `write e.g. "127.0.0.1:5232"`)
		}
		all = append(all, a)
	}
	return all
}

// rooms checks the host of rooms, which makes a domain under each domain.
func (c *checker) rooms(host string, domains []string) Rooms {
	if host == "" {
		return Rooms{}
	}
	name, err := jid.Domain(host)
	if err != nil || strings.HasPrefix(name, "[") {
		c.fail("rooms.host", " has "+quote(host)+", which is no host name", `write e.g. "rooms"`)
	}
	for _, d := range domains {
		full := name + "." + d
		if got, err := jid.Domain(full); err != nil || got != full {
			c.fail("rooms.host", " makes "+quote(full)+", which is no domain", `write e.g. "rooms", or "" for no rooms`)
		}
		if slices.Contains(domains, full) {
			c.fail("rooms.host", " makes "+quote(full)+", which stands in domains", "use another host")
		}
	}
	return Rooms{Host: name}
}

func (c *checker) limits(d *document) Limits {
	l := Limits{
		StanzaBytes:           c.number("limits.stanza_bytes", d.Limits.StanzaBytes),
		BytesPerSecond:        c.number("limits.bytes_per_second", d.Limits.BytesPerSecond),
		LoginsPerMinute:       c.number("limits.logins_per_minute", d.Limits.LoginsPerMinute),
		ConnectionsPerAddress: c.number("limits.connections_per_address", d.Limits.ConnectionsPerAddress),
		OutboxBytes:           c.number("limits.outbox_bytes", d.Limits.OutboxBytes),
		Resume:                c.duration("limits.resume", d.Limits.Resume),
		ProxyBytesPerSecond:   c.number("limits.proxy_bytes_per_second", d.Limits.ProxyBytesPerSecond),
		ProxyBytes:            c.number("limits.proxy_bytes", d.Limits.ProxyBytes),
	}
	if l.StanzaBytes != 0 && l.StanzaBytes < minStanza {
		c.fail("limits.stanza_bytes", fmt.Sprintf(" is %d", l.StanzaBytes), fmt.Sprintf("write at least %d (RFC 6120 §13.12), or 0 for no limit", minStanza))
	}
	if least := int64(max(l.StanzaBytes, minStanza)) + growth; int64(l.OutboxBytes) < least {
		c.fail("limits.outbox_bytes", fmt.Sprintf(" is %d", l.OutboxBytes), fmt.Sprintf("write at least %d, or no stanza of full size could be delivered", least))
	}
	if l.Resume > maxResume {
		c.fail("limits.resume", " has "+quote(d.Limits.Resume), `write at most "10m"`)
	}
	return l
}

// number reads a limit, which fits 31 bits on every machine.
func (c *checker) number(key string, n int64) int {
	if n < 0 || n > 1<<31-1 {
		c.fail(key, fmt.Sprintf(" is %d", n), "write a number from 0 to 2147483647")
	}
	return int(n)
}

// element is the path of a list's element.
func element(key string, i int) string { return fmt.Sprintf("%s[%d]", key, i) }
