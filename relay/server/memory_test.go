package server_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"lethe/relay/client"
)

// Connections that come and go leave neither memory nor goroutines: those that
// end in order, those that are cut, and those that wait in vain for a client to
// resume them.
func TestConnectionsLeaveNothing(t *testing.T) {
	const (
		people = 100
		rounds = 4
		most   = 256 << 10 // bytes that all of them together may leave
	)
	names := make([]string, people)
	for i := range names {
		names[i] = fmt.Sprint("u", i)
	}
	bounds := limits()
	bounds.Resume = 50 * time.Millisecond
	l := newLab(t, bounds, names...)
	var before int64
	var goroutines int
	for round := range rounds {
		for i := range people {
			l.visit(names[i], i)
		}
		if round == 0 { // what is made once is there
			before, goroutines = l.rest(0)
			continue
		}
		after, _ := l.rest(goroutines)
		t.Logf("%d connections later: %d KiB more", round*people, (after-before)>>10)
		if after-before > most {
			t.Errorf("%d bytes are left of %d connections", after-before, round*people)
		}
	}
}

// visit is a connection that ends in one of the ways there are.
func (l *lab) visit(name string, way int) {
	c, err := client.Dial(context.Background(), client.Config{
		Address: l.listener.Addr().String(), User: l.address(name), Password: password, Resource: "x", Roots: l.roots,
	})
	l.must(err)
	if way%2 == 0 {
		l.must(c.Manage(true))
	}
	l.must(c.Online())
	l.must(c.Say(name+"@"+domain+"/x", "m", "hello"))
	if way%4 < 2 {
		l.must(c.Ping())
		c.Close()
	}
	c.Cut()
}

// rest waits until no more than so many goroutines are left, or for a second
// if that is 0, and returns what the heap holds then.
func (l *lab) rest(goroutines int) (heap int64, left int) {
	l.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for goroutines > 0 && runtime.NumGoroutine() > goroutines {
		if time.Now().After(deadline) {
			l.t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), goroutines)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if goroutines == 0 {
		time.Sleep(time.Second)
	}
	for range 3 { // pools are emptied by the second collection
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), runtime.NumGoroutine()
}
