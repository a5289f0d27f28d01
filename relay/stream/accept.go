package stream

import (
	"errors"
	"net"
	"sync"
	"time"
)

// Accept hands each connection that l accepts to take, which does not wait,
// until l is closed. Out of file descriptors, or with a peer that is gone before
// its turn, the listener lives on.
func Accept(l net.Listener, take func(net.Conn)) error {
	for {
		nc, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			time.Sleep(50 * time.Millisecond)
		default:
			take(nc)
		}
	}
}

// Await waits until all are gone, or for the grace time.
func Await(all *sync.WaitGroup, grace time.Duration) {
	gone := make(chan struct{})
	go func() {
		all.Wait()
		close(gone)
	}()
	select {
	case <-gone:
	case <-time.After(grace):
	}
}
