package server_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lethe/relay/client"
	"lethe/relay/web"
)

// numbers asks for them as Prometheus does.
func (l *lab) numbers() string {
	l.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	l.must(err)
	m := web.NewMetrics(l.relay.Measure, nil)
	go m.Serve(listener)
	defer m.Close()
	answer, err := http.Get("http://" + listener.Addr().String() + "/metrics")
	l.must(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	l.must(err)
	return string(text)
}

// The numbers tell of a session what it was, and not whose.
func TestNumbersNameNobody(t *testing.T) {
	l := newLab(t, limits(), "alice:team", "bob:team")
	alice, bob := l.login("alice/phone-of-alice"), l.login("bob/desk-of-bob")
	l.must(alice.Say(bob.JID().String(), "canary-id", "canary-text"))
	_, err := bob.Until(isMessage("canary-id"))
	l.must(err)
	l.must(alice.Say("nobody@"+domain, "canary-lost", "canary-text"))
	_, err = alice.Until(isMessage("canary-lost"))
	l.must(err)
	if _, err := client.Dial(context.Background(), client.Config{
		Address: l.listener.Addr().String(), User: l.address("mallory"), Password: "canary-password", Roots: l.roots,
	}); err == nil {
		t.Fatal("mallory is in")
	}

	text := l.numbers()
	for _, want := range []string{
		`lethe_client_connections{state="bound"} 2`,
		`lethe_accounts 2`,
		`lethe_users 2`,
		`lethe_stanzas_total{outcome="no-user"} 1`,
		`lethe_answers_total 1`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	for _, canary := range []string{"alice", "bob", "mallory", "nobody", "canary", domain, "127.0.0.1", "team"} {
		if strings.Contains(text, canary) {
			t.Errorf("%s is named", canary)
		}
	}
	// Every line is a comment, or a name of lethe's with labels of words.
	line := regexp.MustCompile(`^(# (HELP|TYPE) lethe_[a-z_]+ .+|lethe_[a-z_]+(\{([a-z]+="[a-z-]+",?)+\})? -?[0-9]+)$`)
	for _, s := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if !line.MatchString(s) {
			t.Errorf("a line of another form: %s", s)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

// Connections are counted from their first byte to their end.
func TestConnectionsAreCounted(t *testing.T) {
	l := newLab(t, limits(), "alice")
	counted := func(want string) {
		t.Helper()
		for range 200 {
			if strings.Contains(l.numbers(), want) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Errorf("not counted: %s\n%s", want, l.numbers())
	}
	c, err := net.Dial("tcp", l.listener.Addr().String())
	l.must(err)
	counted(`lethe_client_connections{state="negotiating"} 1`)
	c.Close()
	counted(`lethe_client_connections{state="negotiating"} 0`)
	alice := l.login("alice")
	counted(`lethe_client_connections{state="bound"} 1`)
	alice.Close()
	counted(`lethe_client_connections{state="bound"} 0`)
}

// However many are online, asking for the numbers costs the same.
func TestNumbersCostTheSame(t *testing.T) {
	names := make([]string, 20)
	for i := range names {
		names[i] = "user" + string(rune('a'+i))
	}
	l := newLab(t, limits(), names...)
	cost := func() float64 {
		var costs []float64
		for range 5 { // others allocate meanwhile
			costs = append(costs, testing.AllocsPerRun(20, func() { l.relay.Measure(new(web.Page)) }))
		}
		return slices.Min(costs)
	}
	few := cost()
	for _, name := range names {
		l.login(name)
	}
	if many := cost(); many > few+1 {
		t.Errorf("%v allocations with %d online, %v with none", many, len(names), few)
	}
}
