package config

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// An Error is a line that is wrong.
type Error struct {
	File string
	Line int // from 1; 0: the file as a whole
	What string
	Cure string
}

// Error returns "FILE:LINE: what; cure".
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s; %s", e.File, e.What, e.Cure)
	}
	return fmt.Sprintf("%s:%d: %s; %s", e.File, e.Line, e.What, e.Cure)
}

// A document is the file as TOML has it. The tags are the keys, in the order
// of the README.
type document struct {
	Domains     []string `toml:"domains"`
	Users       string   `toml:"users"`
	Signers     []string `toml:"signers"`
	ForgetAfter string   `toml:"forget_after"`
	TLS         struct {
		Certificates []Pair `toml:"certificates"`
		Roots        string `toml:"roots"`
		MinVersion   string `toml:"min_version"`
	} `toml:"tls"`
	Login struct {
		Plain         bool `toml:"plain"`
		StrictBinding bool `toml:"strict_binding"`
	} `toml:"login"`
	Listen struct {
		Client    []string `toml:"client"`
		ClientTLS []string `toml:"client_tls"`
		Server    []string `toml:"server"`
		ServerTLS []string `toml:"server_tls"`
		Proxy65   []string `toml:"proxy65"`
		Web       []string `toml:"web"`
		Metrics   []string `toml:"metrics"`
	} `toml:"listen"`
	Federation struct {
		Policy string   `toml:"policy"`
		Allow  []string `toml:"allow"`
		Deny   []string `toml:"deny"`
	} `toml:"federation"`
	DNS struct {
		Resolver    string `toml:"resolver"`
		TrustAnchor string `toml:"trust_anchor"`
	} `toml:"dns"`
	Rooms struct {
		Host string `toml:"host"`
	} `toml:"rooms"`
	Proxy65 struct {
		Host string `toml:"host"`
	} `toml:"proxy65"`
	Calls struct {
		Services   []string `toml:"services"`
		SecretFile string   `toml:"secret_file"`
		Lifetime   string   `toml:"lifetime"`
	} `toml:"calls"`
	Contact struct {
		Abuse    []string `toml:"abuse"`
		Admin    []string `toml:"admin"`
		Feedback []string `toml:"feedback"`
		Sales    []string `toml:"sales"`
		Security []string `toml:"security"`
		Status   []string `toml:"status"`
		Support  []string `toml:"support"`
	} `toml:"contact"`
	Onion struct {
		SOCKS   string   `toml:"socks"`
		Clients []string `toml:"clients"`
		Relays  []string `toml:"relays"`
	} `toml:"onion"`
	Log struct {
		Domains bool `toml:"domains"`
	} `toml:"log"`
	Limits struct {
		StanzaBytes           int64  `toml:"stanza_bytes"`
		BytesPerSecond        int64  `toml:"bytes_per_second"`
		LoginsPerMinute       int64  `toml:"logins_per_minute"`
		ConnectionsPerAddress int64  `toml:"connections_per_address"`
		OutboxBytes           int64  `toml:"outbox_bytes"`
		Resume                string `toml:"resume"`
		ProxyBytesPerSecond   int64  `toml:"proxy_bytes_per_second"`
		ProxyBytes            int64  `toml:"proxy_bytes"`
	} `toml:"limits"`
}

// defaults returns what counts where the file says nothing.
func defaults() *document {
	d := &document{ForgetAfter: "24h"}
	d.TLS.Certificates = []Pair{{Chain: "fullchain.pem", Key: "privkey.pem"}}
	d.TLS.MinVersion = "1.3"
	d.Listen.Client = []string{"[::]:5222"}
	d.Listen.ClientTLS = []string{"[::]:5223"}
	d.Listen.Server = []string{"[::]:5269"}
	d.Listen.ServerTLS = []string{"[::]:5270"}
	d.Federation.Policy = "dane"
	d.Rooms.Host = "rooms"
	d.Calls.Lifetime = "12h"
	d.Log.Domains = true
	d.Limits.StanzaBytes = 256 << 10
	d.Limits.BytesPerSecond = 128 << 10
	d.Limits.LoginsPerMinute = 20
	d.Limits.ConnectionsPerAddress = 200
	d.Limits.OutboxBytes = 4 << 20
	d.Limits.Resume = "2m"
	d.Limits.ProxyBytesPerSecond = 1 << 20
	d.Limits.ProxyBytes = 1 << 30
	return d
}

// Default returns the configuration of a file that says nothing, as far as
// there is one: without domains, users file and signers, and with the paths of
// the working directory.
func Default() *Config {
	c := &checker{}
	return c.config(defaults())
}

// Parse reads the text of a configuration. The file's name serves errors and
// relative paths; it is not opened. The error is an [*Error].
func Parse(file string, text []byte) (*Config, error) {
	at, err := locate(file, text)
	if err != nil {
		return nil, err
	}
	d := defaults()
	decoder := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields()
	if err := decoder.Decode(d); err != nil {
		return nil, undecoded(file, at, err)
	}
	c := &checker{file: file, dir: filepath.Dir(file), at: at}
	cfg := c.config(d)
	c.required("domains", len(cfg.Domains) > 0)
	c.required("users", d.Users != "")
	c.required("signers", len(cfg.Signers) > 0)
	if c.err != nil {
		return nil, c.err
	}
	return cfg, nil
}

// undecoded turns an error of the TOML package, which speaks of Go types, into
// one that speaks of the file. Syntax and names have been checked by then.
func undecoded(file string, at places, err error) error {
	var wrong *toml.DecodeError
	if !errors.As(err, &wrong) {
		return &Error{File: file, What: "not readable as TOML", Cure: "compare it with the README's example"}
	}
	line, _ := wrong.Position()
	key := strings.Join(wrong.Key(), ".")
	return &Error{file, line, key + " has a value of the wrong kind", "write e.g. " + example(key)}
}

// example returns how the template sets a key, without its table.
func example(key string) string {
	table := ""
	for line := range strings.Lines(Template) {
		if strings.HasPrefix(line, "[") {
			table, _, _ = strings.Cut(line[1:], "]")
			table += "."
		}
		line = strings.TrimPrefix(line, "# ")
		if word, _, ok := strings.Cut(line, "="); ok && table+strings.TrimSpace(word) == key {
			line, _, _ = strings.Cut(line, " # ")
			return strings.Join(strings.Fields(line), " ")
		}
	}
	return key[strings.LastIndexByte(key, '.')+1:]
}
