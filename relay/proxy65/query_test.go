package proxy65_test

import (
	"net"
	"strings"
	"testing"

	"lethe/relay/need"
	"lethe/relay/proxy65"
)

const bytestreams = "http://jabber.org/protocol/bytestreams"

func TestQueries(t *testing.T) {
	const (
		info  = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
		items = "<query xmlns='http://jabber.org/protocol/disco#items'/>"
		where = "<query xmlns='" + bytestreams + "'/>"
		wants = "<query xmlns='" + bytestreams + "' sid='s'><activate>" + bob + "</activate></query>"
	)
	iq := func(kind, payload string) string {
		return "<iq type='" + kind + "' id='1' to='" + proxy + "'>" + payload + "</iq>"
	}
	for _, tt := range []struct {
		name, from, stanza string
		want               string // payload of the result, a condition, or "" for no answer
	}{
		{"what", alice, iq("get", info), "<query xmlns='http://jabber.org/protocol/disco#info'>" +
			"<identity category='proxy' type='bytestreams' name='File transfer'/>" +
			"<feature var='http://jabber.org/protocol/disco#info'/><feature var='" + bytestreams + "'/></query>"},
		{"what, asked from afar", bob, iq("get", info), "<identity category='proxy' type='bytestreams'"},
		{"items", alice, iq("get", items), items},
		{"a node", alice, iq("get", strings.Replace(info, "/>", " node='x'/>", 1)), "item-not-found"},
		{"not serving yet", alice, iq("get", where), "not-allowed"},
		{"a stranger asks where", bob, iq("get", where), "forbidden"},
		{"a stranger activates", bob, iq("set", wants), "forbidden"},
		{"a domain asks where", home, iq("get", where), "forbidden"},
		{"nobody waits", alice, iq("set", wants), "item-not-found"},
		{"no stream", alice, iq("set", strings.Replace(wants, " sid='s'", "", 1)), "bad-request"},
		{"no target", alice, iq("set", "<query xmlns='"+bytestreams+"' sid='s'/>"), "bad-request"},
		{"a bad target", alice, iq("set", strings.Replace(wants, bob, "@", 1)), "jid-malformed"},
		{"two children", alice, iq("get", info+info), "bad-request"},
		{"set of info", alice, iq("set", info), "service-unavailable"},
		{"another name", alice, iq("get", "<ask xmlns='"+bytestreams+"'/>"), "service-unavailable"},
		{"anything else", alice, iq("get", "<query xmlns='jabber:iq:version'/>"), "service-unavailable"},
		{"a resource", alice, strings.Replace(iq("get", info), proxy, proxy+"/x", 1), "service-unavailable"},
		{"a user", alice, strings.Replace(iq("get", info), proxy, "x@"+proxy, 1), "service-unavailable"},
		{"a result", alice, iq("result", ""), ""},
		{"a message", alice, "<message to='" + proxy + "'><body>x</body></message>", "service-unavailable"},
		{"presence", alice, "<presence to='" + proxy + "'/>", ""},
	} {
		l := newLab(t, proxy65.Limits{})
		got := l.ask(tt.from, tt.stanza)
		switch {
		case tt.want == "" && got == "":
		case strings.HasPrefix(tt.want, "<"):
			if !strings.HasPrefix(got, "<iq type='result' id='1' from='"+proxy+"' to='"+tt.from+"'>") || !strings.Contains(got, tt.want) {
				t.Errorf("%s: %s", tt.name, got)
			}
		case condition(got) != tt.want:
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// Clients are told the configured host, or where the listener is, and each port
// once.
func TestAnnounced(t *testing.T) {
	ask := "<iq type='get' id='1' to='" + proxy + "'><query xmlns='" + bytestreams + "'/></iq>"
	l := newLab(t, proxy65.Limits{}).serve()
	l.connect(digest) // it serves
	_, port, _ := net.SplitHostPort(l.listen.Addr().String())
	want := "<streamhost jid='" + proxy + "' host='files.example.org' port='" + port + "'/></query>"
	if got := l.ask(alice, ask); !strings.Contains(got, bytestreams+"'>"+want) {
		t.Errorf("got %s", got)
	}

	bare := newLab(t, proxy65.Limits{})
	bare.server = proxy65.NewServer(proxy65.Config{Domains: []string{home}, Router: bare.router, Report: bare.report})
	bare.router.Handle(proxy, bare.server)
	bare.serve()
	bare.connect(digest)
	if got := bare.ask(alice, ask); !strings.Contains(got, " host='127.0.0.1' ") {
		t.Errorf("got %s", got)
	}
}

// A listener on all addresses is nowhere in particular.
func TestNowhereIsNotAnnounced(t *testing.T) {
	l := newLab(t, proxy65.Limits{})
	l.server = proxy65.NewServer(proxy65.Config{Domains: []string{home}, Router: l.router, Report: l.report})
	l.router.Handle(proxy, l.server)
	var err error
	l.listen, err = net.Listen("tcp", "[::]:0")
	need.That(t, err == nil, "IPv6")
	go l.server.Serve(l.listen)
	defer l.listen.Close()
	l.connect(digest).Close() // it serves
	ask := "<iq type='get' id='1' to='" + proxy + "'><query xmlns='" + bytestreams + "'/></iq>"
	if got := l.ask(alice, ask); condition(got) != "not-allowed" {
		t.Errorf("got %s", got)
	}
}

// Only the requester whose address is in the digest begins a transfer, once
// both are there.
func TestActivation(t *testing.T) {
	l := newLab(t, proxy65.Limits{}).serve()
	key := proxy65.KeyOf("s", parse(t, alice), parse(t, bob))
	target := l.connect(key)
	if c := l.activate(alice, "s", bob); c != "not-allowed" {
		t.Errorf("with the target alone: %q", c)
	}
	requester := l.connect(key)
	for _, tt := range []struct{ from, sid, target string }{
		{"mallory@example.org/x", "s", bob},
		{"alice@example.org/other", "s", bob},
		{alice, "other", bob},
		{alice, "s", "mallory@away.example/y"},
	} {
		if c := l.activate(tt.from, tt.sid, tt.target); c != "item-not-found" {
			t.Errorf("%v: %q", tt, c)
		}
	}
	if c := l.activate(alice, "s", bob); c != "" {
		t.Fatalf("the requester itself: %q", c)
	}
	if c := l.activate(alice, "s", bob); c != "item-not-found" {
		t.Errorf("a second time: %q", c)
	}
	requester.Write([]byte("x"))
	l.expect(target, "x")
}
