package wire

import "bytes"

// What the scanner notes of a stanza on its way.

// A role is what an attribute of a stanza is for.
type role uint8

const (
	roleNone role = iota
	roleTo
	roleFrom
	roleID
	roleType
	roleLang
	roleDeclaration // of a namespace
	roleContent     // of the stream's content namespace
)

// maxChildren is how many children of a stanza are noted.
const maxChildren = 16

// A child is the note of an element directly below the stanza.
type child struct {
	name      span // without prefix
	ns        namespace
	raw, text span
}

// A view is what was noted of a stanza.
type view struct {
	name       attr // of the stanza
	ns         namespace
	kind       Kind
	own        []attr // its attributes
	ownDefault bool   // one of them declares a default namespace
	tagEnd     int32  // where its start tag ends, at > or />
	bodies     int    // how many of all children are bodies
	bodyAt     int    // where among children the first is, if it is noted
	children   []child
	truncated  bool
	endAt      int32 // where the last end tag began
}

func (v *view) begin() {
	own, children := v.own[:0], v.children[:0]
	*v = view{own: own, children: children}
}

// noteStanza takes note of the stanza's start tag, which ends here.
func (s *scanner) noteStanza(empty bool) error {
	s.view.name = s.tag
	s.ns, _ = s.lookup(s.tag.prefix(s.b))
	name, ns := s.tag.local(s.b), s.spell(s.ns)
	if string(ns) == NSStream && string(name) == "stream" {
		return BadFormat // a stream within the stream
	}
	s.kind = Nonza
	if s.isContent(ns) {
		s.kind = kindOf(name)
	}
	s.tagEnd = int32(s.pos - len(">"))
	if empty {
		s.tagEnd--
	}
	s.own, s.attrs = s.attrs, s.own[:0]
	for i := range s.own {
		s.noteAttr(&s.own[i])
	}
	return nil
}

func kindOf(name []byte) Kind {
	switch string(name) {
	case "message":
		return Message
	case "presence":
		return Presence
	case "iq":
		return IQ
	}
	return Nonza
}

// noteAttr gives an attribute of the stanza its role.
func (s *scanner) noteAttr(a *attr) {
	if a.role == roleDeclaration {
		prefix := a.declared()
		s.ownDefault = s.ownDefault || prefix == span{}
		if ns, _ := s.lookup(prefix.of(s.b)); s.isContent(s.spell(ns)) {
			a.role = roleContent
		}
		return
	}
	switch string(a.name.of(s.b)) {
	case "to":
		a.role = roleTo
	case "from":
		a.role = roleFrom
	case "id":
		a.role = roleID
	case "type":
		a.role = roleType
	case "xml:lang":
		a.role = roleLang
	}
}

// noteChild takes note of a child's start tag, which ends here.
func (s *scanner) noteChild() {
	name := s.tag.name
	if s.tag.colon != 0 {
		name.from = s.tag.colon + 1
	}
	ns, _ := s.lookup(s.tag.prefix(s.b))
	if s.kind == Message && string(name.of(s.b)) == "body" && bytes.Equal(s.spell(ns), s.spell(s.ns)) {
		if s.bodies == 0 {
			s.bodyAt = len(s.children)
		}
		s.bodies++
	}
	if len(s.children) == maxChildren {
		s.truncated = true
		return
	}
	n := len(s.children)
	s.children = s.children[:n+1]
	c := &s.children[n]
	c.name, c.ns = name, ns
	c.raw.from, c.text.from = s.tag.name.from-int32(len("<")), int32(s.pos)
}

// noteChildEnd takes note of the last child's end.
func (s *scanner) noteChildEnd() {
	if s.truncated {
		return
	}
	last := &s.children[len(s.children)-1]
	last.text.to, last.raw.to = s.endAt, int32(s.pos)
}
