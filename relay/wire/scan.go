package wire

// The scanner is a state machine over one element, the stanza or the stream
// header. Each method below carries one state forward as far as the bytes
// reach; what it needs to go on later is kept in the scanner, so that no byte
// is looked at twice. What it decides depends on the bytes alone, never on
// where the network cut them.

// A state says what the next byte belongs to.
type state uint8

const (
	between     state = iota // nothing: no element has begun
	inText                   // character data
	afterOpen                // what follows <
	afterBang                // what follows <!
	inCDATA                  // a CDATA section
	inReference              // what follows &
	inName                   // the name of a start tag
	inTag                    // a start tag, behind its name or a value
	afterSlash               // what follows / there
	inAttr                   // the name of an attribute
	afterAttr                // what follows it: =
	afterEqual               // what follows that: a quote
	inValue                  // the value
	inEnd                    // the name of an end tag
	afterEnd                 // what follows it
	complete                 // nothing: the element is there
	ended                    // nothing: the end of the stream is
)

// A span is a place in the element being scanned, counted from its first byte,
// because the buffer below it may move.
type span struct{ from, to int32 }

func (p span) of(b []byte) []byte { return b[p.from:p.to] }

// An element is one whose end tag has not come yet.
type element struct {
	name  span
	binds int32 // how many bindings were in force outside of it
}

// A scanner holds all that is known of the element being scanned. All but the
// memory of its slices is forgotten when the next one begins.
type scanner struct {
	limits Limits
	root   bool   // it scans a stream header: the start tag is all
	stream []byte // the name of the stream's root, whose end tag may come
	b      []byte // the bytes from the element's first one on
	pos    int    // the next of them
	state  state

	back   state // where a reference returns to
	mark   int32 // where the name, value or reference being read began
	colon  int32 // where its colon is, 0 if it has none
	quote  byte  // the quote around the value being read
	coded  bool  // the value being read needs decoding
	spaced bool  // white space was read, an attribute may begin

	tag   attr   // the name of the start tag being read
	attrs []attr // its attributes
	seen  uint64 // of their names, a bit each, to find most duplicates absent

	declares bool // an attribute among them declares a namespace
	prefixes bool // one has a prefix, or the tag

	open []element // from the stanza inwards
	namespaces
	view
}

// newScanner returns a scanner with room for any start tag.
func newScanner() scanner {
	return scanner{
		attrs:      make([]attr, 0, maxAttributes),
		namespaces: namespaces{xml: []byte(NSXML)},
		view: view{
			own:      make([]attr, 0, maxAttributes),
			children: make([]child, 0, maxChildren),
		},
	}
}

// begin prepares for an element whose first byte is <.
func (s *scanner) begin(root bool) {
	s.root = root
	s.pos, s.state = 1, afterOpen
	s.open, s.attrs = s.open[:0], s.attrs[:0]
	s.namespaces.begin()
	s.view.begin()
}

// run scans on until the element is complete or the bytes are used up.
func (s *scanner) run() (err error) {
	for err == nil && s.state < complete {
		if s.pos >= len(s.b) {
			return ErrMore
		}
		switch s.state {
		case inText:
			err = s.text()
		case afterOpen:
			err = s.markup()
		case inName:
			err = s.tagName()
		case inTag:
			err = s.inside()
		case inAttr:
			err = s.attrName()
		case inValue:
			err = s.value()
		case inEnd:
			err = s.endName()
		case inReference:
			err = s.reference()
		case inCDATA:
			err = s.cdata()
		case afterBang:
			err = s.bang()
		default:
			err = s.single()
		}
	}
	return err
}

// single reads the states that wait for one byte behind optional white space.
func (s *scanner) single() error {
	if s.state != afterSlash {
		if s.pos = skipSpace(s.b, s.pos); s.pos == len(s.b) {
			return nil
		}
	}
	c := s.b[s.pos]
	s.pos++
	switch {
	case s.state == afterSlash && c == '>':
		return s.opened(true)
	case s.state == afterEnd && c == '>':
		return s.closed()
	case s.state == afterAttr && c == '=':
		s.state = afterEqual
		return nil
	case s.state == afterEqual && (c == '"' || c == '\''):
		s.beginValue(c)
		return nil
	}
	return NotWellFormed
}

// text reads character data.
func (s *scanner) text() error {
	p := s.pos
	for {
		p = skipPlain(s.b, p)
		if p == len(s.b) {
			s.pos = p
			return nil
		}
		switch c := s.b[p]; {
		case c == '<':
			s.pos, s.state = p+1, afterOpen
			if s.pos == len(s.b) {
				return nil
			}
			if err := s.markup(); err != nil || s.state != inText {
				return err
			}
			p = s.pos
			continue
		case c == '&':
			s.beginReference(p, inText)
			return nil
		case c == '>' && s.b[p-1] == ']' && s.b[p-2] == ']':
			// XML 1.0 §2.4. The two can be nothing but text: markup
			// ends in > or ;.
			return NotWellFormed
		}
		n, err := s.char(p)
		if n == 0 {
			return err
		}
		p += n
	}
}

// char returns the length of the character at p, which skipPlain or skipValue
// stopped at but which ends nothing. If that is 0, text ends here for now: for
// want of bytes or with an error.
func (s *scanner) char(p int) (int, error) {
	c := s.b[p]
	if c < 0x80 {
		if c >= ' ' || isSpace(c) {
			return 1, nil
		}
		return 0, NotWellFormed
	}
	switch n := charLen(s.b[p:]); n {
	case charBad:
		return 0, NotWellFormed
	case charCut:
		s.pos = p
		return 0, ErrMore
	default:
		return n, nil
	}
}

// cdata reads the content of a CDATA section, and its end.
func (s *scanner) cdata() error {
	p := s.pos
	for {
		p = skipPlain(s.b, p)
		if p == len(s.b) {
			s.pos = p
			return nil
		}
		if s.b[p] == '>' && s.b[p-1] == ']' && s.b[p-2] == ']' {
			// The byte before the content is a [, so both are content.
			s.pos, s.state = p+1, inText
			return nil
		}
		n, err := s.char(p)
		if n == 0 {
			return err
		}
		p += n
	}
}

// bang reads what follows <!: a CDATA section, or what is not allowed.
func (s *scanner) bang() error {
	const cdata = "[CDATA["
	rest := s.b[s.pos:]
	n := min(len(rest), len(cdata))
	switch {
	case string(rest[:n]) == cdata[:n] && n < len(cdata):
		return ErrMore
	case string(rest[:n]) == cdata[:n]:
		if len(s.open) == 0 {
			return BadFormat // character data between stanzas
		}
		s.pos, s.state = s.pos+n, inCDATA
		return nil
	case rest[0] == '-' || rest[0] == 'D':
		return RestrictedXML // RFC 6120 §11.1: comments, DOCTYPE
	}
	return NotWellFormed
}

// beginReference notes the & at p.
func (s *scanner) beginReference(p int, back state) {
	s.mark, s.back = int32(p), back
	s.pos, s.state = p+1, inReference
}

// reference reads what follows &, up to the ;.
func (s *scanner) reference() error {
	const longest = len("apos")
	first := int(s.mark) + 1
	for p := s.pos; p < len(s.b); p++ {
		c := s.b[p]
		switch {
		case c == ';':
			s.pos, s.state = p+1, s.back
			_, err := resolve(s.b[first:p])
			return err
		case s.b[first] != '#' && (c >= 0x80 || p-first == longest):
			return RestrictedXML // RFC 6120 §11.1: not one of the five
		case classes[c]&nameByte == 0 && c != '#':
			return NotWellFormed
		}
	}
	s.pos = len(s.b)
	return nil
}

// markup reads what follows <.
func (s *scanner) markup() error {
	switch c := s.b[s.pos]; c {
	case '/':
		if s.root {
			return NotWellFormed
		}
		s.pos, s.state = s.pos+1, inEnd
		return s.endName()
	case '!':
		s.pos, s.state = s.pos+1, afterBang
		return nil
	case '?':
		return RestrictedXML // RFC 6120 §11.1: processing instructions
	}
	s.attrs, s.seen, s.declares, s.prefixes = s.attrs[:0], 0, false, false
	if end := s.plainName(); end > 0 {
		s.tag = attr{name: span{int32(s.pos), int32(end)}}
		s.pos, s.state, s.spaced = end, inTag, false
		return s.inside()
	}
	s.beginName(inName)
	return s.tagName()
}

// endName reads the name of an end tag, which is known beforehand.
func (s *scanner) endName() error {
	name := s.stream
	if n := len(s.open); n > 0 {
		name = s.open[n-1].name.of(s.b)
	}
	rest := s.b[s.pos:]
	n := min(len(rest), len(name))
	if string(rest[:n]) != string(name[:n]) {
		return NotWellFormed // XML 1.0 §3, WFC: Element Type Match
	}
	if n == len(rest) {
		return ErrMore
	}
	s.endAt = int32(s.pos - len("</"))
	s.pos += len(name)
	s.state = afterEnd
	if s.b[s.pos] == '>' {
		s.pos++
		return s.closed()
	}
	if !isSpace(s.b[s.pos]) {
		return NotWellFormed
	}
	return nil
}

// opened ends a start tag.
func (s *scanner) opened(empty bool) error {
	outside := len(s.binds)
	if s.declares {
		if err := s.declare(); err != nil {
			return err
		}
	}
	if s.prefixes {
		if err := s.resolvePrefixes(); err != nil {
			return err
		}
	}
	if s.root {
		s.state = complete
		if empty {
			return BadFormat // a stream that ends where it begins
		}
		return nil
	}
	if len(s.open) == s.limits.Depth {
		return PolicyViolation
	}
	s.open = append(s.open, element{s.tag.name, int32(outside)})
	switch len(s.open) {
	case 1:
		if err := s.noteStanza(empty); err != nil {
			return err
		}
	case 2:
		s.noteChild()
	}
	s.state = inText
	if empty {
		s.endAt = int32(s.pos)
		return s.closed()
	}
	return nil
}

// closed ends an element.
func (s *scanner) closed() error {
	last := len(s.open) - 1
	if last < 0 {
		s.state = ended
		return nil
	}
	s.binds = s.binds[:s.open[last].binds]
	s.open = s.open[:last]
	switch last {
	case 0:
		s.state = complete
	case 1:
		s.noteChildEnd()
		s.state = inText
	default:
		s.state = inText
	}
	return nil
}
