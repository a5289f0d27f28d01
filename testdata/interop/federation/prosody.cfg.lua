run_as_root = true
daemonize = false
pidfile = "{{.Dir}}/prosody.pid"
data_path = "{{.Dir}}/prosody"
plugin_paths = { "{{.Plugins}}" }
log = { { levels = { min = "info" }, to = "console" } }

interfaces = { "{{.Prosody}}" }
use_ipv6 = false
modules_enabled = { "tls", "saslauth", "dialback", "s2s_bidi", "roster", "ping" }
authentication = "internal_plain"

-- As its documentation advises for whoever wants proof, DANE included. Of
-- incoming links this version asks for certificate authorities all the same.
s2s_secure_auth = true
use_dane = true
s2s_timeout = 20
ssl = { cafile = "{{.CA}}" }
unbound = {
	resolvconf = false;
	trustfile = "{{.Anchors}}";
	options = {
		["root-hints:"] = "{{.Hints}}";
		["do-not-query-localhost:"] = "no";
		["do-ip6:"] = "no";
	};
}
{{range .Hosts}}
VirtualHost "{{.Domain}}"
	c2s_ssl = { certificate = "{{.Login}}.pem", key = "{{.Login}}.key" }
	s2s_ssl = { certificate = "{{.Peer}}.pem", key = "{{.Peer}}.key" }
{{- if .Dialback}}
	modules_enabled = { "only_dialback" }
{{- end}}
{{end}}
