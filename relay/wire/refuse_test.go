package wire

import (
	"io"
	"strings"
	"testing"
)

// A bad is an input that is refused behind a stream header.
type bad struct{ what, xml string }

// refuses checks that the condition RFC 6120 §4.9.3 has for each is want.
func refuses(t *testing.T, want StreamError, inputs []bad) {
	t.Helper()
	for _, bad := range inputs {
		o := sameHowever(t, clientHeader+bad.xml)
		if o.err == io.EOF { // what comes behind the end is seen by the next call
			o.err = nextBehindEnd(clientHeader + bad.xml)
		}
		if o.err != want {
			t.Errorf("%s: %q gives %v, want %v", bad.what, bad.xml, o.err, want)
		}
	}
}

// in puts text into a message.
func in(text string) string { return "<message><body>" + text + "</body></message>" }

// RFC 6120 §4.9.3.18, §11.1
func TestRestrictedXML(t *testing.T) {
	refuses(t, RestrictedXML, []bad{
		{"comment", `<message><!-- x --></message>`},
		{"comment between stanzas", `<!-- x -->`},
		{"processing instruction", `<message><?php x?></message>`},
		{"XML declaration later", `<?xml version='1.0'?>`},
		{"DOCTYPE", `<!DOCTYPE x>`},
		{"entity of HTML", `<message>&nbsp;</message>`},
		{"entity with a name that begins as one of the five", `<message>&amps;</message>`},
		{"entity in a value", `<message to='&x;'/>`},
	})
}

// RFC 6120 §4.9.3.13
func TestMalformedMarkup(t *testing.T) {
	refuses(t, NotWellFormed, []bad{
		{"mismatched end tag", `<message><a></b></message>`},
		{"end tag longer than the name", `<message><a></ab></message>`},
		{"end tag of another prefix", `<message xmlns:a='u' xmlns:b='u'><a:x></b:x></message>`},
		{"crossed end tags", `<message><a><b></a></b></message>`},
		{"end tag of nothing", `</message>`},
		{"attribute in an end tag", `<message></message a='b'>`},
		{"space before an end tag's name", `<message></ message>`},
		{"space before a name", `< message/>`},
		{"space in />", `<message/ >`},
		{"tag in a tag", `<message <a/>`},
		{"attribute without value", `<message to/>`},
		{"attribute without quotes", `<message to=a/>`},
		{"attributes without space", `<message to='a'from='b'/>`},
		{"angle bracket in a value", `<message to='<'/>`},
		{"duplicate attribute", `<message to='a' id='x' to='a'/>`},
		{"duplicate attribute by namespace", `<message xmlns:a='u' xmlns:b='u' a:x='' b:x=''/>`},
		{"the same with a reference", `<message xmlns:a='ux' xmlns:b='u&#120;' a:x='' b:x=''/>`},
		{"duplicate declaration", `<message xmlns='u' xmlns='u'/>`},
		{"prefix undeclared", `<message xmlns:a=''/>`},
		{"prefix xmlns declared", `<message xmlns:xmlns='u'/>`},
		{"prefix xml misbound", `<message xmlns:xml='u'/>`},
		{"xml's namespace with another prefix", `<message xmlns:a='` + NSXML + `'/>`},
		{"xml's namespace by default", `<message xmlns='` + NSXML + `'/>`},
		{"xmlns's namespace", `<message xmlns:a='` + nsXMLNS + `'/>`},
		{"two colons", `<message xmlns:a='u'><a:b:c/></message>`},
		{"colon first", `<message><:a/></message>`},
		{"colon last", `<message xmlns:a='u'><a:/></message>`},
		{"digit behind a colon", `<message xmlns:a='u'><a:1/></message>`},
		{"name begins with a digit", `<message><1/></message>`},
		{"name begins with a hyphen", `<message -a=''/>`},
		{"name only of the fifth edition", "<message><\u0370/></message>"},
		{"name begins with a combining mark", "<message><\u0300a/></message>"},
		{"name beyond the BMP", "<message><\U00010000/></message>"},
		{"misspelt CDATA", `<message><![cdata[x]]></message>`},
		{"element declaration", `<!ELEMENT a ANY>`},
		{"second root", `</stream:stream><stream:stream>`},
		{"text behind the root", `</stream:stream> x`},
	})
}

// RFC 6120 §4.9.3.13
func TestMalformedText(t *testing.T) {
	refuses(t, NotWellFormed, []bad{
		{"]]> in text", in("]]>")},
		{"]]]> in text", in("]]]>")},
		{"lone ampersand", in("a & b")},
		{"empty reference", in("&;")},
		{"reference to NUL", in("&#0;")},
		{"reference to a control character", in("&#x1f;")},
		{"reference to a surrogate", in("&#xD800;")},
		{"reference to U+FFFE", in("&#xFFFE;")},
		{"reference beyond Unicode", in("&#x110000;")},
		{"reference that wraps around", in("&#x100000041;")},
		{"reference with X", in("&#X41;")},
		{"reference without digits", in("&#;")},
		{"reference without hex digits", in("&#x;")},
		{"hex digit in a decimal reference", in("&#4a;")},
		{"control character", in("a\x01b")},
		{"NUL", in("a\x00b")},
		{"control character in a value", "<message to='\x1b'/>"},
		{"control character in CDATA", "<message><![CDATA[\x02]]></message>"},
		{"control character between stanzas", "\x00"},
		{"stray UTF-8 continuation", in("\x80")},
		{"overlong UTF-8", in("\xc0\xbc")},
		{"UTF-8 surrogate", in("\xed\xa0\x80")},
		{"UTF-8 beyond Unicode", in("\xf4\x90\x80\x80")},
		{"broken UTF-8", in("\xe2\x82")},
		{"broken UTF-8 in a value", "<message to='\xe2\x82'/>"},
		{"broken UTF-8 in CDATA", "<message><![CDATA[\xe2\x82]]></message>"},
		{"Latin-1 in a name", "<m\xe9/>"},
		{"U+FFFF", in("\uffff")},
	})
}

// RFC 6120 §4.9.3.2
func TestBadNamespacePrefix(t *testing.T) {
	refuses(t, BadNamespacePrefix, []bad{
		{"unbound prefix of an element", `<message><a:b/></message>`},
		{"unbound prefix of an attribute", `<message a:b='c'/>`},
		{"prefix out of scope", `<message><a xmlns:b='u'/><b:c/></message>`},
		{"prefix xmlns of an element", `<message><xmlns:a/></message>`},
	})
}

// RFC 6120 §4.9.3.1
func TestBadFormat(t *testing.T) {
	refuses(t, BadFormat, []bad{
		{"text between stanzas", `<presence/>hello`},
		{"reference between stanzas", `<presence/>&#32;`},
		{"CDATA between stanzas", `<presence/><![CDATA[ ]]>`},
		{"stream in a stream", `<stream:stream xmlns='jabber:client'>`},
	})
}

func nextBehindEnd(stream string) error {
	r := NewReader(Limits{})
	r.Filled(copy(r.Space(), stream))
	r.Open()
	r.Next()
	_, err := r.Next()
	return err
}

// TestAccepted holds that strict is not narrow: all this is legal.
func TestAccepted(t *testing.T) {
	for _, xml := range []string{
		"<message/>", "<message\n/>", "<message></message\r\n\t >",
		"<message\tto = 'a'\nfrom\r=\n\"b'\"/>",
		"<message to='>' id='&lt;&gt;&amp;&quot;&apos;'/>",
		"<message>> ]] ]> ]&#93;> \r \r\n</message>",
		"<message>&#65;&#x41;&#x00000000000000000000041;&#9;&#x10FFFF;</message>",
		"<message><![CDATA[]]><![CDATA[<>&'\"]]]]><![CDATA[>&bogus;\r\n]]></message>",
		"<message>\x7f\u0080\u0085\u00a0\u2028\ufeff\ufffd\U0001F600\U0010FFFF</message>",
		"<message><_/><a.b-c_d1/><\u00fc\u0660\u0300\u00b7/><\u4f60/></message>",
		"<message xmlns:a='u' xmlns:b='v' a:x='' b:x='' x=''><a:x xmlns:a='w' a:y=''/></message>",
		"<message xmlns:a='u'><b xmlns:a='v'/><a:c/></message>",
		"<message xmlns=''><a xmlns='u'><b xmlns=''/></a></message>",
		"<message xml:lang='de' xml:space='preserve' xmlns:xml='" + NSXML + "'><xml:a/></message>",
		"<message xmlns:xmlfoo='u' xmlfoo:a=''/>",
		"<stream:features/>", "<stream:error><reset xmlns='" + NSStreamErrors + "'/></stream:error>",
		"<xmlns/>", "<a xmlnsx='' xmlns:x='u:x'/>",
	} {
		o := sameHowever(t, clientHeader+" \r\n\t"+xml+"\n")
		if o.err != ErrMore || len(o.stanzas) != 1 || !strings.HasSuffix(o.stanzas[0], xml) {
			t.Errorf("%q: %q, %v", xml, o.stanzas, o.err)
			continue
		}
		oracles(t, clientHeader+xml+streamEnd)
	}
}
