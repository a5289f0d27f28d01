package pep

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"lethe/relay/jid"
	"lethe/relay/wire"
)

func address(t *testing.T, s string) jid.JID {
	t.Helper()
	j, err := jid.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// TestParse: requests as clients write them. What is refused stands in the
// account's tests, with the answers.
func TestParse(t *testing.T) {
	tests := []struct {
		typ, ns, content string
		want             Request
	}{
		{"set", NS, "<publish node='n'><item id='i'><x xmlns='u'/></item></publish>",
			Request{Verb: Publish, Node: "n", Item: Item{"i", []byte("<x xmlns='u'/>")}}},
		{"set", NS, "<publish node='n'><item><x/></item></publish>",
			Request{Verb: Publish, Node: "n", Item: Item{"", []byte("<x xmlns='" + NS + "'/>")}}},
		{"set", NS, "<publish node='n'><item><x xmlns='u'/></item></publish><publish-options><x xmlns='jabber:x:data' type='submit'>" +
			"<field var='FORM_TYPE' type='hidden'><value>" + nsOptions + "</value></field>" +
			"<field var='a'><value>1 &amp; 2</value><value>3</value></field><field var='b'/></x></publish-options>",
			Request{Verb: Publish, Node: "n", Item: Item{"", []byte("<x xmlns='u'/>")}, Options: []Option{{"a", "1 & 2"}, {"b", ""}}}},
		{"set", NS, "<retract node='n' notify='true'><item id='i'/></retract>", Request{Verb: Retract, Node: "n", Item: Item{ID: "i"}, Notify: true}},
		{"set", NS, "<retract node='n' notify='no'><item id='i'/></retract>", Request{Verb: Retract, Node: "n", Item: Item{ID: "i"}}},
		{"get", NS, "<items node='n' max_items='3'><item id='i'/><item/><item id='j'/></items>", Request{Verb: Items, Node: "n", Max: 3, IDs: []string{"i", "j"}}},
		{"get", NS, "<items node='n'/><set xmlns='http://jabber.org/protocol/rsm'/>", Request{Verb: Items, Node: "n"}},
		{"set", NS, "<subscribe node='n' jid='A@example.org'/>", Request{Verb: Subscribe, Node: "n", Subscriber: address(t, "a@example.org")}},
		{"set", NS, "<unsubscribe node='n' jid='a@example.org/x'/>", Request{Verb: Unsubscribe, Node: "n", Subscriber: address(t, "a@example.org/x")}},
		{"set", NS, "<create node='n'/>", Request{Verb: Create, Node: "n"}},
		{"set", NS, "<create/><configure/>", Request{Verb: Create}},
		{"set", NS, "<create node='n'/><configure><x xmlns='jabber:x:data' type='submit'><field var='a'><value>1</value></field></x></configure>",
			Request{Verb: Create, Node: "n", Options: []Option{{"a", "1"}}}},
		{"get", NSOwner, "<configure node='n'/>", Request{Verb: Configure, Node: "n"}},
		{"set", NSOwner, "<configure node='n'><x xmlns='jabber:x:data' type='submit'/></configure>", Request{Verb: Configure, Node: "n", Options: []Option{}}},
		{"set", NSOwner, "<configure node='n'><x xmlns='jabber:x:data' type='cancel'/></configure>", Request{Verb: Configure, Node: "n", Cancel: true}},
		{"get", NSOwner, "<default/>", Request{Verb: Default}},
		{"set", NSOwner, "<delete node='n'/>", Request{Verb: Delete, Node: "n"}},
		{"set", NSOwner, "<purge node='n'/>", Request{Verb: Purge, Node: "n"}},
	}
	for _, tt := range tests {
		got, fault := Parse(parse(t, "<iq type='"+tt.typ+"'><pubsub xmlns='"+tt.ns+"'>"+tt.content+"</pubsub></iq>"))
		if fault != nil || !reflect.DeepEqual(*got, tt.want) {
			t.Errorf("%s: %+v %+v\nwant %+v", tt.content, got, fault, tt.want)
		}
	}
}

// TestFormsAreBounded: a form with more fields than anybody needs is refused.
func TestFormsAreBounded(t *testing.T) {
	xml := func(fields int) string {
		return "<iq type='set'><pubsub xmlns='" + NSOwner + "'><configure node='n'><x xmlns='jabber:x:data' type='submit'>" +
			strings.Repeat("<field var='a'><value>1</value></field>", fields) + "</x></configure></pubsub></iq>"
	}
	for fields, refused := range map[int]bool{maxFields: false, maxFields + 1: true} {
		if _, fault := Parse(parse(t, xml(fields))); (fault != nil) != refused {
			t.Errorf("%d fields: %+v", fields, fault)
		}
	}
}

// TestAppendItems: what does not fit is left out, the oldest first.
func TestAppendItems(t *testing.T) {
	items := []Item{{"1", []byte("<x/>")}, {"2", []byte("<x/>")}, {"3", []byte("<x/>")}}
	all := string(AppendItems(nil, "n", items, 1<<20))
	for room := range len(all) {
		if got := string(AppendItems(nil, "n", items, room)); !strings.HasSuffix(got, "</items></pubsub>") || strings.Contains(got, "'2'") && !strings.Contains(got, "'3'") {
			t.Fatalf("%d bytes: %s", room, got)
		}
	}
	if strings.Count(all, "<item ") != 3 || strings.Index(all, "'3'") > strings.Index(all, "'1'") {
		t.Errorf("all of them: %s", all)
	}
}

// needSeeds fails when the seeds of a fuzz target are gone: it would try
// nothing and pass.
func needSeeds(f *testing.F) {
	seeds, err := os.ReadDir(filepath.Join("testdata", "fuzz", f.Name()))
	if err != nil || len(seeds) < 5 {
		f.Fatalf("testdata/fuzz/%s holds %d seeds, want 5 at least (%v)", f.Name(), len(seeds), err)
	}
}

// FuzzParse: whatever is asked is understood or refused in a stanza, and what
// is kept of it stands by itself.
func FuzzParse(f *testing.F) {
	needSeeds(f)
	f.Fuzz(func(t *testing.T, set bool, data string) {
		typ := "get"
		if set {
			typ = "set"
		}
		st, err := wire.ParseStanza([]byte("<iq id='1' type='"+typ+"'>"+data+"</iq>"), wire.NSClient)
		if err != nil || len(st.Children()) != 1 || st.Truncated() {
			return
		}
		if ns := string(st.Children()[0].NS); ns != NS && ns != NSOwner {
			return
		}
		r, fault := Parse(st)
		if fault != nil {
			b := AppendFault(nil, st, "a@example.org", "b@example.org", fault)
			if _, err := wire.ParseStanza(b, wire.NSClient); err != nil || fault.Text == "" {
				t.Fatalf("%q is refused by %q: %v", data, b, err)
			}
			return
		}
		if len(r.Options) > maxFields || len(r.IDs) > maxAsked {
			t.Fatalf("%q makes %d options, %d ids", data, len(r.Options), len(r.IDs))
		}
		if r.Verb == Publish {
			checkPublished(t, r)
		}
	})
}

// checkPublished holds that an event with the item means what the request did.
func checkPublished(t *testing.T, r *Request) {
	t.Helper()
	alone, err := wire.ParseStanza(r.Item.Payload, "urn:elsewhere")
	if err != nil {
		t.Fatalf("%q: %v", r.Item.Payload, err)
	}
	event := append([]byte("<message>"), AppendItemEvent(nil, r.Node, r.Item)...)
	st, err := wire.ParseStanza(append(event, "</message>"...), wire.NSClient)
	if err == wire.PolicyViolation {
		return
	}
	if err != nil {
		t.Fatalf("%q: %v", event, err)
	}
	items := st.Node().Children[0].Children[0]
	item := items.Children[0]
	if items.Attr("node") != r.Node || item.Attr("id") != r.Item.ID || !reflect.DeepEqual(item.Children[0], alone.Node()) {
		t.Fatalf("%q in an event is %q", r.Item.Payload, event)
	}
}
