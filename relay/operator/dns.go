package operator

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"lethe/dane"
	"lethe/relay/config"
	"lethe/tls"
)

const dnsUsage = `usage: lethe dns [-config FILE] [-host NAME] [-next FILE]

Prints the DNS records to publish, as a zone file has them: SRV for every
listener, "." for services that are off, and TLSA 3 1 1 for the certificates in
use. The zone must be signed with DNSSEC, or the TLSA records count for nothing.

  -config FILE   configuration, lethe.toml by default
  -host NAME     the machine's name, where the records point; without it, each
                 domain itself
  -next FILE     a certificate or key (PEM) that is to take over: its TLSA
                 records too. Publish them, wait until the old ones have left
                 all caches, change the certificate, remove the old ones

example: lethe dns -config /etc/lethe/lethe.toml -host xmpp.example.org
`

// recordTTL is how long others may keep the records, in seconds. It is also how
// long a rollover takes.
const recordTTL = 3600

// DNS runs lethe dns.
func DNS(args []string, std Stdio) int {
	c := newCommand(std, "dns", dnsUsage)
	conf := c.flags.String("config", defaultConfig, "")
	host, next := c.flags.String("host", "", ""), c.flags.String("next", "", "")
	return c.run(args, 0, func([]string) error { return c.dns(*conf, *host, *next) })
}

func (c *command) dns(conf, host, next string) error {
	cfg, err := readConfig(conf)
	if err != nil {
		return err
	}
	certs, err := loadCertificates(cfg, time.Now())
	if err != nil {
		return err
	}
	p := publication{services: servicesOf(cfg), rooms: cfg.Rooms.Host, certs: certs, from: next}
	if host != "" {
		name, ok := dnsName(host)
		if !ok {
			return misuse(fmt.Sprintf("%q is no name in the DNS; write e.g. xmpp.example.org", host))
		}
		p.host = name
	}
	if next != "" {
		if p.next, err = nextKey(next); err != nil {
			return err
		}
	}
	p.write(cfg.Domains)
	_, err = c.Out.Write([]byte(p.text.String()))
	return err
}

// A service is one that SRV records speak of (RFC 6120 §3.2.1, XEP-0368 §3).
type service struct {
	name     string   // without the underscore
	what     string   // the key in [listen]
	ports    []uint16 // where it listens; none: it is off
	priority int      // TLS from the first byte goes first
}

// servicesOf returns those for clients, then those for servers, two each.
func servicesOf(cfg *config.Config) []service {
	all := []service{
		{"xmpps-client", "client_tls", ports(cfg.Listen.ClientTLS), 0},
		{"xmpp-client", "client", ports(cfg.Listen.Client), 5},
		{"xmpps-server", "server_tls", ports(cfg.Listen.ServerTLS), 0},
		{"xmpp-server", "server", ports(cfg.Listen.Server), 5},
	}
	if cfg.Federation.Policy == config.Off {
		all[2].ports, all[3].ports = nil, nil
	}
	return all
}

// ports are those of a listener, each once.
func ports(addresses []netip.AddrPort) []uint16 {
	var list []uint16
	for _, a := range addresses {
		list = append(list, a.Port())
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// dnsName is a domain as the DNS has it, in A-labels. Names under .onion
// (RFC 7686 §2) and localhost (RFC 6761 §6.3) are not in the DNS, nor are
// addresses.
func dnsName(domain string) (string, bool) {
	name, err := idna.Lookup.ToASCII(strings.TrimSuffix(domain, "."))
	_, notAddress := netip.ParseAddr(name)
	top := name[strings.LastIndexByte(name, '.')+1:]
	return name, err == nil && name != "" && notAddress != nil && top != "onion" && top != "localhost"
}

// A publication is a zone file in the making.
type publication struct {
	services []service
	rooms    string // label before each domain; "": there are none
	certs    *tls.Certificates
	host     string // where all records point; "": each domain at itself
	next     dane.Record
	from     string // the file that next comes from; "": there is no next
	text     strings.Builder
}

func (p *publication) line(format string, args ...any) {
	fmt.Fprintf(&p.text, format+"\n", args...)
}

// write writes the records of all domains.
func (p *publication) write(domains []string) {
	p.line("; Sign the zone with DNSSEC: from one that is not signed, the TLSA records")
	p.line("; count for nothing, and certificate authorities alone vouch for the relay.")
	records := map[string][]string{} // TLSA by host
	for _, d := range domains {
		name, ok := dnsName(d)
		if !ok {
			p.line("\n; %s is not in the DNS: nothing to publish.", d)
			continue
		}
		host := name
		if p.host != "" {
			host = p.host
		}
		p.line("\n; Where %s is served.", d)
		p.locate(name, host, p.services)
		served := []string{d}
		if rooms, servers := p.rooms+"."+d, p.services[2:]; p.rooms != "" && len(servers[0].ports)+len(servers[1].ports) > 0 {
			p.line("\n; Its rooms, for users of other domains.")
			name, _ := dnsName(rooms)
			p.locate(name, host, servers)
			served = append(served, rooms)
		}
		for _, s := range served {
			for _, chain := range p.certs.Chains(s) {
				records[host] = append(records[host], dane.Of(chain[0], dane.DANEEE, dane.SPKI, dane.SHA256).String())
			}
		}
	}
	hosts := make([]string, 0, len(records))
	for host := range records {
		hosts = append(hosts, host)
	}
	slices.Sort(hosts)
	for _, host := range hosts {
		p.associate(host, records[host])
	}
}

// locate writes the SRV records of a domain.
func (p *publication) locate(name, host string, services []service) {
	for _, s := range services {
		for _, port := range s.ports {
			p.line("_%s._tcp.%s. %d IN SRV %d 0 %d %s.", s.name, name, recordTTL, s.priority, port, host)
		}
		if len(s.ports) == 0 { // RFC 2782: decidedly not available here
			p.line("_%s._tcp.%s. %d IN SRV 0 0 0 .", s.name, name, recordTTL)
		}
	}
}

// associate writes the TLSA records of a host: for each port those of all
// certificates that may be shown there (RFC 7673 §3.3), and of the next one.
func (p *publication) associate(host string, records []string) {
	slices.Sort(records)
	p.line("\n; The keys of %s, which needs A or AAAA records and must be no CNAME (RFC 2782).", host)
	p.each(host, slices.Compact(records))
	if p.from == "" {
		return
	}
	p.line("\n; The key of %q, which is to take over. Publish these beside those above;", p.from)
	p.line("; %d seconds later (their TTL) change the certificate; then remove those above", recordTTL)
	p.line("; (RFC 7671 §8.1).")
	p.each(host, []string{p.next.String()})
}

func (p *publication) each(host string, records []string) {
	for _, s := range p.services {
		for _, port := range s.ports {
			for _, r := range records {
				p.line("_%d._tcp.%s. %d IN TLSA %s", port, host, recordTTL, r)
			}
		}
	}
}

// nextKey makes the TLSA record of what is first in a PEM file: a certificate,
// or a key, be it private or public.
func nextKey(path string) (dane.Record, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return dane.Record{}, about(path, err, "name a certificate or key in a PEM file")
	}
	defer clear(text)
	spki, err := publicKeyIn(text)
	if err != nil {
		return dane.Record{}, fmt.Errorf("%s: %w", path, err)
	}
	return dane.Of(&x509.Certificate{RawSubjectPublicKeyInfo: spki}, dane.DANEEE, dane.SPKI, dane.SHA256), nil
}

var errNoKey = errors.New("there is no certificate or key in it that can be read; name a PEM file")

// publicKeyIn returns the SubjectPublicKeyInfo of what is first in a PEM file.
func publicKeyIn(text []byte) ([]byte, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		var key any
		var err error
		switch block.Type {
		case "CERTIFICATE":
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, errNoKey
			}
			return cert.RawSubjectPublicKeyInfo, nil
		case "PUBLIC KEY":
			return block.Bytes, nil
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		default:
			continue // e.g. EC PARAMETERS
		}
		clear(block.Bytes)
		signer, ok := key.(crypto.Signer)
		if err != nil || !ok {
			return nil, errNoKey
		}
		return x509.MarshalPKIXPublicKey(signer.Public())
	}
	return nil, errNoKey
}
