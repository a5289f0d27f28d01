package operator_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"lethe/relay/operator"
	"lethe/relay/web"
)

// TestCheckAsksTheRunningRelay, and says what it says, which decides nothing.
func TestCheckAsksTheRunningRelay(t *testing.T) {
	_, _, _, conf := fresh(t)
	believe(t, conf, roots+"$ZONE gone.example.\n_xmpp-server._tcp SRV 0 0 0 .\n_xmpps-server._tcp SRV 0 0 0 .\n")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	links := []web.Link{
		{Domain: "gone.example", Direction: "out", State: "failed", Reason: "it took too long", Seconds: 90},
		{Domain: "gone.example", Direction: "in", State: "standing", Proof: "dialback", Seconds: 7},
	}
	tells := web.NewMetrics(func(*web.Page) {}, func() []web.Link { return links })
	go tells.Serve(l)
	defer tells.Close()

	check := func(want string) {
		t.Helper()
		r := run(t, operator.Check, "", "-config", conf, "gone.example")
		if _, after, _ := strings.Cut(r.out, "cure: none, if that is meant\n"); r.code != 1 || after != want+"gone.example: unreachable: the domain offers no federation (RFC 2782)\n" {
			t.Errorf("status %d\n%swant\n%s", r.code, r.out, want)
		}
	}
	checkJSON := func(want string) {
		t.Helper()
		r := run(t, operator.Check, "", "-config", conf, "-json", "gone.example")
		if !strings.HasSuffix(r.out, `,"targets":[]`+want+"}\n") {
			t.Errorf("%swant\n%s", r.out, want)
		}
	}
	check("")
	checkJSON("")
	set(t, conf, "metrics", fmt.Sprintf("[%q]", l.Addr()))
	check("    warn  running relay  a link to the domain failed 1m30s ago: it took too long\n" +
		"    ok    running relay  a link that the domain opened stands since 7s, proved by dialback\n")
	checkJSON(`,"running_relay":[{"domain":"gone.example","direction":"out","state":"failed","reason":"it took too long","seconds":90},` +
		`{"domain":"gone.example","direction":"in","state":"standing","proof":"dialback","seconds":7}]`)
	links = links[:0]
	check("    ok    running relay  has no link with the domain now\n")
	checkJSON(`,"running_relay":[]`)
	tells.Close()
	check("    warn  running relay  does not answer on its port for metrics; lethe serve starts it\n")
	checkJSON("")

	write(t, conf, strings.Replace(read(t, conf), "# domains = true", "domains = false", 1))
	check("")
}
