package sasl

import (
	"encoding/base64"
	"testing"
)

// Conversations as the specifications print them, all with user "user" and
// password "pencil".
var vectors = []struct {
	source, mech             string
	clientNonce, serverNonce string
	salt, list, version      string
	mechanisms, bindings     []string
	channel                  string
	clientFirst, serverFirst string
	clientFinal, serverFinal string
}{
	{
		source: "RFC 5802 §5", mech: "SCRAM-SHA-1",
		clientNonce: "fyko+d2lbbFgONRv9qkxdawL", serverNonce: "3rfcNHYJY1ZVvWVs7j",
		salt:        "QSXCR+Q6sek8bf92",
		clientFirst: "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
		serverFirst: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
		clientFinal: "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
		serverFinal: "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
	},
	{
		source: "RFC 7677 §3", mech: "SCRAM-SHA-256",
		clientNonce: "rOprNGfwEbeRWgbNEkqO", serverNonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
		salt:        "W22ZaJ0SNY7soEsUEjb6gQ==",
		clientFirst: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
		serverFirst: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		clientFinal: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
		serverFinal: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
	},
	{
		source: "XEP-0474 §6.3", mech: "SCRAM-SHA-1-PLUS",
		clientNonce: "12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6", serverNonce: "a09117a6-ac50-4f2f-93f1-93799c2bddf6",
		salt: "QSXCR+Q6sek8bf92", list: "G6k/rBLDqgOhRRaCuuatSDFkJ08=",
		mechanisms:  []string{"SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"},
		bindings:    []string{"tls-server-end-point", "tls-exporter"},
		channel:     "THIS IS FAKE CB DATA",
		clientFirst: "p=tls-exporter,,n=user,r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6",
		serverFirst: "r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,s=QSXCR+Q6sek8bf92,i=4096,h=G6k/rBLDqgOhRRaCuuatSDFkJ08=",
		clientFinal: "c=cD10bHMtZXhwb3J0ZXIsLFRISVMgSVMgRkFLRSBDQiBEQVRB,r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,x=19C6532F-1CF4-4A27-A18D-DC9CEA41BBB3,p=M/SIDjT+dfcxUh89jZEypRvFxB4=",
		serverFinal: "v=MQrMPvv7yv4x4Cq4W4Ih25EqS2c=",
	},
	{
		source: "XEP-0515 §4.3", mech: "SCRAM-SHA-1-PLUS",
		clientNonce: "12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6", serverNonce: "a09117a6-ac50-4f2f-93f1-93799c2bddf6",
		salt: "QSXCR+Q6sek8bf92", list: "G6k/rBLDqgOhRRaCuuatSDFkJ08=", version: "0304",
		mechanisms:  []string{"SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"},
		bindings:    []string{"tls-server-end-point", "tls-exporter"},
		channel:     "THIS IS FAKE CB DATA",
		clientFirst: "p=tls-exporter,,n=user,r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6",
		serverFirst: "r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,s=QSXCR+Q6sek8bf92,i=4096,h=G6k/rBLDqgOhRRaCuuatSDFkJ08=,t=0304",
		clientFinal: "c=cD10bHMtZXhwb3J0ZXIsLFRISVMgSVMgRkFLRSBDQiBEQVRB,r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,p=KHUfN8dSy1K95crT4D5y1ItLJfs=",
		serverFinal: "v=3w34ZIMVRkx2f2Ozb3/ecRPVdv4=",
	},
}

func TestVectorsServer(t *testing.T) {
	for _, v := range vectors {
		mech, _ := scramNamed(v.mech)
		salt, _ := base64.StdEncoding.DecodeString(v.salt)
		verifier, err := Derive(mech.hash, "pencil", salt, 4096)
		if err != nil {
			t.Fatal(err)
		}
		first, err := parseClientFirst(v.clientFirst)
		if err != nil {
			t.Fatal(v.source, err)
		}
		x := scram{hash: mech.hash, verifier: verifier, known: true}
		if got := x.first(first, []byte(v.channel), v.serverNonce, seen{v.list, v.version}); string(got) != v.serverFirst {
			t.Errorf("%s: server-first-message %s", v.source, got)
		}
		final, err := parseClientFinal(v.clientFinal)
		if err != nil {
			t.Fatal(v.source, err)
		}
		if got, err := x.final(final); err != nil || string(got) != v.serverFinal {
			t.Errorf("%s: server-final-message %s, %v", v.source, got, err)
		}
	}
}

func TestVectorsClient(t *testing.T) {
	for _, v := range vectors {
		cfg := ClientConfig{User: "user", Password: "pencil", Only: v.mech,
			Mechanisms: v.mechanisms, Bindings: v.bindings}
		if v.channel != "" {
			cfg.Exporter = []byte(v.channel)
		}
		if v.version != "" {
			cfg.TLSVersion = 0x0304
		}
		if v.mechanisms == nil {
			cfg.Mechanisms = []string{v.mech}
		}
		c, err := NewClient(cfg)
		if err != nil {
			t.Fatal(v.source, err)
		}
		c.nonce = v.clientNonce
		if got, err := c.Start(); err != nil || string(got) != v.clientFirst {
			t.Errorf("%s: client-first-message %s, %v", v.source, got, err)
		}
		got, err := c.Step([]byte(v.serverFirst))
		if v.source == "XEP-0474 §6.3" { // its client sends an extension, ours does not
			if err != nil {
				t.Errorf("%s: %v", v.source, err)
			}
			continue
		}
		if err != nil || string(got) != v.clientFinal {
			t.Errorf("%s: client-final-message %s, %v", v.source, got, err)
		}
		if err := c.Finish([]byte(v.serverFinal)); err != nil {
			t.Errorf("%s: %v", v.source, err)
		}
	}
}

func TestAdvertised(t *testing.T) {
	v := vectors[2]
	if got := advertised(SHA1, v.mechanisms, v.bindings); got != v.list {
		t.Errorf("XEP-0474 §6.3: %s", got)
	}
	if advertised(SHA1, v.mechanisms, nil) == advertised(SHA1, v.mechanisms, []string{""}) {
		t.Error("no XEP-0440 looks like an empty list")
	}
	if advertised(SHA256, v.mechanisms, v.bindings) == v.list {
		t.Error("the mechanism's hash is not used")
	}
}

// RFC 4013 §3, and more of its tables.
func TestPreparePassword(t *testing.T) {
	for in, want := range map[string]string{
		"I\u00ADX": "IX", "user": "user", "USER": "USER", "\u00AA": "a", "\u2168": "IX",
		"\u0007": "", "\u06271": "",
		"": "", "\u00AD": "", "\xff": "", "a b": "a b", "a\u00A0b": "a b", "a\u3000b": "a b",
		"u\u0308": "ü", "\u0627": "\u0627", "\u0627a\u0627": "", "\u06271\u0628": "\u06271\u0628",
		"\uE000": "", "\uFDD0": "", "\U0001FFFE": "", "\uFFFD": "", "\u200E": "", "\U000E0020": "", "a\u007Fb": "",
		"пароль": "пароль", "🔑": "🔑",
	} {
		got, err := preparePassword(in)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestPrepareUser(t *testing.T) {
	for in, want := range map[string]string{
		"alice": "alice", "Alice": "alice", "MÜLLER": "müller", "mu\u0308ller": "müller",
		"": "", "a b": "", "a@b": "", "a/b": "", "a:b": "", "a&b": "", "a'b": "", "a\"b": "", "a<b": "", "a>b": "",
		"\u265A": "", "\xff": "", "a\x00": "",
	} {
		got, err := prepareUser(in)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
}
