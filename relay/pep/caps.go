package pep

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"slices"
	"strings"

	"lethe/relay/wire"
)

// The namespaces of capabilities.
const (
	nsCaps = "http://jabber.org/protocol/caps"       // XEP-0115
	nsInfo = "http://jabber.org/protocol/disco#info" // XEP-0030
)

// Caps is what a presence says of a client's capabilities: their hash, and the
// name under which the client tells them (XEP-0115 §4). It is comparable; the
// zero value is a client that says nothing.
type Caps struct{ Hash, Node, Ver string }

// maxCaps bounds each part of Caps, in bytes. The longest hash has 88.
const maxCaps = 512

// CapsOf returns what a presence says. What is too long is as if not said.
func CapsOf(presence *wire.Stanza) Caps {
	c, ok := presence.Child(nsCaps, "c")
	if !ok || len(c.Raw) > 4*maxCaps {
		return Caps{}
	}
	for _, n := range presence.Outline(2).Children {
		if n.NS != nsCaps || n.Name != "c" {
			continue
		}
		c := Caps{n.Attr("hash"), n.Attr("node"), n.Attr("ver")}
		if c.Ver != "" && max(len(c.Hash), len(c.Node), len(c.Ver)) <= maxCaps {
			return c
		}
	}
	return Caps{}
}

// Verify reports whether a disco#info answer is what the hash is of, so that it
// tells of all clients with that hash (XEP-0115 §5.4). Where the function is not
// known here it cannot be.
func (c Caps) Verify(query *wire.Node) bool {
	s, ok := verification(query)
	return ok && c.Ver != "" && sum(c.Hash, s) == c.Ver
}

// sum returns the hash of s by the registered name of its function, "" if that
// is not known.
func sum(hash, s string) string {
	var b []byte
	switch hash {
	case "sha-1": // XEP-0115 §9.1
		h := sha1.Sum([]byte(s))
		b = h[:]
	case "sha-256":
		h := sha256.Sum256([]byte(s))
		b = h[:]
	case "sha-512":
		h := sha512.Sum512([]byte(s))
		b = h[:]
	}
	return base64.StdEncoding.EncodeToString(b)
}

// verification returns the string that is hashed (XEP-0115 §5.1), unless the
// answer is one that has to be refused (XEP-0115 §5.4).
func verification(query *wire.Node) (string, bool) {
	var identities, features, forms []string
	for _, c := range query.Children {
		switch {
		case c.NS == nsInfo && c.Name == "identity":
			identities = append(identities, c.Attr("category")+"\x00"+c.Attr("type")+"\x00"+lang(c)+"\x00"+c.Attr("name"))
		case c.NS == nsInfo && c.Name == "feature":
			features = append(features, c.Attr("var"))
		case c.NS == nsForm && c.Name == "x":
			form, ok := extension(c)
			if !ok {
				return "", false
			}
			if form != nil {
				forms = append(forms, strings.Join(form, "\x01"))
			}
		}
	}
	types := make([]string, len(forms))
	for i, f := range forms {
		types[i], _, _ = strings.Cut(f, "\x01")
	}
	if !distinct(identities) || !distinct(features) || !distinct(types) {
		return "", false
	}
	slices.Sort(forms)
	all := slices.Concat(identities, features, forms)
	if slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, "<") }) {
		return "", false // one thing that would look like two
	}
	s := strings.Join(append(all, ""), "<")
	s = strings.NewReplacer("\x00", "/", "\x01", "<").Replace(s)
	// The string does not tell a feature from a part of a form or from an
	// identity. What a client wants to hear of must not hide there, or one
	// client could silence all others with its hash.
	return s, wishes(strings.Split(s, "<")) == wishes(features)
}

// notify ends a feature that says of which node a client wants to hear (XEP-0060
// §9.2).
const notify = "+notify"

// wishes counts what says so, or looks like it.
func wishes(parts []string) (n int) {
	for _, p := range parts {
		if strings.HasSuffix(p, notify) {
			n++
		}
	}
	return n
}

func lang(n *wire.Node) string {
	for _, a := range n.Attrs {
		if a.NS == wire.NSXML && a.Name == "lang" {
			return a.Value
		}
	}
	return ""
}

// extension returns the parts of a form in their order, none if it does not
// count (XEP-0115 §5.4).
func extension(x *wire.Node) (parts []string, ok bool) {
	var name string
	var fields []string
	for _, f := range x.Children {
		if f.NS != nsForm || f.Name != "field" {
			continue
		}
		values := valuesOf(f)
		if f.Attr("var") != "FORM_TYPE" {
			fields = append(fields, strings.Join(append([]string{f.Attr("var")}, values...), "\x01"))
			continue
		}
		if values = slices.Compact(values); len(values) > 1 {
			return nil, false
		}
		if f.Attr("type") == "hidden" && len(values) == 1 {
			name = values[0]
		}
	}
	if name == "" {
		return nil, true
	}
	slices.Sort(fields)
	return append([]string{name}, fields...), true
}

// valuesOf returns the values of a field, sorted.
func valuesOf(field *wire.Node) (values []string) {
	for _, v := range field.Children {
		if v.NS == nsForm && v.Name == "value" {
			values = append(values, v.Text)
		}
	}
	slices.Sort(values)
	return values
}

// distinct sorts what is to be told apart and reports whether it can be.
func distinct(s []string) bool {
	slices.Sort(s)
	return len(slices.Compact(slices.Clone(s))) == len(s)
}

// Bounds of what is remembered of one client's capabilities.
const (
	maxInterests = 64  // nodes
	maxInterest  = 256 // bytes of a node's name
)

// Interests returns the nodes of which a client wants to hear, by its
// disco#info answer (XEP-0060 §9.2), in order.
func Interests(query *wire.Node) []string {
	nodes := []string{}
	for _, c := range query.Children {
		node, ok := strings.CutSuffix(c.Attr("var"), notify)
		if ok && c.NS == nsInfo && c.Name == "feature" && len(node) <= maxInterest && len(nodes) < maxInterests {
			nodes = append(nodes, strings.Clone(node))
		}
	}
	slices.Sort(nodes)
	return nodes
}
