package wire

import (
	"strings"
	"testing"
)

// TestAppendEdited: what is dropped is gone, what is added is last, all else is
// as it came.
func TestAppendEdited(t *testing.T) {
	const more = "<m xmlns='u:m'/>"
	long := strings.Repeat("p", 100)
	tests := []struct{ in, drop, more, want string }{
		{"<message/>", "", "", "<message to='t'/>"},
		{"<message/>", "", more, "<message to='t'>" + more + "</message>"},
		{"<message></message>", "", more, "<message to='t'>" + more + "</message>"},
		{"<message><a/> <b> &amp;</b>\t</message >", "a", "", "<message to='t'> <b> &amp;</b>\t</message >"},
		{"<message><a/><b/><a>x</a>y</message>", "a", more, "<message to='t'><b/>y" + more + "</message>"},
		{"<message><a/></message>", "a", "", "<message to='t'></message>"},
		{"<p:message xmlns:p='jabber:client'><p:a/></p:message>", "a", more,
			"<p:message xmlns:p='jabber:client' to='t'>" + more + "</p:message>"},
		{"<" + long + ":message xmlns:" + long + "='jabber:client'/>", "", more,
			"<" + long + ":message xmlns:" + long + "='jabber:client' to='t'>" + more + "</" + long + ":message>"},
		{"<p:message xmlns:p='jabber:client'/>", "", more,
			"<p:message xmlns:p='jabber:client' to='t'>" + more + "</p:message>"},
	}
	for _, tt := range tests {
		st := mustParse(t, tt.in)
		st.SetTo("t")
		drop := func(c Child) bool { return string(c.Name) == tt.drop }
		got := string(st.AppendEdited(nil, NSClient, drop, []byte(tt.more)))
		if got != tt.want {
			t.Errorf("%s: %s\nwant %s", tt.in, got, tt.want)
		}
		if room := st.MaxAppendEdited(NSClient, []byte(tt.more)); len(got) > room {
			t.Errorf("%s: %d bytes, with room for %d", tt.in, len(got), room)
		}
	}
	st := mustParse(t, "<message><a/></message>")
	if got := string(st.AppendEdited(nil, NSClient, nil, nil)); got != "<message><a/></message>" {
		t.Error(got)
	}
}
