package rooms_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lethe/relay"
	"lethe/relay/jid"
	"lethe/relay/rooms"
	"lethe/relay/users"
	"lethe/relay/wire"
)

const (
	host = "rooms.example.org"
	tea  = "tea@" + host
	nsX  = "http://jabber.org/protocol/muc"
)

const people = `lethe-users 1
serial 1
decoy 4pT1nG5JQx0l2n1u0m0y7g3a8xZbVqkYw5sT6uH9cEo=
user alice@example.org groups=team
user bob@example.org groups=team
user carol@example.org
room board@rooms.example.org name="The Board" groups=team members=ann@away.example
`

// A lab is a Server with everybody else at the other end of the Router: they
// write down what they get, and some cannot be reached.
type lab struct {
	t      testing.TB
	router *relay.Router
	rooms  *rooms.Server
	clock  time.Time
	got    map[string][]string
	gone   map[string]bool // full addresses whose stanzas are refused
}

func newLab(t testing.TB) *lab {
	l := &lab{
		t: t, router: relay.NewRouter(), clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		got: make(map[string][]string), gone: make(map[string]bool),
	}
	l.rooms = rooms.New(l.router, parseUsers(t, people), rooms.Config{
		Hosts: []string{host}, Domains: []string{"example.org"}, Now: func() time.Time { return l.clock },
	})
	l.router.Handle(host, l.rooms)
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

// Deliver is everybody.
func (l *lab) Deliver(_ *relay.Pass, st *wire.Stanza, _, to jid.JID) relay.Drop {
	if l.gone[to.String()] {
		return relay.Offline
	}
	l.got[to.String()] = append(l.got[to.String()], string(st.Append(nil, wire.NSClient)))
	return relay.Delivered
}

// send routes a stanza of who, a full address without its domain if that is
// example.org.
func (l *lab) send(who, xml string) {
	l.t.Helper()
	st, err := wire.ParseStanza([]byte(xml), wire.NSClient)
	if err != nil {
		l.t.Fatalf("%s: %v", xml, err)
	}
	from, to := address(l.t, who), address(l.t, string(st.To()))
	st.SetFrom(from.String())
	var p relay.Pass
	l.router.Route(&p, st, from, to)
	p.Flush()
}

// address reads an address; alice/x is alice@example.org/x.
func address(t testing.TB, s string) jid.JID {
	t.Helper()
	name, resource, full := strings.Cut(s, "/")
	if !strings.ContainsAny(name, "@.") {
		s = name + "@example.org"
		if full {
			s += "/" + resource
		}
	}
	j, err := jid.Parse(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return j
}

var madeUp = regexp.MustCompile(`<stanza-id [^>]*id='[A-Z2-7]{26}'[^>]*>|<occupant-id [^>]*id='[\w-]{43}'/>`)

// take returns what who got since the last call, without the room's ids.
func (l *lab) take(who string) []string {
	l.t.Helper()
	full := address(l.t, who).String()
	got := l.got[full]
	delete(l.got, full)
	for i := range got {
		got[i] = madeUp.ReplaceAllString(got[i], "")
	}
	return got
}

// forget drops what everybody got.
func (l *lab) forget() { clear(l.got) }

// join lets who, say bob/x, into the room as bob; all that this sends is
// forgotten.
func (l *lab) join(room string, whos ...string) {
	l.t.Helper()
	for _, who := range whos {
		l.enter(room, who, nick(who))
		if !slices.ContainsFunc(l.take(who), func(s string) bool { return strings.Contains(s, "code='110'") }) {
			l.t.Fatalf("%s does not get into the room", who)
		}
	}
	l.forget()
}

func nick(who string) string {
	name, _, _ := strings.Cut(who, "/")
	name, _, _ = strings.Cut(name, "@")
	return name
}

func (l *lab) enter(room, who, as string) {
	l.t.Helper()
	l.send(who, "<presence to='"+room+"/"+as+"'><x xmlns='"+nsX+"'/></presence>")
}

// configure sends an owner's form, fields as name=value.
func (l *lab) configure(room, who string, fields ...string) {
	l.t.Helper()
	l.send(who, form(room, fields...))
}

func form(room string, fields ...string) string {
	b := "<iq type='set' id='f' to='" + room + "'><query xmlns='" + nsX + "#owner'><x xmlns='jabber:x:data' type='submit'>"
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		b += "<field var='" + name + "'><value>" + value + "</value></field>"
	}
	return b + "</x></query></iq>"
}

// open opens a room with alice/x as its owner and lets others in.
func (l *lab) open(fields []string, others ...string) {
	l.t.Helper()
	l.join(tea, "alice/x")
	l.configure(tea, "alice/x", fields...)
	l.join(tea, others...)
}

// affiliate makes user something in the room, by alice's word.
func (l *lab) affiliate(user, as string) {
	l.t.Helper()
	l.send("alice/x", "<iq type='set' id='a' to='"+tea+"'><query xmlns='"+nsX+"#admin'><item jid='"+
		address(l.t, user).String()+"' affiliation='"+as+"'/></query></iq>")
}

// one demands that who got one stanza that has all of these parts.
func (l *lab) one(who string, parts ...string) string {
	l.t.Helper()
	got := l.take(who)
	if len(got) != 1 {
		l.t.Fatalf("%s got %d stanzas, want one:\n%s", who, len(got), strings.Join(got, "\n"))
	}
	for _, part := range parts {
		if !strings.Contains(got[0], part) {
			l.t.Errorf("%s got %s\nwithout %s", who, got[0], part)
		}
	}
	return got[0]
}

// nothing demands that nobody named got anything.
func (l *lab) nothing(whos ...string) {
	l.t.Helper()
	for _, who := range whos {
		if got := l.take(who); len(got) > 0 {
			l.t.Errorf("%s got\n%s", who, strings.Join(got, "\n"))
		}
	}
}

// size demands so many rooms and clients.
func (l *lab) size(rooms, clients int) {
	l.t.Helper()
	if r, c := l.rooms.Size(); r != rooms || c != clients {
		l.t.Errorf("%d rooms with %d clients, want %d with %d", r, c, rooms, clients)
	}
}
