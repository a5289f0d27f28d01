package config

import "strings"

// Template is lethe.toml with every key. Those that must be there are filled
// in by [Fill]; all others stand in comments with their defaults.
const Template = `# The configuration of a lethe relay. Relative paths are relative to this file.
# A key in a comment shows its default. After a change: lethe check

domains      = [DOMAINS]
users        = "users.txt"        # its signature lies beside it: users.txt.minisig
signers      = [SIGNERS]
                                  # minisign public keys that may sign it
# forget_after = "24h"            # account memory after the last connection ends

[tls]
# certificates = [{ chain = "fullchain.pem", key = "privkey.pem" }]
# roots        = ""               # PEM file with private roots; default: the system's
# min_version  = "1.3"            # or "1.2", with forward secrecy and AEAD only

[login]
# plain          = false          # offer PLAIN too, for clients without SCRAM
# strict_binding = false          # refuse clients that bind channels in ways TLS 1.3
                                  # has not (slixmpp and poezio, at present)

[listen]                          # lists of address:port; [] switches one off
# client     = ["[::]:5222"]      # STARTTLS
# client_tls = ["[::]:5223"]      # direct TLS
# server     = ["[::]:5269"]
# server_tls = ["[::]:5270"]
# proxy65    = []                 # SOCKS5 bytestreams relay
# web        = []                 # WebSocket and host-meta
# metrics    = []                 # Prometheus text, loopback only

[federation]
# policy = "dane"                 # dane: DANE where published, else certificate authorities
                                  # dane-only: nothing without DANE;  off: internal only
# allow  = []                     # domains, or *.example.org; empty: whoever the policy admits
# deny   = []                     # likewise; goes before allow

[dns]
# resolver     = ""               # ip:port; default: the system's first
# trust_anchor = ""               # file of DS or DNSKEY records; default: the root's, built in

[rooms]
# host = "rooms"                  # rooms.example.org; "" switches rooms off

[proxy65]
# host = ""                       # where clients are told to connect; default: where it listens

[calls]                           # STUN and TURN servers for the calls of this relay's users
# services    = []                # e.g. ["stun:turn.example.org", "turns:turn.example.org:5349"]
# secret_file = ""                # file with the secret shared with the TURN servers
# lifetime    = "12h"             # of a credential for TURN

[contact]                         # lists of addresses to publish, e.g. ["mailto:admin@example.org"]
# abuse    = []
# admin    = []
# feedback = []
# sales    = []
# security = []
# status   = []
# support  = []

[onion]
# socks   = ""                    # ip:port of Tor's SOCKS, for peers under .onion
# clients = []                    # where Tor brings clients, saying by which circuit: see torrc
# relays  = []                    # where Tor brings other relays, likewise

[log]
# domains = true                  # name domains to which links failed, in the log and to lethe check

[limits]                          # numbers; 0 switches one off, outbox_bytes excepted
# stanza_bytes            = 262144
# bytes_per_second        = 131072  # per client connection, with a generous burst
# logins_per_minute       = 20      # failed ones, per address
# connections_per_address = 200
# outbox_bytes            = 4194304 # per connection
# resume                  = "2m"    # how long a cut connection's stanzas wait, at most 10m
# proxy_bytes_per_second  = 1048576 # of one transfer through the proxy, in each direction
# proxy_bytes             = 1073741824 # of one transfer
`

// Fill returns [Template] for domains and the minisign public keys of signers.
// With onion, nothing listens beyond loopback, where Tor's onion service
// brings connections, and federation asks Tor.
func Fill(domains, signers []string, onion bool) string {
	text := strings.NewReplacer("[DOMAINS]", list(domains), "[SIGNERS]", list(signers)).Replace(Template)
	if !onion {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		local := strings.NewReplacer(`"[::]:`, `"127.0.0.1:`,
			`socks   = ""              `, `socks   = "127.0.0.1:9050"`,
			`clients = []              `, `clients = ["127.0.0.1:5232"]`,
			`relays  = []              `, `relays  = ["127.0.0.1:5279"]`).Replace(line)
		if local != line {
			local = strings.TrimPrefix(local, "# ")
		}
		b.WriteString(local)
	}
	return b.String()
}

// list writes a TOML array of texts that need no escapes.
func list(texts []string) string { return `["` + strings.Join(texts, `", "`) + `"]` }
