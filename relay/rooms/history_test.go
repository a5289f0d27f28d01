package rooms

import (
	"bytes"
	"testing"
	"time"

	"lethe/relay"
	"lethe/relay/buffer"
	"lethe/relay/jid"
	"lethe/relay/users"
)

// What was said is cleared with the room, not only let go.
func TestForgetClears(t *testing.T) {
	s := New(relay.NewRouter(), new(users.Set), Config{})
	addr, err := jid.Parse("tea@rooms.example.org")
	if err != nil {
		t.Fatal(err)
	}
	r := newRoom(s, addr, s.set.Load())
	var memory [][]byte
	message := func() kept {
		b := buffer.Get(1)
		b.B = append(b.B, "<message><body>secret</body></message>"...)
		memory = append(memory, b.B[:cap(b.B)])
		return kept{b, addr, time.Time{}}
	}
	for range 3 {
		r.history.add(message(), 2)
	}
	r.subject = message()
	r.forget()
	for i, m := range memory {
		if len(bytes.Trim(m, "\x00")) > 0 {
			t.Errorf("message %d is left", i)
		}
	}
}
