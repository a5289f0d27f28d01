package wire

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func mustParse(t *testing.T, xml string) *Stanza {
	t.Helper()
	s, err := ParseStanza([]byte(xml), NSClient)
	if err != nil {
		t.Fatalf("%q: %v", xml, err)
	}
	return s
}

func TestStanza(t *testing.T) {
	s := mustParse(t, `<message to='a&amp;b' from="&#x61;'&#9;" id='x`+"\r\n\t"+`y' type='' xml:lang='de'>`+
		`<a xmlns='u'>x<b/></a> <body>hi</body><q:c xmlns:q='v' /></message>`)
	for _, test := range []struct{ what, got, want string }{
		{"name", string(s.Name()), "message"},
		{"ns", string(s.NS()), NSClient},
		{"to", string(s.To()), "a&b"},
		{"from", string(s.From()), "a'\t"},
		{"id", string(s.ID()), "x  y"},
		{"lang", string(s.Lang()), "de"},
	} {
		if test.got != test.want {
			t.Errorf("%s is %q, want %q", test.what, test.got, test.want)
		}
	}
	if s.Type() == nil || len(s.Type()) != 0 {
		t.Error("an empty type is not absent")
	}
	if s.Kind != Message || !s.HasBody() || s.Truncated() {
		t.Errorf("%v, body %v, truncated %v", s.Kind, s.HasBody(), s.Truncated())
	}
	var children []string
	for _, c := range s.Children() {
		children = append(children, fmt.Sprintf("%s %s %s %s", c.NS, c.Name, c.Raw, c.Inner))
	}
	want := []string{"u a <a xmlns='u'>x<b/></a> x<b/>", NSClient + " body <body>hi</body> hi", "v c <q:c xmlns:q='v' /> "}
	if fmt.Sprint(children) != fmt.Sprint(want) {
		t.Errorf("children %q, want %q", children, want)
	}
	if c, ok := s.Child("v", "c"); !ok || string(c.Name) != "c" {
		t.Error("child c not found")
	}
	if _, ok := s.Child("v", "a"); ok {
		t.Error("child a found in the wrong namespace")
	}
}

func TestKindAndBody(t *testing.T) {
	many := strings.Repeat("<a/>", maxChildren)
	for _, test := range []struct {
		xml       string
		kind      Kind
		body      bool
		truncated bool
	}{
		{"<message/>", Message, false, false},
		{"<presence><body/></presence>", Presence, false, false},
		{"<iq/>", IQ, false, false},
		{"<message xmlns='jabber:server'><body/></message>", Nonza, false, false},
		{"<message xmlns=''><body/></message>", Nonza, false, false},
		{"<c:message xmlns:c='jabber:client'><body/></c:message>", Message, true, false},
		{"<c:message xmlns='u' xmlns:c='jabber:client'><body/><c:body/></c:message>", Message, true, false},
		{"<c:message xmlns='u' xmlns:c='jabber&#58;client'><body/></c:message>", Message, false, false},
		{"<message><body xmlns='u'/><a><body/></a></message>", Message, false, false},
		{"<message>" + many + "</message>", Message, false, false},
		{"<message>" + many + "<body/></message>", Message, true, true},
		{"<r xmlns='urn:xmpp:sm:3'/>", Nonza, false, false},
		{"<messages/>", Nonza, false, false},
	} {
		s := mustParse(t, test.xml)
		if s.Kind != test.kind || s.HasBody() != test.body || s.Truncated() != test.truncated {
			t.Errorf("%q: %v, body %v, truncated %v", test.xml, s.Kind, s.HasBody(), s.Truncated())
		}
	}
}

// TestAppend reads a stanza behind prefixHeader and writes it onto a stream of
// servers.
func TestAppend(t *testing.T) {
	const payload = "<body\t>a  &#65;<![CDATA[<]]>\r\n </body ><a b=\"c\"   />"
	for _, test := range []struct{ xml, want string }{
		{"<message  to='a'\n id = \"1\" >" + payload + "</message\n>",
			"<message to='a' id = \"1\" from='f&apos;' xml:lang='de'>" + payload + "</message\n>"},
		{"<message from='x' xml:lang='en' to='&amp;'/>", "<message from='f&apos;' xml:lang='en' to='&amp;'/>"},
		{"<message xmlns='jabber:client' />", "<message xmlns='jabber:server' from='f&apos;' xml:lang='de'/>"},
		{"<c:message><c:body/><body/></c:message>",
			"<c:message xmlns:c='jabber:server' from='f&apos;' xml:lang='de'><c:body/><body/></c:message>"},
		{"<q:message xmlns:q='jabber:client'/>", "<q:message xmlns:q='jabber:server' from='f&apos;' xml:lang='de'/>"},
		{"<message><x:a y:b=''/></message>",
			"<message xmlns:x='urn:x' xmlns:y='urn:y&amp;&apos;z' from='f&apos;' xml:lang='de'><x:a y:b=''/></message>"},
		{"<message xmlns:x='v'><x:a/></message>", "<message xmlns:x='v' from='f&apos;' xml:lang='de'><x:a/></message>"},
		{"<message><m xmlns='jabber:client'/></message>",
			"<message from='f&apos;' xml:lang='de'><m xmlns='jabber:client'/></message>"},
	} {
		s := first(prefixHeader + test.xml)
		if s == nil {
			t.Fatalf("%q is refused", test.xml)
		}
		s.SetFrom("f'")
		s.SetLang("de")
		if got := string(s.Append([]byte("x"), NSServer)); got != "x"+test.want {
			t.Errorf("%q became\n%q, want\n%q", test.xml, got, test.want)
		}
	}
}

// TestAppendForwarded: wherever it stands, a forwarded stanza is what it was.
func TestAppendForwarded(t *testing.T) {
	const body = "<body>a  &#65;<![CDATA[<]]></body >"
	for _, xml := range []string{
		"<message id='1'  >" + body + "</message>",
		"<message xmlns='jabber:client'>" + body + "</message>",
		"<c:message>" + body + "<c:body/></c:message>",
		"<q:message xmlns:q='jabber:client'><body xmlns=''/><body/></q:message>",
		"<message><x:a y:b=''/></message>",
		"<message/>",
	} {
		s := first(prefixHeader + xml)
		if s == nil {
			t.Fatalf("%q is refused", xml)
		}
		s.SetFrom("f'")
		room := make([]byte, 0, s.MaxAppend(NSClient)+MaxDeclared)
		b := s.AppendForwarded(room, NSClient)
		if &b[0] != &room[:1][0] {
			t.Errorf("%q became %d bytes, more than %d", xml, len(b), cap(room))
		}
		if !strings.Contains(string(b), string(s.Raw()[s.sc.tagEnd:])) {
			t.Errorf("%q became %q", xml, b)
		}
		want := mustParse(t, string(s.Append(nil, NSClient))).Node()
		got := mustParse(t, "<iq><f xmlns='urn:f'>"+string(b)+"</f></iq>").Node().Children[0].Children[0]
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q forwarded is %+v, want %+v", xml, got, want)
		}
		if s.Sender() != "f'" || mustParse(t, "<iq from='a&amp;b'/>").Sender() != "a&b" {
			t.Errorf("the sender is %q", s.Sender())
		}
	}
}

// TestMaxAppend holds that Append never needs more than it says, however much
// escaping makes of what is set and declared, and not much more than it needs
// for what people send.
func TestMaxAppend(t *testing.T) {
	quotes := strings.Repeat("'", 3071) // as long as an address can be
	declared := clientHeader[:len(clientHeader)-1] + ` xmlns:p="` + quotes[:1000] + `" xmlns:q="` + quotes[:1001] + `">`
	for _, test := range []struct{ header, xml string }{
		{clientHeader, "<iq/>"},
		{clientHeader, "<message from='a' to='b' xml:lang='c'>x</message>"},
		{declared, "<p:a q:b=''/>"},
		{declared, "<message xmlns='jabber:client' xmlns:p='jabber:client'><q:a/></message>"},
		{"<s:stream xmlns:s='" + NSStream + "' xmlns:c='jabber:client' xmlns=\"" + quotes[:2000] + "\">", "<c:iq/>"},
	} {
		s := first(test.header + test.xml)
		if s == nil {
			t.Fatalf("%.200q is refused", test.xml)
		}
		for _, set := range []string{"", quotes, strings.Repeat("\x00", 3071)} {
			s.SetFrom(set)
			s.SetTo(set)
			s.SetLang(set)
			for _, ns := range []string{NSClient, NSServer} {
				room := make([]byte, 0, s.MaxAppend(ns))
				if out := s.Append(room, ns); &out[0] != &room[:1][0] {
					t.Errorf("%q became %d bytes, more than %d", test.xml, len(out), cap(room))
				}
			}
		}
	}
	for _, sample := range samples() {
		s := mustParse(t, sample.xml)
		s.SetFrom("alice@example.org/desktop")
		if spare := s.MaxAppend(NSClient) - len(s.Append(nil, NSClient)); spare > 200 {
			t.Errorf("%s: %d bytes to spare", sample.name, spare)
		}
	}
}

// TestAppendOther moves stanzas from streams whose default namespace is not
// their content namespace.
func TestAppendOther(t *testing.T) {
	const none = "<s:stream xmlns:s='" + NSStream + "' xmlns:c='jabber:client'>"
	const streams = "<stream xmlns='" + NSStream + "' xmlns:c='jabber:client'>"
	for _, test := range []struct{ header, xml, want string }{
		{none, "<c:iq><a/></c:iq>", "<c:iq xmlns='' xmlns:c='jabber:client'><a/></c:iq>"},
		{none, "<iq xmlns='jabber:client'><a/></iq>", "<iq xmlns='jabber:client'><a/></iq>"},
		{streams, "<c:iq><a/></c:iq>", "<c:iq xmlns='" + NSStream + "' xmlns:c='jabber:client'><a/></c:iq>"},
	} {
		s := first(test.header + test.xml)
		if s == nil || s.Kind != IQ {
			t.Fatalf("%q is refused", test.xml)
		}
		if got := string(s.Append(nil, NSClient)); got != test.want {
			t.Errorf("%q became %q, want %q", test.xml, got, test.want)
		}
	}
}

func TestSet(t *testing.T) {
	s := mustParse(t, "<iq to='a' from='b'/>")
	s.SetTo("")
	s.SetFrom("")
	if got := string(s.Append(nil, NSClient)); got != "<iq/>" {
		t.Errorf("%q", got)
	}
	s.SetTo("c")
	if got := string(s.Append(nil, NSClient)); got != "<iq to='c'/>" || string(s.To()) != "a" {
		t.Errorf("%q, to is %q", got, s.To())
	}
}

func TestParseStanza(t *testing.T) {
	for xml, want := range map[string]StreamError{
		"":                    NotWellFormed,
		" <iq/>":              NotWellFormed,
		"<iq/> ":              NotWellFormed,
		"<iq/><iq/>":          NotWellFormed,
		"<iq>":                NotWellFormed,
		"</>":                 NotWellFormed,
		"</iq>":               NotWellFormed,
		"<iq><!-- x --></iq>": RestrictedXML,
		"<iq>" + strings.Repeat(" ", 256<<10) + "</iq>": PolicyViolation,
	} {
		_, err := ParseStanza([]byte(xml), NSClient)
		if !errors.Is(err, want) {
			t.Errorf("%.20q: %v, want %v", xml, err, want)
		}
	}
}

func TestNode(t *testing.T) {
	n := mustParse(t, "<iq type='get' xmlns:p='u'>a&lt;\r\n<p:q p:x='1' x='&#9;\n'/><![CDATA[&b\r]]><r xmlns='v'><s/></r></iq>").Node()
	if n.NS != NSClient || n.Name != "iq" || n.Attr("type") != "get" || n.Attr("none") != "" || n.Text != "a<\n&b\n" {
		t.Errorf("%+v", n)
	}
	q := n.Child("u", "q")
	if q == nil || q.Attr("x") != "\t " || len(q.Attrs) != 2 || q.Attrs[0] != (Attr{"u", "x", "1"}) {
		t.Fatalf("%+v", q)
	}
	if r := n.Child("v", "r"); r == nil || r.Child("v", "s") == nil || r.Child("u", "s") != nil {
		t.Errorf("%+v", r)
	}
}

func TestErrors(t *testing.T) {
	s := mustParse(t, "<message id='&lt;1' from='a' to='b'><body>secret</body></message>")
	got := string(AppendError(nil, s, "", "b&", "a", CondServiceUnavailable, "gone <away>"))
	const want = "<message type='error' id='&lt;1' from='b&amp;' to='a'><error type='cancel'>" +
		"<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>" +
		"<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>gone &lt;away&gt;</text></error></message>"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
	own := string(AppendErrorWith(nil, s, "", "b&", "a", CondServiceUnavailable, "gone <away>", "<x xmlns='u'/>"))
	if own != strings.Replace(want, "</error>", "<x xmlns='u'/></error>", 1) {
		t.Errorf("with a condition of its own: %q", own)
	}
	reply := mustParse(t, string(AppendError(nil, s, NSClient, "", "", CondGone, "")))
	if string(reply.Type()) != "error" || Answerable(reply) {
		t.Error("an error may be answered")
	}
	if out := AppendError(nil, mustParse(t, "<r xmlns='u'/>"), "", "", "", CondGone, ""); out != nil {
		t.Errorf("a nonza is answered with %q", out)
	}
	o := read(Limits{}, clientHeader+string(AppendStreamError(nil, Conflict, "<")))
	if len(o.stanzas) != 1 || !strings.Contains(o.stanzas[0], "<conflict xmlns='"+NSStreamErrors+"'/>") || o.err.Error() != "EOF" {
		t.Errorf("%+v", o)
	}
	for c := CondUndefinedCondition; c <= CondUnexpectedRequest; c++ {
		if (c.String() == "undefined-condition") != (c == CondUndefinedCondition) || c.Type() == "" {
			t.Errorf("condition %d is %v, %v", c, c.String(), c.Type())
		}
	}
}

func TestAnswerable(t *testing.T) {
	for xml, want := range map[string]bool{
		"<message/>":                     true,
		"<message type='groupchat'/>":    true,
		"<message type='error'/>":        false,
		"<iq type='get'/>":               true,
		"<iq type='set'/>":               true,
		"<iq type='result'/>":            false,
		"<iq type='error'/>":             false,
		"<iq/>":                          false,
		"<presence/>":                    true,
		"<presence type='subscribe'/>":   true,
		"<presence type='error'/>":       false,
		"<presence type='unavailable'/>": false,
		"<r xmlns='u'/>":                 false,
	} {
		if got := Answerable(mustParse(t, xml)); got != want {
			t.Errorf("%q: %v", xml, got)
		}
	}
}

// TestEscape holds that what is escaped means the same again.
func TestBody(t *testing.T) {
	many := strings.Repeat("<a/>", maxChildren-1)
	for xml, want := range map[string]string{
		"<message/>":                                         " false",
		"<iq><body>x</body></iq>":                            " false",
		"<message><a/><body>x</body></message>":              "x true",
		"<message><body>x</body><body>y</body></message>":    "x false",
		"<message><body xmlns='u'/><body>x</body></message>": "x true",
		"<message>" + many + "<body>x</body></message>":      "x true",
		"<message>" + many + "<a/><body>x</body></message>":  " false",
	} {
		body, only := mustParse(t, xml).Body()
		if got := fmt.Sprintf("%s %v", body, only); got != want {
			t.Errorf("%q: %q, want %q", xml, got, want)
		}
	}
}

func TestRunes(t *testing.T) {
	for inner, want := range map[string]string{
		"":                                    "",
		"a&amp;b":                             "a&b",
		"&#x3f;OTR&#58;":                      "?OTR:",
		"x<![CDATA[<a/>&lt;]]]>y<![CDATA[]]>": "x<a/>&lt;]y",
		"é\t\n<b>no</b>more":                  "é\t\n",
	} {
		body, _ := mustParse(t, "<message><body>"+inner+"</body></message>").Body()
		if got := string(slices.Collect(Runes(body))); got != want {
			t.Errorf("%q reads %q, want %q", inner, got, want)
		}
	}
	for r := range Runes([]byte("abc")) {
		if r != 'a' {
			t.Error("goes on after the end")
		}
		break
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "",
		"plain M\u00fcller \U0001F600": "plain M\u00fcller \U0001F600",
		"<>&'\"\t\r\n]]>":              "<>&'\"\t\r\n]]>",
		"a\x00b\x1f":                   "a\uFFFDb\uFFFD",
		"\xff\xc3":                     "\uFFFD\uFFFD",
		"\uFFFD\uFFFE":                 "\uFFFD\uFFFD",
	} {
		xml := AppendAttr([]byte("<a"), "b", in)
		xml = AppendText(append(xml, '>'), in)
		n := mustParse(t, string(append(xml, "</a>"...))).Node()
		if n.Text != want || n.Attr("b") != want {
			t.Errorf("%q became %q and %q, want %q", in, n.Text, n.Attr("b"), want)
		}
	}
}

// TestOutline: what is at the depth stands by itself, what is above is a tree.
func TestOutline(t *testing.T) {
	tests := []struct{ in, want string }{
		{"<iq><a xmlns='u'><b><c>x&amp;<![CDATA[y]]></c></b></a></iq>", "<c xmlns='u'>x&amp;<![CDATA[y]]></c>"},
		{"<iq><a xmlns='u'><b><c xmlns=\"v\"/></b></a></iq>", "<c xmlns=\"v\"/>"},
		{"<iq><a><b><c/></b></a></iq>", "<c xmlns='jabber:client'/>"},
		{"<iq><a xmlns=''><b><c/></b></a></iq>", "<c xmlns=''/>"},
		{"<iq xmlns:p='u&apos;'><a><b><p:c><p:d/></p:c></b></a></iq>", "<p:c xmlns:p='u&apos;'><p:d/></p:c>"},
		{"<iq xmlns:p='u'><a xmlns='v'><b><p:c \n q='1'><d/></p:c></b></a></iq>", "<p:c xmlns:p='u' xmlns='v' \n q='1'><d/></p:c>"},
		{"<iq xmlns:p='u' xmlns:q='v'><a><b xmlns:p='w'><c xmlns='x' p:y='1'/></b></a></iq>", "<c xmlns:p='w' xmlns='x' p:y='1'/>"},
		{"<iq xmlns:p='u'><a><b><c xmlns='x' xmlns:p='w'><p:d xml:lang='de'/></c></b></a></iq>", "<c xmlns='x' xmlns:p='w'><p:d xml:lang='de'/></c>"},
	}
	for _, tt := range tests {
		n := mustParse(t, tt.in).Outline(3)
		c := n.Children[0].Children[0].Children[0]
		if string(c.Raw) != tt.want || cap(c.Raw) != len(c.Raw) || c.Name != "c" || c.Text != "" || c.Children != nil {
			t.Errorf("%s: %s\nwant %s", tt.in, c.Raw, tt.want)
		}
	}
	n := mustParse(t, "<iq><a>t<b>u<c/><d/>v</b><e/></a>w</iq>").Outline(2)
	a := n.Children[0]
	if n.Text != "w" || a.Text != "t" || a.Raw != nil || len(a.Children) != 2 || string(a.Children[1].Raw) != "<e xmlns='jabber:client'/>" {
		t.Errorf("%+v", a)
	}
}

// TestOutlineIsBounded: one long name does not become many.
func TestOutlineIsBounded(t *testing.T) {
	const elements = 20000
	name := strings.Repeat("u", 100<<10)
	st := mustParse(t, "<iq xmlns:p='"+name+"'><a>"+strings.Repeat("<p:b/>", elements)+"</a></iq>")
	n := st.Outline(2).Children[0]
	if len(n.Children) != elements {
		t.Fatalf("%d elements", len(n.Children))
	}
	bytes := 0
	for i, c := range n.Children {
		if c.NS != name || c.Name != "b" || (c.Raw != nil) != ((i+1)*len(name) <= maxRepeated) {
			t.Fatalf("element %d: %s with %d bytes", i, c.Name, len(c.Raw))
		}
		bytes += len(c.Raw)
	}
	if bytes == 0 || bytes > 2<<20 {
		t.Errorf("%d bytes", bytes)
	}
}
