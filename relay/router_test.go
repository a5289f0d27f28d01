package relay

import (
	"testing"

	"lethe/relay/jid"
	"lethe/relay/wire"
)

// TestRefusalsAnswered holds who hears of a stanza that went no further.
func TestRefusalsAnswered(t *testing.T) {
	const body = "<body>x</body>"
	for _, test := range []struct {
		kind, typ, content string
		answered           bool
	}{
		{"message", "", body, true},
		{"message", "chat", body, true},
		{"message", "groupchat", body, true},
		{"message", "error", body, false},    // RFC 6120 §8.3.1
		{"message", "headline", body, false}, // RFC 6121 §8.5.2.2.1
		{"message", "chat", "<active xmlns='http://jabber.org/protocol/chatstates'/>", false},
		{"message", "chat", "<encrypted xmlns='urn:xmpp:omemo:2'/>", true},
		{"message", "chat", "<encrypted xmlns='eu.siacs.conversations.axolotl'/>", true},
		{"message", "chat", "<openpgp xmlns='urn:xmpp:openpgp:0'/>", true},
		{"iq", "get", "<a xmlns='u'/>", true},
		{"iq", "result", "<a xmlns='u'/>", false}, // RFC 6120 §8.2.3
		{"presence", "", "", false},
		{"presence", "subscribe", "", false},
	} {
		r, senders := NewRouter(), &bouncer{}
		r.Handle("x.example", senders)
		xml := string(wire.AppendAttr([]byte("<"+test.kind+" id='1'"), "type", test.typ)) + ">" + test.content + "</" + test.kind + ">"
		from, to := address(t, "a@x.example/1"), address(t, "b@y.example/2")
		r.Route(new(Pass), stanza(t, xml), from, to)
		if answered := len(senders.ids) == 1; answered != test.answered {
			t.Errorf("%s: answered is %v", xml, answered)
		}
		if r.Stats().Count(NoRoute) != 1 {
			t.Errorf("%s: not counted", xml)
		}
	}
}

func address(t *testing.T, s string) jid.JID {
	t.Helper()
	j, err := jid.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return j
}
