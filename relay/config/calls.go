package config

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"lethe/relay/jid"
)

// Calls is the table [calls]. All zero, nothing is offered.
type Calls struct {
	Services   []CallService
	SecretFile string        // path of what is shared with the TURN servers; "": there is none
	Lifetime   time.Duration // of a credential for TURN
}

// A CallService is a STUN or TURN server.
type CallService struct {
	Type      string // stun, stuns, turn or turns
	Host      string // a name or an IP address, without brackets
	Port      uint16
	Transport string // udp or tcp
}

// needsSecret reports whether clients need a credential there.
func (s CallService) needsSecret() bool { return strings.HasPrefix(s.Type, "turn") }

// minLifetime and maxLifetime bound a credential for TURN: it has to outlive
// the call, and whoever gets hold of it can use it as long.
const (
	minLifetime = time.Minute
	maxLifetime = 7 * 24 * time.Hour
)

const serviceCure = `write e.g. "stun:turn.example.org" or "turns:turn.example.org:5349?transport=tcp"`

func (c *checker) calls(d *document) Calls {
	calls := Calls{SecretFile: c.path(d.Calls.SecretFile), Lifetime: c.duration("calls.lifetime", d.Calls.Lifetime)}
	turn := false
	for i, s := range d.Calls.Services {
		service, ok := parseService(s)
		if !ok {
			c.fail(element("calls.services", i), " has "+quote(s)+", which is no STUN or TURN server", serviceCure)
		}
		turn = turn || service.needsSecret()
		calls.Services = append(calls.Services, service)
	}
	switch {
	case turn && calls.SecretFile == "":
		c.fail("calls.services", " has a TURN server, and there is no secret for it", `write e.g. secret_file = "turn.secret", a file with the TURN server's static-auth-secret`)
	case !turn && calls.SecretFile != "":
		c.fail("calls.secret_file", " is set, and services has no TURN server", "add one, or remove secret_file")
	}
	if calls.Lifetime < minLifetime || calls.Lifetime > maxLifetime {
		c.fail("calls.lifetime", " has "+quote(d.Calls.Lifetime), `write at least "1m" and at most "168h"`)
	}
	return calls
}

// parseService reads a URI of RFC 7064 §3.1 or RFC 7065 §3.1.
func parseService(s string) (CallService, bool) {
	scheme, rest, _ := strings.Cut(s, ":")
	port, transport := uint16(3478), "udp"
	switch scheme {
	case "stun", "turn":
	case "stuns", "turns":
		port, transport = 5349, "tcp"
	default:
		return CallService{}, false
	}
	host, query, asked := strings.Cut(rest, "?")
	if asked {
		word, value, _ := strings.Cut(query, "=")
		if word != "transport" || value != "udp" && value != "tcp" || strings.HasPrefix(scheme, "stun") {
			return CallService{}, false
		}
		transport = value
	}
	if bare, digits, ok := cutPort(host); ok {
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || n == 0 {
			return CallService{}, false
		}
		host, port = bare, uint16(n)
	}
	host, ok := parseHost(host)
	return CallService{scheme, host, port, transport}, ok
}

// cutPort cuts the port off a host that may be an IPv6 address in brackets.
func cutPort(s string) (host, port string, ok bool) {
	at := strings.LastIndexByte(s, ':')
	if at < 0 || strings.HasSuffix(s, "]") {
		return s, "", false
	}
	return s[:at], s[at+1:], true
}

// parseHost checks a name, an IPv4 address or an IPv6 address in brackets,
// which it takes off. The name stays as it is written: not every client knows
// of internationalised ones.
func parseHost(s string) (string, bool) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		a, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		return a.String(), err == nil && a.Is6() && a.Zone() == "" && strings.HasSuffix(inner, "]")
	}
	_, err := jid.Domain(s)
	return s, err == nil
}

// Contact is the table [contact]: addresses to publish, by what they are for.
// Each is a URI.
type Contact struct {
	Abuse, Admin, Feedback, Sales, Security, Status, Support []string
}

// isURI reports whether s has the looks of a URI: a scheme, a colon, and
// something without blanks (RFC 3986 §3).
func isURI(s string) bool {
	scheme, rest, _ := strings.Cut(s, ":")
	letter := func(c rune) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
	for i, c := range scheme {
		if !letter(c) && (i == 0 || !strings.ContainsRune("0123456789+-.", c)) {
			return false
		}
	}
	hidden := func(c rune) bool { return c <= ' ' || c == 0x7F || c == utf8.RuneError }
	return scheme != "" && strings.Trim(rest, "/") != "" && !strings.ContainsFunc(rest, hidden)
}

func (c *checker) contact(d *document) Contact {
	read := func(key string, list []string) []string {
		for i, s := range list {
			if !isURI(s) {
				c.fail(element("contact."+key, i), " has "+quote(s)+", which is no URI", `write e.g. "mailto:admin@example.org", "xmpp:admin@example.org" or "https://example.org/help"`)
			}
		}
		return append([]string(nil), list...) // nil if there are none
	}
	return Contact{
		Abuse:    read("abuse", d.Contact.Abuse),
		Admin:    read("admin", d.Contact.Admin),
		Feedback: read("feedback", d.Contact.Feedback),
		Sales:    read("sales", d.Contact.Sales),
		Security: read("security", d.Contact.Security),
		Status:   read("status", d.Contact.Status),
		Support:  read("support", d.Contact.Support),
	}
}
