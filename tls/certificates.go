package tls

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"
)

// Pair names the two PEM files of a certificate: the chain, its leaf first,
// and the leaf's private key.
type Pair struct{ Chain, Key string }

// PEM is a certificate that lies in memory. Name stands for it in errors.
type PEM struct {
	Name       string
	Chain, Key []byte
}

// Certificates is a checked set of certificates. It never changes.
type Certificates struct {
	leaves []*leaf
	names  map[string][]*leaf // by lower-case dNSName, wildcards as they stand
}

// leaf is one certificate with its chain and key.
type leaf struct {
	name string
	cert tls.Certificate
}

// Expiry says when a certificate ends.
type Expiry struct {
	Name     string // the chain's file
	NotAfter time.Time
}

// Load reads and checks certificates: every key fits its leaf, every leaf is
// valid now, every one of domains is named by one of them (RFC 9525 §6.3). The
// error names the file or the domain and the cure.
func Load(pairs []Pair, domains []string, now time.Time) (*Certificates, error) {
	pems := make([]PEM, 0, len(pairs))
	for _, p := range pairs {
		chain, err := os.ReadFile(p.Chain)
		if err != nil {
			return nil, fmt.Errorf("certificate chain: %w; let [tls] certificates name a file lethe may read", err)
		}
		key, err := os.ReadFile(p.Key)
		if err != nil {
			return nil, fmt.Errorf("certificate key: %w; let [tls] certificates name a file lethe may read", err)
		}
		defer clear(key)
		pems = append(pems, PEM{Name: p.Chain, Chain: chain, Key: key})
	}
	return Parse(pems, domains, now)
}

// Parse is Load for certificates in memory.
func Parse(pems []PEM, domains []string, now time.Time) (*Certificates, error) {
	c := &Certificates{names: make(map[string][]*leaf)}
	for _, p := range pems {
		l, err := parse(p, now)
		if err != nil {
			return nil, fmt.Errorf("certificate %s: %w", p.Name, err)
		}
		c.leaves = append(c.leaves, l)
		for _, name := range l.cert.Leaf.DNSNames {
			name = strings.ToLower(name)
			c.names[name] = append(c.names[name], l)
		}
	}
	if len(c.leaves) == 0 {
		return nil, errors.New("no certificate; name one under [tls] certificates")
	}
	for _, d := range domains {
		if c.Leaf(d) == nil {
			return nil, fmt.Errorf("no certificate names %s; get one that has it as a DNS name", d)
		}
	}
	return c, nil
}

func parse(p PEM, now time.Time) (*leaf, error) {
	cert, err := tls.X509KeyPair(p.Chain, p.Key)
	if err != nil {
		return nil, fmt.Errorf("%s; chain and key must be PEM files of one certificate, the leaf first",
			strings.TrimPrefix(err.Error(), "tls: "))
	}
	switch from, to := cert.Leaf.NotBefore, cert.Leaf.NotAfter; {
	case now.Before(from):
		return nil, fmt.Errorf("not valid before %s; check the clock", from.Format(time.RFC3339))
	case now.After(to):
		return nil, fmt.Errorf("expired at %s; renew it", to.Format(time.RFC3339))
	}
	return &leaf{p.Name, cert}, nil
}

// NotAfter is when the first of the certificates ends.
func (c *Certificates) NotAfter() time.Time {
	first := c.leaves[0].cert.Leaf.NotAfter
	for _, l := range c.leaves[1:] {
		if t := l.cert.Leaf.NotAfter; t.Before(first) {
			first = t
		}
	}
	return first
}

// Expiring lists the certificates that will have ended when the duration
// within has passed.
func (c *Certificates) Expiring(now time.Time, within time.Duration) []Expiry {
	var list []Expiry
	for _, l := range c.leaves {
		if end := l.cert.Leaf.NotAfter; now.Add(within).After(end) {
			list = append(list, Expiry{l.name, end})
		}
	}
	return list
}

// Leaf is the certificate a client that asks for domain is shown, nil if none
// names it.
func (c *Certificates) Leaf(domain string) *x509.Certificate {
	if list := c.find(domain); len(list) > 0 {
		return list[0].cert.Leaf
	}
	return nil
}

// Chains are all certificates that name domain, each with what was loaded with
// it, leaf first. What a client is shown is one of them.
func (c *Certificates) Chains(domain string) [][]*x509.Certificate {
	var all [][]*x509.Certificate
	for _, l := range c.find(domain) {
		chain := []*x509.Certificate{l.cert.Leaf}
		for _, der := range l.cert.Certificate[1:] {
			if above, err := x509.ParseCertificate(der); err == nil {
				chain = append(chain, above)
			}
		}
		all = append(all, chain)
	}
	return all
}

// find lists the certificates that name domain, exact names first.
func (c *Certificates) find(domain string) []*leaf {
	domain = ascii(domain)
	list := slices.Clone(c.names[domain])
	// RFC 9525 §6.3: the wildcard is the whole leftmost label and stands for
	// exactly one.
	if label, parent, ok := strings.Cut(domain, "."); ok && label != "" {
		list = append(list, c.names["*."+parent]...)
	}
	return list
}

// choose picks what to show a client: what it asks for in TLS, or has before,
// and, among several, the first its algorithms allow; what it cannot name gets
// the first of all.
func (c *Certificates) choose(hello *tls.ClientHelloInfo, before string) *leaf {
	if c == nil {
		return nil
	}
	list := c.find(hello.ServerName)
	if len(list) == 0 {
		list = c.find(before)
	}
	if len(list) == 0 {
		list = c.leaves
	}
	if len(list) > 1 {
		for _, l := range list {
			if hello.SupportsCertificate(&l.cert) == nil {
				return l
			}
		}
	}
	return list[0]
}

// ascii is domain as certificates spell it: A-labels (RFC 9525 §6.3), lower
// case. What is no domain name comes back as it is and matches nothing.
func ascii(domain string) string {
	domain = strings.TrimSuffix(domain, ".")
	if a, err := idna.Lookup.ToASCII(domain); err == nil {
		return a
	}
	return strings.ToLower(domain)
}
