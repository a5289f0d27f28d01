package wire

import (
	"bytes"
	"unicode/utf8"
)

// The names and attributes of a start tag.

// beginName notes that a name begins at the next byte.
func (s *scanner) beginName(in state) {
	s.mark, s.colon, s.state = int32(s.pos), 0, in
}

// name reads on in a name; done says that it ended, before s.pos.
func (s *scanner) name() (done bool, err error) {
	longest := int(s.mark) + s.limits.Name
	end := min(len(s.b), longest+1)
	p := s.pos
scan:
	for p < end {
		c := s.b[p]
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
	if p == len(s.b) {
		return false, nil
	}
	// Namespaces in XML 1.0 §4: a name, or two with a colon between them.
	if !startsName(s.b[s.mark:]) || s.colon != 0 && !startsName(s.b[s.colon+1:]) {
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
	s.spaced = false
	s.state = inTag
	return s.inside()
}

// inside reads what stands between attributes, and the end of the tag.
func (s *scanner) inside() error {
	for s.pos < len(s.b) {
		c := s.b[s.pos]
		switch {
		case isSpace(c):
			s.spaced = true
			s.pos++
		case c == '>':
			s.pos++
			return s.opened(false)
		case c == '/':
			s.pos++
			s.state = afterSlash
			return nil
		case !s.spaced:
			return NotWellFormed
		case len(s.attrs) == s.limits.Attributes:
			return PolicyViolation
		default:
			s.beginName(inAttr)
			return s.attrName()
		}
	}
	return nil
}

// attrName reads the name of an attribute, and =" if that follows at once.
func (s *scanner) attrName() error {
	done, err := s.name()
	if !done {
		return err
	}
	a := attr{name: span{s.mark, int32(s.pos)}, colon: s.colon}
	if s.duplicate(a.name.of(s.b)) {
		return NotWellFormed // XML 1.0 §3.1, WFC: Unique Att Spec
	}
	s.attrs = append(s.attrs, a)
	s.state = afterAttr
	if rest := s.b[s.pos:]; len(rest) > 1 && rest[0] == '=' && (rest[1] == '"' || rest[1] == '\'') {
		s.pos += 2
		s.beginValue(rest[1])
		return s.value()
	}
	return nil
}

// duplicate reports whether an attribute of that name was there before.
func (s *scanner) duplicate(name []byte) bool {
	bit := uint64(1) << ((name[0] + 5*name[len(name)-1] + 11*byte(len(name))) & 63)
	if s.seen&bit == 0 {
		s.seen |= bit
		return false
	}
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
			return s.inside()
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
