// Package buffer lends byte slices to the hot path and clears them when they
// come back.
//
// What a peer sends to another, once their streams are negotiated, lies in a
// [Buffer] on its way through the relay: as ciphertext before it is opened and
// while the kernel does not take it, as a stanza while it is read, and again
// until it is written or, where stanzas are counted (XEP-0198), acknowledged.
// There is one place to lend and one place to clear, so an auditor need look for
// neither elsewhere. A connection on which nothing is on its way holds no Buffer.
//
// Elsewhere lie what crypto/tls keeps of a record, what the relay has
// understood (addresses, presence, requests that it answers itself) and what it
// says in its own words. That is left to the garbage collector.
//
// This is the only room with package-level state: the pools of its size
// classes, which hold cleared memory and nothing else.
package buffer

import "sync"

// The size classes, in bytes: Small takes a chat message or ten, Medium what
// one TLS record brings, Large what one read from the kernel brings or a stanza
// with 64 KiB of text, Huge a stanza at the default limit, its start tag
// rewritten. Anything larger is made to measure and left, cleared, to the
// garbage collector.
const (
	Small  = 4 << 10
	Medium = 20 << 10
	Large  = 80 << 10
	Huge   = 272 << 10
)

// Buffer is a byte slice on loan. B starts where its memory starts and what
// lies behind its length is zero. The owner lengthens B within its capacity,
// after [Buffer.Grow], and shortens it with [Buffer.Truncate]: append must never
// find too little room, for it would leave the old memory behind uncleared.
type Buffer struct {
	B []byte
}

var small, medium, large, huge sync.Pool

// Get lends an empty Buffer with room for at least n bytes.
func Get(n int) *Buffer {
	pool, size := class(n)
	if pool != nil {
		if b, _ := pool.Get().(*Buffer); b != nil {
			return b
		}
	}
	return &Buffer{B: make([]byte, 0, size)}
}

func class(n int) (*sync.Pool, int) {
	switch {
	case n <= Small:
		return &small, Small
	case n <= Medium:
		return &medium, Medium
	case n <= Large:
		return &large, Large
	case n <= Huge:
		return &huge, Huge
	}
	return nil, n
}

// Grow returns a Buffer with b's content and room for n more bytes: b itself,
// or a larger one in exchange for b, which may be nil. Sizes at least double, so
// that appending costs linear time.
func (b *Buffer) Grow(n int) *Buffer {
	if b == nil {
		return Get(n)
	}
	if cap(b.B)-len(b.B) >= n {
		return b
	}
	return b.Move(max(len(b.B)+n, 2*cap(b.B)))
}

// Move returns another Buffer with b's content and room for n bytes in all, or
// for the content at least, in exchange for b.
func (b *Buffer) Move(n int) *Buffer {
	nb := Get(max(n, len(b.B)))
	nb.B = append(nb.B, b.B...)
	b.Free()
	return nb
}

// Truncate cuts B to n bytes and clears what lay behind.
func (b *Buffer) Truncate(n int) {
	clear(b.B[n:])
	b.B = b.B[:n]
}

// Discard removes the first n bytes of B.
func (b *Buffer) Discard(n int) {
	b.Truncate(copy(b.B, b.B[n:]))
}

// Free clears the Buffer, if b is not nil, and gives it back. The caller keeps
// no part of it.
func (b *Buffer) Free() {
	if b == nil {
		return
	}
	b.Truncate(0)
	if pool, size := class(cap(b.B)); pool != nil && size == cap(b.B) {
		pool.Put(b)
	}
}
