package sasl

import (
	"crypto/subtle"
	"strings"
	"testing"
)

// Every way to be refused at the first message.
func TestStartFailures(t *testing.T) {
	for _, tt := range []struct {
		mech, initial string
		want          Failure
	}{
		{"SCRAM-SHA-512", "n,,n=a,r=b", InvalidMechanism},
		{"scram-sha-256", "n,,n=a,r=b", InvalidMechanism},
		{"", "", InvalidMechanism},
		{"SCRAM-SHA-256", "y,,n=a,r=b", NotAuthorized}, // RFC 5802 §6: we offer PLUS
		{"SCRAM-SHA-256", "p=tls-exporter,,n=a,r=b", MalformedRequest},
		{"SCRAM-SHA-256-PLUS", "n,,n=a,r=b", MalformedRequest},
		{"SCRAM-SHA-256-PLUS", "y,,n=a,r=b", MalformedRequest},
		{"SCRAM-SHA-256-PLUS", "p=tls-unique,,n=a,r=b", MalformedRequest},
		{"SCRAM-SHA-256", "n,a=other@example.org,n=a,r=b", InvalidAuthzid},
		{"SCRAM-SHA-256", "n,a=a@example.net,n=a,r=b", InvalidAuthzid},
		{"SCRAM-SHA-256", "n,a=a,n=a,r=b", InvalidAuthzid},
		{"SCRAM-SHA-256", "n,a=a@example.org/r,n=a,r=b", InvalidAuthzid},
		{"SCRAM-SHA-256", "n,,n=a@b,r=b", MalformedRequest},
		{"SCRAM-SHA-256", "", MalformedRequest},
		{"SCRAM-SHA-256", strings.Repeat("n", maxMessage+1), MalformedRequest},
		{"PLAIN", "", MalformedRequest},
		{"PLAIN", "\x00müller", MalformedRequest},
		{"PLAIN", "\x00müller\x00a\x00b", MalformedRequest},
		{"PLAIN", "\x00m\xff\x00a", MalformedRequest},
		{"PLAIN", "\x00\x00a", MalformedRequest},
		{"PLAIN", "\x00müller\x00wrong", NotAuthorized},
		{"PLAIN", "\x00müller\x00", NotAuthorized},
		{"PLAIN", "\x00nobody\x00" + password, NotAuthorized},
		{"PLAIN", "new@example.org\x00müller\x00" + password, InvalidAuthzid},
		{"EXTERNAL", "new@example.org", NotAuthorized},
		{"EXTERNAL", "müller@example.net", InvalidAuthzid},
		{"EXTERNAL", "müller", InvalidAuthzid},
		{"EXTERNAL", "@example.org", InvalidAuthzid},
	} {
		s := NewServer(config(t))
		out, done, err := s.Start(tt.mech, []byte(tt.initial))
		if err != tt.want || done || out != nil || s.Username() != "" {
			t.Errorf("%s %.40q: %q, %v, %v; want %v", tt.mech, tt.initial, out, done, err, tt.want)
		}
		if _, _, err := s.Step([]byte("x")); err != MalformedRequest {
			t.Errorf("%s %.40q: the attempt goes on: %v", tt.mech, tt.initial, err)
		}
	}
}

// Every way to be refused at the last message. change edits a message that
// would be accepted.
func TestFinalFailures(t *testing.T) {
	replace := func(old, new string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, new, 1) }
	}
	for _, tt := range []struct {
		name   string
		change func(string) string
		want   Failure
	}{
		{"other nonce", replace(",r=", ",r=x"), NotAuthorized},
		{"extension behind the proof", func(s string) string { return s + ",x=y" }, MalformedRequest},
		{"extension not signed", replace(",p=", ",x=y,p="), NotAuthorized},
		{"mandatory extension", replace(",p=", ",m=y,p="), MalformedRequest},
		{"no proof", func(s string) string { return s[:strings.Index(s, ",p=")] }, MalformedRequest},
		{"empty proof", func(s string) string { return s[:strings.Index(s, ",p=")] + ",p=" }, MalformedRequest},
		{"short proof", func(s string) string { return s[:strings.Index(s, ",p=")] + ",p=AAAA" }, MalformedRequest},
		{"wrong proof", func(s string) string {
			return s[:strings.Index(s, ",p=")] + ",p=" + encode(make([]byte, 32))
		}, NotAuthorized},
		{"binding of another connection", func(s string) string {
			return "c=" + encode([]byte("p=tls-exporter,,another connection")) + s[strings.Index(s, ",r="):]
		}, NotAuthorized},
		{"no binding", func(s string) string { return "c=biws" + s[strings.Index(s, ",r="):] }, NotAuthorized},
		{"nothing", func(string) string { return "" }, MalformedRequest},
	} {
		cfg := config(t)
		s := NewServer(cfg)
		cc := clientOf(s, cfg)
		cc.Only = "SCRAM-SHA-256-PLUS"
		c, err := NewClient(cc)
		if err != nil {
			t.Fatal(err)
		}
		initial, _ := c.Start()
		challenge, _, err := s.Start(c.Mechanism(), initial)
		if err != nil {
			t.Fatal(err)
		}
		final, err := c.Step(challenge)
		if err != nil {
			t.Fatal(err)
		}
		out, done, err := s.Step([]byte(tt.change(string(final))))
		if err != tt.want || done || out != nil || s.Username() != "" {
			t.Errorf("%s: %q, %v, %v; want %v", tt.name, out, done, err, tt.want)
		}
	}
}

// A client bound to another TLS connection, wrong passwords and users without
// the mechanism or unheard of all meet the same failure at the same step, and
// so does everybody at a zero Config.
func TestNotAuthorized(t *testing.T) {
	for _, tt := range []struct {
		name, user, password, mech string
		change                     func(*Config)
	}{
		{"wrong password", "müller", "wrong", "SCRAM-SHA-256", nil},
		{"wrong password, bound", "müller", "wrong", "SCRAM-SHA-1-PLUS", nil},
		{"unknown user", "nobody", password, "SCRAM-SHA-256", nil},
		{"unknown user, bound", "nobody", password, "SCRAM-SHA-256-PLUS", nil},
		{"no verifier of this kind", "new", password, "SCRAM-SHA-1", nil},
		{"man in the middle", "müller", password, "SCRAM-SHA-256-PLUS", func(c *Config) { c.Exporter = []byte("other") }},
		{"zero value", "müller", password, "SCRAM-SHA-256", func(c *Config) { *c = Config{} }},
	} {
		cfg := config(t)
		clientCfg := clientOf(NewServer(cfg), cfg)
		if tt.change != nil {
			tt.change(&cfg)
		}
		s := NewServer(cfg)
		clientCfg.User, clientCfg.Password, clientCfg.Only = tt.user, tt.password, tt.mech
		clientCfg.Mechanisms, clientCfg.Bindings = s.Mechanisms(), s.Bindings()
		c, err := NewClient(clientCfg)
		if err != nil {
			t.Fatal(tt.name, err)
		}
		steps := 0
		initial, _ := c.Start()
		out, done, err := s.Start(tt.mech, initial)
		for ; err == nil && !done; steps++ {
			var response []byte
			if response, err = c.Step(out); err != nil {
				t.Fatal(tt.name, err)
			}
			out, done, err = s.Step(response)
		}
		if err != NotAuthorized || steps != 1 || s.Username() != "" {
			t.Errorf("%s: %v after %d steps", tt.name, err, steps)
		}
	}
}

// What a client must not believe.
func TestClientRefuses(t *testing.T) {
	start := func(t *testing.T) (*Client, string) {
		c, err := NewClient(ClientConfig{User: "u", Password: "p", Mechanisms: []string{"SCRAM-SHA-256"}})
		if err != nil {
			t.Fatal(err)
		}
		first, err := c.Start()
		if err != nil {
			t.Fatal(err)
		}
		return c, strings.TrimPrefix(string(first), "n,,n=u,r=")
	}
	for _, challenge := range []string{
		"", "x", "r=%,s=AAAA,i=4096", "r=other,s=AAAA,i=4096", "r=" + strings.Repeat("other", 20) + ",s=AAAA,i=4096", "r=%x,s=AAAA,i=4095", "r=%x,s=AAAA,i=4194305",
		"r=%x,s=AAAA,i=04096", "r=%x,s=AAAA,i=-4096", "r=%x,s=,i=4096", "r=%x,s=AAA,i=4096", "m=y,r=%x,s=AAAA,i=4096",
		"s=AAAA,r=%x,i=4096", "r=%x,s=AAAA,i=4096,m=y", "r=%x,s=AAAA,i=4096,h=AAAA", "r=%x,s=AAAA,i=4096,", "e=other-error",
	} {
		c, nonce := start(t)
		if out, err := c.Step([]byte(strings.Replace(challenge, "%", nonce, 1))); err == nil {
			t.Errorf("%q is answered with %q", challenge, out)
		}
		if c.Finish(nil) == nil || c.Finish([]byte("v=AAAA")) == nil {
			t.Errorf("%q: success is believed", challenge)
		}
	}
	for _, final := range []string{"", "v=", "v=AAAA", "e=invalid-proof", "v=" + encode(make([]byte, 32))} {
		c, nonce := start(t)
		if _, err := c.Step([]byte("r=" + nonce + "x,s=AAAA,i=4096")); err != nil {
			t.Fatal(err)
		}
		if c.Finish([]byte(final)) == nil || c.Finish(nil) == nil {
			t.Errorf("server-final-message %q is believed", final)
		}
	}
	c, _ := start(t)
	if c.Finish(nil) == nil {
		t.Error("success out of the blue is believed")
	}
	if _, err := c.Start(); err == nil {
		t.Error("Start twice")
	}
}

// A client that knows the password and signs another nonce than the server's
// replays an old login.
func TestSignedNonceMustBeOurs(t *testing.T) {
	cfg := config(t)
	for _, nonce := range []string{"", "x"} {
		s := NewServer(cfg)
		challenge, _, err := s.Start("SCRAM-SHA-256", []byte("n,,n=müller,r=mine"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := parseServerFirst(string(challenge))
		if err != nil {
			t.Fatal(err)
		}
		key, _, err := keys(SHA256, password, m.salt, m.iterations)
		if err != nil {
			t.Fatal(err)
		}
		bare := "c=biws,r=" + m.nonce + nonce
		proof := SHA256.hmac(SHA256.sum(key), "n=müller,r=mine,"+string(challenge)+","+bare)
		subtle.XORBytes(proof, proof, key)
		_, done, err := s.Step([]byte(bare + ",p=" + encode(proof)))
		if done != (nonce == "") || !done && err != NotAuthorized {
			t.Errorf("nonce and %q: %v, %v", nonce, done, err)
		}
	}
}
