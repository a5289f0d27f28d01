package sasl

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The messages of RFC 5802 §7. The grammar is enforced to the letter: order
// of attributes, characters, canonical base64, one spelling of numbers.

const (
	maxMessage    = 8192 // bytes: a user name and an address, much of them escaped
	maxAttributes = 16
)

var errMessage = errors.New("sasl: malformed SCRAM message")

// gs2Header says who logs in as whom and whether the channel is bound.
type gs2Header struct {
	flag    byte   // 'n': cannot; 'y': could, was not offered; 'p': bound
	binding string // type, with 'p'
	authzid string
	text    string // as sent, with the comma at its end
}

type clientFirst struct {
	gs2Header
	user, nonce string
	bare        string // client-first-message-bare
}

type serverFirst struct {
	nonce      string
	salt       []byte
	iterations int
	seen
}

type clientFinal struct {
	binding []byte // gs2-header and channel binding data
	nonce   string
	proof   []byte
	bare    string // client-final-message-without-proof
}

func parseClientFirst(s string) (clientFirst, error) {
	var m clientFirst
	if !text(s) {
		return m, errMessage
	}
	flag, rest, ok := strings.Cut(s, ",")
	authzid, bare, ok2 := strings.Cut(rest, ",")
	if !ok || !ok2 || !m.parseFlag(flag) || !m.parseAuthzid(authzid) {
		return m, errMessage
	}
	m.text, m.bare = s[:len(s)-len(bare)], bare
	a, ok := attributes(bare, "nr")
	if !ok {
		return m, errMessage
	}
	m.nonce = a[1]
	if m.user, ok = unescape(a[0]); !ok || !printable(m.nonce) {
		return m, errMessage
	}
	return m, nil
}

func (h *gs2Header) parseFlag(s string) bool {
	switch {
	case s == "n" || s == "y":
	case strings.HasPrefix(s, "p=") && bindingName(s[2:]):
		h.binding = s[2:]
	default:
		return false
	}
	h.flag = s[0]
	return true
}

func (h *gs2Header) parseAuthzid(s string) (ok bool) {
	if s == "" {
		return true
	}
	name, ok := strings.CutPrefix(s, "a=")
	if !ok {
		return false
	}
	h.authzid, ok = unescape(name)
	return ok
}

func parseServerFirst(s string) (serverFirst, error) {
	var m serverFirst
	if !text(s) {
		return m, errMessage
	}
	a, ok := attributes(s, "rsi")
	if !ok {
		return m, errMessage
	}
	m.nonce = a[0]
	m.salt, ok = decode(a[1])
	n, err := strconv.Atoi(a[2])
	if !ok || len(m.salt) == 0 || !printable(m.nonce) || err != nil || n < 1 || strconv.Itoa(n) != a[2] {
		return m, errMessage
	}
	m.iterations = n
	for _, x := range a[3:] {
		known := &m.list
		switch x[0] {
		case 'h':
		case 't':
			known = &m.version
		default:
			continue
		}
		if *known != "" {
			return m, errMessage
		}
		*known = x[2:]
	}
	return m, nil
}

func parseClientFinal(s string) (clientFinal, error) {
	var m clientFinal
	i := strings.LastIndexByte(s, ',')
	if !text(s) || i < 0 {
		return m, errMessage
	}
	m.bare = s[:i]
	a, ok := attributes(m.bare, "cr")
	p, ok2 := attributes(s[i+1:], "p")
	if !ok || !ok2 || !printable(a[1]) {
		return m, errMessage
	}
	m.nonce = a[1]
	m.binding, ok = decode(a[0])
	m.proof, ok2 = decode(p[0])
	if !ok || !ok2 {
		return m, errMessage
	}
	return m, nil
}

// parseServerFinal returns the server's signature. The server may say an error
// instead: that is one too.
func parseServerFinal(s string) ([]byte, error) {
	if !text(s) {
		return nil, errMessage
	}
	if strings.HasPrefix(s, "e=") {
		return nil, NotAuthorized
	}
	a, ok := attributes(s, "v")
	if !ok {
		return nil, errMessage
	}
	v, ok := decode(a[0])
	if !ok {
		return nil, errMessage
	}
	return v, nil
}

// attributes returns the values of the attributes called names, which must
// come first and in that order, and behind them the extensions, whole. It
// refuses mandatory extensions (m=, RFC 5802 §5.1) and a name out of place.
func attributes(s, names string) ([]string, bool) {
	a := strings.Split(s, ",")
	if len(a) < len(names) || len(a) > maxAttributes {
		return nil, false
	}
	for i, x := range a {
		if len(x) < 3 || x[1] != '=' || !letter(x[0]) {
			return nil, false
		}
		if i < len(names) {
			if x[0] != names[i] {
				return nil, false
			}
			a[i] = x[2:]
		} else if strings.IndexByte("anmrcsipve", x[0]) >= 0 {
			return nil, false
		}
	}
	return a, true
}

// text keeps a message to UTF-8 without NUL.
func text(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

func letter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

func printable(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x21 || r > 0x7E })
}

// bindingName is cb-name: letters, digits, dots and hyphens.
func bindingName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r > 0x7F || !letter(byte(r)) && (r < '0' || r > '9') && r != '.' && r != '-'
	})
}

// escape and unescape are saslname: a comma is =2C, an equals sign =3D.
func escape(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "=", "=3D"), ",", "=2C")
}

func unescape(s string) (string, bool) {
	u := strings.ReplaceAll(strings.ReplaceAll(s, "=2C", ","), "=3D", "=")
	return u, s != "" && escape(u) == s
}

// decode is base64 in its one canonical form.
func decode(s string) ([]byte, bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	// The decoder skips line ends.
	return b, err == nil && !strings.ContainsAny(s, "\r\n")
}

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
