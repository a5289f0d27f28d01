package wire

import (
	"bytes"
	"unicode/utf8"
)

// The names and attributes of a start tag.

// An attr is an attribute of the start tag being scanned.
type attr struct {
	name  span
	colon int32 // where the colon of the name is, 0 if it has none
	value span
	coded bool // the value means something else than its bytes
	role  role
}

// local returns the name without its prefix.
func (a *attr) local(b []byte) []byte {
	if a.colon != 0 {
		return b[a.colon+1 : a.name.to]
	}
	return a.name.of(b)
}

// prefix returns the prefix of the name, empty if it has none.
func (a *attr) prefix(b []byte) []byte {
	if a.colon != 0 {
		return b[a.name.from:a.colon]
	}
	return nil
}

// declared returns which prefix a declaration declares, none by default.
func (a *attr) declared() span {
	if a.colon != 0 {
		return span{a.colon + 1, a.name.to}
	}
	return span{}
}

// beginName notes that a name begins at the next byte.
func (s *scanner) beginName(in state) {
	s.mark, s.colon, s.state = int32(s.pos), 0, in
}

// name reads on in a name; done says that it ended, before s.pos.
func (s *scanner) name() (done bool, err error) {
	b, p := s.b, s.pos
	longest := int(s.mark) + s.limits.Name
	end := min(len(b), longest+1)
scan:
	for p < end {
		c := b[p]
		switch {
		case classes[c]&nameByte != 0:
			p++
		case c == ':' && s.colon == 0:
			s.colon = int32(p)
			p++
		case c < 0x80:
			break scan
		default:
			n, err := s.nameRune(p)
			if n == 0 {
				return false, err
			}
			p += n
		}
	}
	s.pos = p
	if p > longest {
		return false, PolicyViolation
	}
	if p == len(b) {
		return false, nil
	}
	// Namespaces in XML 1.0 §4: a name, or two with a colon between them.
	if classes[b[s.mark]]&nameStart == 0 && !startsName(b[s.mark:]) ||
		s.colon != 0 && !startsName(b[s.colon+1:]) {
		return false, NotWellFormed
	}
	return true, nil
}

// nameRune returns the length of the character beyond ASCII at p; 0 like char.
func (s *scanner) nameRune(p int) (int, error) {
	n, err := s.char(p)
	if n == 0 {
		return 0, err
	}
	if r, _ := utf8.DecodeRune(s.b[p:]); !isNameRune(r) {
		return 0, NotWellFormed
	}
	return n, nil
}

// startsName reports whether the first character of b may begin a name.
func startsName(b []byte) bool {
	if b[0] < 0x80 {
		return classes[b[0]]&nameStart != 0
	}
	r, _ := utf8.DecodeRune(b)
	return isNameStart(r)
}

// tagName reads the name of a start tag.
func (s *scanner) tagName() error {
	done, err := s.name()
	if !done {
		return err
	}
	s.tag = attr{name: span{s.mark, int32(s.pos)}, colon: s.colon}
	s.prefixes = s.colon != 0
	s.spaced = false
	s.state = inTag
	return s.inside()
}

// inside reads what stands between attributes, and the end of the tag.
func (s *scanner) inside() error {
	for s.pos < len(s.b) {
		c := s.b[s.pos]
		switch {
		case c == '>':
			s.pos++
			return s.opened(false)
		case c == '/':
			s.pos++
			s.state = afterSlash
			if s.pos < len(s.b) {
				return s.single()
			}
			return nil
		case isSpace(c):
			s.spaced = true
			s.pos++
		case !s.spaced:
			return NotWellFormed
		case len(s.attrs) == s.limits.Attributes:
			return PolicyViolation
		case !s.plainAttr():
			s.beginName(inAttr)
			return s.attrName()
		}
	}
	return nil
}

// plainName returns where the name at s.pos ends, if that is there and nothing
// in the name needs a second look, as is usual; else 0.
func (s *scanner) plainName() int {
	b, p := s.b, s.pos
	for p < len(b) && classes[b[p]]&nameByte != 0 {
		p++
	}
	if p == len(b) || p-s.pos > s.limits.Name || b[p] == ':' || b[p] >= 0x80 || classes[b[s.pos]]&nameStart == 0 {
		return 0
	}
	return p
}

// plainAttr reads a whole attribute, if it is there and nothing in it needs a
// second look. Otherwise it reads nothing.
func (s *scanner) plainAttr() bool {
	end := s.plainName()
	if end == 0 || end+2 >= len(s.b) || s.b[end] != '=' {
		return false
	}
	quote := s.b[end+1]
	if quote != '"' && quote != '\'' {
		return false
	}
	value := span{int32(end + 2), int32(skipValue(s.b, end+2, quote))}
	if int(value.to) == len(s.b) || s.b[value.to] != quote {
		return false
	}
	a := s.addAttr(s.pos, end)
	if a == nil {
		return false
	}
	a.value = value
	s.pos, s.spaced = int(value.to)+1, false
	return true
}

// attrName reads the name of an attribute.
func (s *scanner) attrName() error {
	done, err := s.name()
	if !done {
		return err
	}
	a := s.addAttr(int(s.mark), s.pos)
	if a == nil {
		return NotWellFormed // XML 1.0 §3.1, WFC: Unique Att Spec
	}
	a.colon = s.colon
	switch {
	case a.colon == 0:
	case string(a.prefix(s.b)) == "xmlns":
		a.role, s.declares = roleDeclaration, true
	default:
		s.prefixes = true
	}
	s.state = afterAttr
	return nil
}

// addAttr adds an attribute of that name, unless there is one: then it returns
// nil.
func (s *scanner) addAttr(from, to int) *attr {
	name := s.b[from:to]
	bit := uint64(1) << ((name[0] + 5*name[len(name)-1] + 11*byte(len(name))) & 63)
	if s.seen&bit != 0 && s.duplicate(name) {
		return nil
	}
	s.seen |= bit
	n := len(s.attrs)
	s.attrs = s.attrs[:n+1] // there is room for limits.Attributes
	a := &s.attrs[n]
	*a = attr{name: span{int32(from), int32(to)}}
	if string(name) == "xmlns" {
		a.role, s.declares = roleDeclaration, true
	}
	return a
}

// duplicate reports whether there is an attribute of that name.
func (s *scanner) duplicate(name []byte) bool {
	for i := range s.attrs {
		if bytes.Equal(s.attrs[i].name.of(s.b), name) {
			return true
		}
	}
	return false
}

// beginValue notes that the value of the last attribute begins.
func (s *scanner) beginValue(quote byte) {
	s.quote, s.coded, s.state = quote, false, inValue
	s.attrs[len(s.attrs)-1].value.from = int32(s.pos)
}

// value reads a value, up to its closing quote.
func (s *scanner) value() error {
	p := s.pos
	for {
		p = skipValue(s.b, p, s.quote)
		if p == len(s.b) {
			s.pos = p
			return nil
		}
		switch c := s.b[p]; {
		case c == s.quote:
			a := &s.attrs[len(s.attrs)-1]
			a.value.to, a.coded = int32(p), s.coded
			s.pos, s.state, s.spaced = p+1, inTag, false
			return nil
		case c == '<':
			return NotWellFormed // XML 1.0 §3.1, WFC: No < in Attribute Values
		case c == '&':
			s.coded = true
			s.beginReference(p, inValue)
			return nil
		case c < ' ':
			s.coded = true // white space becomes blanks
		}
		n, err := s.char(p)
		if n == 0 {
			return err
		}
		p += n
	}
}
