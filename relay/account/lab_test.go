package account_test

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lethe/relay"
	"lethe/relay/account"
	"lethe/relay/jid"
	"lethe/relay/users"
	"lethe/relay/wire"
)

const (
	home = "example.org"
	away = "away.example"
)

// people is the users file most tests start from. Alice, bob and carol are
// contacts of each other; so are alice and ann, who is elsewhere. Dave, erin
// and mallory know nobody, and dave wants to hear from neither mallory nor
// spam.example.
const people = `lethe-users 1
serial 1
user alice@example.org name="Alice" groups=team
user bob@example.org name="Bob" groups=team
user carol@example.org groups=team
user dave@example.org
user erin@example.org
user mallory@example.org
group team name="The Team"
contact alice@example.org ann@away.example name="Ann"
block dave@example.org mallory@example.org
block dave@example.org spam.example
`

// A lab is a Server with clients, and another domain that writes down what it
// is sent.
type lab struct {
	t      testing.TB
	router *relay.Router
	server *account.Server
	clock  time.Time

	mu   sync.Mutex
	sent []string // to other domains
}

func newLab(t testing.TB) *lab { return newLabWith(t, people) }

func newLabWith(t testing.TB, file string) *lab {
	l := &lab{t: t, router: relay.NewRouter(), clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	l.server = account.New(l.router, parseUsers(t, file), account.Config{
		Domains:     []string{home},
		ForgetAfter: time.Hour,
		Now:         func() time.Time { return l.clock },
	})
	l.router.Handle(home, l.server)
	l.router.HandleElse(l)
	return l
}

func parseUsers(t testing.TB, file string) *users.Set {
	t.Helper()
	set, err := users.Parse([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// Deliver is the other domain.
func (l *lab) Deliver(_ *relay.Pass, st *wire.Stanza, _, _ jid.JID) relay.Drop {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, string(st.Append(nil, wire.NSClient)))
	l.speaks(st.Raw())
	return relay.Delivered
}

// speaks fails the test if the relay's own error has no sentence for people.
func (l *lab) speaks(stanza []byte) {
	if bytes.Contains(stanza, []byte(wire.NSStanzaErrors)) && !bytes.Contains(stanza, []byte("</text>")) {
		l.t.Errorf("an error without a word: %s", stanza)
	}
}

// away returns what was sent to other domains since the last call.
func (l *lab) away() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	sent := l.sent
	l.sent = nil
	return sent
}

// inject is a stanza that comes from another domain.
func (l *lab) inject(xml string) {
	l.t.Helper()
	st := parse(l.t, xml)
	var p relay.Pass
	l.router.Route(&p, st, address(l.t, string(st.From())), address(l.t, string(st.To())))
	p.Flush()
}

func parse(t testing.TB, xml string) *wire.Stanza {
	t.Helper()
	st, err := wire.ParseStanza([]byte(xml), wire.NSClient)
	if err != nil {
		t.Fatalf("%s: %v", xml, err)
	}
	return st
}

func address(t testing.TB, s string) jid.JID {
	t.Helper()
	j, err := jid.Parse(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return j
}

// A client is one bound connection.
type client struct {
	lab  *lab
	seat relay.Seat
	link *link
}

// bind connects full, an address with a resource.
func (l *lab) bind(full string) *client {
	l.t.Helper()
	c, err := l.tryBind(full, 1<<20)
	if err != nil {
		l.t.Fatalf("bind %s: %v", full, err.Text)
	}
	return c
}

func (l *lab) tryBind(full string, room int) (*client, *relay.BindError) {
	l.t.Helper()
	bare, resource, _ := strings.Cut(full, "/")
	k := &link{}
	out := l.router.NewOutbox(k, wire.NSClient, room)
	seat, err := l.server.Bind(address(l.t, bare), resource, out)
	if err != nil {
		return nil, err
	}
	return &client{l, seat, k}, nil
}

// online connects full and makes it available; what that sends is forgotten.
func (l *lab) online(full string) *client {
	l.t.Helper()
	c := l.bind(full)
	c.send("<presence/>")
	c.got()
	l.away()
	return c
}

// send is what c2s does with a stanza from the client.
func (c *client) send(xml string) {
	c.lab.t.Helper()
	st := parse(c.lab.t, xml)
	st.SetFrom(c.seat.JID().String())
	var p relay.Pass
	c.seat.Take(&p, st)
	p.Flush()
}

func (c *client) leave() {
	var p relay.Pass
	c.seat.Leave(&p)
	p.Flush()
}

var randomID = regexp.MustCompile(`id='[A-Z2-7]{26}'`)

// got returns what the client received since the last call. The ids the relay
// makes up become id='*'.
func (c *client) got() []string {
	c.lab.t.Helper()
	in := wire.NewReader(wire.Limits{Bytes: 1 << 20})
	defer in.Close()
	b := append([]byte("<stream:stream version='1.0' xmlns:stream='"+wire.NSStream+"' xmlns='jabber:client'>"), c.link.take()...)
	var got []string
	opened := false
	for {
		if !opened {
			_, err := in.Open()
			opened = err == nil
			if err != nil && err != wire.ErrMore {
				c.lab.t.Fatal(err)
			}
		}
		if opened {
			st, err := in.Next()
			if err == nil {
				c.lab.speaks(st.Raw())
				got = append(got, randomID.ReplaceAllString(string(st.Raw()), "id='*'"))
				continue
			}
			if err != wire.ErrMore {
				return got
			}
		}
		if len(b) == 0 {
			return got
		}
		n := copy(in.Space(), b)
		in.Filled(n)
		b = b[n:]
	}
}

// want fails the test unless the client received exactly this, in any order.
func (c *client) want(stanzas ...string) {
	c.lab.t.Helper()
	compare(c.lab.t, c.seat.JID().String(), c.got(), stanzas)
}

func (l *lab) wantAway(stanzas ...string) {
	l.t.Helper()
	compare(l.t, "other domains", l.away(), stanzas)
}

func compare(t testing.TB, who string, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s got\n  %s\nwant\n  %s", who, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// roster returns the items of the client's roster, sorted.
func (c *client) roster() []string {
	c.lab.t.Helper()
	c.got()
	c.send("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
	got := c.got()
	if len(got) != 1 {
		c.lab.t.Fatalf("roster: got %q", got)
	}
	items := regexp.MustCompile(`<item .*?(/>|</item>)`).FindAllString(got[0], -1)
	return slices.Sorted(slices.Values(items))
}

// A link keeps what is written to it.
type link struct {
	mu     sync.Mutex
	b      []byte
	closed bool
	broken bool // writing fails
	stuck  bool // takes nothing and says so
}

func (k *link) TryWrite(p []byte) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken {
		return false, errors.New("broken")
	}
	if k.stuck {
		return false, nil
	}
	k.b = append(k.b, p...)
	return true, nil
}

func (k *link) Drain(time.Duration) error {
	for {
		k.mu.Lock()
		stuck, broken := k.stuck, k.broken
		k.mu.Unlock()
		switch {
		case broken:
			return errors.New("broken")
		case !stuck:
			return nil
		}
		time.Sleep(time.Millisecond)
	}
}

func (k *link) set(stuck, broken bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stuck, k.broken = stuck, broken
}

func (k *link) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	return nil
}

func (k *link) Cut() error { return k.Close() }

func (k *link) isClosed() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.closed
}

func (k *link) take() []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	b := bytes.Clone(k.b)
	k.b = nil
	return b
}

// The error every undeliverable stanza is answered with.
func unavailable(kind, id, from, to string) string {
	return fmt.Sprintf("<%s xmlns='jabber:client' type='error' id='%s' from='%s' to='%s'><error type='cancel'>"+
		"<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"+
		"<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>The message could not be delivered now and was not kept.</text>"+
		"</error></%s>", kind, id, from, to, kind)
}

// condition returns the condition of the one stanza error in got, "" if there
// is none.
func condition(got []string) string {
	if len(got) != 1 {
		return fmt.Sprintf("%d stanzas", len(got))
	}
	m := regexp.MustCompile(`<error type='[a-z]+'><([a-z-]+) `).FindStringSubmatch(got[0])
	if m == nil {
		return ""
	}
	return m[1]
}
