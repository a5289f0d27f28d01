package wire

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const (
	serverHeader = `<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>`
	prefixHeader = `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' ` +
		`xmlns:c='jabber:client' xmlns:x='urn:x' xmlns:y="urn:y&amp;'z">`
	streamEnd = `</stream:stream>`
)

// needSeeds fails when the seeds of a fuzz target are gone: it would try
// nothing and pass.
func needSeeds(f *testing.F) {
	seeds, err := os.ReadDir(filepath.Join("testdata", "fuzz", f.Name()))
	if err != nil || len(seeds) < 5 {
		f.Fatalf("testdata/fuzz/%s holds %d seeds, want 5 at least (%v)", f.Name(), len(seeds), err)
	}
}

// An outcome is what a Reader made of a stream.
type outcome struct {
	header  Header
	stanzas []string // kind and bytes
	err     error
}

// read feeds a stream in the given pieces. A stream that is used up ends with
// ErrMore.
func read(l Limits, pieces ...string) (o outcome) {
	r := NewReader(l)
	defer r.Close()
	for _, piece := range pieces {
		for piece != "" {
			n := copy(r.Space(), piece)
			r.Filled(n)
			piece = piece[n:]
			if o.take(r); o.err != ErrMore {
				return o
			}
			r.Rest()
		}
	}
	return o
}

// take reads what is there.
func (o *outcome) take(r *Reader) {
	if o.header.NS == "" && r.phase < opened {
		h, err := r.Open()
		if o.err = err; err != nil {
			return
		}
		o.header = *h
	}
	for {
		s, err := r.Next()
		if o.err = err; err != nil {
			return
		}
		o.stanzas = append(o.stanzas, s.Kind.String()+string(s.Raw()))
	}
}

// cut cuts s into single bytes or, if it is long, at some places.
func cut(s string) (pieces []string) {
	rnd := rand.New(rand.NewPCG(uint64(len(s)), 1))
	for s != "" {
		n := 1
		if len(s) > 512 {
			n = 1 + rnd.IntN(min(len(s), 200))
		}
		pieces, s = append(pieces, s[:n]), s[n:]
	}
	return pieces
}

// sameHowever fails if a stream is read differently when it is cut.
func sameHowever(t *testing.T, stream string) outcome {
	t.Helper()
	whole := read(Limits{}, stream)
	if cut := read(Limits{}, cut(stream)...); !reflect.DeepEqual(whole, cut) {
		t.Fatalf("read at once %+v\nread in pieces %+v", whole, cut)
	}
	return whole
}

// oracles fail if encoding/xml or expat refuses what was accepted, or counts
// another number of elements in it. The other way round there are differences:
// encoding/xml accepts unbound prefixes, attributes that are the same once
// these are resolved or have one name, misuse of xml and xmlns, colons at the
// ends of names, references to surrogates; both accept what RFC 6120 forbids.
func oracles(t *testing.T, doc string) {
	t.Helper()
	elements := 0
	for d := xml.NewDecoder(strings.NewReader(doc)); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("encoding/xml refuses %q: %v", doc, err)
		}
		if _, ok := token.(xml.StartElement); ok {
			elements++
		}
	}
	n, err := expatCheck(doc)
	if err != nil {
		t.Fatalf("expat refuses %q: %v", doc, err)
	}
	if n >= 0 && n != elements {
		t.Fatalf("expat sees %d elements in %q, encoding/xml %d", n, doc, elements)
	}
}

// FuzzReader reads arbitrary bytes behind a header.
func FuzzReader(f *testing.F) {
	needSeeds(f)
	f.Fuzz(func(t *testing.T, data string) {
		o := sameHowever(t, clientHeader+data)
		doc := clientHeader
		for _, s := range o.stanzas {
			doc += s[strings.IndexByte(s, '<'):]
		}
		oracles(t, doc+streamEnd)
		var e StreamError
		if o.err != ErrMore && o.err != io.EOF && !errors.As(o.err, &e) && data != "" {
			t.Fatalf("error %v", o.err)
		}
	})
}

// FuzzOpen reads arbitrary bytes as the beginning of a stream.
func FuzzOpen(f *testing.F) {
	needSeeds(f)
	f.Fuzz(func(t *testing.T, data string) {
		sameHowever(t, data)
		r := NewReader(Limits{})
		n := copy(r.Space(), data)
		r.Filled(n)
		if _, err := r.Open(); err != nil {
			return
		}
		header := data[:n-r.Buffered()]
		oracles(t, header+"</"+string(r.name)+">")
	})
}

// FuzzAppend moves a stanza to a stream of the other content namespace and to
// another one of its own.
func FuzzAppend(f *testing.F) {
	needSeeds(f)
	f.Fuzz(func(t *testing.T, data string) {
		s := first(prefixHeader + data)
		if s == nil || len(s.sc.own) > 32 {
			return // declaring prefixes again may take more than Limits.Attributes
		}
		s.SetFrom("a'b&<c@example.org")
		s.SetLang("de")
		before := s.Node()
		for _, ns := range []string{NSClient, NSServer} {
			out := string(s.Append(nil, ns))
			if len(out) > s.MaxAppend(ns) {
				t.Fatalf("%q became %d bytes, more than %d", data, len(out), s.MaxAppend(ns))
			}
			moved := first(`<stream:stream xmlns='` + ns + `' xmlns:stream='` + NSStream + `'>` + out)
			if moved == nil {
				t.Fatalf("%q became %q, which is refused", data, out)
			}
			oracles(t, serverHeader+out+streamEnd)
			checkMoved(t, s, moved, before, ns)
		}
	})
}

// first reads the first stanza of a stream, nil if there is none.
func first(stream string) *Stanza {
	r := NewReader(Limits{})
	for opened := false; ; {
		n := copy(r.Space(), stream)
		r.Filled(n)
		stream = stream[n:]
		if !opened {
			_, err := r.Open()
			opened = err == nil
		}
		s, err := r.Next()
		if err == nil {
			return s
		}
		if err != ErrMore || stream == "" {
			return nil
		}
	}
}

func checkMoved(t *testing.T, s, moved *Stanza, before *Node, ns string) {
	t.Helper()
	if string(s.ID()) != string(moved.ID()) || string(s.Type()) != string(moved.Type()) ||
		string(s.To()) != string(moved.To()) || s.Truncated() != moved.Truncated() {
		t.Fatalf("%q became %q", s.Raw(), moved.Raw())
	}
	// A nonza in jabber:server is a stanza over there, and a body that says
	// itself to be in jabber:client is none.
	if s.Kind != Nonza && s.Kind != moved.Kind || ns == NSClient && s.HasBody() != moved.HasBody() {
		t.Fatalf("%q became %q", s.Raw(), moved.Raw())
	}
	if string(moved.From()) != s.newFrom || moved.Lang() == nil {
		t.Fatalf("from or xml:lang is missing in %q", moved.Raw())
	}
	if payload := s.raw[s.sc.tagEnd:]; !strings.HasSuffix(string(moved.Raw()), string(payload)) {
		t.Fatalf("payload %q became %q", payload, moved.Raw())
	}
	after := moved.Node()
	after.Attrs = slices.DeleteFunc(after.Attrs, notKept)
	want := *before
	want.Attrs = slices.DeleteFunc(slices.Clone(before.Attrs), notKept)
	if err := sameTree(&want, after, ns); err != nil {
		t.Fatalf("%q became %q: %v", s.Raw(), moved.Raw(), err)
	}
}

func notKept(a Attr) bool {
	return a.NS == "" && a.Name == "from" || a.NS == NSXML && a.Name == "lang"
}

// sameTree compares trees but for the content namespace having become ns.
func sameTree(a, b *Node, ns string) error {
	sameNS := func(a, b string) bool { return a == b || a == NSClient && b == ns }
	if a.Name != b.Name || a.Text != b.Text || !sameNS(a.NS, b.NS) || len(a.Attrs) != len(b.Attrs) || len(a.Children) != len(b.Children) {
		return fmt.Errorf("%q %q is not %q %q", a.NS, a.Name, b.NS, b.Name)
	}
	for i, x := range a.Attrs {
		if y := b.Attrs[i]; x.Name != y.Name || x.Value != y.Value || !sameNS(x.NS, y.NS) {
			return fmt.Errorf("attribute %v is not %v", x, y)
		}
	}
	for i := range a.Children {
		if err := sameTree(a.Children[i], b.Children[i], ns); err != nil {
			return err
		}
	}
	return nil
}

// FuzzNode compares the tree of a stanza with the one encoding/xml sees.
func FuzzNode(f *testing.F) {
	needSeeds(f)
	f.Fuzz(func(t *testing.T, data string) {
		s := first(prefixHeader + data)
		if s == nil {
			return
		}
		d := xml.NewDecoder(strings.NewReader(prefixHeader + string(s.Raw()) + streamEnd))
		root := decode(t, d)
		node, theirs := s.Node(), root.Children[0].Children[0]
		checkChildren(t, s, node)
		normalise(node)
		normalise(theirs)
		if err := sameTree(theirs, node, ""); err != nil {
			t.Fatalf("%q: %v", s.Raw(), err)
		}
		checkOutline(t, s)
		checkRunes(t, s)
	})
}

// checkOutline compares what was cut off with what it was.
func checkOutline(t *testing.T, s *Stanza) {
	t.Helper()
	whole := s.Node()
	for i, c := range s.Outline(1).Children {
		alone, err := ParseStanza(c.Raw, "urn:elsewhere")
		if err == PolicyViolation {
			continue // so much is declared around it
		}
		if err != nil {
			t.Fatalf("child %d of %q by itself is %q: %v", i, s.Raw(), c.Raw, err)
		}
		if err := sameTree(whole.Children[i], alone.Node(), ""); err != nil {
			t.Fatalf("child %d of %q by itself is %q: %v", i, s.Raw(), c.Raw, err)
		}
	}
}

// checkRunes compares the text of a body with that of its node, line ends aside.
func checkRunes(t *testing.T, s *Stanza) {
	t.Helper()
	inner, _ := s.Body()
	if inner == nil {
		return
	}
	body := s.Node().Child(string(s.NS()), "body")
	lines := strings.NewReplacer("\r", "", "\n", "")
	if text := lines.Replace(string(slices.Collect(Runes(inner)))); len(body.Children) == 0 && text != lines.Replace(body.Text) {
		t.Fatalf("the body of %q reads %q, its node %q", s.Raw(), text, body.Text)
	}
}

// normalise makes up for encoding/xml not making white space in values blanks
// (XML 1.0 §3.3.3), those that name a namespace among them.
func normalise(n *Node) {
	blanks := strings.NewReplacer("\t", " ", "\n", " ", "\r", " ").Replace
	n.NS = blanks(n.NS)
	for i := range n.Attrs {
		a := &n.Attrs[i]
		a.NS, a.Value = blanks(a.NS), blanks(a.Value)
	}
	for _, c := range n.Children {
		normalise(c)
	}
}

// decode reads a document with encoding/xml; its root is the only child.
func decode(t *testing.T, d *xml.Decoder) *Node {
	stack := []*Node{{}}
	for {
		token, err := d.Token()
		if err == io.EOF {
			return stack[0]
		}
		if err != nil {
			t.Fatal(err)
		}
		top := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			n := &Node{NS: token.Name.Space, Name: token.Name.Local}
			for _, a := range token.Attr {
				if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
					continue
				}
				n.Attrs = append(n.Attrs, Attr{a.Name.Space, a.Name.Local, a.Value})
			}
			top.Children = append(top.Children, n)
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.Text += string(token)
		}
	}
}

// checkChildren compares what the scanner noted with the tree.
func checkChildren(t *testing.T, s *Stanza, n *Node) {
	t.Helper()
	children := s.Children()
	if string(s.Name()) != n.Name || string(s.NS()) != n.NS || len(children) != min(maxChildren, len(n.Children)) {
		t.Fatalf("%q was noted wrongly", s.Raw())
	}
	for i, c := range children {
		if string(c.Name) != n.Children[i].Name || string(c.NS) != n.Children[i].NS ||
			c.Raw[0] != '<' || c.Raw[len(c.Raw)-1] != '>' || !strings.Contains(string(c.Raw), string(c.Inner)) {
			t.Fatalf("child %d of %q was noted wrongly: %q %q", i, s.Raw(), c.Raw, c.Inner)
		}
	}
}
