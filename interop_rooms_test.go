package main

import (
	"lethe/relay/need"
	"testing"
)

// TestRoom has four programs meet in a room that Profanity makes: what one says
// all see.
func TestRoom(t *testing.T) {
	t.Parallel()
	inside := []struct {
		user string
		program
		join func(s *screen, room, nick string)
	}{
		{"alice", profanity(), func(s *screen, room, nick string) {
			s.enter("/join " + room + " nick " + nick)
			s.sees(`Room locked`)
			s.enter("/room accept")
			s.sees(`Room unlocked`)
		}},
		{"bob", poezio(), func(s *screen, room, nick string) {
			s.keys("/") // opens a line to type in
			s.sees(`(?m)│/$`)
			s.enter("join " + room + "/" + nick)
		}},
		{"carol", mcabber(), func(s *screen, room, nick string) {
			s.enter("/room join " + room + " " + nick)
			s.sees(`You have joined ` + room)
			s.enter("/roster search " + room)
			s.keys("Enter") // chat mode
		}},
	}
	for _, c := range inside {
		need.Program(t, c.name, c.debian)
	}
	r := mcabber().relay(t, "alice", "bob", "carol", "dave")
	room := "tea@rooms." + r.domain
	var screens []*screen
	for _, c := range inside {
		s := c.start(t, r, c.user, r.ca, t.TempDir())
		s.sees(c.online)
		c.join(s, room, named(c.user))
		screens = append(screens, s)
		for _, before := range screens {
			before.sees(named(c.user)) // is in
		}
	}
	dave := newPeer(t, r, "dave", r.ca)
	dave.next("online")
	dave.command(map[string]any{"join": room, "nick": "Dave"})
	dave.next("joined")

	for i, s := range screens {
		said := inside[i].name + " speaking"
		s.enter(said)
		for _, listener := range screens {
			listener.sees(said)
		}
		dave.until("message", said)
	}
	dave.command(map[string]any{"room": room, "body": "slixmpp speaking"})
	for _, s := range screens {
		s.sees("slixmpp speaking")
	}
}

// TestStandingRoom has Profanity and poezio find a room of the users file among
// their bookmarks and enter it by themselves.
func TestStandingRoom(t *testing.T) {
	t.Parallel()
	r := newRelay(t, "alice", "bob")
	room := "hall@rooms." + r.domain
	r.append(t, "users.txt", "room "+room+" name=\"The Hall\" groups=staff\n")
	r.sign(t)
	r.start(t)
	first := profanity().start(t, r, "alice", r.ca, t.TempDir())
	first.sees(`Autojoined ` + room)
	second := poezio().start(t, r, "bob", r.ca, t.TempDir())
	second.sees(`1\.The Hall`)
	first.enter("/win 2")
	second.keys("C-n")
	first.enter("hello from profanity")
	second.sees(`> hello from profanity`)
	second.enter("hello from poezio")
	first.sees(`: hello from poezio`)
}
