package wire

import "bytes"

// maxRepeated is how many bytes of namespaces the elements that one outline cuts
// off may declare together. Without a bound one long name, declared once and
// used by thousands of tiny elements, would be thousands of long names.
const maxRepeated = 1 << 20

// Outline returns the stanza as a tree that ends at a depth, the children of
// the stanza being at depth 1. An element at that depth is no more than its
// name, its namespace and Raw: its bytes as they came, but that its start tag
// declares what it uses of the namespaces declared around it, so that it stands
// by itself. Raw is memory of its own, as long as its bytes. It is nil where
// such declarations would take more than 1 MiB together.
func (s *Stanza) Outline(depth int) *Node { return s.tree(depth).element() }

// A cutting notes what an element that is cut off uses of the declarations
// around it.
type cutting struct{ used []bool }

// uses notes the use of a declaration; there need not be a cutting.
func (c *cutting) uses(bind int) {
	if c != nil && bind < len(c.used) {
		c.used[bind] = true
	}
}

// cutOff reads an element whose < was read as one that stands by itself.
func (t *tree) cutOff() *Node {
	from, around := t.p-len("<"), t.binds
	t.cut, t.depth = &cutting{make([]bool, len(around))}, -1
	n := t.element()
	used := t.cut.used
	t.cut, t.depth = nil, 0
	for i := range used {
		if used[i] {
			t.repeated += len(around[i].Value)
		}
	}
	cut := &Node{NS: n.NS, Name: n.Name}
	if t.repeated <= maxRepeated {
		cut.Raw = declaring(t.b[from:t.p], around, used)
	}
	return cut
}

// declaring returns an element that declares what it uses.
func declaring(raw []byte, around []Attr, used []bool) []byte {
	var declared []byte
	for i := range used {
		if !used[i] {
			continue
		}
		declared = append(declared, " xmlns"...)
		if prefix := around[i].Name; prefix != "" {
			declared = append(append(declared, ':'), prefix...)
		}
		declared = appendQuoted(declared, around[i].Value)
	}
	at := bytes.IndexAny(raw, " \t\r\n/>") // behind the element's name
	b := make([]byte, 0, len(raw)+len(declared))
	return append(append(append(b, raw[:at]...), declared...), raw[at:]...)
}
