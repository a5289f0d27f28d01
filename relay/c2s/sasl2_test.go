package c2s_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"lethe/relay"
	"lethe/relay/c2s"
	"lethe/relay/client"
	"lethe/relay/sasl"
	"lethe/tls"
)

const (
	ns2   = "xmlns='urn:xmpp:sasl:2'"
	agent = "d4565fa7-4d72-4749-b3d3-740edbf87770"
)

// modern is a client of SASL2: as much as the tests need, written down as the
// specifications show it.
type modern struct {
	conn
	tls      *tls.Conn
	features string
}

func (f *fixture) modern() modern {
	f.t.Helper()
	c, tc, features := f.open(strings.Replace(header, "to=", "from='alice@example.org' to=", 1))
	return modern{c, tc, features}
}

// authenticate sends a request and returns the answer, up to its end.
func (m modern) authenticate(mechanism string, initial []byte, inline string) string {
	fmt.Fprintf(m, "<authenticate %s mechanism='%s'><initial-response>%s</initial-response>%s</authenticate>",
		ns2, mechanism, base64.StdEncoding.EncodeToString(initial), inline)
	return m.until("</success>", "</challenge>", "</failure>", "</stream:stream>")
}

// plain logs in with the password.
func (m modern) plain(inline string) string {
	return m.authenticate("PLAIN", []byte("\x00alice\x00"+password), inline)
}

func userAgent(id string) string {
	return "<user-agent id='" + id + "'><software>x</software></user-agent>"
}

// byToken logs in with a token; binding is what its mechanism binds to.
func (m modern) byToken(mechanism, user, token string, binding []byte, inline string) string {
	proof := hmac.New(sha256.New, []byte(token))
	proof.Write([]byte("Initiator" + string(binding)))
	return m.authenticate(mechanism, proof.Sum([]byte(user+"\x00")), userAgent(agent)+inline)
}

// express is byToken on this very connection.
func (m modern) express(token, inline string) string {
	exporter, err := m.tls.Exporter()
	if err != nil {
		m.t.Fatal(err)
	}
	return m.byToken("HT-SHA-256-EXPR", "alice", token, exporter, inline)
}

// part returns what stands between two marks.
func part(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

func has(t *testing.T, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("no %s in %s", w, got)
		}
	}
}

func lacks(t *testing.T, got string, unwanted ...string) {
	t.Helper()
	for _, w := range unwanted {
		if strings.Contains(got, w) {
			t.Errorf("%s in %s", w, got)
		}
	}
}

func plainToo(c *c2s.Config) { c.Plain, c.Limits.Resume = true, time.Minute }

func TestAuthenticationFeature(t *testing.T) {
	got := start(t, plainToo).modern().features
	has(t, got,
		"<authentication "+ns2+"><mechanism>SCRAM-SHA-256-PLUS</mechanism><mechanism>SCRAM-SHA-256</mechanism>",
		"<inline><sm xmlns='urn:xmpp:sm:3'/><bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:carbons:2'/>"+
			"<feature var='urn:xmpp:csi:0'/><feature var='urn:xmpp:sm:3'/></inline></bind>"+
			"<fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-EXPR</mechanism><mechanism>HT-SHA-256-ENDP</mechanism></fast></inline>",
		"<sasl-channel-binding",
		"<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>10000</max-bytes><idle-seconds>60</idle-seconds></limits>")
	got = start(t, func(c *c2s.Config) { c.ForgetAfter = 0 }).modern().features
	lacks(t, got, "urn:xmpp:fast:0", "<inline><sm")
}

// Each mechanism's login goes the same way in the extensible profile, with the
// server's proof in additional-data and no second stream.
func TestSASL2ByEachMechanism(t *testing.T) {
	f := start(t, plainToo)
	for _, mechanism := range []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "PLAIN"} {
		m := f.modern()
		cfg := sasl.ClientConfig{User: "alice", Password: password, Plain: true, Only: mechanism, TLSVersion: m.tls.Version()}
		cfg.Exporter, _ = m.tls.Exporter()
		cfg.EndPoint, _ = m.tls.EndPoint()
		for _, x := range regexp.MustCompile(`<mechanism>([^<]*)`).FindAllStringSubmatch(part(m.features, "<authentication", "<inline>"), -1) {
			cfg.Mechanisms = append(cfg.Mechanisms, x[1])
		}
		for _, x := range regexp.MustCompile(`<channel-binding type='([^']*)`).FindAllStringSubmatch(m.features, -1) {
			cfg.Bindings = append(cfg.Bindings, x[1])
		}
		c, err := sasl.NewClient(cfg)
		if err != nil {
			t.Fatal(err)
		}
		initial, err := c.Start()
		got := m.authenticate(mechanism, initial, "")
		for err == nil && strings.HasSuffix(got, "</challenge>") {
			data, _ := base64.StdEncoding.DecodeString(part(got, ">", "<"))
			if data, err = c.Step(data); err == nil {
				fmt.Fprintf(m, "<response %s>%s</response>", ns2, base64.StdEncoding.EncodeToString(data))
				got = m.until("</challenge>", "</success>", "</failure>")
			}
		}
		proof, _ := base64.StdEncoding.DecodeString(part(got, "<additional-data>", "</additional-data>"))
		if err == nil {
			err = c.Finish(proof)
		}
		if err != nil {
			t.Errorf("%s: %v, %s", mechanism, err, got)
			continue
		}
		has(t, got, "<success "+ns2+">", "<authorization-identifier>alice@example.org</authorization-identifier>")
		// XEP-0388 §2.6.1: features at once, on the same stream.
		has(t, m.until("</stream:features>"), "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>", "<idle-seconds>600</idle-seconds>")
		fmt.Fprint(m, "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>old</resource></bind></iq>")
		has(t, m.until("</iq>"), "alice@example.org/old")
	}
}

func TestBind2(t *testing.T) {
	f := start(t, plainToo)
	m := f.modern()
	got := m.plain("<bind xmlns='urn:xmpp:bind:0'><tag>Phone</tag><enable xmlns='urn:xmpp:carbons:2'/>" +
		"<enable xmlns='urn:xmpp:sm:3' resume='true'/><inactive xmlns='urn:xmpp:csi:0'/></bind>")
	full := part(got, "<authorization-identifier>", "</authorization-identifier>")
	if !regexp.MustCompile(`^alice@example\.org/Phone/[A-Z2-7]{16}$`).MatchString(full) {
		t.Errorf("bound as %q", full)
	}
	has(t, got, "<bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:carbons:2'/><enabled xmlns='urn:xmpp:sm:3' id=")
	if told := strings.Join(f.home.told, ", "); told != "carbons true, active false" {
		t.Errorf("the seat heard: %s", told)
	}
	features := m.until("</stream:features>")
	has(t, features, "<csi ", "<sm ", "<limits ")
	lacks(t, features, "<bind", "<mechanisms")
	// Stanzas come behind, and are counted from the first.
	f.to("1")
	has(t, m.until("</message>"), "id='1'")
	fmt.Fprint(m, "<a xmlns='urn:xmpp:sm:3' h='1'/><message id='mine'/><r xmlns='urn:xmpp:sm:3'/>")
	has(t, m.until("<a xmlns='urn:xmpp:sm:3' h='1'/>"), "id='mine'", "h='1'")
}

// XEP-0386 §3.2.1: the same installation gets the same resource, which does not
// show its id; another one, or one that says nothing, gets another.
func TestBind2Resource(t *testing.T) {
	f := start(t, plainToo)
	bind := func(inline, tag string) string {
		m := f.modern()
		got := m.plain(inline + "<bind xmlns='urn:xmpp:bind:0'><tag>" + tag + "</tag></bind>")
		return part(part(got, "<authorization-identifier>", "</"), "alice@example.org/", "<")
	}
	first := bind(userAgent(agent), "x")
	if again := bind(userAgent(agent), "x"); again != first {
		t.Errorf("first %s, then %s", first, again)
	}
	lacks(t, strings.ToLower(first), agent[:8])
	seen := map[string]bool{first: true}
	for _, inline := range []string{userAgent("e4565fa7-4d72-4749-b3d3-740edbf87770"), "", "",
		userAgent("not a uuid"), userAgent("d4565fa7-4d72-1749-b3d3-740edbf87770"), userAgent("d4565fa704d72-4749-b3d3-740edbf87770")} {
		r := bind(inline, "x")
		if seen[r] || !strings.HasPrefix(r, "x/") {
			t.Errorf("%s: %s", inline, r)
		}
		seen[r] = true
	}
	for _, tag := range []string{"", strings.Repeat("x", 65), "\u202e"} {
		if r := bind("", tag); len(r) != 16 {
			t.Errorf("tag %q: %s", tag, r)
		}
	}
}

// Who may log in and not bind hears so, and why when asking again.
func TestBind2Refused(t *testing.T) {
	f := start(t, plainToo)
	f.home.full = true
	m := f.modern()
	got := m.plain("<bind xmlns='urn:xmpp:bind:0'/>")
	has(t, got, "<authorization-identifier>alice@example.org</authorization-identifier>")
	lacks(t, got, "<bound")
	has(t, m.until("</stream:features>"), "xmpp-bind'/>")
	fmt.Fprint(m, "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
	has(t, m.until("</iq>"), "resource-constraint")
}

// XEP-0198 §9.2: resumption comes first; only if it fails is a resource bound.
func TestResumeInLine(t *testing.T) {
	f := start(t, plainToo)
	const bind = "<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>"
	m := f.modern()
	id := part(m.plain(bind), "<enabled xmlns='urn:xmpp:sm:3' id='", "'")
	m.until("</stream:features>")
	m.tls.Cut()
	f.to("1")
	m = f.modern()
	got := m.plain("<resume xmlns='urn:xmpp:sm:3' previd='" + id + "' h='0'/>" + bind)
	has(t, got, "<resumed xmlns='urn:xmpp:sm:3' previd='"+id+"' h='0'/>", "alice@example.org/")
	lacks(t, got, "<bound", "<failed")
	if got := m.until("</message>"); !strings.HasPrefix(got, "<message") { // and no features before
		t.Errorf("behind <resumed/>: %s", got)
	}
	if f.home.seats != 1 {
		t.Errorf("%d seats were taken", f.home.seats)
	}
	for _, h := range []string{"0", "x"} {
		got = f.modern().plain("<resume xmlns='urn:xmpp:sm:3' previd='guess' h='" + h + "'/>" + bind)
		has(t, got, "<failed xmlns='urn:xmpp:sm:3'>", "</failed><bound xmlns='urn:xmpp:bind:0'><enabled ")
	}
}

// tokenFor logs in with the password and asks for a token.
func (f *fixture) tokenFor(mechanism string) string {
	f.t.Helper()
	m := f.modern()
	got := m.plain(userAgent(agent) + "<request-token xmlns='urn:xmpp:fast:0' mechanism='" + mechanism + "'/>")
	expiry, err := time.Parse(time.RFC3339, part(got, "expiry='", "'"))
	if err != nil || time.Until(expiry) < 13*24*time.Hour {
		f.t.Errorf("expiry %v, %v", expiry, err)
	}
	return part(got, "token='", "'")
}

func TestTokenLogin(t *testing.T) {
	f := start(t, plainToo)
	token := f.tokenFor("HT-SHA-256-EXPR")
	if len(token) != 43 {
		t.Fatalf("the token is %q", token)
	}
	for range 2 {
		m := f.modern()
		got := m.express(token, "<fast xmlns='urn:xmpp:fast:0'/><bind xmlns='urn:xmpp:bind:0'/>")
		exporter, _ := m.tls.Exporter()
		proof := hmac.New(sha256.New, []byte(token))
		proof.Write([]byte("Responder" + string(exporter)))
		has(t, got, "<additional-data>"+base64.StdEncoding.EncodeToString(proof.Sum(nil))+"</additional-data>", "<bound")
		lacks(t, got, "<token")
	}
	token = f.tokenFor("HT-SHA-256-ENDP")
	m := f.modern()
	endPoint, _ := m.tls.EndPoint()
	has(t, m.byToken("HT-SHA-256-ENDP", "alice", token, endPoint, "<fast xmlns='urn:xmpp:fast:0'/>"), "<success")
}

// A refused token leaves the stream where it was: the password comes next.
func TestTokenRefused(t *testing.T) {
	const fast = "<fast xmlns='urn:xmpp:fast:0'/>"
	f := start(t, plainToo)
	token := f.tokenFor("HT-SHA-256-EXPR")
	for _, test := range []struct {
		name, want string
		send       func(m modern) string
	}{
		{"another token", "not-authorized", func(m modern) string { return m.express(token+"x", fast) }},
		{"another connection's exporter", "not-authorized", func(m modern) string {
			return m.byToken("HT-SHA-256-EXPR", "alice", token, make([]byte, 32), fast)
		}},
		{"XEP-0484 §3.4 another mechanism", "not-authorized", func(m modern) string {
			endPoint, _ := m.tls.EndPoint()
			return m.byToken("HT-SHA-256-ENDP", "alice", token, endPoint, fast)
		}},
		{"a mechanism that is not offered", "invalid-mechanism", func(m modern) string {
			return m.byToken("HT-SHA-256-NONE", "alice", token, nil, fast)
		}},
		{"no <fast/>", "invalid-mechanism", func(m modern) string { return m.express(token, "") }},
		{"<fast/> with a password", "invalid-mechanism", func(m modern) string { return m.plain(userAgent(agent) + fast) }},
		{"XEP-0484 §4.1 no installation", "malformed-request", func(m modern) string { return m.authenticate("HT-SHA-256-EXPR", []byte("x"), fast) }},
		{"no number", "malformed-request", func(m modern) string { return m.express(token, "<fast xmlns='urn:xmpp:fast:0' count='-1'/>") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := f.modern()
			defer m.Close()
			has(t, test.send(m), "<failure "+ns2+"><"+test.want+" xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
			has(t, m.plain(""), "<success")
		})
	}
	if got := f.modern().express(token, fast); !strings.Contains(got, "<success") {
		t.Errorf("the token does not work any more: %s", got)
	}
}

// XEP-0484 §4.2: who has no token, a user or nobody, hears the same, and it is
// no guess.
func TestUnknownTokenLooksTheSame(t *testing.T) {
	f := start(t, func(c *c2s.Config) { c.Limits.LoginsPerMinute = 1 })
	var heard []string
	for range 3 {
		for _, user := range []string{"alice", "nobody"} {
			heard = append(heard, f.modern().byToken("HT-SHA-256-EXPR", user, "guess", nil, "<fast xmlns='urn:xmpp:fast:0'/>"))
		}
	}
	for _, h := range heard {
		if h != heard[0] || !strings.Contains(h, "<credentials-expired") {
			t.Errorf("%s\n%s", heard[0], h)
		}
	}
	if f.count(relay.LoginFailed) != 0 {
		t.Error("it counted as a guess")
	}
}

func TestTokenInvalidated(t *testing.T) {
	f := start(t, plainToo)
	token := f.tokenFor("HT-SHA-256-EXPR")
	got := f.modern().express(token, "<fast xmlns='urn:xmpp:fast:0' invalidate='true'/>")
	has(t, got, "<success")
	lacks(t, got, "<token")
	has(t, f.modern().express(token, "<fast xmlns='urn:xmpp:fast:0'/>"), "<credentials-expired")
	// XEP-0484 §3.6: unless it asks for another one.
	got = f.modern().express(f.tokenFor("HT-SHA-256-EXPR"),
		"<fast xmlns='urn:xmpp:fast:0' invalidate='1'/><request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-EXPR'/>")
	has(t, f.modern().express(part(got, "token='", "'"), "<fast xmlns='urn:xmpp:fast:0'/>"), "<success")
}

// XEP-0484 §3.4: a count that was heard before is a login that was.
func TestTokenReplay(t *testing.T) {
	f := start(t, plainToo)
	token := f.tokenFor("HT-SHA-256-EXPR")
	for _, test := range []struct{ count, want string }{{"1", "<success"}, {"5", "<success"}, {"5", "<not-authorized"}, {"4", "<not-authorized"}, {"6", "<success"}} {
		has(t, f.modern().express(token, "<fast xmlns='urn:xmpp:fast:0' count='"+test.count+"'/>"), test.want)
	}
}

// Without an id there is nobody to give a token to, nor for a mechanism that is
// not offered, nor where memory is not kept.
func TestNoToken(t *testing.T) {
	f := start(t, plainToo)
	forgetful := start(t, func(c *c2s.Config) { c.Plain, c.ForgetAfter = true, 0 })
	const request = "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-EXPR'/>"
	for _, got := range []string{
		f.modern().plain(request),
		f.modern().plain(userAgent(agent) + strings.Replace(request, "EXPR", "NONE", 1)),
		forgetful.modern().plain(userAgent(agent) + request),
	} {
		has(t, got, "<success")
		lacks(t, got, "<token")
	}
}

// Both profiles share brakes, budget and words.
func TestProfilesShareTheirBrakes(t *testing.T) {
	f := start(t, func(c *c2s.Config) { c.Plain, c.Limits.LoginsPerMinute = true, 3 })
	for i, who := range []string{"alice", "nobody", "alice"} {
		got := f.modern().authenticate("PLAIN", []byte("\x00"+who+"\x00wrong"), "<bind xmlns='urn:xmpp:bind:0'/>")
		if want := "<failure " + ns2 + "><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>"; got != want {
			t.Errorf("attempt %d: %s", i, got)
		}
	}
	if f.count(relay.LoginFailed) != 3 || f.home.seats != 0 {
		t.Errorf("%d failed logins reported, %d seats taken", f.count(relay.LoginFailed), f.home.seats)
	}
	has(t, f.modern().plain(""), "<temporary-auth-failure", "Wait a minute.")
	if _, err := client.Dial(context.Background(), f.config()); condition(err) != "temporary-auth-failure" {
		t.Errorf("the other profile: %v", err)
	}
}

// RFC 6120 §6.4.5 for a client that changes profiles.
func TestAttemptsInBothProfiles(t *testing.T) {
	m := start(t, nil).modern()
	for i := range 5 {
		got := ""
		if i%2 == 0 {
			got = m.authenticate("NONE", nil, "")
		} else {
			fmt.Fprint(m, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='NONE'/>")
			got = m.until("</failure>")
		}
		want := "<invalid-mechanism"
		if i == 4 {
			want = "<policy-violation"
		}
		has(t, got, want)
	}
}

func TestDowngradeIsToldInBothProfiles(t *testing.T) {
	f := start(t, nil)
	m := f.modern()
	got := m.authenticate("SCRAM-SHA-256", []byte("n,,n=alice,r=x"), "")
	challenge, _ := base64.StdEncoding.DecodeString(part(got, ">", "<"))
	has(t, string(challenge), ",h=", ",t=0304")
	c := f.secured()
	fmt.Fprintf(c, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256'>%s</auth>", base64.StdEncoding.EncodeToString([]byte("n,,n=alice,r=x")))
	challenge, _ = base64.StdEncoding.DecodeString(part(c.until("</challenge>"), ">", "<"))
	has(t, string(challenge), ",h=", ",t=0304")
}

// XEP-0388 §4.8: who has logged in does not do so again.
func TestSecondLogin(t *testing.T) {
	m := start(t, plainToo).modern()
	m.plain("")
	m.until("</stream:features>")
	has(t, m.plain(""), "<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'")
}

// XEP-0388 §4.4: the stream's from and the authorization identity agree.
func TestAuthzidIsTheStreams(t *testing.T) {
	m := start(t, plainToo).modern()
	has(t, m.authenticate("PLAIN", []byte("bob@example.org\x00bob\x00x"), ""), "<invalid-authzid ")
	has(t, m.authenticate("PLAIN", []byte("alice@example.org\x00alice\x00"+password), ""), "<success")
}
