package proxy65_test

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"lethe/relay/jid"
	"lethe/relay/need"
	"lethe/relay/proxy65"
)

// Bytes arrive as they were sent, in both directions at once, and what is on
// its way when one side has said all arrives too.
func TestTransfer(t *testing.T) {
	l := newLab(t, proxy65.Limits{}).serve()
	requester, target := l.pair("s")
	var both sync.WaitGroup
	for _, c := range [][2]*net.TCPConn{{requester, target}, {target, requester}} {
		data := make([]byte, 5<<20+17)
		rand.Read(data)
		both.Go(func() {
			c[0].Write(data)
			c[0].CloseWrite()
		})
		both.Go(func() {
			got, err := io.ReadAll(c[1])
			if err != nil || sha256.Sum256(got) != sha256.Sum256(data) {
				t.Errorf("%d of %d bytes arrive, %v", len(got), len(data), err)
			}
		})
	}
	both.Wait()
	l.eventually("nothing is left", l.empty)
	if _, _, moved := l.server.Size(); moved != 2*(5<<20+17) {
		t.Errorf("%d bytes were moved", moved)
	}
}

// When a side ends, so does the other.
func TestEndOfOneIsEndOfBoth(t *testing.T) {
	l := newLab(t, proxy65.Limits{}).serve()
	requester, target := l.pair("s")
	requester.Write([]byte("all"))
	requester.Close()
	if got := l.ended(target); got != "all" {
		t.Errorf("the target gets %q", got)
	}
	target.Close()
	l.eventually("nothing is left", l.empty)
}

// The bytes of a transfer do not enter the process: moving 64 MB allocates
// next to nothing, while a copy would take 32 KiB of fresh memory for each
// share.
func TestBytesStayInTheKernel(t *testing.T) {
	need.That(t, runtime.GOOS == "linux", "Linux, for its splice")
	l := newLab(t, proxy65.Limits{}).serve()
	requester, target := l.pair("s")
	const share, shares = 64 << 10, 1000
	block, got := make([]byte, share), make([]byte, share)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range shares {
		requester.Write(block)
		if _, err := io.ReadFull(target, got); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
		t.Errorf("%d KiB were allocated for %d shares", n>>10, shares)
	}
}

func TestEarlyBytesAreIgnored(t *testing.T) {
	l := newLab(t, proxy65.Limits{}).serve()
	key := proxy65.KeyOf("s", parse(t, alice), parse(t, bob))
	target, requester := l.connect(key), l.connect(key)
	requester.Write([]byte("early"))
	time.Sleep(50 * time.Millisecond) // read, and forgotten
	if c := l.activate(alice, "s", bob); c != "" {
		t.Fatal(c)
	}
	requester.Write([]byte("late"))
	l.expect(target, "late")

	// A client that does nothing else is cut.
	chatter := l.connect(strings.Repeat("0", 40))
	go chatter.Write(make([]byte, 1<<20))
	l.ended(chatter)
}

// The first bytes of a transfer are not lost when they meet the activation.
func TestNothingIsLostAtTheStart(t *testing.T) {
	l := newLab(t, proxy65.Limits{}).serve()
	for range 100 {
		requester, target := l.pair("s")
		requester.Write([]byte("first"))
		l.expect(target, "first")
		target.Write([]byte("second"))
		l.expect(requester, "second")
		requester.Close()
		target.Close()
	}
}

// A client that goes, or is cut, just when its transfer begins takes the other
// one with it and leaves nothing behind.
func TestActivationMeetsTheEnd(t *testing.T) {
	l := newLab(t, proxy65.Limits{}).serve()
	for i := range 200 {
		sid := fmt.Sprint("s", i) // of the one before somebody may be here still
		key := proxy65.KeyOf(sid, parse(t, alice), parse(t, bob))
		one, other := l.connect(key), l.connect(key)
		var both sync.WaitGroup
		both.Go(func() {
			if i%2 == 0 {
				one.Close()
				return
			}
			one.Write(make([]byte, 8<<10)) // more than may come too early
		})
		both.Go(func() { l.activate(alice, sid, bob) })
		both.Wait()
		one.Close()
		other.Close()
	}
	l.listen.Close()
	start := time.Now()
	l.server.Shutdown(10 * time.Second)
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("somebody is left: shutdown took %v", d)
	}
}

func TestThirdIsRefused(t *testing.T) {
	l := newLab(t, proxy65.Limits{}).serve()
	l.connect(digest)
	l.connect(digest)
	if got := l.meet(l.dial(), digest); got != granted+refusal(2) {
		t.Errorf("a third client is answered %q", got)
	}
}

// Who finds no counterpart in time is dropped, at whatever point it stopped.
func TestUnmatchedIsDropped(t *testing.T) {
	l := newLab(t, proxy65.Limits{})
	l.server.SetPatience(time.Second, time.Second, time.Second, 2*time.Second)
	l.serve()
	silent, greeted, waiting := l.dial(), l.dial(), l.connect(digest)
	greeted.Write([]byte(greeting))
	for _, c := range []net.Conn{silent, greeted, waiting} {
		l.ended(c)
	}
	l.eventually("nothing is left", l.empty)
}

// Who leaves while it waits makes room for its own next attempt.
func TestWaitingClientLeaves(t *testing.T) {
	l := newLab(t, proxy65.Limits{}).serve()
	l.connect(digest).Close()
	l.connect(digest).Close()
	l.eventually("nothing is left", l.empty)
	l.connect(digest)
	l.connect(digest)
}

// One side takes nothing. Others' transfers do not notice, and after a while it
// is cut.
func TestStuckSideHarmsNobody(t *testing.T) {
	l := newLab(t, proxy65.Limits{})
	l.server.SetPatience(time.Minute, 100*time.Millisecond, time.Minute, 500*time.Millisecond)
	l.serve()
	sender, stuck := l.pair("stuck")
	written := make(chan int64)
	go func() {
		n, _ := io.Copy(sender, rand.Reader)
		written <- n
	}()
	requester, target := l.pair("well")
	for range 20 {
		requester.Write([]byte("ping"))
		l.expect(target, "ping")
		time.Sleep(10 * time.Millisecond)
	}
	if n := <-written; n > 64<<20 {
		t.Errorf("%d bytes were taken for somebody who took none", n)
	}
	l.ended(stuck)
	requester.Write([]byte("still"))
	l.expect(target, "still")
}

// A transfer that moves bytes in one direction only, and slowly, is not idle; one
// on which nothing moves is.
func TestIdle(t *testing.T) {
	l := newLab(t, proxy65.Limits{})
	l.server.SetPatience(time.Minute, 20*time.Millisecond, 600*time.Millisecond, time.Second)
	l.serve()
	requester, target := l.pair("s")
	for range 10 {
		time.Sleep(100 * time.Millisecond)
		requester.Write([]byte("slow"))
		l.expect(target, "slow")
	}
	start := time.Now()
	l.ended(target)
	if d := time.Since(start); d < 400*time.Millisecond {
		t.Errorf("ended after %v of silence", d)
	}
}

func TestLifeIsBounded(t *testing.T) {
	l := newLab(t, proxy65.Limits{})
	l.server.SetPatience(time.Minute, 20*time.Millisecond, time.Minute, time.Minute)
	l.server.SetLife(200 * time.Millisecond)
	l.serve()
	requester, target := l.pair("s")
	go io.Copy(requester, rand.Reader)
	l.ended(target)
}

func TestBytesPerSecond(t *testing.T) {
	const rate = 100 << 10
	l := newLab(t, proxy65.Limits{BytesPerSecond: rate}).serve()
	requester, target := l.pair("s")
	go io.Copy(requester, rand.Reader)
	start := time.Now()
	io.CopyN(io.Discard, target, 2*rate)
	// The share that is under way at either end does not count.
	if d := time.Since(start); d < time.Second || d > 5*time.Second {
		t.Errorf("two seconds' worth of bytes took %v", d)
	}
}

func TestBytes(t *testing.T) {
	l := newLab(t, proxy65.Limits{Bytes: 1 << 20}).serve()
	requester, target := l.pair("s")
	go io.Copy(requester, rand.Reader)
	n, _ := io.Copy(io.Discard, target)
	if n < 1<<19 || n > 1<<20+64<<10 {
		t.Errorf("%d bytes passed, the limit is a MiB", n)
	}
}

func TestConnectionsPerAddress(t *testing.T) {
	l := newLab(t, proxy65.Limits{ConnectionsPerAddress: 3}).serve()
	l.pair("a") // two
	l.connect(digest)
	l.ended(l.dial())
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.events) != 1 {
		t.Errorf("events: %v", l.events)
	}
}

// An address may have more transfers than it may have connections that wait for
// one.
func TestWaitingPerAddress(t *testing.T) {
	l := newLab(t, proxy65.Limits{}).serve()
	l.pair("a")
	for range proxy65.MaxWaitingPerSource {
		l.dial()
	}
	l.eventually("all wait", func() bool { n, _, _ := l.server.Size(); return n == proxy65.MaxWaitingPerSource })
	l.ended(l.dial())
}

func TestTransfersOfOneUser(t *testing.T) {
	l := newLab(t, proxy65.Limits{}).serve()
	for range proxy65.MaxTransfers {
		l.pair("s")
	}
	const other = "alice@example.org/another-client"
	key := proxy65.KeyOf("s", parse(t, other), parse(t, bob))
	l.connect(key)
	l.connect(key)
	if c := l.activate(other, "s", bob); c != "resource-constraint" {
		t.Errorf("one transfer more: %q", c)
	}
}

// Transfers of users who are no longer there end; others go on.
func TestKeep(t *testing.T) {
	l := newLab(t, proxy65.Limits{}).serve()
	requester, target := l.pair("s")
	l.server.Keep(func(user jid.JID) bool { return user.String() == "alice@example.org" })
	requester.Write([]byte("kept"))
	l.expect(target, "kept")
	l.server.Keep(func(jid.JID) bool { return false })
	l.ended(requester)
	l.ended(target)
}

func TestShutdown(t *testing.T) {
	l := newLab(t, proxy65.Limits{BytesPerSecond: 1 << 10}).serve()
	requester, target := l.pair("s")
	go io.Copy(requester, rand.Reader) // its goroutine sleeps most of the time
	waiting := l.connect(digest)
	l.listen.Close()
	start := time.Now()
	l.server.Shutdown(10 * time.Second)
	if d := time.Since(start); d > 3*time.Second || !l.empty() {
		t.Errorf("shutdown took %v", d)
	}
	for _, c := range []net.Conn{target, waiting} {
		l.ended(c)
	}
}
