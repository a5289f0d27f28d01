package buffer_test

import (
	"bytes"
	"testing"

	"lethe/relay/buffer"
)

// all is the whole memory behind b.
func all(b *buffer.Buffer) []byte { return b.B[:cap(b.B)] }

func zero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

func TestFreeClears(t *testing.T) {
	for _, n := range []int{1, buffer.Small, buffer.Medium, buffer.Large, buffer.Huge, buffer.Huge + 1} {
		b := buffer.Get(n)
		if cap(b.B) < n || len(b.B) != 0 {
			t.Fatalf("Get(%d) has length %d, capacity %d", n, len(b.B), cap(b.B))
		}
		b.B = append(b.B, bytes.Repeat([]byte("x"), n)...)
		memory := all(b)
		b.Free()
		if !zero(memory) {
			t.Errorf("Get(%d): text is left after Free", n)
		}
	}
}

func TestGrowKeepsContentAndClearsTheOld(t *testing.T) {
	b := buffer.Get(1)
	b.B = append(b.B, "text"...)
	old := all(b)
	if g := b.Grow(10); g != b {
		t.Fatal("Grow changed the Buffer although there was room")
	}
	b = b.Grow(buffer.Small)
	if string(b.B) != "text" {
		t.Fatalf("content after Grow: %q", b.B)
	}
	if !zero(old) {
		t.Error("text is left in the outgrown memory")
	}
}

func TestMove(t *testing.T) {
	b := buffer.Get(1)
	b.B = append(b.B, "text"...)
	old := all(b)
	b = b.Move(buffer.Large)
	if string(b.B) != "text" || cap(b.B) != buffer.Large || !zero(old) {
		t.Errorf("content %q, capacity %d, the old memory cleared: %v", b.B, cap(b.B), zero(old))
	}
}

// A nil Buffer is empty.
func TestNil(t *testing.T) {
	var b *buffer.Buffer
	b.Free()
	if b = b.Grow(10); cap(b.B) < 10 || len(b.B) != 0 {
		t.Errorf("grown, it has length %d, capacity %d", len(b.B), cap(b.B))
	}
}

func TestDiscardAndTruncateClearBehind(t *testing.T) {
	b := buffer.Get(1)
	b.B = append(b.B, "one two three"...)
	b.Truncate(7)
	b.Discard(4)
	if string(b.B) != "two" || !zero(all(b)[3:]) {
		t.Errorf("left: %q", bytes.TrimRight(all(b), "\x00"))
	}
}

func TestNoAllocation(t *testing.T) {
	buffer.Get(1).Free()
	if n := testing.AllocsPerRun(100, func() { buffer.Get(1).Free() }); n >= 1 {
		t.Errorf("%v allocations for a Buffer lent and returned", n)
	}
}
