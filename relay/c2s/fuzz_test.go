package c2s_test

import (
	"encoding/base64"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lethe/relay"
	"lethe/relay/c2s"
	"lethe/relay/jid"
	"lethe/relay/wire"
	"lethe/tls"
)

// The states of a connection, as FuzzStates numbers them.
const (
	cleartext = iota
	secured
	known
	bound
	begun    // within a login of SASL2
	welcomed // behind one, without a resource
	inline   // behind one, with a resource and stream management
	states   // how many there are
)

// FuzzStates writes arbitrary bytes, in two pieces, to a connection in each of
// its states, then nothing more. Whatever they are, the connection comes to its
// end, and the server and its other clients do not notice; where they are whole
// stanzas, what follows them is heard.
func FuzzStates(f *testing.F) {
	needSeeds(f)
	house := &echoes{}
	s := start(f, func(c *c2s.Config) { c.Plain, c.Home = true, house })
	canary := s.dial()
	f.Fuzz(func(t *testing.T, state byte, cut uint16, data []byte) {
		if len(data) > 64<<10 {
			return // what comes back might be too much for an Outbox
		}
		s.srv.ForgetGuesses()
		defects := s.count(relay.InternalError)
		c := s.reach(t, int(state)%states)
		defer c.nc.Close()
		first := min(int(cut), len(data))
		c.Write(data[:first])
		c.Write(data[first:])
		io.WriteString(c, "<message id='last'/>")
		c.nc.CloseWrite()
		heard := c.rest()

		if s := int(state) % states; (s == bound || s == inline) && lawful(t, data) && !strings.Contains(heard, "id='last'") {
			t.Errorf("behind whole stanzas, none is heard: %q", heard)
		}
		if s.count(relay.InternalError) > defects {
			t.Fatal("the server met a defect")
		}
		for i := 0; house.taken.Load() != 1; i++ {
			if i == 100 {
				t.Fatalf("%d seats are taken, want the canary's only", house.taken.Load())
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n, err := canary.Ask("<message id='canary'/>"); err != nil || n.Attr("id") != "canary" {
			t.Fatalf("another client is not served any more: %v", err)
		}
	})
}

// needSeeds fails when the seeds of a fuzz target are gone: it would try
// nothing and pass.
func needSeeds(f *testing.F) {
	seeds, err := os.ReadDir(filepath.Join("testdata", "fuzz", f.Name()))
	if err != nil || len(seeds) < 2*states {
		f.Fatalf("testdata/fuzz/%s holds %d seeds, want %d at least (%v)", f.Name(), len(seeds), 2*states, err)
	}
}

// echoes is a home whose seats have no defects.
type echoes struct {
	home
	taken atomic.Int32 // seats
}

func (h *echoes) Bind(user jid.JID, resource string, out *relay.Outbox) (relay.Seat, *relay.BindError) {
	s, refusal := h.home.Bind(user, resource, out)
	if refusal != nil {
		return nil, refusal
	}
	h.taken.Add(1)
	return echo{s.(*seat), h}, nil
}

type echo struct {
	*seat
	home *echoes
}

func (e echo) Take(p *relay.Pass, st *wire.Stanza) { e.out.Offer(p, st) }
func (e echo) Active(*relay.Pass, bool)            {}
func (e echo) Carbons(bool)                        {}
func (e echo) Leave(*relay.Pass)                   { e.home.taken.Add(-1) }

// peer is a connection that can end in one direction.
type peer struct {
	conn
	nc *net.TCPConn
}

// reach leads a connection to a state.
func (f *fixture) reach(t *testing.T, state int) peer {
	t.Helper()
	address := f.direct
	if state == cleartext {
		address = f.plain
	}
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	c := peer{conn{nc, t}, nc.(*net.TCPConn)}
	nc.SetDeadline(time.Now().Add(patience))
	if state == cleartext {
		return c
	}
	tc, err := tls.Client(nc, patience, tls.ClientConfig{ServerName: "example.org", Roots: f.roots})
	if err != nil {
		t.Fatal(err)
	}
	tc.SetReadDeadline(time.Now().Add(patience))
	c.ReadWriteCloser = tc
	c.say(header, "</stream:features>")
	secret := base64.StdEncoding.EncodeToString([]byte("\x00alice\x00" + password))
	switch state {
	case begun:
		c.say("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'><initial-response>"+
			base64.StdEncoding.EncodeToString([]byte("n,,n=alice,r=x"))+"</initial-response></authenticate>", "</challenge>")
	case welcomed:
		c.say("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>"+secret+
			"</initial-response></authenticate>", "</stream:features>")
	case inline:
		c.say("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>"+secret+"</initial-response>"+
			"<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3'/></bind></authenticate>", "</stream:features>")
	case known, bound:
		c.say("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"+secret+"</auth>", "</success>")
		c.say(header, "</stream:features>")
	}
	if state == bound {
		c.say("<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "</iq>")
	}
	return c
}

// say sends what leads on, and reads up to the end of the answer.
func (p peer) say(xml, end string) {
	p.t.Helper()
	io.WriteString(p, xml)
	if got := p.until(end); !strings.HasSuffix(got, end) {
		p.t.Fatalf("%s is answered by %s", xml, got)
	}
}

// patience is how long anything may take.
const patience = 20 * time.Second

// rest reads to the end of the connection.
func (p peer) rest() string {
	p.t.Helper()
	b, err := io.ReadAll(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatal("the connection does not end")
	}
	return string(b)
}

// lawful reports whether data is whole stanzas, and nothing else.
func lawful(t *testing.T, data []byte) bool {
	in := wire.NewReader(wire.Limits{Bytes: stanzaBytes})
	defer in.Close()
	in.Filled(copy(in.Space(), header))
	if _, err := in.Open(); err != nil {
		t.Fatal(err)
	}
	for len(data) > 0 {
		n := copy(in.Space(), data)
		in.Filled(n)
		data = data[n:]
		for {
			s, err := in.Next()
			if err == wire.ErrMore {
				break
			}
			if err != nil || s.Kind == wire.Nonza {
				return false
			}
		}
	}
	return in.Buffered() == 0
}
