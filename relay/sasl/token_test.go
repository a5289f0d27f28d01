package sasl

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// Tokens as XEP-0484 §3.3 and §3.5 print them; the proofs are computed with
// Python's hmac.
var tokenVectors = []struct {
	mech, token          string
	exporter, endPoint   string
	initiator, responder string
}{
	{"HT-SHA-256-EXPR", "WXZzciBwYmFmdmZnZiBqdmd1IGp2eXFhcmZm", "THIS IS FAKE CB DATA", "x",
		"7b07150ab70e3acd3ce9542fb56fc7dfed28fe4b5fc6991c2347d9580014e260",
		"c0b0c252ba92ea135f8d4208ecbabb3b40fb7e3b2fab8e553e0f97350f97d085"},
	{"HT-SHA-256-ENDP", "R3VyIHpiZmcgbnl2aXIgdmYgZ3VyIGp2eXFyZmcu", "x", "hash of a certificate",
		"bd937cc807f4eee3c0fa5f6b8b87358e616a8d788e94f5c941b4dd958ef191df",
		"5784b8c3eb4f1d46682e1c0fc67c2be42bd85d1c8353b911115870ca83eefea4"},
}

func unhex(s string) string {
	b, _ := hex.DecodeString(s)
	return string(b)
}

// oneToken is a store with this token for müller.
func oneToken(token string) func(string, func([]byte) bool) error {
	return func(user string, right func([]byte) bool) error {
		if user == "müller" && right([]byte(token)) {
			return nil
		}
		return NotAuthorized
	}
}

func TestTokenVectors(t *testing.T) {
	for _, v := range tokenVectors {
		s := NewServer(Config{Domain: "example.org", Exporter: []byte(v.exporter), EndPoint: []byte(v.endPoint)})
		answer, done, err := s.StartToken(v.mech, []byte("MÜLLER\x00"+unhex(v.initiator)), oneToken(v.token))
		if err != nil || !done || string(answer) != unhex(v.responder) || s.Username() != "müller" {
			t.Errorf("%s: %x, %v, %v, %q", v.mech, answer, done, err, s.Username())
		}
	}
}

func TestTokenFailures(t *testing.T) {
	v := tokenVectors[0]
	proof := unhex(v.initiator)
	for _, tt := range []struct {
		name, mech, message string
		change              func(*Config)
		want                error
	}{
		{"another token", v.mech, "müller\x00" + unhex(tokenVectors[1].initiator), nil, NotAuthorized},
		{"another user", v.mech, "new\x00" + proof, nil, NotAuthorized},
		{"another connection", v.mech, "müller\x00" + proof, func(c *Config) { c.Exporter = []byte("other") }, NotAuthorized},
		{"another binding", "HT-SHA-256-ENDP", "müller\x00" + proof, nil, NotAuthorized},
		{"the server's own proof", v.mech, "müller\x00" + unhex(v.responder), nil, NotAuthorized},
		{"binding that is not there", v.mech, "müller\x00" + proof, func(c *Config) { c.Exporter = nil }, InvalidMechanism},
		{"unbound", "HT-SHA-256-NONE", "müller\x00" + proof, nil, InvalidMechanism},
		{"a mechanism for passwords", "SCRAM-SHA-256", "n,,n=müller,r=x", nil, InvalidMechanism},
		{"empty", v.mech, "", nil, MalformedRequest},
		{"no user", v.mech, "\x00" + proof, nil, MalformedRequest},
		{"no proof", v.mech, "müller\x00", nil, MalformedRequest},
		{"half a proof", v.mech, "müller\x00" + proof[:16], nil, MalformedRequest},
		{"no address", v.mech, "a b\x00" + proof, nil, MalformedRequest},
		{"long", v.mech, strings.Repeat("m", maxMessage) + "\x00" + proof, nil, MalformedRequest},
	} {
		cfg := Config{Domain: "example.org", Exporter: []byte(v.exporter), EndPoint: []byte(v.endPoint)}
		if tt.change != nil {
			tt.change(&cfg)
		}
		s := NewServer(cfg)
		if answer, done, err := s.StartToken(tt.mech, []byte(tt.message), oneToken(v.token)); err != tt.want || done || answer != nil || s.Username() != "" {
			t.Errorf("%s: %x, %v, %v", tt.name, answer, done, err)
		}
	}
	s := NewServer(config(t))
	if _, _, err := s.StartToken(v.mech, nil, oneToken(v.token)); err != MalformedRequest {
		t.Errorf("without an initial response: %v", err)
	}
}

// A token is no way in beside the one meant for it.
func TestTokenMechanismsStandApart(t *testing.T) {
	s := NewServer(config(t))
	if got := s.TokenMechanisms(); !slices.Equal(got, []string{"HT-SHA-256-EXPR", "HT-SHA-256-ENDP"}) {
		t.Error(got)
	}
	for _, m := range s.TokenMechanisms() {
		if slices.Contains(s.Mechanisms(), m) {
			t.Errorf("%s is offered for passwords", m)
		}
		if _, _, err := s.Start(m, []byte("müller\x00"+unhex(tokenVectors[0].initiator))); err != InvalidMechanism {
			t.Errorf("%s is a login of its own: %v", m, err)
		}
	}
	if got := NewServer(Config{}).TokenMechanisms(); got != nil {
		t.Errorf("without a channel binding: %q", got)
	}
}

// XEP-0388 §4.4
func TestAuthzidMustBeTheStreams(t *testing.T) {
	for from, want := range map[string]error{"": nil, "müller": nil, "new": InvalidAuthzid} {
		cfg := config(t)
		cfg.From = from
		s := NewServer(cfg)
		cc := clientOf(s, cfg)
		cc.Only, cc.Authzid = "SCRAM-SHA-256", "müller@example.org"
		c, err := NewClient(cc)
		if err != nil {
			t.Fatal(err)
		}
		if got, clientErr := talk(s, c, false); got != want && (want != nil || got != nil) || clientErr != nil {
			t.Errorf("from %q: %v, %v", from, got, clientErr)
		}
	}
}
