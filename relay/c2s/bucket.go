package c2s

import "time"

// burst is how many seconds' worth of bytes a quiet client may send at once.
const burst = 10

// bucket lets bytes through at a steady rate after a burst. The zero value
// lets everything through.
type bucket struct {
	rate, size float64 // bytes a second, bytes
	level      float64 // bytes that may pass now; below 0 when in debt
	last       time.Time
}

func newBucket(bytesPerSecond, stanza int) bucket {
	size := float64(max(burst*bytesPerSecond, 2*stanza))
	return bucket{rate: float64(bytesPerSecond), size: size, level: size}
}

// take counts n bytes and returns how long to wait before reading more.
func (b *bucket) take(n int, now time.Time) time.Duration {
	if b.rate <= 0 {
		return 0
	}
	if !b.last.IsZero() {
		b.level = min(b.size, b.level+now.Sub(b.last).Seconds()*b.rate)
	}
	b.last = now
	if b.level -= float64(n); b.level >= 0 {
		return 0
	}
	return time.Duration(-b.level / b.rate * float64(time.Second))
}
