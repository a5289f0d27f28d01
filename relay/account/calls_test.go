package account_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"lethe/relay/account"
	"lethe/relay/wire"
)

// services asks for what request names and returns the service elements.
func services(c *client, request string) []*wire.Node {
	c.lab.t.Helper()
	c.got()
	c.send("<iq id='1' type='get' to='example.org'>" + request + "</iq>")
	got := c.got()
	if len(got) != 1 || condition(got) != "" {
		c.lab.t.Fatalf("%s: %q", request, got)
	}
	return parse(c.lab.t, got[0]).Node().Children[0].Children
}

func shown(list []*wire.Node) string {
	var s []string
	for _, n := range list {
		s = append(s, fmt.Sprintf("%s:%s:%s/%s", n.Attr("type"), n.Attr("host"), n.Attr("port"), n.Attr("transport")))
	}
	return strings.Join(s, " ")
}

// TestCallServices: XEP-0215 §3.1 to §3.3.
func TestCallServices(t *testing.T) {
	l := newLab(t)
	l.server.SetAnswers(account.Answers{Calls: calls})
	erin := l.bind("erin@example.org/x")
	for request, want := range map[string]string{
		"<services xmlns='urn:xmpp:extdisco:2'/>": "stun:stun.example.org:3478/udp turn:turn.example.org:3478/udp " +
			"turn:turn.example.org:1234/tcp turns:2001:db8::1:5349/tcp",
		"<services xmlns='urn:xmpp:extdisco:2' type='turn'/>":                                                               "turn:turn.example.org:3478/udp turn:turn.example.org:1234/tcp",
		"<services xmlns='urn:xmpp:extdisco:2' type='ftp'/>":                                                                "",
		"<credentials xmlns='urn:xmpp:extdisco:2'><service type='turn' host='turn.example.org'/></credentials>":             "turn:turn.example.org:3478/udp turn:turn.example.org:1234/tcp",
		"<credentials xmlns='urn:xmpp:extdisco:2'><service type='turn' host='turn.example.org' port='1234'/></credentials>": "turn:turn.example.org:1234/tcp",
	} {
		list := services(erin, request)
		if got := shown(list); got != want {
			t.Errorf("%s: %s, want %s", request, got, want)
		}
		for _, n := range list {
			if (n.Attr("type") == "stun") != (n.Attr("password") == "") || (n.Attr("type") == "stun") != (n.Attr("restricted") == "") {
				t.Errorf("%+v", n)
			}
		}
	}
}

// TestCallCredential: as a TURN server checks it, new each time, and with
// nothing in it that names a user.
func TestCallCredential(t *testing.T) {
	l := newLab(t)
	l.server.SetAnswers(account.Answers{Calls: calls})
	erin := l.bind("erin@example.org/x")
	seen := map[string]bool{}
	for range 3 {
		n := services(erin, "<services xmlns='urn:xmpp:extdisco:2' type='turns'/>")[0]
		name := n.Attr("username")
		h := hmac.New(sha1.New, []byte("swordfish"))
		h.Write([]byte(name))
		if got := n.Attr("password"); got != base64.StdEncoding.EncodeToString(h.Sum(nil)) {
			t.Errorf("password %s for %s", got, name)
		}
		end, word, _ := strings.Cut(name, ":")
		if end != strconv.FormatInt(l.clock.Add(calls.Lifetime).Unix(), 10) || n.Attr("expires") != "2026-01-02T04:04:05Z" {
			t.Errorf("%s expires %s", name, n.Attr("expires"))
		}
		if seen[word] || len(word) < 16 || strings.Contains(name, "erin") {
			t.Errorf("a name of %s", name)
		}
		seen[word] = true
	}
}

// TestCallRefusals: who may not ask, and for what there is no answer.
func TestCallRefusals(t *testing.T) {
	l := newLab(t)
	erin := l.bind("erin@example.org/x")
	const all, one = "<services xmlns='urn:xmpp:extdisco:2'/>", "<credentials xmlns='urn:xmpp:extdisco:2'><service %s/></credentials>"
	ask := func(request string) string {
		erin.send("<iq id='1' type='get' to='example.org'>" + request + "</iq>")
		return condition(erin.got())
	}
	if c := ask(all); c != "service-unavailable" {
		t.Errorf("nothing is configured: %s", c)
	}
	if c := ask(fmt.Sprintf(one, "type='turn' host='turn.example.org'")); c != "service-unavailable" {
		t.Errorf("nothing is configured: %s", c)
	}
	l.server.SetAnswers(account.Answers{Calls: calls})
	for attrs, want := range map[string]string{
		"": "bad-request", "type='turn'": "bad-request", "host='turn.example.org'": "bad-request",
		"type='turn' host='stun.example.org'":             "item-not-found",
		"type='stun' host='stun.example.org'":             "item-not-found",
		"type='turn' host='turn.example.org' port='5349'": "item-not-found",
	} {
		if c := ask(fmt.Sprintf(one, attrs)); c != want {
			t.Errorf("%s: %s, want %s", attrs, c, want)
		}
	}
	for _, from := range []string{"ann@away.example/x", "away.example"} {
		for _, request := range []string{all, fmt.Sprintf(one, "type='turn' host='turn.example.org'")} {
			l.inject("<iq id='1' type='get' from='" + from + "' to='example.org'>" + request + "</iq>")
			if got := l.away(); condition(got) != "forbidden" || strings.Contains(got[0], "turn.example.org") {
				t.Errorf("%s is told %q", from, got)
			}
		}
	}
}
