package pep

import (
	"slices"
	"strings"
	"testing"

	"lethe/relay/wire"
)

func parse(t testing.TB, xml string) *wire.Stanza {
	t.Helper()
	st, err := wire.ParseStanza([]byte(xml), wire.NSClient)
	if err != nil {
		t.Fatalf("%s: %v", xml, err)
	}
	return st
}

// The examples of XEP-0115 §5.2 and §5.3.
const (
	exodus = "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='client' name='Exodus 0.9.1' type='pc'/>" +
		"<feature var='http://jabber.org/protocol/muc'/><feature var='http://jabber.org/protocol/caps'/>" +
		"<feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/disco#info'/></query>"
	psi = "<query xmlns='http://jabber.org/protocol/disco#info'><identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>" +
		"<identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/><feature var='http://jabber.org/protocol/caps'/>" +
		"<feature var='http://jabber.org/protocol/disco#info'/><feature var='http://jabber.org/protocol/disco#items'/>" +
		"<feature var='http://jabber.org/protocol/muc'/><x xmlns='jabber:x:data' type='result'>" +
		"<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>" +
		"<field var='ip_version' type='text-multi'><value>ipv6</value><value>ipv4</value></field><field var='os'><value>Mac</value></field>" +
		"<field var='os_version'><value>10.5.1</value></field><field var='software'><value>Psi</value></field>" +
		"<field var='software_version'><value>0.11</value></field></x></query>"
	exodusVer, psiVer = "QgayPKawpkPSDYmwT/WM94uAlu0=", "q07IKJEyjvHSyhy//CH0CxmKi8w="
)

func query(t *testing.T, xml string) *wire.Node { return parse(t, xml).Node() }

func TestVerify(t *testing.T) {
	twice := func(s, what string) string { return strings.Replace(s, what, what+what, 1) }
	tests := []struct {
		xml  string
		caps Caps
		want bool
	}{
		{exodus, Caps{"sha-1", "n", exodusVer}, true},
		{psi, Caps{"sha-1", "n", psiVer}, true},
		{exodus, Caps{"sha-1", "n", psiVer}, false},
		{exodus, Caps{"md5", "n", exodusVer}, false},
		{exodus, Caps{"", "n", ""}, false},
		{exodus, Caps{"sha-256", "n", "Wr6IGEKhx6b9627gBmi/cCmpxXBc/GYq5zWuYfWGWoc="}, true},
		{exodus, Caps{"sha-512", "n", "fRSVSbrOODMrPDQyHoSWoR+RemysUcEeGGhMh+kl/hGp9UrJxyDnrh9BymsL57Am/eToRZ/T4s6QBqeC6LVmoQ=="}, true},
		{exodus, Caps{"sha-256", "n", exodusVer}, false},
		// What only looks like the same.
		{twice(exodus, "<feature var='http://jabber.org/protocol/muc'/>"), Caps{"sha-1", "n", exodusVer}, false},
		{strings.Replace(exodus, "<feature var='http://jabber.org/protocol/caps'/><feature", "<feature", 1), Caps{"sha-1", "n", exodusVer}, false},
		{strings.NewReplacer("<feature var='http://jabber.org/protocol/disco#info'/>", "", "protocol/caps'", "protocol/caps&lt;http://jabber.org/protocol/disco#info'").Replace(exodus),
			Caps{"sha-1", "n", exodusVer}, false},
		{strings.Replace(exodus, "'/><feature var='http://jabber.org/protocol/caps'/>", "'/>", 1), Caps{"sha-1", "n", exodusVer}, false},
		// A form without a hidden type does not count; one with two types spoils it all.
		{strings.Replace(exodus, "</query>", "<x xmlns='jabber:x:data'><field var='a'><value>b</value></field></x></query>", 1), Caps{"sha-1", "n", exodusVer}, true},
		{strings.Replace(exodus, "</query>", "<x xmlns='jabber:x:data'><field var='FORM_TYPE' type='hidden'><value>a</value><value>b</value></field></x></query>", 1),
			Caps{"sha-1", "n", exodusVer}, false},
	}
	for _, tt := range tests {
		if got := tt.caps.Verify(query(t, tt.xml)); got != tt.want {
			t.Errorf("%v %s: %v", tt.caps, tt.xml, got)
		}
	}
}

// TestVerifyTellsApart: an answer that says one thing twice is refused, whatever
// its hash.
func TestVerifyTellsApart(t *testing.T) {
	form := psi[strings.Index(psi, "<x "):strings.Index(psi, "</query>")]
	for _, what := range []string{"<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>", "<feature var='http://jabber.org/protocol/muc'/>", form} {
		if s, ok := verification(query(t, strings.Replace(psi, what, what+what, 1))); ok {
			t.Errorf("%s twice is %q", what, s)
		}
	}
}

// TestVerifyWishes: the string of XEP-0115 reads in several ways. None of them
// makes others believe that a client does not want to hear of something.
func TestVerifyWishes(t *testing.T) {
	const head, tail = "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='client' type='pc'/>", "</query>"
	honest, ok := verification(query(t, head+"<feature var='http://jabber.org/protocol/nick+notify'/>"+
		"<feature var='u'/><feature var='urn:x+notify'/><feature var='urn:y'/>"+tail))
	if !ok {
		t.Fatal("refused")
	}
	for name, xml := range map[string]string{
		"in a form": head + "<feature var='http://jabber.org/protocol/nick+notify'/><feature var='u'/><x xmlns='jabber:x:data'>" +
			"<field var='FORM_TYPE' type='hidden'><value>urn:x+notify</value></field><field var='urn:y'/></x>" + tail,
		"as a field": head + "<feature var='http://jabber.org/protocol/nick+notify'/><x xmlns='jabber:x:data'>" +
			"<field var='FORM_TYPE' type='hidden'><value>u</value></field><field var='urn:x+notify'><value>urn:y</value></field></x>" + tail,
		"in an identity": head + "<identity category='http:' type='' xml:lang='jabber.org' name='protocol/nick+notify'/>" +
			"<feature var='u'/><feature var='urn:x+notify'/><feature var='urn:y'/>" + tail,
	} {
		if s, ok := verification(query(t, xml)); ok || s != honest {
			t.Errorf("%s: %v, %q, want another reading of %q", name, ok, s, honest)
		}
	}
}

func TestVerifySorts(t *testing.T) {
	// Octets decide, and what ends first comes first.
	const xml = "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='b' type='t'/><identity category='a-b' type='t'/><identity category='a' type='t'/>" +
		"<feature var='u#x'/><feature var='u'/></query>"
	s, ok := verification(query(t, xml))
	if want := "a/t//<a-b/t//<b/t//<u<u#x<"; !ok || s != want {
		t.Errorf("%q, want %q", s, want)
	}
}

func TestCapsOf(t *testing.T) {
	tests := []struct {
		xml  string
		want Caps
	}{
		{"<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/></presence>", Caps{"sha-1", "n", "v"}},
		{"<presence><show>away</show><p:c xmlns:p='http://jabber.org/protocol/caps' hash='x' node='&lt;' ver='v'/></presence>", Caps{"x", "<", "v"}},
		{"<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n'/></presence>", Caps{}},
		{"<presence><c xmlns='other' hash='sha-1' node='n' ver='v'/></presence>", Caps{}},
		{"<presence><c xmlns='http://jabber.org/protocol/caps' node='n' ver='" + strings.Repeat("v", maxCaps+1) + "'/></presence>", Caps{}},
		{"<presence/>", Caps{}},
	}
	for _, tt := range tests {
		if got := CapsOf(parse(t, tt.xml)); got != tt.want {
			t.Errorf("%s: %v", tt.xml, got)
		}
	}
}

func TestInterests(t *testing.T) {
	var b strings.Builder
	b.WriteString("<query xmlns='http://jabber.org/protocol/disco#info'><feature var='b+notify'/><feature var='c'/><feature var='a+notify'/>" +
		"<x xmlns='other' var='d+notify'/><feature var='" + strings.Repeat("n", maxInterest+1) + "+notify'/>")
	if got := Interests(query(t, b.String()+"</query>")); !slices.Equal(got, []string{"a", "b"}) {
		t.Error(got)
	}
	for range 2 * maxInterests {
		b.WriteString("<feature var='e+notify'/>")
	}
	if got := Interests(query(t, b.String()+"</query>")); len(got) != maxInterests {
		t.Error(len(got))
	}
}

// FuzzCaps: whatever a client says of itself, what is kept of it is bounded, and
// what is hashed has one reading.
func FuzzCaps(f *testing.F) {
	needSeeds(f)
	f.Fuzz(func(t *testing.T, data string) {
		st, err := wire.ParseStanza([]byte("<presence>"+data+"</presence>"), wire.NSClient)
		if err != nil {
			return
		}
		if c := CapsOf(st); max(len(c.Hash), len(c.Node), len(c.Ver)) > maxCaps || c.Ver == "" && c != (Caps{}) {
			t.Fatalf("%q has %+v", data, c)
		}
		for _, n := range st.Node().Children {
			nodes := Interests(n)
			if len(nodes) > maxInterests || !slices.IsSorted(nodes) {
				t.Fatalf("%q is interested in %q", data, nodes)
			}
			s, ok := verification(n)
			var features []string
			for _, c := range n.Children {
				if c.NS == nsInfo && c.Name == "feature" {
					features = append(features, c.Attr("var"))
				}
			}
			for _, v := range features {
				if ok && strings.Count("<"+s, "<"+v+"<") == 0 {
					t.Fatalf("%q is not in %q", v, s)
				}
			}
			if ok && len(features) != len(slices.Compact(slices.Sorted(slices.Values(features)))) {
				t.Fatalf("%q says something twice", data)
			}
		}
	})
}
