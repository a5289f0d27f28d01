package sasl

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

const (
	external = "EXTERNAL" // RFC 4422 Appendix A
	plain    = "PLAIN"    // RFC 4616
)

// The channel binding types, best first.
const (
	TLSExporter       = "tls-exporter"         // RFC 9266
	TLSServerEndPoint = "tls-server-end-point" // RFC 5929 §4
)

// scramMechanism is one of the family.
type scramMechanism struct {
	name string
	hash Hash
	plus bool // with channel binding
}

// scramMechanisms lists the family, strongest first.
func scramMechanisms() [4]scramMechanism {
	return [...]scramMechanism{
		{"SCRAM-SHA-256-PLUS", SHA256, true},
		{"SCRAM-SHA-256", SHA256, false},
		{"SCRAM-SHA-1-PLUS", SHA1, true},
		{"SCRAM-SHA-1", SHA1, false},
	}
}

func scramNamed(name string) (scramMechanism, bool) {
	for _, m := range scramMechanisms() {
		if m.name == name {
			return m, true
		}
	}
	return scramMechanism{}, false
}

// advertised is the hash of XEP-0474 §6.1 over what a server advertised.
// Without binding types it did not use XEP-0440.
func advertised(h Hash, mechanisms, bindings []string) string {
	list := func(names []string) string {
		return strings.Join(slices.Sorted(slices.Values(names)), "\x1e")
	}
	s := list(mechanisms)
	if len(bindings) > 0 {
		s += "\x1f" + list(bindings)
	}
	return base64.StdEncoding.EncodeToString(h.sum([]byte(s)))
}

// version writes a version of TLS as XEP-0515 §4.1 does: 0304 is TLS 1.3.
func version(tls uint16) string {
	if tls == 0 {
		return ""
	}
	s := strconv.FormatUint(uint64(tls), 16)
	return strings.Repeat("0", 4-len(s)) + s
}
