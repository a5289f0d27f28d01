package wire

// A Kind tells the three kinds of stanza (RFC 6120 §8.2) from all else.
type Kind uint8

// The kinds. Nonza is any other first-level element (XEP-0360), also one with
// the name of a stanza but not in the stream's content namespace.
const (
	None Kind = iota
	Message
	Presence
	IQ
	Nonza
)

// String returns the name of the kind's element, "" if it has none of its own.
func (k Kind) String() string {
	switch k {
	case Message:
		return "message"
	case Presence:
		return "presence"
	case IQ:
		return "iq"
	default:
		return ""
	}
}

// A Stanza is one first-level element: a view into the buffer of the Reader
// that returned it, and valid as long as that says.
type Stanza struct {
	Kind Kind

	sc       *scanner // what was noted of it
	raw      []byte
	values   [roleLang + 1][]byte // by role
	children []Child              // memory for Children

	// What Append writes instead.
	setTo, setFrom            bool
	newTo, newFrom, otherLang string
}

// fill makes s the stanza that sc has completed.
func (s *Stanza) fill(sc *scanner) {
	s.Kind, s.sc, s.raw = sc.kind, sc, sc.b[:sc.pos]
	s.setTo, s.setFrom = false, false
	s.newTo, s.newFrom, s.otherLang = "", "", ""
	s.values = [roleLang + 1][]byte{}
	if coded := sc.codedBytes(); coded > 0 {
		sc.scratch = sc.scratch.Grow(coded) // so that no value moves
	}
	for i := range sc.own {
		if a := &sc.own[i]; a.role != roleNone && a.role <= roleLang {
			s.values[a.role] = sc.valueOf(a)
		}
	}
}

// codedBytes returns how long the stanza's values are that need decoding.
func (s *scanner) codedBytes() (n int) {
	for i := range s.own {
		if a := &s.own[i]; a.coded {
			n += int(a.value.to - a.value.from)
		}
	}
	return n
}

// valueOf returns what the value of an attribute means.
func (s *scanner) valueOf(a *attr) []byte {
	raw := a.value.of(s.b)
	if !a.coded {
		return raw
	}
	return s.decode(raw).of(s.scratch.B)
}

// Name returns the name of the element, without prefix.
func (s *Stanza) Name() []byte { return s.sc.view.name.local(s.raw) }

// NS returns the namespace of the element.
func (s *Stanza) NS() []byte { return s.sc.spell(s.sc.ns) }

// To returns the value of the attribute to, decoded; nil if it is absent. Like
// the others below it is what was received, whatever was set since.
func (s *Stanza) To() []byte { return s.values[roleTo] }

// From returns the value of the attribute from, decoded; nil if it is absent.
func (s *Stanza) From() []byte { return s.values[roleFrom] }

// ID returns the value of the attribute id, decoded; nil if it is absent.
func (s *Stanza) ID() []byte { return s.values[roleID] }

// Type returns the value of the attribute type, decoded; nil if it is absent.
func (s *Stanza) Type() []byte { return s.values[roleType] }

// Lang returns the value of the attribute xml:lang, decoded; nil if it is
// absent.
func (s *Stanza) Lang() []byte { return s.values[roleLang] }

// Raw returns the stanza as it was received.
func (s *Stanza) Raw() []byte { return s.raw }

// HasBody reports whether the stanza is a message with a child named body in
// its own namespace (RFC 6121 §5.2.3), among all its children.
func (s *Stanza) HasBody() bool { return s.sc.bodies > 0 }

// Body returns what is in the first body, if that is one of those that Children
// returns, and whether the stanza has none but this.
func (s *Stanza) Body() (inner []byte, only bool) {
	if s.sc.bodies == 0 || s.sc.bodyAt == maxChildren {
		return nil, false
	}
	return s.sc.children[s.sc.bodyAt].text.of(s.raw), s.sc.bodies == 1
}

// A Child is an element directly below a stanza.
type Child struct {
	NS, Name []byte // the name without prefix
	Raw      []byte // from its start tag to its end tag
	Inner    []byte // what stands between these
}

// Children returns the children in their order, but no more than the first 16.
func (s *Stanza) Children() []Child {
	s.children = s.children[:0]
	for i := range s.sc.children {
		s.children = append(s.children, s.child(i))
	}
	return s.children
}

// Truncated reports whether there are more children than Children returns.
func (s *Stanza) Truncated() bool { return s.sc.truncated }

// Child returns the first child with that namespace and name, of those that
// Children returns.
func (s *Stanza) Child(ns, name string) (Child, bool) {
	for i := range s.sc.children {
		if c := &s.sc.children[i]; string(c.name.of(s.raw)) == name && string(s.sc.spell(c.ns)) == ns {
			return s.child(i), true
		}
	}
	return Child{}, false
}

func (s *Stanza) child(i int) Child {
	c := &s.sc.children[i]
	return Child{
		NS:    s.sc.spell(c.ns),
		Name:  c.name.of(s.raw),
		Raw:   c.raw.of(s.raw),
		Inner: c.text.of(s.raw),
	}
}

// ParseStanza reads the one element b consists of, as it would stand on a
// stream whose default and content namespace is contentNS, under the default
// Limits. It returns a StreamError if b is anything else. The stanza is a view
// into b.
func ParseStanza(b []byte, contentNS string) (*Stanza, error) {
	ns := []byte(contentNS)
	s := newScanner()
	s.limits, s.b = Limits{}.orDefaults(), b
	s.outer, s.content = []decl{{name: ns}}, ns
	if len(b) > s.limits.Bytes {
		return nil, PolicyViolation
	}
	if len(b) == 0 || b[0] != '<' {
		return nil, NotWellFormed
	}
	s.begin(false)
	switch err := s.run(); {
	case err != nil && err != ErrMore:
		return nil, err
	case s.state != complete || s.pos != len(b):
		return nil, NotWellFormed
	}
	stanza := new(Stanza)
	stanza.fill(&s)
	return stanza, nil
}
