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
// that returned it. The values of its attributes are decoded; nil means absent.
type Stanza struct {
	Kind Kind
}

// A Child is an element directly below a stanza.
type Child struct {
	NS, Name []byte
	Raw      []byte // from its start tag to its end tag
	Inner    []byte // what stands between these
}

func (s *Stanza) Name() []byte { panic("skeleton") }
func (s *Stanza) NS() []byte   { panic("skeleton") }
func (s *Stanza) To() []byte   { panic("skeleton") }
func (s *Stanza) From() []byte { panic("skeleton") }
func (s *Stanza) ID() []byte   { panic("skeleton") }
func (s *Stanza) Type() []byte { panic("skeleton") }
func (s *Stanza) Lang() []byte { panic("skeleton") }

// HasBody reports whether a child named body is in the stanza's own namespace.
func (s *Stanza) HasBody() bool { panic("skeleton") }

// Children returns the first 16 children.
func (s *Stanza) Children() []Child { panic("skeleton") }

// Truncated reports whether there are more children than Children returns.
func (s *Stanza) Truncated() bool { panic("skeleton") }

// Child returns the first child with that namespace and name.
func (s *Stanza) Child(ns, name string) (Child, bool) { panic("skeleton") }

// Raw returns the stanza as it was received.
func (s *Stanza) Raw() []byte { panic("skeleton") }

// SetFrom makes Append write this from attribute, or none if it is empty.
func (s *Stanza) SetFrom(from string) { panic("skeleton") }

// SetTo makes Append write this to attribute, or none if it is empty.
func (s *Stanza) SetTo(to string) { panic("skeleton") }

// SetLang makes Append write this xml:lang if the stanza has none.
func (s *Stanza) SetLang(lang string) { panic("skeleton") }

// Append appends the stanza as it goes out on a stream whose default and
// content namespace is ns.
func (s *Stanza) Append(dst []byte, ns string) []byte { panic("skeleton") }

// Node returns the stanza as a tree of its own.
func (s *Stanza) Node() *Node { panic("skeleton") }

// ParseStanza reads the one element b consists of, as it would stand on a
// stream whose default and content namespace is contentNS.
func ParseStanza(b []byte, contentNS string) (*Stanza, error) { panic("skeleton") }

// A Node is an element as a tree, for answering requests.
type Node struct {
	NS, Name string
	Attrs    []Attr
	Children []*Node
	Text     string // its own character data, without that of its children
}

// An Attr is an attribute; NS is empty if its name has no prefix.
type Attr struct{ NS, Name, Value string }

// Attr returns the value of the attribute without prefix, "" if absent.
func (n *Node) Attr(name string) string { panic("skeleton") }

// Child returns the first child with that namespace and name, or nil.
func (n *Node) Child(ns, name string) *Node { panic("skeleton") }
