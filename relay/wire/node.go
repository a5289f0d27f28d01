package wire

import (
	"bytes"
	"strings"
)

// A Node is an element as a tree of its own, for answering requests. It is for
// small payloads; what is relayed is never made a tree.
type Node struct {
	NS, Name string
	Attrs    []Attr
	Children []*Node
	Text     string // its own character data, without that of its children
	Raw      []byte // see [Stanza.Outline]; else nil
}

// An Attr is an attribute that declares no namespace. NS is "" if its name has
// no prefix.
type Attr struct{ NS, Name, Value string }

// Attr returns the value of the attribute without prefix, "" if it is absent.
func (n *Node) Attr(name string) string {
	for _, a := range n.Attrs {
		if a.NS == "" && a.Name == name {
			return a.Value
		}
	}
	return ""
}

// Child returns the first child with that namespace and name, nil if there is
// none.
func (n *Node) Child(ns, name string) *Node {
	for _, c := range n.Children {
		if c.NS == ns && c.Name == name {
			return c
		}
	}
	return nil
}

// Node returns the stanza, as it was received, as a tree.
func (s *Stanza) Node() *Node { return s.tree(-1).element() }

// tree returns one that is about to read s, and to cut off what lies at depth.
func (s *Stanza) tree(depth int) *tree {
	t := &tree{b: s.raw, p: len("<"), depth: depth}
	for _, d := range s.sc.outer {
		t.bind(string(d.prefix), string(d.name))
	}
	return t
}

// A tree builds Nodes. It reads bytes the scanner found well-formed, so it need
// not doubt them.
type tree struct {
	b     []byte
	p     int
	binds []Attr // Name is a prefix, Value what it means
	depth int    // so many levels further down elements are cut off; below 0: none is
	cut   *cutting

	repeated int // bytes; see maxRepeated
}

func (t *tree) bind(prefix, ns string) { t.binds = append(t.binds, Attr{Name: prefix, Value: ns}) }

func (t *tree) lookup(prefix string) string {
	for i := len(t.binds) - 1; i >= 0; i-- {
		if t.binds[i].Name == prefix {
			t.cut.uses(i)
			return t.binds[i].Value
		}
	}
	if prefix == "xml" {
		return NSXML
	}
	return ""
}

// until returns the bytes up to one of those in stops.
func (t *tree) until(stops string) []byte {
	from := t.p
	t.p += bytes.IndexAny(t.b[from:], stops)
	return t.b[from:t.p]
}

// element reads an element whose < was read.
func (t *tree) element() *Node {
	if t.depth == 0 {
		return t.cutOff()
	}
	outside := len(t.binds)
	prefix, local := splitName(t.until(" \t\r\n/>"))
	n := &Node{Name: local}
	prefixes := t.attributes(n)
	n.NS = t.lookup(prefix)
	for i, p := range prefixes {
		if p != "" {
			n.Attrs[i].NS = t.lookup(p)
		}
	}
	empty := t.b[t.p] == '/'
	t.p += len(">")
	if empty {
		t.p++
	} else {
		t.depth--
		t.content(n)
		t.depth++
	}
	t.binds = t.binds[:outside]
	return n
}

// attributes reads up to the end of the start tag and returns the prefixes of
// the attributes it gave n.
func (t *tree) attributes(n *Node) (prefixes []string) {
	for {
		t.p = skipSpace(t.b, t.p)
		if c := t.b[t.p]; c == '/' || c == '>' {
			return prefixes
		}
		prefix, local := splitName(t.until(" \t\r\n="))
		t.until(`"'`)
		quote := t.b[t.p : t.p+1]
		t.p++
		value := string(appendDecoded(nil, t.until(string(quote)), true))
		t.p++
		switch {
		case prefix == "xmlns":
			t.bind(local, value)
		case prefix == "" && local == "xmlns":
			t.bind("", value)
		default:
			n.Attrs = append(n.Attrs, Attr{Name: local, Value: value})
			prefixes = append(prefixes, prefix)
		}
	}
}

// content reads what is in n, and its end tag.
func (t *tree) content(n *Node) {
	const cdata, cdataEnd = "![CDATA[", "]]>"
	var text []byte
	for {
		s := t.until("<")
		if t.cut == nil {
			text = appendDecoded(text, s, false)
		}
		t.p++
		switch rest := t.b[t.p:]; {
		case rest[0] == '/':
			t.until(">")
			t.p++
			n.Text = string(text)
			return
		case rest[0] == '!':
			rest = rest[len(cdata):]
			end := bytes.Index(rest, []byte(cdataEnd))
			text = appendLines(text, rest[:end])
			t.p += len(cdata) + end + len(cdataEnd)
		default:
			n.Children = append(n.Children, t.element())
		}
	}
}

// appendLines appends text without references, its line ends made one '\n'.
func appendLines(dst, text []byte) []byte {
	for {
		line, rest, found := bytes.Cut(text, []byte("\r"))
		dst = append(dst, line...)
		if !found {
			return dst
		}
		dst = append(dst, '\n')
		text = bytes.TrimPrefix(rest, []byte("\n"))
	}
}

func splitName(name []byte) (prefix, local string) {
	if prefix, local, ok := strings.Cut(string(name), ":"); ok {
		return prefix, local
	}
	return "", string(name)
}
