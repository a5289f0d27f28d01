package account_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lethe/relay"
	"lethe/relay/wire"
)

// sink takes everything and keeps nothing.
type sink struct{}

func (sink) TryWrite([]byte) (bool, error) { return true, nil }
func (sink) Drain(time.Duration) error     { return nil }
func (sink) Close() error                  { return nil }
func (sink) Cut() error                    { return nil }

func (l *lab) bindSink(bare, resource string) relay.Seat {
	seat, err := l.server.Bind(address(l.t, bare), resource, l.router.NewOutbox(sink{}, wire.NSClient, 1<<20))
	if err != nil {
		l.t.Fatal(err.Text)
	}
	return seat
}

func take(t testing.TB, seat relay.Seat, p *relay.Pass, xml string) func() {
	st := parse(t, xml)
	full := seat.JID().String()
	return func() {
		st.SetFrom(full)
		seat.Take(p, st)
		p.Flush()
	}
}

const chatter = "<message type='chat' id='c1' to='%s'><body>How are you today? It is a fine day for a walk.</body></message>"

func chat(t testing.TB, to string) func() {
	l := newLab(t)
	erin, bob := l.bindSink("erin@example.org", "x"), l.bindSink("bob@example.org", "desk")
	var p relay.Pass
	take(t, bob, &p, "<presence/>")()
	return take(t, erin, &p, fmt.Sprintf(chatter, to))
}

// TestChatDoesNotAllocate keeps the hot path honest.
func TestChatDoesNotAllocate(t *testing.T) {
	for _, to := range []string{"bob@example.org/desk", "bob@example.org"} {
		if n := testing.AllocsPerRun(100, chat(t, to)); n > 0 {
			t.Errorf("%v allocations for a chat to %s", n, to)
		}
	}
}

func BenchmarkTakeToFullJID(b *testing.B) { benchmarkChat(b, "bob@example.org/desk") }
func BenchmarkTakeToBareJID(b *testing.B) { benchmarkChat(b, "bob@example.org") }

func benchmarkChat(b *testing.B, to string) {
	send := chat(b, to)
	b.ReportAllocs()
	for b.Loop() {
		send()
	}
}

// storm returns a resource with fifty contacts, all available.
func storm(b *testing.B, p *relay.Pass) (*lab, relay.Seat) {
	var file strings.Builder
	file.WriteString("lethe-users 1\nserial 1\n")
	for i := range 51 {
		fmt.Fprintf(&file, "user u%d@example.org groups=all\n", i)
	}
	l := newLabWith(b, file.String())
	var seat relay.Seat
	for i := range 51 {
		seat = l.bindSink(fmt.Sprintf("u%d@example.org", i), "x")
		take(b, seat, p, "<presence><show>away</show><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='http://example.org' ver='aaaaaaaaaaaaaaaaaaaaaaaaaaa='/></presence>")()
	}
	return l, seat
}

// BenchmarkPresenceChange is one presence to fifty contacts.
func BenchmarkPresenceChange(b *testing.B) {
	var p relay.Pass
	_, seat := storm(b, &p)
	change := take(b, seat, &p, "<presence><show>dnd</show></presence>")
	b.ReportAllocs()
	for b.Loop() {
		change()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/50, "ns/contact")
}

// BenchmarkPresenceLogin is a login with fifty contacts: presence both ways,
// and the goodbye.
func BenchmarkPresenceLogin(b *testing.B) {
	var p relay.Pass
	l, _ := storm(b, &p)
	b.ReportAllocs()
	for b.Loop() {
		seat := l.bindSink("u0@example.org", "y")
		take(b, seat, &p, "<presence/>")()
		seat.Leave(&p)
		p.Flush()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/50, "ns/contact")
}
