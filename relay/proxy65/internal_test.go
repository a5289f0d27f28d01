package proxy65

import (
	"net"
	"testing"
	"time"

	"lethe/relay"
	"lethe/relay/jid"
)

// A connection that ends between two looks at whether it is part of a transfer,
// and so carries nothing, takes the other one with it all the same.
func TestActivatedTooLate(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := NewServer(Config{Report: func(relay.Event) {}})
	var pair [2]*conn
	for i := range pair {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		nc, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		pair[i] = &conn{TCPConn: nc.(*net.TCPConn)}
		s.sources[pair[i].from] = &source{all: 2, waiting: 2}
		s.join(pair[i], "key")
	}
	if s.activate(jid.JID{}, "key") != activated {
		t.Fatal("not activated")
	}
	ended := make(chan bool)
	go func() {
		s.part(pair[0], false) // without carry
		ended <- true
	}()
	go func() {
		transfer, early := s.await(pair[1])
		s.part(pair[1], transfer.carry(pair[1], early))
		ended <- true
	}()
	for range pair {
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatal("one waits for the other for ever")
		}
	}
}
