package wire

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// TestNames holds that we know the names encoding/xml and expat know: all
// characters at the beginning of a name, and behind it.
func TestNames(t *testing.T) {
	for r := rune(0x21); r < 0x10400; r++ {
		if 0xD800 <= r && r < 0xE000 || strings.ContainsRune("/<>=:!?", r) {
			continue
		}
		for _, doc := range []string{"<" + string(r) + "/>", "<a" + string(r) + "/>"} {
			_, err := ParseStanza([]byte(doc), NSClient)
			if got, want := err == nil, decodes(doc); got != want {
				t.Errorf("%U in %q: %v, encoding/xml says %v", r, doc, got, want)
			}
			if n, expatErr := expatCheck(doc); n >= 0 && (expatErr == nil) != (err == nil) {
				t.Errorf("%U in %q: %v, expat says %v", r, doc, err, expatErr)
			}
		}
	}
}

func decodes(doc string) bool {
	for d := xml.NewDecoder(strings.NewReader(doc)); ; {
		if _, err := d.Token(); err != nil {
			return err == io.EOF
		}
	}
}

// TestCharacters does the same for text and references.
func TestCharacters(t *testing.T) {
	for r := rune(0); r < 0x10400; r++ {
		if r == '<' || r == '&' || 0xD800 <= r && r < 0xE000 {
			continue
		}
		doc := "<a b=\"" + strings.Replace(string(r), `"`, "", 1) + "\">" + string(r) + "<![CDATA[" + string(r) + "]]></a>"
		_, err := ParseStanza([]byte(doc), NSClient)
		if got, want := err == nil, decodes(doc); got != want {
			t.Errorf("%U: %v, encoding/xml says %v", r, got, want)
		}
		if n, expatErr := expatCheck(doc); n >= 0 && (expatErr == nil) != (err == nil) {
			t.Errorf("%U: %v, expat says %v", r, err, expatErr)
		}
	}
}
