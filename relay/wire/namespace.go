package wire

import (
	"bytes"

	"lethe/relay/buffer"
)

// A source says where a namespace name is kept.
type source uint8

const (
	fromStanza  source = iota // at its place in the element's bytes
	fromScratch               // decoded, in namespaces.scratch
	fromHeader                // in namespaces.outer, whose index is span.from
	fromXML                   // that of the prefix xml, which needs no declaration
)

// A namespace is where a namespace name is; the zero value is no namespace.
type namespace struct {
	span
	in source
}

// A binding is a namespace declaration in force.
type binding struct {
	prefix span // empty for the default namespace
	name   namespace
}

// A prefixedAttr is an attribute whose name has a prefix.
type prefixedAttr struct {
	local span
	ns    namespace
}

// A decl is a namespace declaration of the stream header.
type decl struct{ prefix, name []byte }

// maxAttributes bounds Limits.Attributes: of the declarations of a header, and
// the default namespace beside them, each has a bit in namespaces.used.
const maxAttributes = 63

// namespaces knows which prefix means what at the place being scanned.
type namespaces struct {
	outer    []decl         // of the stream header; the first is the default one
	content  []byte         // the content namespace among them
	used     uint64         // which of these were used, a bit each
	binds    []binding      // within the element, the innermost last
	prefixed []prefixedAttr // of the present start tag
	xml      []byte         // NSXML
	scratch  *buffer.Buffer // what had to be decoded; nil if nothing had
}

func (n *namespaces) begin() {
	n.used, n.binds = 0, n.binds[:0]
	if n.scratch != nil {
		n.scratch.Truncate(0)
	}
}

// decode puts what the value of an attribute means in scratch, which may move,
// and returns where. It is never longer than the value.
func (n *namespaces) decode(value []byte) span {
	n.scratch = n.scratch.Grow(len(value))
	from := len(n.scratch.B)
	n.scratch.B = appendDecoded(n.scratch.B, value, true)
	return span{int32(from), int32(len(n.scratch.B))}
}

// isContent reports whether a namespace is the stream's content namespace.
func (n *namespaces) isContent(name []byte) bool {
	return len(name) > 0 && bytes.Equal(name, n.content)
}

// spell returns the name of a namespace.
func (s *scanner) spell(ns namespace) []byte {
	switch ns.in {
	case fromScratch:
		return ns.of(s.scratch.B)
	case fromHeader:
		return s.outer[ns.from].name
	case fromXML:
		return s.xml
	}
	return ns.of(s.b)
}

// lookup finds what a prefix is bound to.
func (s *scanner) lookup(prefix []byte) (namespace, bool) {
	if len(prefix) == 0 {
		return s.defaultNamespace(), true
	}
	for i := len(s.binds) - 1; i >= 0; i-- {
		if bytes.Equal(s.binds[i].prefix.of(s.b), prefix) {
			return s.binds[i].name, true
		}
	}
	for i := range s.outer {
		if bytes.Equal(s.outer[i].prefix, prefix) {
			s.used |= 1 << i
			return namespace{span{from: int32(i)}, fromHeader}, true
		}
	}
	if string(prefix) == "xml" {
		return namespace{in: fromXML}, true
	}
	return namespace{}, false
}

// defaultNamespace returns that of elements without prefix.
func (n *namespaces) defaultNamespace() namespace {
	for i := len(n.binds) - 1; i >= 0; i-- {
		if p := n.binds[i].prefix; p.from == p.to {
			return n.binds[i].name
		}
	}
	if len(n.outer) == 0 {
		return namespace{}
	}
	return namespace{in: fromHeader}
}

// declare puts the declarations among the attributes in force.
func (s *scanner) declare() error {
	for i := range s.attrs {
		a := &s.attrs[i]
		if a.role != roleDeclaration {
			continue
		}
		prefix := a.declared()
		// It bounds what lookup has to search.
		if len(s.binds) == s.limits.Namespaces {
			return PolicyViolation
		}
		name := namespace{a.value, fromStanza}
		if a.coded {
			name = namespace{s.decode(a.value.of(s.b)), fromScratch}
		}
		if !declarable(prefix.of(s.b), s.spell(name)) {
			return NotWellFormed
		}
		s.binds = append(s.binds, binding{prefix, name})
	}
	return nil
}

// declarable holds the constraints of Namespaces in XML 1.0 §3, Reserved
// Prefixes and Namespace Names, and §5, No Prefix Undeclaring.
func declarable(prefix, name []byte) bool {
	switch {
	case string(prefix) == "xmlns" || string(name) == nsXMLNS:
		return false
	case string(prefix) == "xml" || string(name) == NSXML:
		return string(prefix) == "xml" && string(name) == NSXML
	}
	return len(prefix) == 0 || len(name) > 0
}

// resolvePrefixes refuses a prefix in the start tag that is not bound, and two
// attributes that are one once their prefixes are resolved.
func (s *scanner) resolvePrefixes() error {
	if s.tag.colon != 0 {
		if _, ok := s.lookup(s.tag.prefix(s.b)); !ok {
			return BadNamespacePrefix // RFC 6120 §4.9.3.2
		}
	}
	s.prefixed = s.prefixed[:0]
	for i := range s.attrs {
		a := &s.attrs[i]
		if a.colon == 0 || a.role == roleDeclaration {
			continue
		}
		ns, ok := s.lookup(a.prefix(s.b))
		if !ok {
			return BadNamespacePrefix // RFC 6120 §4.9.3.2
		}
		p := prefixedAttr{span{a.colon + 1, a.name.to}, ns}
		for _, other := range s.prefixed {
			if s.same(other, p) {
				return NotWellFormed // Namespaces in XML 1.0 §6.3
			}
		}
		s.prefixed = append(s.prefixed, p)
	}
	return nil
}

// same reports whether two attributes have one local name and, by different
// prefixes, one namespace.
func (s *scanner) same(a, b prefixedAttr) bool {
	return bytes.Equal(a.local.of(s.b), b.local.of(s.b)) && bytes.Equal(s.spell(a.ns), s.spell(b.ns))
}
