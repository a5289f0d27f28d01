package server_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"

	"lethe/relay/client"
	"lethe/relay/wire"
)

const (
	nsCarbons = "urn:xmpp:carbons:2"
	nsForward = "urn:xmpp:forward:0"
	nsBlock   = "urn:xmpp:blocking"
)

// A peer is one resource: a client that is there or not, and does as its dice
// say. It belongs to one goroutine.
type peer struct {
	*world
	user     *user
	resource string
	managed  bool // uses stream management
	dice     *rand.Rand

	c         *client.Client // nil: absent
	session   int
	sessions  []int
	unknown   []string // messages the server may not have
	unsettled []string // messages that may yet be refused at once
	pings     int
	stays     map[*hall]*stay // where it is
	asked     map[*hall]bool  // where it is or has asked to be let in
}

func (p *peer) String() string { return p.user.name + "/" + p.resource }

// chance is true so many times of a hundred.
func (p *peer) chance(percent int) bool { return p.dice.IntN(100) < percent }

// live acts until enough messages are sent.
func (p *peer) live() {
	for p.left() {
		p.attempt(p.act)
	}
	if p.c == nil {
		p.arrive()
	}
	p.attempt(p.confirm)
	p.attempt(p.stillThere)
}

// act does something.
func (p *peer) act() {
	switch n := p.dice.IntN(1000); {
	case p.c == nil:
		p.arrive()
	case n < 800:
		p.talk()
	case n < 820:
		p.appear()
	case n < 840:
		p.visit(p.halls[p.dice.IntN(len(p.halls))])
	case n < 860:
		p.freeze()
	case n < 980:
		p.part()
	case p.managed:
		p.conflict()
	}
}

// attempt does something that comes to nothing if the relay ends the session of
// a peer for whom not even answers find room.
func (p *peer) attempt(act func()) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case ousted:
			p.ousted.Add(1)
			if p.c != nil {
				p.c.Cut()
				p.over(false)
			}
			p.arrive()
		default:
			panic(r)
		}
	}()
	act()
}

// block has the user block another, in memory (XEP-0191 §3.3).
func (p *peer) block(u *user) {
	p.check("block", p.c.Send("<iq type='set' id='block'><block xmlns='"+nsBlock+"'><item jid='"+u.bare()+"'/></block></iq>"))
	p.until(func(n *wire.Node) bool {
		return n.Name == "iq" && n.Attr("id") == "block" && n.Attr("type") == "result"
	})
}

// arrive binds the resource and shows it.
func (p *peer) arrive() {
	p.c = p.connect()
	p.begin()
	p.appear()
	for _, h := range p.halls {
		if p != p.scribe && p.chance(60) {
			p.visit(h)
		}
	}
}

func (p *peer) connect() *client.Client {
	c, err := client.Dial(context.Background(), client.Config{
		Address: p.lab.listener.Addr().String(), User: p.lab.address(p.user.name), Password: password,
		Resource: p.resource, Roots: p.lab.roots, Timeout: patience,
	})
	p.check("connect", err)
	return c
}

// begin starts a session on a fresh connection.
func (p *peer) begin() {
	p.session = p.ledger.open(p.managed)
	p.sessions = append(p.sessions, p.session)
	if p.managed {
		p.check("manage", p.c.Manage(true))
	}
	if p.chance(50) {
		p.check("carbons", p.c.Send("<iq type='set' id='carbons'><enable xmlns='"+nsCarbons+"'/></iq>"))
	}
}

// appear sends presence.
func (p *peer) appear() {
	presence := "<presence type='unavailable'/>"
	if p.chance(90) {
		presence = fmt.Sprintf("<presence><priority>%d</priority></presence>", []int{-1, 0, 0, 0, 5}[p.dice.IntN(5)])
	}
	p.check("appear", p.c.Send(presence))
	p.confirm()
}

// talk sends a few messages and sees what they come to.
func (p *peer) talk() {
	p.send(1 + p.dice.IntN(40))
	if p.chance(20) {
		time.Sleep(time.Duration(p.dice.IntN(20)) * time.Millisecond)
	}
	p.confirm()
}

// confirm makes sure that both sides know what arrived at the other, and reads
// all that came before that.
func (p *peer) confirm() {
	if p.managed {
		received, err := p.c.Acknowledge(true)
		p.check("acknowledge", err)
		p.until(func(n *wire.Node) bool { return n.Name == "a" && n.NS == nsManagement })
		p.ledger.confirm(p.session, received)
		p.heard()
	} else {
		p.pings++
		id := fmt.Sprint("ping", p.pings)
		p.check("ping", p.c.Send("<iq type='get' id='"+id+"' to='"+domain+"'><ping xmlns='urn:xmpp:ping'/></iq>"))
		p.until(func(n *wire.Node) bool { return n.Name == "iq" && n.Attr("id") == id })
		p.ledger.accept(p.unknown)
		p.unknown = nil
	}
	p.ledger.settle(p.session, p.unsettled)
	p.unsettled = nil
}

const nsManagement = "urn:xmpp:sm:3"

// heard writes down what the server says it has.
func (p *peer) heard() {
	missing := 0
	for _, e := range p.c.Unheard() {
		if strings.HasPrefix(e, "<message") {
			missing++
		}
	}
	known := len(p.unknown) - missing
	p.ledger.accept(p.unknown[:known])
	p.unknown = p.unknown[known:]
}

// until reads up to the element for which last is true.
func (p *peer) until(last func(*wire.Node) bool) {
	for {
		n, err := p.c.Next()
		p.check("read", err)
		p.take(n)
		if last(n) {
			return
		}
	}
}

// drain reads to the end of the stream.
func (p *peer) drain() {
	for {
		n, err := p.c.Next()
		if err != nil {
			return
		}
		p.take(n)
	}
}

// take writes down what a stanza says.
func (p *peer) take(n *wire.Node) {
	if n.Name == "presence" {
		p.moved(n)
	}
	if n.Name != "message" {
		return
	}
	r := receipt{peer: p, session: p.session}
	if p.managed {
		r.number = p.c.Received()
	}
	for _, c := range n.Children {
		if c.NS == nsCarbons {
			p.copied(c.Child(nsForward, "forwarded").Child(wire.NSClient, "message"), r)
			return
		}
	}
	switch n.Attr("type") {
	case "error":
		p.ledger.answer(n.Attr("id"), p)
		if h := p.hallOf(n); h != nil && !strings.Contains(n.Attr("from"), "/") {
			p.exit(h)
		}
		return
	case "groupchat":
		p.hear(n, r)
		return
	}
	p.ledger.deliver(n.Attr("id"), body(n), r, false)
}

// copied writes down a copy, unless it is one of an answer.
func (p *peer) copied(n *wire.Node, r receipt) {
	if n.Attr("type") != "error" {
		p.ledger.deliver(n.Attr("id"), body(n), r, true)
	}
}

func body(n *wire.Node) string {
	if b := n.Child(wire.NSClient, "body"); b != nil {
		return b.Text
	}
	return ""
}

// freeze reads nothing for a while, and lets the others know.
func (p *peer) freeze() {
	if !p.frozen.CompareAndSwap(nil, p) {
		return
	}
	time.Sleep(time.Duration(50+p.dice.IntN(200)) * time.Millisecond)
	p.frozen.Store(nil)
	p.confirm()
}

// part loses the connection or ends it, in one of the ways there are.
func (p *peer) part() {
	switch {
	case p.managed && p.chance(80):
		p.send(1 + p.dice.IntN(10))
		if p.chance(30) {
			p.resume(false, 0)
			return
		}
		wait := time.Duration(0)
		if p.chance(50) {
			wait = time.Duration(p.dice.IntN(int(window) * 2))
		}
		p.resume(true, wait)
		return
	case p.user.reckless && p.chance(50):
		p.send(1 + p.dice.IntN(10))
		p.c.Cut()
		p.over(false)
	default:
		p.leave()
	}
	time.Sleep(time.Duration(p.dice.IntN(100)) * time.Millisecond)
}

// leave ends the stream in order and reads it to its end.
func (p *peer) leave() {
	p.confirm()
	p.check("leave", p.c.Send("</stream:stream>"))
	p.drain()
	p.c.Cut()
	p.over(true)
}

// resume goes on with the stream on another connection after a while, whether
// the old one is cut or still thought to be alive.
func (p *peer) resume(cut bool, wait time.Duration) {
	old := p.c
	if cut {
		old.Cut()
	}
	lost := time.Now()
	time.Sleep(wait)
	c, err := old.Resume(context.Background())
	old.Cut()
	if err == nil {
		p.c = c
		p.resumed.Add(1)
		p.confirm()
		return
	}
	if condition(err) != "item-not-found" {
		p.check("resume", err)
	}
	if time.Since(lost) < window { // it was full before
		p.ousted.Add(1)
	}
	p.expired.Add(1)
	p.heard()
	p.over(false)
}

// conflict takes the resource from the peer's own session.
func (p *peer) conflict() {
	p.send(1 + p.dice.IntN(10))
	old := p.c
	waits := p.chance(50)
	if waits {
		old.Cut() // the session waits
	}
	c := p.connect()
	if !waits {
		p.drain()
		old.Cut()
	}
	p.over(false)
	p.c = c
	p.begin()
	p.appear()
}

// over writes down that the session is.
func (p *peer) over(orderly bool) {
	p.ledger.end(p.session, orderly)
	p.c, p.unknown, p.unsettled = nil, nil, nil
	for _, h := range p.halls {
		p.exit(h)
	}
}

// A failure is what a peer cannot do.
type failure string

// ousted is why a peer cannot do it if that is no fault of anybody's.
type ousted struct{}

func (p *peer) check(doing string, err error) {
	if err == nil {
		return
	}
	// RFC 6120 §4.9.3.17; what it says may be lost where more was sent to it.
	if condition(err) == "resource-constraint" || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		panic(ousted{})
	}
	panic(failure(fmt.Sprintf("%s cannot %s: %v", p, doing, err)))
}
