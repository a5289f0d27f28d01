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
		len(known.nonce) != len(made.nonce) || known.list != made.list {
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
		"TLS 1.3":   func(c *ClientConfig) { c.TLSVersion = 0x0303 },
	} {
		cfg := config(t)
		cfg.TLSVersion = 0x0304
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
		nonce    string // of the attempt without
		want     error
	}{
		{false, "p=tls-unique,,n=a,r=b", "8444218515250481", NotAuthorized},
		{true, "", "8444218515250481", NotAuthorized},
		{true, "n,,n=a,r=b", "8444218515250481", NotAuthorized},
		{true, "p=tls-exporter,,n=a,r=b", "8444218515250481", NotAuthorized},
		{true, "p=tls-unique,,n=a,r=b", "8444218515250481", nil},
		{true, "p=tls-unique,,n=a,r=b", "9.5e-05", NotAuthorized},
		{true, "p=tls-unique,,n=a,r=b", "844421851", NotAuthorized},
		{true, "p=tls-unique,,n=a,r=b", "844421851525048112345", NotAuthorized},
		// Another client's, whose offer a man in the middle struck.
		{true, "p=tls-unique,,n=a,r=b", "fyko+d2lbbFgONRv9qkxdawL", NotAuthorized},
		{true, "p=tls-unique,,n=a,r=b", "0b1c5e7a9d3f4e2b", NotAuthorized},
	} {
		cfg := config(t)
		cfg.TolerateY = tt.tolerate
		s := NewServer(cfg)
		if tt.first != "" {
			s.Start("SCRAM-SHA-256-PLUS", []byte(tt.first))
		}
		if _, _, err := s.Start("SCRAM-SHA-256", []byte("y,,n=a,r="+tt.nonce)); err != tt.want && (err != nil || tt.want != nil) {
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
