package account_test

import (
	"regexp"
	"strings"
	"testing"
)

const (
	nsPubsub = "http://jabber.org/protocol/pubsub"
	tune     = "http://jabber.org/protocol/tune"
	devices  = "eu.siacs.conversations.axolotl.devicelist"
)

// pubsub is a request of this type, with the id 1.
func pubsub(typ, content string) string {
	return "<iq type='" + typ + "' id='1'><pubsub xmlns='" + nsPubsub + "'>" + content + "</pubsub></iq>"
}

func pubsubOwner(typ, content string) string {
	return "<iq type='" + typ + "' id='1'><pubsub xmlns='" + nsPubsub + "#owner'>" + content + "</pubsub></iq>"
}

// to addresses a request.
func to(address, request string) string {
	return strings.Replace(request, "<iq ", "<iq to='"+address+"' ", 1)
}

func publish(node, id, payload string) string {
	return pubsub("set", publishing(node, id, payload))
}

func publishing(node, id, payload string) string {
	return "<publish node='" + node + "'><item id='" + id + "'>" + payload + "</item></publish>"
}

// options is the form with publish options, or with a configuration.
func options(kind string, pairs ...string) string {
	b := "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>" + nsPubsub + "#" + kind + "</value></field>"
	for i := 0; i < len(pairs); i += 2 {
		b += "<field var='pubsub#" + pairs[i] + "'><value>" + pairs[i+1] + "</value></field>"
	}
	return b + "</x>"
}

// pubsubAnnounced are requests for the features of personal eventing, each of
// which works for a user without any nodes, in the order of the list and again.
func pubsubAnnounced() map[string]string {
	requests := map[string]string{
		nsPubsub:                          pubsub("get", "<items node='http://jabber.org/protocol/nick'/>"),
		"jabber:iq:private":               "<iq type='get' id='1'><query xmlns='jabber:iq:private'><x xmlns='mine'/></query></iq>",
		"urn:xmpp:bookmarks:1#compat":     "<iq type='get' id='1'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query></iq>",
		"urn:xmpp:bookmarks-conversion:0": pubsub("set", publishing("storage:bookmarks", "current", "<storage xmlns='storage:bookmarks'/>")),
		"urn:xmpp:bookmarks:1#compat-pep": pubsub("get", "<items node='storage:bookmarks'/>"),
	}
	conf := func(pairs ...string) string { return "<configure>" + options("node_config", pairs...) + "</configure>" }
	for feature, request := range map[string]string{
		"access-open":            pubsub("set", "<create/>"+conf("access_model", "open")),
		"access-presence":        pubsub("set", "<create/>"+conf("access_model", "presence")),
		"access-whitelist":       pubsub("set", "<create/>"+conf("access_model", "whitelist")),
		"auto-create":            publish("n", "i", "<x xmlns='y'/>"),
		"auto-subscribe":         pubsub("set", "<subscribe node='n' jid='alice@example.org'/>"),
		"config-node":            pubsubOwner("get", "<configure node='n'/>"),
		"config-node-max":        pubsub("set", "<create/>"+conf("max_items", "max")),
		"create-and-configure":   pubsub("set", "<create/>"+conf("persist_items", "1")),
		"create-nodes":           pubsub("set", "<create node='k'/>"),
		"delete-items":           pubsub("set", "<retract node='n'><item id='i'/></retract>"),
		"delete-nodes":           pubsubOwner("set", "<delete node='k'/>"),
		"filtered-notifications": publish("n", "i", "<x xmlns='y'/>"),
		"instant-nodes":          pubsub("set", "<create/>"),
		"item-ids":               publish("n", "i", "<x xmlns='y'/>"),
		"last-published":         pubsub("get", "<items node='n' max_items='1'/>"),
		"meta-data":              "<iq type='get' id='1'><query xmlns='http://jabber.org/protocol/disco#info' node='n'/></iq>",
		"multi-items":            pubsub("set", "<create/>"+conf("max_items", "2")),
		"persistent-items":       pubsub("get", "<items node='n'/>"),
		"presence-subscribe":     pubsub("set", "<subscribe node='n' jid='alice@example.org'/>"),
		"publish":                publish("n", "i", "<x xmlns='y'/>"),
		"publish-options":        pubsub("set", publishing("n", "i", "<x xmlns='y'/>")+"<publish-options>"+options("publish-options", "max_items", "1")+"</publish-options>"),
		"purge-nodes":            pubsubOwner("set", "<purge node='n'/>"),
		"retract-items":          pubsub("get", "<items node='n'/>"),
		"retrieve-default":       pubsubOwner("get", "<default/>"),
		"retrieve-items":         pubsub("get", "<items node='n'/>"),
		"subscribe":              pubsub("set", "<unsubscribe node='n' jid='alice@example.org'/>"),
	} {
		requests[nsPubsub+"#"+feature] = request
	}
	return requests
}

// items are what a request for a node is answered with.
func items(from, to, node string, items ...string) string {
	return "<iq type='result' id='1' from='" + from + "' to='" + to + "'><pubsub xmlns='" + nsPubsub + "'><items node='" + node + "'>" +
		strings.Join(items, "") + "</items></pubsub></iq>"
}

func item(id, payload string) string { return "<item id='" + id + "'>" + payload + "</item>" }

func published(from, to, node, id string) string {
	return "<iq type='result' id='1' from='" + from + "' to='" + to + "'><pubsub xmlns='" + nsPubsub + "'><publish node='" + node + "'>" +
		"<item id='" + id + "'/></publish></pubsub></iq>"
}

// ask sends a request and returns the answer: its payload, or the condition of
// the error and, if there is one, that of pubsub#errors.
func (c *client) ask(request string) string {
	c.lab.t.Helper()
	c.got()
	c.send(request)
	got := c.got()
	if len(got) == 0 {
		c.lab.t.Fatalf("%s: no answer", request)
	}
	for _, g := range got {
		if !strings.HasPrefix(g, "<iq") {
			continue
		}
		if m := regexp.MustCompile(`<error .*?><([a-z-]+) .*?<text .*?>(.+)</text>(?:<([a-z-]+) xmlns='` + nsPubsub + `#errors')?`).FindStringSubmatch(g); m != nil {
			return strings.TrimSpace(m[1] + " " + m[3])
		}
		if strings.HasSuffix(g, "/>") && !strings.Contains(g, "</iq>") {
			return ""
		}
		return strings.TrimSuffix(g[strings.Index(g, ">")+1:], "</iq>")
	}
	c.lab.t.Fatalf("%s: %q", request, got)
	return ""
}

func TestPublish(t *testing.T) {
	l := newLab(t)
	alice, bob := l.bind("alice@example.org/a"), l.bind("bob@example.org/b")
	alice.send(publish(tune, "1", "<tune xmlns='u'><title>A &amp; <![CDATA[B]]></title></tune>"))
	alice.want(published("alice@example.org", "alice@example.org/a", tune, "1"))
	// What its content declares outside itself comes along (XEP-0060 §7.1).
	alice.send("<iq type='set' id='1' xmlns:q='w'><pubsub xmlns='" + nsPubsub + "'><publish node='many'><item><q:x a=\"1\"/></item></publish></pubsub></iq>")
	if got := alice.got(); len(got) != 1 || !strings.Contains(got[0], "<publish node='many'><item id='*'/>") {
		t.Errorf("a made up id: %q", got) // XEP-0060 §7.1.2
	}
	bob.send(to("alice@example.org", pubsub("get", "<items node='"+tune+"'/>")))
	bob.want(items("alice@example.org", "bob@example.org/b", tune, item("1", "<tune xmlns='u'><title>A &amp; <![CDATA[B]]></title></tune>")))
	bob.send(to("alice@example.org", pubsub("get", "<items node='many'/>")))
	if got := bob.got(); !strings.Contains(got[0], `<q:x xmlns:q='w' a="1"/></item>`) {
		t.Errorf("got %q", got)
	}
	// By default the node holds one item.
	alice.ask(publish(tune, "2", "<x xmlns='u'/>"))
	if got, want := alice.ask(pubsub("get", "<items node='"+tune+"'/>")), item("2", "<x xmlns='u'/>"); !strings.Contains(got, "'>"+want+"</items>") {
		t.Errorf("got %s", got)
	}
}

func TestItems(t *testing.T) {
	l := newLab(t)
	alice := l.bind("alice@example.org/a")
	alice.ask(pubsub("set", "<create node='n'/><configure>"+options("node_config", "max_items", "3")+"</configure>"))
	for _, id := range []string{"1", "2", "3", "4"} {
		alice.ask(publish("n", id, "<x xmlns='u'/>"))
	}
	for request, want := range map[string]string{
		"<items node='n'/>":                                                  "4 3 2",
		"<items node='n' max_items='2'/>":                                    "4 3", // XEP-0060 §6.5.7
		"<items node='n' max_items='9'/>":                                    "4 3 2",
		"<items node='n'><item id='2'/><item id='1'/></items>":               "2", // XEP-0060 §6.5.8
		"<items node='n' max_items='1'><item id='2'/><item id='3'/></items>": "3",
	} {
		var ids []string
		for _, m := range regexp.MustCompile(`<item id='(.)'>`).FindAllStringSubmatch(alice.ask(pubsub("get", request)), -1) {
			ids = append(ids, m[1])
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s: %s", request, got)
		}
	}
}

// TestPubsubErrors: what cannot be done is refused as XEP-0060 says.
func TestPubsubErrors(t *testing.T) {
	conf := func(kind string, pairs ...string) string { return options(kind, pairs...) }
	tests := []struct{ request, want string }{
		{publish("n", "1", ""), "bad-request payload-required"},
		{publish("n", "1", "<x xmlns='u'/><y xmlns='u'/>"), "bad-request invalid-payload"},
		{pubsub("set", "<publish node='n'/>"), "bad-request item-required"},
		{pubsub("set", "<publish><item id='1'><x xmlns='u'/></item></publish>"), "bad-request nodeid-required"},
		{publish("n", "1", "<x>"+strings.Repeat("y", 245<<10)+"</x>"), "not-acceptable payload-too-big"},
		{pubsub("set", "<publish node='n'><item><x/></item></publish><publish-options/>"), "bad-request"},
		{pubsub("set", "<publish node='n'><item><x/></item></publish><publish-options>"+conf("node_config")+"</publish-options>"), "bad-request"},
		{pubsub("set", "<publish node='n'><item><x/></item></publish><publish-options>"+conf("publish-options", "unheard", "of")+"</publish-options>"), "not-acceptable"},
		{pubsub("set", "<publish node='there'><item><x/></item></publish><publish-options>"+conf("publish-options", "access_model", "open")+"</publish-options>"), "conflict precondition-not-met"},
		{pubsub("set", "<retract node='there'><item id='2'/></retract>"), "item-not-found"},
		{pubsub("set", "<retract node='n'><item id='1'/></retract>"), "item-not-found"},
		{pubsub("set", "<retract node='there'/>"), "bad-request item-required"},
		{pubsub("set", "<retract><item id='1'/></retract>"), "bad-request nodeid-required"},
		{pubsub("get", "<items node='n'/>"), "item-not-found"},
		{pubsub("get", "<items/>"), "bad-request nodeid-required"},
		{pubsub("get", "<items node='there' max_items='0'/>"), "bad-request"},
		{pubsub("get", "<items node='there'>"+strings.Repeat("<item id='x'/>", 101)+"</items>"), "policy-violation"},
		{pubsub("get", ""), "bad-request"},
		{pubsub("get", "<subscriptions/>"), "feature-not-implemented unsupported"},
		{pubsub("get", "<affiliations/>"), "feature-not-implemented unsupported"},
		{pubsub("get", "<publish node='n'/>"), "feature-not-implemented"},
		{pubsub("set", "<subscribe node='there' jid='bob@example.org'/>"), "bad-request invalid-jid"},
		{pubsub("set", "<subscribe node='there'/>"), "bad-request"},
		{pubsub("set", "<subscribe node='n' jid='alice@example.org'/>"), "item-not-found"},
		{pubsub("set", "<create node='there'/>"), "conflict"},
		{pubsub("set", "<create node='n'/><configure>"+conf("node_config", "access_model", "authorize")+"</configure>"), "not-acceptable"},
		{pubsubOwner("get", "<configure node='n'/>"), "item-not-found"},
		{pubsubOwner("get", "<configure/>"), "bad-request nodeid-required"},
		{pubsubOwner("set", "<configure node='there'>"+conf("node_config", "publish_model", "open")+"</configure>"), "not-acceptable"},
		{pubsubOwner("set", "<configure node='there'/>"), "bad-request"},
		{pubsubOwner("set", "<delete node='n'/>"), "item-not-found"},
		{pubsubOwner("set", "<purge node='n'/>"), "item-not-found"},
		{pubsubOwner("set", "<affiliations node='there'/>"), "feature-not-implemented unsupported"},
	}
	l := newLab(t)
	alice, bob := l.bind("alice@example.org/a"), l.bind("bob@example.org/b")
	alice.ask(publish("there", "1", "<x xmlns='u'/>"))
	for _, tt := range tests {
		if got := alice.ask(tt.request); got != tt.want {
			t.Errorf("%.300s: %s, want %s", tt.request, got, tt.want)
		}
	}
	alice.send(pubsub("get", "<items node='n'/>"))
	if got := alice.got(); !strings.Contains(got[0], "<error code='404' type='cancel'>") {
		t.Errorf("Profanity would wait for its device list: %q", got)
	}
	for _, request := range []string{
		publish("there", "1", "<x xmlns='u'/>"), pubsub("set", "<retract node='there'><item id='1'/></retract>"),
		pubsub("set", "<create node='n'/>"), pubsubOwner("get", "<configure node='there'/>"),
		pubsubOwner("set", "<delete node='there'/>"), pubsubOwner("set", "<purge node='there'/>"), pubsubOwner("get", "<default/>"),
	} {
		// XEP-0060 §7.1.3.1, §8.2.3.2
		if got := bob.ask(to("alice@example.org", request)); got != "forbidden" {
			t.Errorf("%s by a contact: %s", request, got)
		}
	}
}

// TestAccess: who sees a node, by its access model. To others it is not there,
// and to a stranger the account is not.
func TestAccess(t *testing.T) {
	l := newLab(t)
	alice := l.bind("alice@example.org/a")
	bob, erin := l.bind("bob@example.org/b"), l.bind("erin@example.org/e")
	for _, model := range []string{"open", "presence", "whitelist"} {
		alice.ask(pubsub("set", publishing(model, "1", "<x xmlns='u'/>")+"<publish-options>"+options("publish-options", "access_model", model)+"</publish-options>"))
	}
	alice.ask(pubsub("set", "<create node='empty'/><configure>"+options("node_config", "access_model", "open")+"</configure>"))
	get := func(node string) string { return to("alice@example.org", pubsub("get", "<items node='"+node+"'/>")) }
	nothing := unavailable("iq", "1", "alice@example.org", "erin@example.org/e")
	for node, want := range map[string][3]bool{
		"open": {true, true, true}, "presence": {true, true, false}, "whitelist": {true, false, false},
		"none": {false, false, false}, "empty": {true, true, false},
	} {
		for i, c := range []*client{alice, bob, erin} {
			got := c.ask(get(node))
			if (got != "item-not-found" && got != "service-unavailable") != want[i] {
				t.Errorf("%s by %d: %s", node, i, got)
			}
		}
		if erin.send(get(node)); !want[2] {
			erin.want(nothing)
		}
	}
	for _, request := range []string{
		publish("open", "1", "<x xmlns='u'/>"), pubsub("get", ""), pubsub("get", "<items/>"), pubsub("set", "<subscribe node='presence' jid='erin@example.org'/>"),
		pubsubOwner("set", "<purge node='open'/>"), pubsubOwner("get", "<items node='open'/>"),
		"<iq type='get' id='1'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>",
		"<iq type='get' id='1'><query xmlns='http://jabber.org/protocol/disco#info' node='open'/></iq>",
	} {
		erin.got()
		erin.send(to("alice@example.org", request))
		erin.want(nothing)
	}
	// The same for who is not there, does not exist or blocks the asker, and
	// from elsewhere.
	for _, who := range []string{"dave@example.org", "nobody@example.org"} {
		erin.send(strings.Replace(get("open"), "alice@example.org", who, 1))
		erin.want(unavailable("iq", "1", who, "erin@example.org/e"))
	}
	l.inject(strings.Replace(get("open"), "<iq ", "<iq from='eve@away.example/x' ", 1))
	l.wantAway(items("alice@example.org", "eve@away.example/x", "open", item("1", "<x xmlns='u'/>")))
	l.inject(strings.Replace(get("presence"), "<iq ", "<iq from='eve@away.example/x' ", 1))
	l.wantAway(unavailable("iq", "1", "alice@example.org", "eve@away.example/x"))
	// What somebody may not see is not on the list either.
	const list = "<iq type='get' id='1' to='alice@example.org'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>"
	if got := bob.ask(list); strings.Count(got, "<item ") != 4 || strings.Contains(got, "whitelist") {
		t.Errorf("bob's list: %s", got)
	}
	if got := alice.ask(list); strings.Count(got, "<item ") != 5 {
		t.Errorf("alice's list: %s", got)
	}
	for node, want := range map[string]string{"open": "open", "presence": "presence", "whitelist": ""} {
		got := bob.ask("<iq type='get' id='1' to='alice@example.org'><query xmlns='http://jabber.org/protocol/disco#info' node='" + node + "'/></iq>")
		if want == "" && got != "item-not-found" || want != "" && !strings.Contains(got, "<value>"+want+"</value>") {
			t.Errorf("of %s bob learns %s", node, got)
		}
		got = bob.ask("<iq type='get' id='1' to='alice@example.org'><query xmlns='http://jabber.org/protocol/disco#items' node='" + node + "'/></iq>")
		if want == "" && got != "item-not-found" || want != "" && !strings.Contains(got, "<item jid='alice@example.org' name='1'/>") {
			t.Errorf("in %s bob finds %s", node, got)
		}
	}
}

// TestConfigure: as Dino does it when what is there is not what it expects.
func TestConfigure(t *testing.T) {
	l := newLab(t)
	alice := l.bind("alice@example.org/a")
	alice.ask(publish(devices, "current", "<list xmlns='u'/>"))
	wanted := pubsub("set", publishing(devices, "current", "<list xmlns='u'/>")+
		"<publish-options>"+options("publish-options", "access_model", "open", "max_items", "max")+"</publish-options>")
	if got := alice.ask(wanted); got != "conflict precondition-not-met" {
		t.Fatal(got)
	}
	form := alice.ask(pubsubOwner("get", "<configure node='"+devices+"'/>"))
	for _, field := range []string{
		"<field var='FORM_TYPE' type='hidden'><value>" + nsPubsub + "#node_config</value></field>",
		"<value>presence</value></field>", "<field var='pubsub#max_items' type='text-single' label='How many items are kept'><value>1</value></field>",
	} {
		if !strings.Contains(form, field) {
			t.Errorf("%s is not in %s", field, form)
		}
	}
	// The whole form comes back, changed, with fields nobody here knows.
	filled := options("node_config", "access_model", "open", "max_items", "max", "persist_items", "true", "title", "x",
		"deliver_payloads", "true", "publish_model", "publishers", "notification_type", "headline", "send_last_published_item", "on_sub_and_presence")
	if got := alice.ask(pubsubOwner("set", "<configure node='"+devices+"'>"+filled+"</configure>")); got != "" {
		t.Fatal(got)
	}
	if got := alice.ask(wanted); !strings.Contains(got, "<publish ") {
		t.Error(got)
	}
	if got := alice.ask(pubsubOwner("set", "<configure node='"+devices+"'><x xmlns='jabber:x:data' type='cancel'/></configure>")); got != "" {
		t.Error(got)
	}
	if got := alice.ask(pubsubOwner("get", "<default/>")); !strings.Contains(got, "<default><x ") {
		t.Error(got)
	}
}
