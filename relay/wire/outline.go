package wire

import "bytes"

// Outline returns the stanza as a tree that ends at a depth, the children of
// the stanza being at depth 1. An element at that depth is no more than its
// name, its namespace and Raw: its bytes as they came, but that its start tag
// declares what it uses of the namespaces declared around it, so that it stands
// by itself. Raw is memory of its own, as long as its bytes.
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
	var declared []byte
	for i, used := range t.cut.used {
		if !used {
			continue
		}
		declared = append(declared, " xmlns"...)
		if prefix := around[i].Name; prefix != "" {
			declared = append(append(declared, ':'), prefix...)
		}
		declared = appendQuoted(declared, around[i].Value)
	}
	t.cut, t.depth = nil, 0
	raw := t.b[from:t.p]
	at := bytes.IndexAny(raw, " \t\r\n/>") // behind the element's name
	b := make([]byte, 0, len(raw)+len(declared))
	b = append(append(append(b, raw[:at]...), declared...), raw[at:]...)
	return &Node{NS: n.NS, Name: n.Name, Raw: b}
}
