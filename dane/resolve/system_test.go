package resolve_test

import (
	"fmt"
	"testing"

	"lethe/dane/resolve"
)

func TestSystemServers(t *testing.T) {
	const text = "# comment\nsearch example.org\nnameserver 192.0.2.1\nnameserver nonsense\nnameserver 2001:db8::1\noptions edns0\n"
	got := fmt.Sprint(resolve.SystemServers([]byte(text)))
	if want := "[192.0.2.1:53 [2001:db8::1]:53]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if s := resolve.SystemServers(nil); len(s) != 0 {
		t.Errorf("an empty file names %v", s)
	}
}
