package sasl

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

const password = "Passwört, =2C"

// account is a user with both verifiers, few iterations for speed.
func account(t testing.TB, password string) Account {
	t.Helper()
	var a Account
	for h, v := range map[Hash]**Verifier{SHA256: &a.SHA256, SHA1: &a.SHA1} {
		d, err := Derive(h, password, []byte("sixteen bytes "+string('0'+rune(h))+"."), minIterations)
		if err != nil {
			t.Fatal(err)
		}
		*v = &d
	}
	return a
}

// config has two users: müller with both verifiers, new with SHA-256 only.
func config(t testing.TB) Config {
	t.Helper()
	both := account(t, password)
	users := map[string]Account{"müller": both, "new": {SHA256: both.SHA256}}
	return Config{
		Domain:     "example.org",
		Lookup:     func(user string) (Account, bool) { a, ok := users[user]; return a, ok },
		Secret:     [32]byte{1},
		Iterations: minIterations,
		Exporter:   []byte("exporter of this connection"),
		EndPoint:   []byte("hash of the certificate"),
		Plain:      true,
		Identities: []string{"müller"},
	}
}

func clientOf(s *Server, c Config) ClientConfig {
	return ClientConfig{User: "müller", Password: password, Exporter: c.Exporter, EndPoint: c.EndPoint,
		Mechanisms: s.Mechanisms(), Bindings: s.Bindings(), Plain: true, External: true}
}

// talk carries a login through and returns both sides' verdicts.
func talk(s *Server, c *Client, explicit bool) (serverErr, clientErr error) {
	initial, err := c.Start()
	if err != nil {
		return nil, err
	}
	var out []byte
	var done bool
	if explicit { // the client's first message is asked for
		if out, done, err = s.Start(c.Mechanism(), nil); err == nil && (done || out == nil || len(out) > 0) {
			return nil, ErrOutOfStep
		}
		if err == nil {
			out, done, err = s.Step(initial)
		}
	} else {
		out, done, err = s.Start(c.Mechanism(), initial)
	}
	for err == nil && !done {
		var response []byte
		if response, clientErr = c.Step(out); clientErr != nil {
			return nil, clientErr
		}
		out, done, err = s.Step(response)
	}
	if err != nil {
		return err, nil
	}
	return nil, c.Finish(out)
}

func TestMechanismsAndBindings(t *testing.T) {
	full := config(t)
	for _, tt := range []struct {
		name       string
		cfg        Config
		mechanisms string
		bindings   string
	}{
		{"all", full, "EXTERNAL SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 PLAIN", "tls-exporter tls-server-end-point"},
		{"zero value", Config{}, "SCRAM-SHA-256 SCRAM-SHA-1", ""},
		{"end point only", Config{EndPoint: full.EndPoint}, "SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1", "tls-server-end-point"},
	} {
		s := NewServer(tt.cfg)
		if got := strings.Join(s.Mechanisms(), " "); got != tt.mechanisms {
			t.Errorf("%s: %s", tt.name, got)
		}
		if got := strings.Join(s.Bindings(), " "); got != tt.bindings {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
}

func TestRoundTrips(t *testing.T) {
	cfg := config(t)
	for _, mech := range NewServer(cfg).Mechanisms() {
		for _, bindings := range [][]string{{TLSExporter, TLSServerEndPoint}, {TLSServerEndPoint}, nil} {
			for _, authzid := range []string{"", "müller@example.org", "MÜLLER@Example.org"} {
				for _, explicit := range []bool{false, true} {
					cfg := cfg
					if !slices.Contains(bindings, TLSExporter) {
						cfg.Exporter = nil
					}
					if bindings == nil {
						cfg.EndPoint = nil
						if isPlus(mech) {
							continue
						}
					}
					s := NewServer(cfg)
					cc := clientOf(s, cfg)
					cc.Only, cc.Authzid = mech, authzid
					c, err := NewClient(cc)
					if err != nil {
						t.Fatal(mech, err)
					}
					if serverErr, clientErr := talk(s, c, explicit); serverErr != nil || clientErr != nil {
						t.Errorf("%s %v %q: %v, %v", mech, bindings, authzid, serverErr, clientErr)
					}
					if s.Username() != "müller" || s.Tried() != "müller" {
						t.Errorf("%s: logged in as %q, tried %q", mech, s.Username(), s.Tried())
					}
				}
			}
		}
	}
}

func TestClientChoosesTheStrongest(t *testing.T) {
	cfg := config(t)
	s := NewServer(cfg)
	for _, tt := range []struct {
		change func(*ClientConfig)
		want   string
		header string
	}{
		{func(c *ClientConfig) {}, "EXTERNAL", ""},
		{func(c *ClientConfig) { c.External = false }, "SCRAM-SHA-256-PLUS", "p=tls-exporter,,"},
		{func(c *ClientConfig) { c.External = false; c.Exporter = nil }, "SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,"},
		{func(c *ClientConfig) { c.External = false; c.Bindings = []string{TLSServerEndPoint} }, "SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,"},
		{func(c *ClientConfig) { c.External = false; c.Bindings = []string{"unheard-of"} }, "SCRAM-SHA-256", "n,,"},
		{func(c *ClientConfig) { c.External = false; c.Exporter, c.EndPoint = nil, nil }, "SCRAM-SHA-256", "n,,"},
		{func(c *ClientConfig) { c.Mechanisms = []string{"SCRAM-SHA-1", "PLAIN"}; c.Bindings = nil }, "SCRAM-SHA-1", "y,,"},
		{func(c *ClientConfig) { c.Mechanisms = []string{"PLAIN"} }, "PLAIN", "\x00"},
	} {
		cc := clientOf(s, cfg)
		tt.change(&cc)
		c, err := NewClient(cc)
		if err != nil || c.Mechanism() != tt.want {
			t.Fatalf("%v, want %s", err, tt.want)
		}
		if first, err := c.Start(); err != nil || !strings.HasPrefix(string(first), tt.header) {
			t.Errorf("%s: starts %q, %v; want %q", tt.want, first, err, tt.header)
		}
	}
	for _, offered := range [][]string{nil, {"PLAIN"}, {"X-UNKNOWN"}} {
		if _, err := NewClient(ClientConfig{User: "u", Password: "p", Mechanisms: offered}); err != ErrNoMechanism {
			t.Errorf("%v: %v", offered, err)
		}
	}
}

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

func TestUnknownUserLooksLikeAKnownOne(t *testing.T) {
	cfg := config(t)
	challenge := func(cfg Config, user, mech string) serverFirst {
		out, _, err := NewServer(cfg).Start(mech, []byte("n,,n="+user+",r=nonce"))
		if err != nil {
			t.Fatal(user, err)
		}
		m, err := parseServerFirst(string(out))
		if err != nil {
			t.Fatal(user, err)
		}
		return m
	}
	known, made := challenge(cfg, "müller", "SCRAM-SHA-256"), challenge(cfg, "nobody", "SCRAM-SHA-256")
	if len(known.salt) != len(made.salt) || known.iterations != made.iterations ||
		len(known.nonce) != len(made.nonce) || known.advertised != made.advertised {
		t.Errorf("known %+v, unknown %+v", known, made)
	}
	if again := challenge(cfg, "NOBODY", "SCRAM-SHA-256"); !bytes.Equal(again.salt, made.salt) || again.nonce == made.nonce {
		t.Error("the salt is not the same again, or the nonce is")
	}
	if other := challenge(cfg, "someone", "SCRAM-SHA-256"); bytes.Equal(other.salt, made.salt) {
		t.Error("two unknown users share a salt")
	}
	if other := challenge(cfg, "nobody", "SCRAM-SHA-1"); bytes.Equal(other.salt, made.salt) {
		t.Error("two hashes share a salt")
	}
	if without := challenge(cfg, "new", "SCRAM-SHA-1"); bytes.Equal(without.salt, known.salt) || len(without.salt) != SaltSize {
		t.Error("a user without the verifier is shown another's salt")
	}
	cfg.Secret[0]++
	if other := challenge(cfg, "nobody", "SCRAM-SHA-256"); bytes.Equal(other.salt, made.salt) {
		t.Error("the salt does not depend on the secret")
	}
}

func TestDowngradeIsNoticed(t *testing.T) {
	for name, strike := range map[string]func(*ClientConfig){
		"mechanism": func(c *ClientConfig) { c.Mechanisms = []string{"SCRAM-SHA-1"} },
		"binding":   func(c *ClientConfig) { c.Bindings = []string{TLSServerEndPoint} },
		"bindings":  func(c *ClientConfig) { c.Bindings = nil },
	} {
		cfg := config(t)
		s := NewServer(cfg)
		cc := clientOf(s, cfg)
		cc.External = false
		strike(&cc)
		c, err := NewClient(cc)
		if err != nil {
			t.Fatal(err)
		}
		if serverErr, clientErr := talk(s, c, false); serverErr != nil || clientErr != ErrDowngrade {
			t.Errorf("%s struck: %v, %v", name, serverErr, clientErr)
		}
	}
}

func TestExternalWithSeveralIdentities(t *testing.T) {
	cfg := config(t)
	cfg.Identities = []string{"müller", "new", "gone"}
	for authzid, want := range map[string]error{
		"": InvalidAuthzid, "new@example.org": nil, "gone@example.org": NotAuthorized, "other@example.org": NotAuthorized,
	} {
		s := NewServer(cfg)
		_, done, err := s.Start("EXTERNAL", []byte(authzid))
		if err != want && (want != nil || err != nil) || done != (want == nil) {
			t.Errorf("%q: %v, %v", authzid, done, err)
		}
		if want == nil && s.Username() != "new" {
			t.Error(s.Username())
		}
	}
}

func TestTolerateY(t *testing.T) {
	for _, tt := range []struct {
		tolerate bool
		first    string // initial of SCRAM-SHA-256-PLUS, "" for none
		want     error
	}{
		{false, "p=tls-unique,,n=a,r=b", NotAuthorized},
		{true, "", NotAuthorized},
		{true, "n,,n=a,r=b", NotAuthorized},
		{true, "p=tls-exporter,,n=a,r=b", NotAuthorized},
		{true, "p=tls-unique,,n=a,r=b", nil},
	} {
		cfg := config(t)
		cfg.TolerateY = tt.tolerate
		s := NewServer(cfg)
		if tt.first != "" {
			s.Start("SCRAM-SHA-256-PLUS", []byte(tt.first))
		}
		if _, _, err := s.Start("SCRAM-SHA-256", []byte("y,,n=a,r=b")); err != tt.want && (err != nil || tt.want != nil) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

func TestAttempts(t *testing.T) {
	cfg := config(t)
	s := NewServer(cfg)
	if _, _, err := s.Step([]byte("x")); err != MalformedRequest {
		t.Errorf("Step before Start: %v", err)
	}
	cc := clientOf(s, cfg)
	cc.External, cc.Password = false, "wrong"
	c, _ := NewClient(cc)
	if err, _ := talk(s, c, false); err != NotAuthorized {
		t.Error(err)
	}
	s.Start("SCRAM-SHA-256", nil)
	if s.Abort() != Aborted {
		t.Error("Abort is not aborted")
	}
	if _, _, err := s.Step([]byte("n,,n=a,r=b")); err != MalformedRequest {
		t.Errorf("Step after Abort: %v", err)
	}
	cc.Password = password
	c, _ = NewClient(cc)
	if err, clientErr := talk(s, c, false); err != nil || clientErr != nil {
		t.Error("second attempt:", err, clientErr)
	}
	if _, _, err := s.Start("PLAIN", []byte("\x00new\x00"+password)); err == nil || s.Username() != "müller" {
		t.Error("a login behind a login:", err)
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
		"", "x", "r=%,s=AAAA,i=4096", "r=other,s=AAAA,i=4096", "r=%x,s=AAAA,i=4095", "r=%x,s=AAAA,i=4194305",
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

func TestServerProofMayComeAsAChallenge(t *testing.T) {
	cfg := config(t)
	s := NewServer(cfg)
	cc := clientOf(s, cfg)
	cc.External = false
	c, _ := NewClient(cc)
	initial, _ := c.Start()
	challenge, _, _ := s.Start(c.Mechanism(), initial)
	final, _ := c.Step(challenge)
	proof, done, err := s.Step(final)
	if err != nil || !done {
		t.Fatal(done, err)
	}
	if answer, err := c.Step(proof); err != nil || len(answer) != 0 {
		t.Errorf("%q, %v", answer, err)
	}
	if err := c.Finish(nil); err != nil {
		t.Error(err)
	}
}

func TestDerive(t *testing.T) {
	for _, tt := range []struct {
		name       string
		h          Hash
		password   string
		salt       string
		iterations int
		ok         bool
	}{
		{"right", SHA256, "p", "s", 4096, true},
		{"no hash", 0, "p", "s", 4096, false},
		{"no password", SHA1, "", "s", 4096, false},
		{"bad password", SHA1, "a\n", "s", 4096, false},
		{"no salt", SHA1, "p", "", 4096, false},
		{"few iterations", SHA1, "p", "s", 4095, false},
		{"many iterations", SHA1, "p", "s", maxIterations + 1, false},
	} {
		if _, err := Derive(tt.h, tt.password, []byte(tt.salt), tt.iterations); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
