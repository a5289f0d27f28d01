package federation_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"lethe/dane"
	"lethe/dane/resolve"
	"lethe/federation"
	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/wire"
	"lethe/tls"
)

// BenchmarkLink is one message of 300 bytes over a link, both ends counted:
// routing, TLS out, TLS in, the checks on its addresses, routing.
func BenchmarkLink(b *testing.B) {
	for _, burst := range []int{1, 8} {
		b.Run(fmt.Sprint("burst=", burst), func(b *testing.B) {
			w := newWorld(b)
			x, y := w.node("a.example", nil), w.node("b.example", nil)
			x.say("bob@b.example", "warm")
			y.hear()
			body := fmt.Sprintf("%0300d", 1)
			s, err := wire.ParseStanza([]byte("<message type='chat' id='1' from='user@a.example/x' to='bob@b.example'><body>"+body+"</body></message>"), wire.NSClient)
			w.must(err)
			from, _ := jid.Parse("user@a.example/x")
			to, _ := jid.Parse("bob@b.example")
			var p relay.Pass
			window := 0
			b.ResetTimer()
			for i := 0; i < b.N; i += burst {
				for range burst {
					x.router.Route(&p, s, from, to)
				}
				p.Flush()
				for window += burst; window > 64; window-- {
					<-y.heard
				}
			}
			for ; window > 0; window-- {
				<-y.heard
			}
		})
	}
}

// BenchmarkColdLink is the first message to a domain: lookups that cost nothing
// here, TCP, STARTTLS, TLS on both sides, EXTERNAL, the message.
func BenchmarkColdLink(b *testing.B) {
	w := newWorld(b)
	y := w.node("b.example", nil)
	for i := range b.N {
		b.StopTimer()
		x := w.node(fmt.Sprintf("a%d.example", i), nil)
		b.StartTimer()
		x.say("bob@b.example", "1")
		y.hear()
	}
}

// One relay holds links to a thousand domains at once.
func TestAThousandDomains(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a thousand certificates")
	}
	const n = 1000
	w := newWorld(t)
	hub := w.node("hub.example", nil)
	pems, domains := make([]tls.PEM, n), make([]string, n)
	for i := range n {
		domains[i] = fmt.Sprintf("d%d.example", i)
		pem, err := w.authority.Issue(domains[i : i+1])
		w.must(err)
		pems[i] = pem
	}
	certs, err := tls.Parse(pems, domains, time.Now())
	w.must(err)
	all := w.node("all.example", func(c *federation.Config) {
		c.Domains, c.TLS = domains, tls.NewServer(certs, false)
	})
	for _, d := range domains {
		all.router.Handle(d, all)
		w.dns.services[d] = resolve.Service{Status: resolve.Secure, Targets: []resolve.Target{{Host: "xmpp." + d, Port: all.port}}}
		w.dns.tlsa["xmpp."+d] = resolve.Associations{Status: resolve.Secure, Records: []resolve.TLSA{resolve.TLSA(dane.Of(certs.Leaf(d), 3, 1, 1))}}
	}
	before := memory()
	start := time.Now()
	for i, d := range domains {
		hub.say("bob@"+d, fmt.Sprint(i))
		if i >= 50 { // so many at once are in the making
			all.hear()
		}
	}
	for range 50 {
		all.hear()
	}
	took := time.Since(start)
	per := (memory() - before) / n / 1024
	t.Logf("%d links in %v; both ends of a link hold %d KiB", n, took, per)
	for i, d := range domains {
		hub.say("bob@"+d, fmt.Sprint("again", i))
		all.hear()
	}
	if per > 200 {
		t.Errorf("both ends of a link hold %d KiB", per)
	}
}

// memory is what the process holds in heap and stacks.
func memory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
