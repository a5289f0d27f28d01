//go:build linux

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lethe/relay/stream"
	"lethe/relay/wire"
)

// TestCanaries sends stanzas, logins, stream headers and claims of being another
// domain, sound, odd and broken. Each carries names of its own in whatever has
// room for one: addresses, texts, ids, keys, passwords. None may come up in the
// log, in the numbers, or in an error that somebody else is told. LETHE_CANARIES
// says how many there are to be, LETHE_CANARY_SEED which.
func TestCanaries(t *testing.T) {
	t.Parallel()
	total := 10000
	if n, err := strconv.Atoi(os.Getenv("LETHE_CANARIES")); err == nil {
		total = n
	}
	here, there := newRelayFor(t, "here.test", "ana", "ben", "cleo", "dora", "emil"), newRelayFor(t, "there.test", "fritz")
	federate(t, here, there)
	numbers := freePort(t)
	here.set(t, "metrics", fmt.Sprintf(`["127.0.0.1:%d"]`, numbers))
	for _, r := range []*instance{here, there} {
		for _, limit := range []string{"bytes_per_second", "logins_per_minute", "connections_per_address"} {
			r.set(t, limit, "0")
		}
		r.set(t, "plain", "true")
		r.write(t, "lethe.toml", strings.Replace(r.read(t, "lethe.toml"), "# domains = true", "domains = false", 1))
		r.serve(t)
		t.Cleanup(func() { r.cmd.Process.Kill() }) // if the test ends early
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("LETHE_CANARY_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("%d, seed %d", total, seed)
	var all sync.WaitGroup
	var birds []*bird
	for i, user := range []string{"ana", "ben", "cleo", "dora", "emil", "fritz"} {
		b := &bird{t: t, home: here, here: here, there: there, user: user, rng: rand.New(rand.NewPCG(seed, uint64(i)))}
		if user == "fritz" {
			b.home = there
		}
		birds = append(birds, b)
		all.Go(func() { b.fly(total / 6) })
	}
	all.Wait()
	page := numbersOf(t, numbers)
	here.end(t)
	there.end(t)
	sum := bird{}
	for _, b := range birds {
		sum.sent, sum.errors, sum.heard = sum.sent+b.sent, sum.errors+b.errors, sum.heard+b.heard
	}
	t.Logf("%d sent, %d answered with an error, %d heard from others", sum.sent, sum.errors, sum.heard)
	if sum.sent < total*9/10 || sum.errors < total/10 || sum.heard < total/50 {
		t.Error("too few to say anything")
	}
	for where, text := range map[string]string{"the log of here": here.log.String(), "the log of there": there.log.String(), "the numbers": page} {
		if found := disguised(text, "canary"); found != "" {
			t.Errorf("%s has a canary (%s):\n%.4000s", where, found, text)
		}
		if strings.Contains(text, "internal-error count") {
			t.Errorf("%s tells of a defect", where)
		}
	}
	if !strings.Contains(here.log.String(), "login-failed") || !strings.Contains(page, "lethe_events_total") {
		t.Error("nothing was logged, or counted")
	}
}

func numbersOf(t *testing.T, port int) string {
	t.Helper()
	answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", port))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// disguised finds a word as it stands, in capitals, in hexadecimal and in
// base64, at each of the three places a byte can have there.
func disguised(text, word string) (how string) {
	if strings.Contains(strings.ToLower(text), word) {
		return "as it is"
	}
	if strings.Contains(strings.ToLower(text), hex.EncodeToString([]byte(word))) {
		return "hexadecimal"
	}
	for before := range 3 {
		code := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), word...))
		code = code[(before*8+5)/6 : (before+len(word))*8/6] // what depends on nothing else
		if strings.Contains(text, code) {
			return "base64"
		}
	}
	return ""
}

func TestCanariesAreFound(t *testing.T) {
	for text, want := range map[string]string{
		"user=xCANARYanaq7":                                                         "as it is",
		"id=" + hex.EncodeToString([]byte("a canary")):                              "hexadecimal",
		"sasl=" + base64.StdEncoding.EncodeToString([]byte("\x00canaryq\x00x")):     "base64",
		"sasl=" + base64.StdEncoding.EncodeToString([]byte("n,,n=canary,r=x")):      "base64",
		"sasl=" + base64.StdEncoding.EncodeToString([]byte("n=canary")):             "base64",
		"sasl=" + base64.StdEncoding.EncodeToString([]byte("all but a cannery...")): "",
		"msg=login-failed count=3":                                                  "",
	} {
		if got := disguised(text, "canary"); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	b := bird{user: "ana"}
	for raw, want := range map[string]string{
		"<message type='error' from='canarybenq1@x'><error><text>no</text></error></message>":                "",
		"<message type='error' id='canaryanaq1'><error><text>canaryanaq2</text></error></message>":           "",
		"<message type='error' id='canarybenq1'><error/></message>":                                          "canarybenq1",
		"<iq type='error' from=\"x\"><error><text>CanaryBenQ1 is offline</text></error></iq>":                "canarybenq1",
		"<message type='error' from='a'><error by='from=' to='x'><text>canarybenq3</text></error></message>": "canarybenq3",
	} {
		if got := b.foreign([]byte(raw)); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

// A bird is one who sends canaries of its own and looks at what it is told.
type bird struct {
	t           *testing.T
	home        *instance // of its account
	here, there *instance
	user        string
	rng         *rand.Rand
	*stream.Stream

	made                int // canaries
	sent, errors, heard int
}

// canary is a word that nobody else uses and it does not use again. It can be
// part of an address, a name and a text.
func (b *bird) canary() string {
	b.made++
	return fmt.Sprintf("canary%sq%d", b.user, b.made)
}

var (
	anyCanary = regexp.MustCompile(`canary([a-z]+)q[0-9]+`)
	addresses = regexp.MustCompile(`^<[^<>]*>`) // the first tag, where from and to stand
	fromOrTo  = regexp.MustCompile(`\s(?:from|to)=(?:'[^']*'|"[^"]*")`)
)

// foreign finds another's canary, except in the addresses of a stanza, which
// have to be there.
func (b *bird) foreign(raw []byte) string {
	raw = bytes.ToLower(raw)
	raw = addresses.ReplaceAllFunc(raw, func(tag []byte) []byte { return fromOrTo.ReplaceAll(tag, nil) })
	for _, m := range anyCanary.FindAllSubmatch(raw, -1) {
		if string(m[1]) != b.user {
			return string(m[0])
		}
	}
	return ""
}

// look judges an element. Errors that others made up are not lethe's; they say
// so in their id.
func (b *bird) look(st *wire.Stanza) {
	failure := string(st.Name()) == "failure" || string(st.NS()) == wire.NSStream && string(st.Name()) == "error" || string(st.Type()) == "error"
	found := b.foreign(st.Raw())
	switch {
	case !failure || bytes.HasPrefix(st.ID(), []byte("relayed")):
		if found != "" {
			b.heard++
		}
	case found != "":
		b.t.Errorf("%s is told of %s: %s", b.user, found, st.Raw())
	default:
		b.errors++
	}
}
