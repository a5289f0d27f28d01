package c2s_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"lethe/relay"
	"lethe/relay/c2s"
	"lethe/relay/client"
	"lethe/relay/wire"
)

func managed(t *testing.T, window time.Duration) (*fixture, *client.Client) {
	t.Helper()
	f := start(t, func(c *c2s.Config) { c.Limits.Resume = window })
	c := f.dial()
	if err := c.Manage(true); err != nil {
		t.Fatal(err)
	}
	return f, c
}

// known is a connection after login, the features read.
func (f *fixture) known() conn {
	f.t.Helper()
	c := f.secured()
	plain := base64.StdEncoding.EncodeToString([]byte("\x00alice\x00" + f.config().Password))
	fmt.Fprintf(c, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%s</auth>", plain)
	c.until("</success>")
	fmt.Fprint(c, header)
	c.until("</stream:features>")
	return c
}

// to offers a message to whatever the last seat writes to.
func (f *fixture) to(id string) bool {
	f.home.mu.Lock()
	out := f.home.last
	f.home.mu.Unlock()
	var p relay.Pass
	defer p.Flush()
	s, err := wire.ParseStanza([]byte("<message from='bob@example.org/1' to='alice@example.org/1' id='"+id+"'><body>x</body></message>"), wire.NSClient)
	if err != nil {
		f.t.Fatal(err)
	}
	return out.Offer(&p, s)
}

func expect(t *testing.T, c *client.Client, ids ...string) {
	t.Helper()
	for _, id := range ids {
		n, err := c.Until(func(n *wire.Node) bool { return n.NS == wire.NSClient })
		if err != nil || n.Attr("id") != id {
			t.Fatalf("got %v, %v, want %s", n, err, id)
		}
	}
}

func resume(t *testing.T, c *client.Client) *client.Client {
	t.Helper()
	again, err := c.Resume(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Cut)
	return again
}

// XEP-0198 §5: what the cut connection did not bring comes over the next one,
// and the count goes on.
func TestResume(t *testing.T) {
	f, c := managed(t, time.Minute)
	f.to("1")
	f.to("2")
	expect(t, c, "1")
	full := c.JID()
	c.Cut()
	f.to("3")
	for i := 0; f.srv.Waiting() != 1; i++ {
		if i == 200 {
			t.Fatal("no session waits")
		}
		time.Sleep(10 * time.Millisecond)
	}
	again := resume(t, c)
	if n := f.srv.Waiting(); n != 0 {
		t.Errorf("%d sessions wait", n)
	}
	if again.JID() != full {
		t.Errorf("resumed as %v, was %v", again.JID(), full)
	}
	expect(t, again, "2", "3")
	f.to("4")
	expect(t, again, "4")
	if f.left() != 0 {
		t.Error("the seat was given up")
	}
	f.home.mu.Lock()
	if told := strings.Join(f.home.told, ", "); told != "active true" {
		t.Errorf("the seat heard: %s", told) // XEP-0352 §5
	}
	f.home.mu.Unlock()
	again.Close()
	f.gone(t, 1)
	if _, err := again.Resume(context.Background()); condition(err) != "item-not-found" {
		t.Errorf("a stream that was closed is resumed: %v", err)
	}
}

// The old connection may look alive still: to a server, a phone that changed
// networks does.
func TestResumeTakesTheConnectionOver(t *testing.T) {
	f, c := managed(t, time.Minute)
	again := resume(t, c)
	f.to("1")
	expect(t, again, "1")
	if f.left() != 0 {
		t.Error("the seat was given up")
	}
}

// XEP-0198 §5: what the client sent and the server did not handle, the client
// sends again; the server says how much it had.
func TestResumeCountsBothWays(t *testing.T) {
	_, c := managed(t, time.Minute)
	for i := range 3 {
		if err := c.Send(fmt.Sprintf("<message id='%d'/>", i)); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, c, "0", "1", "2") // the seat echoes them: they are handled
	c.Cut()
	again := resume(t, c)
	if n := len(again.Unheard()); n != 0 {
		t.Errorf("%d of 3 handled stanzas are sent again", n)
	}
}

// A client that is lost once more before it hears that it has resumed may try
// again: nobody has claimed the session's Outbox and forgotten it.
func TestResumeInterrupted(t *testing.T) {
	f := start(t, func(c *c2s.Config) { c.Plain, c.Limits.Resume = true, time.Minute })
	c := f.known()
	fmt.Fprint(c, "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
	c.until("</iq>")
	fmt.Fprint(c, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
	_, id, _ := strings.Cut(c.until("max='60'/>"), " id='")
	id, _, _ = strings.Cut(id, "'")
	f.to("1")
	c.until("</message>")
	wish := "<resume xmlns='urn:xmpp:sm:3' h='0' previd='" + id + "'/>"
	for range 10 {
		c = f.known()
		fmt.Fprint(c, wish)
		c.ReadWriteCloser.(interface{ Cut() error }).Cut()
	}
	c = f.known()
	fmt.Fprint(c, wish)
	if got := c.until("</message>"); !strings.Contains(got, "<resumed") || !strings.Contains(got, "id='1'") {
		t.Errorf("got %q", got)
	}
}

// Of a client that comes anew each time, instead of resuming, one session waits.
func TestAbandonedSessionsAreBounded(t *testing.T) {
	f := start(t, func(c *c2s.Config) { c.Limits.Resume = time.Minute })
	cfg := f.config()
	cfg.Resource = "phone"
	for i := range 5 {
		c, err := client.Dial(context.Background(), cfg)
		if err == nil {
			err = c.Manage(true)
		}
		if err != nil {
			t.Fatal(err)
		}
		c.Cut()
		for n := 0; ; n++ {
			all, waiting := f.srv.Sessions()
			if all == 1 && waiting == 1 {
				break
			} else if n == 500 {
				t.Fatalf("%d sessions are remembered, %d of them wait", all, waiting)
			}
			time.Sleep(10 * time.Millisecond)
		}
		f.gone(t, i) // those before
	}
}

func TestWindowCloses(t *testing.T) {
	f, c := managed(t, 50*time.Millisecond)
	if err := c.Send("<message id='mine'/>"); err != nil {
		t.Fatal(err)
	}
	expect(t, c, "mine")
	c.Cut()
	f.gone(t, 1)
	if f.to("late") {
		t.Error("an expired session takes stanzas")
	}
	_, err := c.Resume(context.Background())
	if condition(err) != "item-not-found" {
		t.Errorf("got %v", err)
	}
}

// A client that did not ask for resumption, or a relay that does not offer it:
// the connection's end is the stream's.
func TestNotResumable(t *testing.T) {
	for _, window := range []time.Duration{0, time.Minute} {
		f := start(t, func(c *c2s.Config) { c.Limits.Resume = window })
		c := f.dial()
		if err := c.Manage(window == 0); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Resume(context.Background()); err == nil || !strings.Contains(err.Error(), "cannot be resumed") {
			t.Errorf("window %v: %v", window, err)
		}
		c.Cut()
		f.gone(t, 1)
	}
}

func TestManagementRefusals(t *testing.T) {
	const sm = "xmlns='urn:xmpp:sm:3'"
	for _, test := range []struct{ name, send, want string }{
		{"§3 twice", "<enable " + sm + "/>", "failed"},
		{"§5 on a bound stream", "<resume " + sm + " previd='x' h='0'/>", "failed"},
		{"§4 too much", "<a " + sm + " h='1000'/>", "undefined-condition"},
		{"§4 no number", "<a " + sm + " h='-1'/>", "undefined-condition"},
		{"unknown", "<what " + sm + "/>", "unsupported-stanza-type"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, c := managed(t, time.Minute)
			n, err := c.Ask(test.send)
			got := condition(err)
			if err == nil {
				got = n.Name
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	// XEP-0198 §5: only the user whose session it is may resume it, and §3
	// nothing is enabled before a resource is bound.
	f := start(t, func(c *c2s.Config) { c.Plain = true })
	c := f.known()
	defer c.Close()
	for _, send := range []string{"<enable " + sm + "/>", "<resume " + sm + " previd='guess' h='0'/>", "<resume " + sm + " previd='guess' h='x'/>"} {
		fmt.Fprint(c, send)
		if got := c.until("</failed>"); !strings.Contains(got, "<failed") {
			t.Errorf("%s: %s", send, got)
		}
	}
}

// When the relay stops nobody comes back: seats are given up at once.
func TestStopEndsWaitingSessions(t *testing.T) {
	f, c := managed(t, time.Minute)
	c.Cut()
	time.Sleep(20 * time.Millisecond)
	f.srv.Shutdown(time.Second)
	f.gone(t, 1)
}
