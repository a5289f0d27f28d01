package tls

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"lethe/relay/buffer"
)

var errNoSocket = errors.New("tls: the connection is not a socket")

// conduit is the net.Conn between crypto/tls and the kernel. Its reading half
// is in reading.go, its writing half in writing.go.
type conduit struct {
	nc  net.Conn
	raw syscall.RawConn

	wanted string // domain that a server's handshake is for, if known before
	leaf   *leaf  // what it chose to show

	// live is set once, when the handshake is done. From then on neither Read
	// nor Write blocks.
	live bool

	// The reading goroutine's.
	in     *buffer.Buffer             // from the kernel; nil while nothing is here
	start  int                        // where the unread bytes of in begin
	left   int                        // bytes of the current record not handed on yet
	plain  []byte                     // where crypto/tls has decrypted the last record
	eof    bool                       // the peer sends no more
	broken error                      // what ended reading
	onRead func(fd uintptr) (ok bool) // readOnce, bound once

	mu sync.Mutex // guards what follows

	out     *buffer.Buffer             // ciphertext that waits; nil while none does
	sent    int                        // how much of out the kernel has
	writing bool                       // a TryWrite is running
	records int                        // how many records of it are still to come
	unasked int                        // bytes in out that no TryWrite asked for
	closed  bool                       //
	dropped bool                       // it was closed while bytes waited
	pushing []byte                     // pushOnce's argument
	pushed  int                        // its results
	pushErr error                      //
	onPush  func(fd uintptr)           // pushOnce, bound once
	onDrain func(fd uintptr) (ok bool) // drainOnce, bound once
}

func (c *conduit) init(nc net.Conn) error {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return errNoSocket
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return bare(err)
	}
	c.nc, c.raw = nc, raw
	c.onRead, c.onPush, c.onDrain = c.readOnce, c.pushOnce, c.drainOnce
	return nil
}

// Close drops what still waits: it never blocks.
func (c *conduit) Close() error {
	c.mu.Lock()
	c.closed, c.dropped = true, c.dropped || c.out != nil
	c.drop()
	c.mu.Unlock()
	return bare(c.nc.Close())
}

func (c *conduit) LocalAddr() net.Addr  { return c.nc.LocalAddr() }
func (c *conduit) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// crypto/tls sets deadlines only for its own closing, which does not block
// here.
func (c *conduit) SetDeadline(time.Time) error      { return nil }
func (c *conduit) SetReadDeadline(time.Time) error  { return nil }
func (c *conduit) SetWriteDeadline(time.Time) error { return nil }

// bare takes the addresses off an error of package net.
func bare(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// retry repeats a system call that a signal interrupted.
func retry(call func(int, []byte) (int, error), name string, fd uintptr, b []byte) (int, error) {
	for {
		n, err := call(int(fd), b)
		switch err {
		case nil, syscall.EAGAIN:
			return n, err
		case syscall.EINTR:
		default:
			return 0, os.NewSyscallError(name, err)
		}
	}
}
