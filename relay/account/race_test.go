package account_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"lethe/relay"
)

// TestManyAtOnce lets everybody do everything at the same time: it is for the
// race detector, and for deadlocks. In the end everybody has left and nothing
// is held.
func TestManyAtOnce(t *testing.T) {
	const workers, rounds = 8, 60
	var b strings.Builder
	b.WriteString("lethe-users 1\nserial 1\n")
	for i := range workers {
		fmt.Fprintf(&b, "user u%d@example.org groups=g%d\n", i, i%2)
	}
	l := newLabWith(t, b.String())
	other := strings.ReplaceAll(b.String(), "groups=g1", "groups=g0") + "block u0@example.org u1@example.org\n"
	first := l.bind("u0@example.org/first")
	first.runs(app{"n"}) // so that the hash is known
	first.leave()
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() { l.live(rand.New(rand.NewPCG(1, uint64(i))), i, workers, rounds) })
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			var p relay.Pass
			file := b.String()
			if i%2 == 0 {
				file = other
			}
			l.server.SetUsers(&p, parseUsers(t, file))
			p.Flush()
			l.server.Sweep(l.clock.Add(time.Hour))
			l.server.Size()
		}
	}()
	wg.Wait()
	close(stop)
	<-stopped
	l.server.Sweep(l.clock.Add(time.Hour))
	if accounts, connections := l.server.Size(); accounts != 0 || connections != 0 {
		t.Errorf("%d accounts and %d connections are left", accounts, connections)
	}
}

// live is one user's doings.
func (l *lab) live(r *rand.Rand, self, workers, rounds int) {
	me := fmt.Sprintf("u%d@example.org", self)
	for range rounds {
		resource := fmt.Sprintf("/r%d", r.IntN(2))
		if r.IntN(4) == 0 {
			// Somebody takes one's resource.
			me, resource = fmt.Sprintf("u%d@example.org", r.IntN(workers)), "/r0"
		}
		c, err := l.tryBind(me+resource, 1<<16)
		if err != nil {
			l.t.Error(err.Text)
			return
		}
		c.send("<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>")
		c.send("<presence><priority>1</priority></presence>")
		for range 10 {
			c.active(r.IntN(2) == 0)
			to := fmt.Sprintf("u%d@example.org", r.IntN(workers))
			doings := []string{
				"<message type='chat' to='" + to + "'><body>x</body></message>",
				"<message type='chat' to='" + to + "/r0'><body>x</body></message>",
				"<message type='chat' to='" + to + "'><body>?OTRv3?</body></message>",
				"<message type='chat' to='" + to + "/r1'>" + typing + "</message>",
				enable,
				"<presence to='" + to + "'/>",
				"<presence><show>away</show></presence>",
				"<presence type='subscribe' to='" + to + "'/>",
				"<presence type='subscribed' to='" + to + "'/>",
				"<presence type='unsubscribe' to='" + to + "'/>",
				"<presence type='unsubscribed' to='" + to + "'/>",
				"<presence type='probe' to='" + to + "'/>",
				"<iq type='get' id='1' to='" + to + "'><ping xmlns='urn:xmpp:ping'/></iq>",
				rosterSet("<item jid='" + to + "' name='x'/>"),
				rosterSet("<item jid='" + to + "' subscription='remove'/>"),
				"<presence type='unavailable'/>",
				getBlocks, block(to), block("example.org", to+"/r0"), unblock(to), unblock(),
				app{"n"}.presence(),
				publish("n", "1", "<x xmlns='u'/>"),
				publish(bookmarks, to, mark("", "")),
				pubsub("set", "<retract node='n' notify='1'><item id='1'/></retract>"),
				strings.Replace(pubsub("set", "<subscribe node='n' jid='"+me+"'/>"), "<iq ", "<iq to='"+to+"' ", 1),
				pubsubOwner("set", "<delete node='n'/>"),
				strings.Replace(pubsub("get", "<items node='n'/>"), "<iq ", "<iq to='"+to+"' ", 1),
			}
			c.send(doings[r.IntN(len(doings))])
		}
		c.leave()
	}
}

// TestLastWordIsTrue: however presence and departures race, nobody keeps the
// sight of a resource that is gone.
func TestLastWordIsTrue(t *testing.T) {
	for range 50 {
		l := newLab(t)
		bob := l.online("bob@example.org/x")
		bob.got()
		var wg sync.WaitGroup
		alice := l.bind("alice@example.org/x")
		wg.Go(func() {
			for range 20 {
				alice.send("<presence/>")
			}
		})
		wg.Go(func() { l.bind("alice@example.org/x").leave() })
		wg.Wait()
		alice.leave()
		got := bob.got()
		if n := len(got); n > 0 && !strings.Contains(got[n-1], "type='unavailable'") {
			t.Fatalf("bob's last word of alice is %s", got[n-1])
		}
	}
}

// TestLastBlockCounts: however blocking, unblocking and presence race, in the
// end each sees of the other what the list says.
func TestLastBlockCounts(t *testing.T) {
	for round := range 50 {
		l := newLab(t)
		x, y, bob := l.online("alice@example.org/x"), l.online("alice@example.org/y"), l.online("bob@example.org/b")
		last := unblock()
		if round%2 == 0 {
			last = block("bob@example.org")
		}
		var wg sync.WaitGroup
		for _, c := range []*client{x, y} {
			wg.Go(func() {
				for range 20 {
					c.send(block("bob@example.org"))
					c.send("<presence/>")
					c.send(unblock())
				}
				c.send(last)
			})
		}
		wg.Go(func() {
			for range 20 {
				bob.send("<presence/>")
			}
		})
		wg.Wait()
		for viewer, whom := range map[*client]string{x: "bob@example.org/b", y: "bob@example.org/b", bob: "alice@example.org/x"} {
			word := ""
			for _, s := range viewer.got() {
				if strings.HasPrefix(s, "<presence") && strings.Contains(s, "from='"+whom+"'") {
					word = s
				}
			}
			if strings.Contains(word, "unavailable") != (round%2 == 0) {
				t.Errorf("round %d: the last word of %s to %s is %q", round, whom, viewer.seat.JID(), word)
			}
		}
	}
}
