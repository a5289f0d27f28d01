// Package config reads lethe.toml.
//
// The file is TOML. Three keys must be there; [Template] shows all others with
// their defaults. Nothing is guessed: an unknown key, a value of the wrong
// kind, an address without port, a domain that is none, a signer's key with a
// digit missing are errors that name the file, the line and the cure, so that
// a relay starts as its operator meant or not at all.
//
// [Parse] is given bytes and touches no file: whether the files it names exist
// is for those to say who open them.
package config

import (
	"net/netip"
	"time"

	"aead.dev/minisign"
)

// A Config is a checked configuration. All paths are absolute or relative to
// the working directory, all domains in normal form.
type Config struct {
	Domains     []string             // served; at least one
	Users       string               // path of the users file
	Signers     []minisign.PublicKey // who may sign it; at least one
	ForgetAfter time.Duration        // account memory after the last connection ends
	TLS         TLS
	Login       Login
	Listen      Listen
	Federation  Federation
	DNS         DNS
	Rooms       Rooms
	Proxy65     Proxy65
	Calls       Calls
	Contact     Contact
	Onion       Onion
	Log         Log
	Limits      Limits
}

// Signature returns the path of the users file's signature.
func (c *Config) Signature() string { return c.Users + ".minisig" }

// TLS is the table [tls].
type TLS struct {
	Certificates []Pair
	Roots        string // path of a PEM file; "": the system's
	Allow12      bool   // min_version = "1.2"
}

// A Pair is a certificate's chain and key, both paths of PEM files.
type Pair struct {
	Chain string `toml:"chain"`
	Key   string `toml:"key"`
}

// Login is the table [login].
type Login struct {
	Plain bool // offer SASL PLAIN too
	// StrictBinding refuses clients that know channel binding, but none of
	// the types that TLS 1.3 has.
	StrictBinding bool
}

// Listen is the table [listen]. An empty list switches a listener off.
type Listen struct {
	Client, ClientTLS []netip.AddrPort
	Server, ServerTLS []netip.AddrPort
	Proxy65           []netip.AddrPort
	Web               []netip.AddrPort
	Metrics           []netip.AddrPort // loopback only
}

// A Policy says which peers federation accepts. The zero value accepts none.
type Policy uint8

// The policies of [Federation].
const (
	Off      Policy = iota // "off": internal only
	DANE                   // "dane": DANE where published, else certificate authorities
	DANEOnly               // "dane-only": nothing without DANE
)

// String returns the policy's word.
func (p Policy) String() string { return [...]string{"off", "dane", "dane-only"}[p] }

// Federation is the table [federation]. Of the domains, *.example.org stands
// for all below example.org.
type Federation struct {
	Policy Policy
	Allow  []string // domains; empty: whoever the policy admits
	Deny   []string // domains
}

// DNS is the table [dns].
type DNS struct {
	Resolver    netip.AddrPort // invalid: the system's first
	TrustAnchor string         // path; "": the root's, built in
}

// Rooms is the table [rooms].
type Rooms struct {
	Host string // label before each domain; "": no rooms
}

// RoomHosts returns the host of rooms under each domain, in the order of
// Domains; none when rooms are switched off.
func (c *Config) RoomHosts() []string {
	if c.Rooms.Host == "" {
		return nil
	}
	hosts := make([]string, len(c.Domains))
	for i, d := range c.Domains {
		hosts[i] = c.Rooms.Host + "." + d
	}
	return hosts
}

// Onion is the table [onion].
type Onion struct {
	SOCKS netip.AddrPort // invalid: no Tor
	// Where Tor brings clients, and other relays; loopback only.
	Clients, Relays []netip.AddrPort
}

// Log is the table [log].
type Log struct {
	Domains bool // name the domains to which links failed
}

// Limits is the table [limits]. 0 switches a limit off, save OutboxBytes, which
// is never 0.
type Limits struct {
	StanzaBytes           int           // of one stanza
	BytesPerSecond        int           // of one client connection
	LoginsPerMinute       int           // failed ones, of one address
	ConnectionsPerAddress int           //
	OutboxBytes           int           // of one connection
	Resume                time.Duration // how long a cut connection's stanzas wait
	ProxyBytesPerSecond   int           // of one transfer through the proxy, in each direction
	ProxyBytes            int           // of one transfer, both directions together
}

// LargestStanza returns how many bytes a stanza may have as it comes in: what
// is configured or, without a limit, what an Outbox can take.
func (l *Limits) LargestStanza() int {
	if l.StanzaBytes == 0 {
		return l.OutboxBytes - growth
	}
	return l.StanzaBytes
}
