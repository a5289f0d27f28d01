package tls

import (
	"errors"
	"net"
	"syscall"
	"time"

	"lethe/relay/buffer"
)

const (
	// plainBytes is how much crypto/tls puts into one record.
	plainBytes = 16384 // RFC 8446 §5.1

	// gatherBytes is how much of one write is collected before it is offered
	// to the kernel: with one record more it fills a large buffer.
	gatherBytes = buffer.Large - recordBytes

	// unaskedBytes bounds what the reading side (answers to key updates,
	// alerts) leaves waiting for a peer that does not read.
	unaskedBytes = 4096
)

var errFlood = errors.New("tls: the peer asks for answers and does not read them")

// Write takes one record of crypto/tls. Once live it does not block: what the
// kernel does not take waits in out. It is called by the writer and, for
// answers to key updates and for alerts, by the reader; crypto/tls brings
// records in the order in which they were encrypted.
func (c *conduit) Write(b []byte) (int, error) {
	if !c.live {
		return c.nc.Write(b)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	if !c.writing && c.out != nil {
		if c.unasked += len(b); c.unasked > unaskedBytes {
			return 0, errFlood
		}
	}
	c.records = max(0, c.records-1)
	if c.out == nil && c.records == 0 { // the common case: nothing to copy
		n, err := c.push(b)
		if err != nil {
			return 0, err
		}
		if n < len(b) {
			c.keep(b[n:])
		}
		return len(b), nil
	}
	c.keep(b)
	if c.records == 0 || len(c.out.B)-c.sent >= gatherBytes {
		if err := c.flush(); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// expect announces how many records the next write is made of, so that they
// leave in one call. Should an answer of the reading side take the place of
// one of them, only the call is split.
func (c *conduit) expect(plain int) {
	c.mu.Lock()
	c.writing, c.records = true, (plain+plainBytes-1)/plainBytes
	c.mu.Unlock()
}

// settled ends what expect began and reports whether nothing waits.
func (c *conduit) settled() (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	torn := c.records > 0
	c.writing, c.records = false, 0
	if torn && c.out != nil {
		if err := c.flush(); err != nil {
			return false, err
		}
	}
	return c.out == nil, nil
}

// keep appends b to what waits. mu is held.
func (c *conduit) keep(b []byte) {
	if c.out == nil {
		c.out = buffer.Get(len(b))
	} else if cap(c.out.B)-len(c.out.B) < len(b) {
		c.out.Discard(c.sent)
		c.sent = 0
		c.out = c.out.Grow(len(b))
	}
	c.out.B = append(c.out.B, b...)
}

// flush offers what waits to the kernel. mu is held.
func (c *conduit) flush() error {
	n, err := c.push(c.out.B[c.sent:])
	c.took(n)
	return err
}

// took notes that the kernel has n bytes more of out. mu is held.
func (c *conduit) took(n int) {
	if c.sent += n; c.sent == len(c.out.B) {
		c.drop()
	}
}

// drop gives back what waits. mu is held.
func (c *conduit) drop() {
	if c.out != nil {
		c.out.Free()
	}
	c.out, c.sent, c.unasked = nil, 0, 0
}

// push offers b to the kernel once and returns how much it took. mu is held.
func (c *conduit) push(b []byte) (int, error) {
	c.pushing = b
	// Control, unlike Write, does not queue behind a parked drain.
	err := bare(c.raw.Control(c.onPush))
	c.pushing = nil
	if err != nil {
		return 0, err
	}
	return c.pushed, c.pushErr
}

func (c *conduit) pushOnce(fd uintptr) { c.pushed, c.pushErr = send(fd, c.pushing) }

// send is one attempt to write; a full socket takes nothing and is no error.
func send(fd uintptr, b []byte) (int, error) {
	n, err := retry(syscall.Write, "write", fd, b)
	if err == syscall.EAGAIN {
		return 0, nil
	}
	return n, err
}

// drain parks until the kernel has all that waits. It fails when the kernel
// takes nothing for timeout.
func (c *conduit) drain(timeout time.Duration) error {
	defer c.nc.SetWriteDeadline(time.Time{})
	for {
		c.mu.Lock()
		done, dropped := c.out == nil, c.dropped
		c.mu.Unlock()
		if dropped {
			return net.ErrClosed
		}
		if done {
			return nil
		}
		if err := c.nc.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return bare(err)
		}
		if err := c.raw.Write(c.onDrain); err != nil {
			return bare(err)
		}
		c.mu.Lock()
		err := c.pushErr
		c.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// drainOnce reports whether there was progress.
func (c *conduit) drainOnce(fd uintptr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out == nil {
		return true
	}
	var n int
	n, c.pushErr = send(fd, c.out.B[c.sent:])
	c.took(n)
	return n > 0 || c.pushErr != nil
}
