package account

import (
	"testing"
	"time"
)

// A message is lost when all who took it have failed, and not before, however
// many others came after it.
func TestSharedMessageIsLostOnce(t *testing.T) {
	var h shared
	now := time.Now()
	for sum := range uint64(maxShared) {
		h.add(sum, 3, now)
	}
	for sum := range uint64(maxShared) {
		for range 2 {
			if !h.fail(sum) {
				t.Fatalf("message %d is lost while somebody has it", sum)
			}
		}
		if h.fail(sum) {
			t.Fatalf("message %d is not lost when all have failed", sum)
		}
	}
	if h.fail(maxShared + 1) {
		t.Error("somebody has a message that nobody shares")
	}
}

// The same message twice is two messages.
func TestSharedTwice(t *testing.T) {
	var h shared
	now := time.Now()
	h.add(1, 2, now)
	h.add(1, 2, now)
	lost := 0
	for range 4 {
		if !h.fail(1) {
			lost++
		}
	}
	if lost != 2 {
		t.Errorf("%d messages are lost of two that both resources failed to get", lost)
	}
}

// What is remembered is bounded, and does not grow for what is long past.
func TestSharedIsBounded(t *testing.T) {
	var h shared
	now := time.Now()
	for sum := range uint64(3 * maxShared) {
		h.add(sum, 2, now)
	}
	if len(h.ring) != maxShared || h.fail(2*maxShared-1) || !h.fail(2*maxShared) {
		t.Errorf("of %d messages the latest %d are remembered, want %d", 3*maxShared, len(h.ring), maxShared)
	}
	var slow shared
	for sum := range uint64(3 * maxShared) {
		now = now.Add(time.Minute)
		slow.add(sum, 2, now)
	}
	if len(slow.ring) != firstShared {
		t.Errorf("%d messages are remembered of one a minute", len(slow.ring))
	}
}
