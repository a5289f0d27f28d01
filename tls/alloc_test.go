//go:build !race

package tls

import "testing"

// The race detector makes sync.Pool forget at random.
func TestNoAllocationPerRecord(t *testing.T) {
	l := newLab(t, false)
	server, client := l.pair(t, l.client())
	msg, buf := noise(385), make([]byte, 1024)
	exchange := func() {
		server.TryWrite(msg)
		client.Wait()
		client.Read(buf)
	}
	exchange()
	// One is crypto/tls's own, in readFromUntil.
	if n := testing.AllocsPerRun(200, exchange); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
