package tls

import (
	"io"
	"syscall"

	"lethe/relay/buffer"
)

const (
	headerBytes = 5                          // RFC 8446 §5.1
	recordBytes = headerBytes + 16384 + 2048 // the longest of all versions, RFC 5246 §6.2.3
)

// again tells crypto/tls that no whole record is here. Being Temporary it is
// not remembered as the connection's end.
type again struct{}

func (again) Error() string   { return "tls: no whole record yet" }
func (again) Timeout() bool   { return false }
func (again) Temporary() bool { return true }

// Read hands on bytes of one record, never of two. Once live it does not
// block and hands on whole records only, in one piece but for the header of
// those that are longer than p: where crypto/tls puts such a piece it decrypts
// it, and forget clears it.
func (c *conduit) Read(p []byte) (int, error) {
	for c.left == 0 {
		switch {
		case c.whole():
			c.forget() // the one before may just have filled who read it
			c.left = c.need()
		case c.eof && c.in == nil:
			return 0, io.EOF
		case c.eof:
			c.left = c.unread() // a torso: crypto/tls will say so
		case c.live:
			return 0, again{}
		default:
			if err := c.fill(); err != nil {
				return 0, err
			}
		}
	}
	n := min(len(p), c.left)
	if c.live && n < c.left && c.left > headerBytes {
		n = min(n, headerBytes) // crypto/tls makes room for the rest
	}
	copy(p[:n], c.in.B[c.start:])
	c.plain = p[:n]
	c.start += n
	c.left -= n
	if c.unread() == 0 {
		c.release()
	}
	return n, nil
}

// forget clears the last record, of which all plaintext has been read.
func (c *conduit) forget() {
	clear(c.plain)
	c.plain = nil
}

// unread is how many bytes lie here.
func (c *conduit) unread() int {
	if c.in == nil {
		return 0
	}
	return len(c.in.B) - c.start
}

// need is the length of the record that begins at start, as far as it is
// known. What cannot be a record is handed on as a bare header, to be refused
// at once rather than waited for.
func (c *conduit) need() int {
	if c.unread() < headerBytes {
		return headerBytes
	}
	h := c.in.B[c.start:]
	n := headerBytes + int(h[3])<<8 + int(h[4])
	// RFC 8446 §5.1: change_cipher_spec(20) to application_data(23)
	if h[0] < 20 || h[0] > 23 || n > recordBytes {
		return headerBytes
	}
	return n
}

// whole reports whether a whole record is here.
func (c *conduit) whole() bool { return c.unread() >= c.need() }

// wait parks until there is something to hand on: a whole record or the end.
func (c *conduit) wait() error {
	for c.left == 0 && !c.eof && !c.whole() {
		if err := c.fill(); err != nil {
			return err
		}
	}
	return nil
}

// fill parks until the kernel has bytes and takes all that fit.
func (c *conduit) fill() error {
	if c.broken != nil {
		return c.broken
	}
	err := bare(c.raw.Read(c.onRead))
	if err == nil {
		err = c.broken
	}
	if err != nil && !isTimeout(err) {
		c.broken = err
		c.release()
	}
	return err
}

// readOnce is one attempt to read. It holds a large buffer only while there
// are bytes to put into it.
func (c *conduit) readOnce(fd uintptr) bool {
	if c.in == nil {
		c.in = buffer.Get(buffer.Large)
	} else {
		c.in.Discard(c.start)
		c.start = 0
		c.in = c.in.Grow(c.need() - len(c.in.B))
	}
	had := len(c.in.B)
	n, err := retry(syscall.Read, "read", fd, c.in.B[had:cap(c.in.B)])
	switch {
	case n > 0:
		c.in.B = c.in.B[:had+n]
		return true
	case err == syscall.EAGAIN:
		c.settle()
		return false
	}
	c.eof, c.broken = err == nil, err
	if had == 0 {
		c.release()
	}
	return true
}

// settle keeps as little as will do while waiting: nothing, or a buffer just
// large enough for the record of which a part is here.
func (c *conduit) settle() {
	if c.unread() == 0 {
		c.release()
		return
	}
	b := buffer.Get(c.need())
	if cap(b.B) >= cap(c.in.B) {
		b.Free()
		return
	}
	b.B = append(b.B, c.in.B...)
	c.in.Free()
	c.in = b
}

func (c *conduit) release() {
	if c.in != nil {
		c.in.Free()
		c.in, c.start = nil, 0
	}
}
