package wire

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"lethe/relay/buffer"
)

func TestStreamEnd(t *testing.T) {
	o := sameHowever(t, clientHeader+"<presence/></stream:stream\n> \n")
	if o.err != io.EOF || len(o.stanzas) != 1 {
		t.Errorf("%+v", o)
	}
}

func TestOpen(t *testing.T) {
	const ns = `xmlns='jabber:client' xmlns:stream='` + NSStream + `'`
	for _, test := range []struct {
		stream string
		want   Header
		err    error
	}{
		{`<stream:stream ` + ns + `>`, Header{NS: NSClient}, nil},
		{clientHeader, Header{To: "example.org", Version: "1.0", NS: NSClient}, nil},
		{"\n<?xml version='1.0'?><stream:stream " + ns + ">", Header{}, RestrictedXML},
		{"<?xml version=\"1.0\" encoding='utf-8' standalone='yes' ?> \n<stream:stream " + ns + " to='&#97;&amp;' from='b' id='c' xml:lang='de'>",
			Header{To: "a&", From: "b", ID: "c", Lang: "de", NS: NSClient}, nil},
		{`<s xmlns='` + NSStream + `'>`, Header{}, BadFormat},
		{`<stream xmlns='` + NSStream + `' xmlns:c='jabber:server'>`, Header{NS: NSServer}, nil},
		{`<stream xmlns='` + NSStream + `'>`, Header{NS: NSStream}, nil},
		{`<stream:stream xmlns='jabber:client'>`, Header{}, BadNamespacePrefix},
		{`<stream:stream xmlns:stream='u'>`, Header{}, InvalidNamespace},
		{`<stream>`, Header{}, InvalidNamespace},
		{`<stream:flood ` + ns + `>`, Header{}, BadFormat},
		{`<stream:stream ` + ns + `/>`, Header{}, BadFormat},
		{`<stream:stream ` + ns + ` to='a' to='b'>`, Header{}, NotWellFormed},
		{"\ufeff<stream:stream " + ns + ">", Header{}, NotWellFormed},
		{"hello", Header{}, NotWellFormed},
		{"</stream:stream>", Header{}, NotWellFormed},
		{"GET / HTTP/1.1\r\n\r\n", Header{}, NotWellFormed},
		{"<!DOCTYPE x><stream:stream " + ns + ">", Header{}, RestrictedXML},
		{"<!-- x --><stream:stream " + ns + ">", Header{}, RestrictedXML},
		{"<?xml-stylesheet?><stream:stream " + ns + ">", Header{}, RestrictedXML},
		{"<?xml version='1.0' encoding='ISO-8859-1'?>", Header{}, UnsupportedEncoding},
		{"<?xml version='1.0' encoding='UTF-16'?>", Header{}, UnsupportedEncoding},
		{"<?xml version='1.1'?>", Header{}, NotWellFormed},
		{"<?xml encoding='UTF-8'?>", Header{}, NotWellFormed},
		{"<?xml version='1.0'encoding='UTF-8'?>", Header{}, NotWellFormed},
		{"<?xml version='1.0' standalone='maybe'?>", Header{}, NotWellFormed},
		{"<?xml version='1.0' standalone='yes' encoding='UTF-8'?>", Header{}, NotWellFormed},
		{"<?xml version='1.0' " + strings.Repeat(" ", maxDeclaration), Header{}, PolicyViolation},
		{clientHeader[:len(clientHeader)-1] + " a='" + strings.Repeat("x", maxHeader), Header{}, PolicyViolation},
		{clientHeader[:len(clientHeader)-1] + " a='" + strings.Repeat("x", maxHeader) + "<", Header{}, PolicyViolation},
		{"<?xm", Header{}, ErrMore},
		{"<stream:stream " + ns, Header{}, ErrMore},
		{"", Header{}, nil},
	} {
		o := sameHowever(t, test.stream)
		if test.err == nil && test.stream != "" {
			test.err = ErrMore // behind the header
		}
		if o.header != test.want || o.err != test.err {
			t.Errorf("%q: %+v, %v; want %+v, %v", test.stream, o.header, o.err, test.want, test.err)
		}
	}
}

// TestLimits reads what just keeps a limit, and what just does not.
func TestLimits(t *testing.T) {
	const header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
	l := Limits{Bytes: 6000, Depth: 5, Attributes: 7, Namespaces: 9, Name: 20}
	pad := func(n int) string { return "<iq>" + strings.Repeat("x", n-len("<iq></iq>")) + "</iq>" }
	nest := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	attrs := func(n int) string {
		return "<a" + strings.Repeat(" ", 0) + strings.Join(strings.Split(" b='' c='' d='' e='' f='' g='' h='' i=''", " ")[:n+1], " ") + "/>"
	}
	name := func(n int) string { return "<a><b " + strings.Repeat("c", n) + "=''/></a>" }
	spaces := func(n int) string { return "<a xmlns='u'>" + strings.Repeat("<b xmlns='u'>", n-1) }
	for _, test := range []struct {
		what string
		xml  func(int) string
		at   int
	}{
		{"Bytes", pad, l.Bytes}, {"Depth", nest, l.Depth}, {"Attributes", attrs, l.Attributes},
		{"Name", name, l.Name}, {"Name of an element", func(n int) string { return "<" + strings.Repeat("c", n) + "/>" }, l.Name},
	} {
		for _, pieces := range [][]string{{header, test.xml(test.at)}, append([]string{header}, cut(test.xml(test.at))...)} {
			if o := read(l, pieces...); o.err != ErrMore || len(o.stanzas) != 1 {
				t.Errorf("%s: %v at the limit", test.what, o.err)
			}
		}
		for _, pieces := range [][]string{{header, test.xml(test.at + 1)}, append([]string{header}, cut(test.xml(test.at+1))...)} {
			if o := read(l, pieces...); o.err != PolicyViolation || len(o.stanzas) != 0 {
				t.Errorf("%s: %v beyond the limit", test.what, o.err)
			}
		}
	}
	l.Depth = 100
	if o := read(l, header, spaces(l.Namespaces)); o.err != ErrMore {
		t.Errorf("declarations: %v at the limit", o.err)
	}
	if o := read(l, header, spaces(l.Namespaces+1)); o.err != PolicyViolation {
		t.Errorf("declarations: %v beyond the limit", o.err)
	}
}

// TestMemory feeds a stanza that never ends: the buffer stays one for the limit.
func TestMemory(t *testing.T) {
	for _, limit := range []int{1000, 10000, 100000, 600000} {
		b := buffer.Get(limit)
		most := cap(b.B)
		b.Free()
		r := NewReader(Limits{Bytes: limit})
		r.Filled(copy(r.Space(), clientHeader))
		mustOpen(t, r)
		err := ErrMore
		n := 0
		for piece := "<message><body>"; err == ErrMore; piece = strings.Repeat("x", 700) {
			space := r.Space()
			if len(space) == 0 || cap(r.w.buf.B) > most {
				t.Fatalf("%d bytes of space, %d of buffer", len(space), cap(r.w.buf.B))
			}
			k := copy(space, piece)
			n += k
			r.Filled(k)
			_, err = r.Next()
		}
		if err != PolicyViolation || n < limit || n >= limit+700 {
			t.Fatalf("limit %d: %v after %d bytes", limit, err, n)
		}
		r.Close()
	}
}

// memory is all the memory behind b.
func memory(b *buffer.Buffer) []byte { return b.B[:cap(b.B)] }

// TestCleared holds that nothing a peer sent stays in memory given back: neither
// in what a stanza outgrew nor of stanzas before the last.
func TestCleared(t *testing.T) {
	var pool Pool
	r := pool.NewReader(Limits{})
	r.Filled(copy(r.Space(), clientHeader))
	r.Open()
	given := [][]byte{memory(r.w.buf)}
	note := func() {
		given = append(given, memory(r.w.buf))
		if r.w.scratch != nil {
			given = append(given, memory(r.w.scratch))
		}
	}
	decoded := "<message to='&lt;" + strings.Repeat("secret", 2000) + "'/><message to='&lt;secret'><body>"
	for feed := decoded + strings.Repeat("secret", 2000); feed != ""; note() {
		n := copy(r.Space(), feed)
		r.Filled(n)
		feed = feed[n:]
		for _, err := r.Next(); err == nil; _, err = r.Next() {
			note()
		}
	}
	if &given[0][0] == &memory(r.w.buf)[0] {
		t.Fatal("the buffer did not grow")
	}
	r.Rest()
	if r.w == nil {
		t.Fatal("Rest let go of half a stanza")
	}
	r.Filled(copy(r.Space(), "</body></message>"))
	if s, err := r.Next(); err != nil || string(s.To()) != "<secret" {
		t.Fatal(err)
	}
	note()
	r.Rest()
	if r.w != nil {
		t.Fatal("Rest kept the buffer")
	}
	for _, b := range given {
		if bytes.Contains(b, []byte("ecre")) {
			t.Error("bytes of the peer were left in memory given back")
		}
	}
	r.Filled(copy(r.Space(), "<presence/>"))
	if s, err := r.Next(); err != nil || s.Kind != Presence {
		t.Errorf("after Rest: %v", err)
	}
}

// TestDecodedStay holds that values stay what they are while others are decoded.
func TestDecodedStay(t *testing.T) {
	long := strings.Repeat("x", buffer.Small-10)
	s := mustParse(t, "<message to='&lt;1' from='&lt;2' id='&lt;"+long+"' type='&lt;3' xml:lang='&lt;4'/>")
	got := []string{string(s.To()), string(s.From()), string(s.ID()), string(s.Type()), string(s.Lang())}
	if want := []string{"<1", "<2", "<" + long, "<3", "<4"}; !slices.Equal(got, want) {
		t.Errorf("%.60q", got)
	}
}

// TestRestart reads two streams on the same bytes, and one on others.
func TestRestart(t *testing.T) {
	r := NewReader(Limits{})
	r.Filled(copy(r.Space(), clientHeader+"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>\n"+prefixHeader+"<x:a/>"))
	mustOpen(t, r)
	if s, err := r.Next(); err != nil || s.Kind != Nonza {
		t.Fatal(err)
	}
	r.Restart()
	if r.Buffered() == 0 {
		t.Fatal("Restart lost what was read")
	}
	if _, err := r.Next(); err == nil {
		t.Fatal("a stanza without a stream")
	}
	r.Reset()
	if r.Buffered() != 0 {
		t.Fatal("Reset kept what was read")
	}
	r.Filled(copy(r.Space(), clientHeader+"<y/>\n\n"+prefixHeader+"<x:a/>"))
	mustOpen(t, r)
	r.Next()
	r.Restart()
	mustOpen(t, r)
	if s, err := r.Next(); err != nil || string(s.NS()) != "urn:x" {
		t.Errorf("after Restart: %v", err)
	}
}

func mustOpen(t *testing.T, r *Reader) {
	t.Helper()
	if _, err := r.Open(); err != nil {
		t.Fatal(err)
	}
}

// TestZero holds that a Reader nobody made reads nothing.
func TestZero(t *testing.T) {
	var r Reader
	if _, err := r.Next(); err == nil {
		t.Error("Next of the zero Reader")
	}
	if r.Rest(); r.Buffered() != 0 {
		t.Error("the zero Reader holds bytes")
	}
}

// TestSingleBytes holds that single bytes cost no more than linear time,
// wherever they belong.
func TestSingleBytes(t *testing.T) {
	for _, test := range []struct{ what, before, unit string }{
		{"text", "<iq>", "x"},
		{"references", "<iq>", "&amp;"},
		{"zeros of a reference", "<iq>&#", "0"},
		{"CDATA", "<iq><![CDATA[", "]"},
		{"value", "<iq a='", "x"},
		{"references in a value", "<iq a='", "&lt;"},
		{"white space in a tag", "<iq ", " "},
		{"white space before =", "<iq a", " "},
		{"white space in an end tag", "<iq></iq", " "},
		{"white space between stanzas", "", " "},
		{"elements", "<iq>", "<a b='c'/>"},
		{"names", "<iq>", "<" + strings.Repeat("a", 250) + "/>"},
		{"stanzas", "", "<iq a='b'/>"},
	} {
		few, many := quickest(t, test.before, test.unit, 30000), quickest(t, test.before, test.unit, 240000)
		if many > 30*few { // 8 is linear, 64 quadratic
			t.Errorf("%s: %v for 30,000 bytes, %v for 240,000", test.what, few, many)
		}
	}
}

// quickest is how long it takes when nothing else gets in the way.
func quickest(t *testing.T, before, unit string, n int) time.Duration {
	best := singly(t, before, unit, n)
	for range 9 {
		best = min(best, singly(t, before, unit, n))
	}
	return best
}

func singly(t *testing.T, before, unit string, n int) time.Duration {
	r := openReader(t, clientHeader)
	input := before + strings.Repeat(unit, n/len(unit))
	start := time.Now()
	for i := range len(input) {
		r.Space()[0] = input[i]
		r.Filled(1)
		for {
			_, err := r.Next()
			if err == ErrMore {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return time.Since(start)
}

// TestNoAllocation holds that reading and writing stanzas takes no memory, also
// when values have to be decoded and prefixes to be declared.
func TestNoAllocation(t *testing.T) {
	r := openReader(t, prefixHeader)
	var dst []byte
	for _, s := range append(samples(),
		sample{"decoded", `<c:message to='a&amp;b' x:a='1' y:a='2' xmlns:z='u&#58;z'><z:a>M` + "\u00fc" + `ller</z:a></c:message>`}) {
		if n := testing.AllocsPerRun(100, func() {
			readBatch(t, r, s.xml, func(s *Stanza) {
				s.SetFrom("alice@example.org/desktop")
				dst = s.Append(dst[:0], NSServer)
				s.Children()
			})
		}); n != 0 {
			t.Errorf("%s: %v allocations", s.name, n)
		}
	}
}
