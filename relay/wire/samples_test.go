package wire

import "strings"

// What real clients send, for benchmarks and as seeds.

const clientHeader = `<?xml version='1.0'?><stream:stream to='example.org' version='1.0' ` +
	`xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`

// base64 looks like n bytes of an encrypted payload.
func base64(n int) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	var b strings.Builder
	for x := uint32(1); b.Len() < n; x = x*1664525 + 1013904223 {
		b.WriteByte(digits[x>>26])
	}
	return b.String()
}

type sample struct{ name, xml string }

func samples() []sample {
	return []sample{
		{"chat", `<message to='bob@example.org/phone' id='a7f3c2d1' type='chat'><body>` + base64(300) + `</body></message>`},
		{"omemo", omemo()},
		{"presence", `<presence id='p1'><show>away</show><status>Zu Tisch</status><priority>5</priority>` +
			`<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://dino.im' ver='7UgjUyXBQAnHqZNRkPRXVJXyTLQ='/></presence>`},
		{"iq", `<iq to='example.org' id='disco-4' type='get'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`},
	}
}

func omemo() string {
	var b strings.Builder
	b.WriteString(`<message xml:lang="en" to="bob@example.org" type="chat" id="0f1a6f3e-5f0c-4a43-9c39-d6d5b6c8e6b1">` +
		`<encrypted xmlns="eu.siacs.conversations.axolotl"><header sid="1190311732">`)
	for _, device := range []string{"523217190", "1834720114", "29384723", "1703382109"} {
		b.WriteString(`<key rid="` + device + `">` + base64(224) + `</key>`)
	}
	b.WriteString(`<iv>` + base64(16) + `</iv></header><payload>` + base64(64) + `</payload></encrypted>` +
		`<encryption xmlns="urn:xmpp:eme:0" name="OMEMO" namespace="eu.siacs.conversations.axolotl"/>` +
		`<body>I sent you an OMEMO encrypted message but your client doesn&apos;t seem to support that.</body>` +
		`<request xmlns="urn:xmpp:receipts"/><markable xmlns="urn:xmpp:chat-markers:0"/>` +
		`<origin-id xmlns="urn:xmpp:sid:0" id="0f1a6f3e-5f0c-4a43-9c39-d6d5b6c8e6b1"/><store xmlns="urn:xmpp:hints"/></message>`)
	return b.String()
}
