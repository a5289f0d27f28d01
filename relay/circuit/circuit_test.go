package circuit

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lethe/relay/stream"
)

const fromTor = "PROXY TCP6 fc00:dead:beef:4dad::0:29 ::1 65535 5222\r\n"

func TestHeader(t *testing.T) {
	for _, test := range []struct{ header, want string }{
		{fromTor, "fc00:dead:beef:4dad::29/128"},
		{"PROXY TCP6 fc00:dead:beef:4dad::ffff:ffff ::1 1 2\r\n", "fc00:dead:beef:4dad::ffff:ffff/128"},
		{"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n", ""},
		{"PROXY TCP6 2001:db8::1 ::1 1 2\r\n", ""}, // a client that writes its own
		{"PROXY UNKNOWN\r\n", ""},
		{"PROXY TCP6 fc00:dead:beef:4dad::1 ::1 1\r\n", ""},
		{"PROXY TCP6  fc00:dead:beef:4dad::1 ::1 1 2\r\n", ""},
		{"proxy TCP6 fc00:dead:beef:4dad::1 ::1 1 2\r\n", ""},
		{"<?xml version='1.0'?>\r\n", ""},
		{"\x16\x03\x01\x02\x00\x01\x00", ""},
		{strings.Repeat("P", 200), ""},
		{"", ""},
	} {
		ours, theirs := net.Pipe()
		go func() {
			io.WriteString(theirs, test.header)
			theirs.Close()
		}()
		p, err := header(ours)
		ours.Close()
		switch {
		case test.want == "" && err == nil:
			t.Errorf("%q is taken for %v", test.header, p)
		case test.want != "" && p.String() != test.want:
			t.Errorf("%q: %v, %v", test.header, p, err)
		}
	}
}

// Over a socket of either kind: what follows the header is left for TLS, who
// brings none is hung up on, and nobody waits for somebody slow.
func TestListener(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			address := "127.0.0.1:0"
			if network == "unix" {
				address = filepath.Join(t.TempDir(), "s")
			}
			inner, err := net.Listen(network, address)
			if err != nil {
				t.Fatal(err)
			}
			l := Listen(inner)
			dial := func(first string) net.Conn {
				c, err := net.Dial(network, inner.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close() })
				io.WriteString(c, first)
				return c
			}
			dial("PROX") // slow
			wrong := dial("GET / HTTP/1.1\r\n\r\n")
			right := dial(fromTor + "hello")
			nc, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			if got := stream.Source(nc); got != netip.MustParsePrefix("fc00:dead:beef:4dad::29/128") {
				t.Errorf("counted by %v", got)
			}
			got := make([]byte, 5)
			if _, err := io.ReadFull(nc, got); err != nil || string(got) != "hello" {
				t.Errorf("behind the header: %q, %v", got, err)
			}
			fmt.Fprint(nc, "back")
			if _, err := io.ReadFull(right, got[:4]); err != nil || string(got[:4]) != "back" {
				t.Errorf("the way back: %q, %v", got, err)
			}
			wrong.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := wrong.Read(got); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("who brings no header is kept: %v", err)
			}
			l.Close()
			if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("a closed listener: %v", err)
			}
		})
	}
}

func FuzzHeader(f *testing.F) {
	for _, seed := range []string{strings.TrimSpace(fromTor), "PROXY TCP6 fc00:dead:beef:4dad::1%eth0 ::1 1 2", "PROXY UNKNOWN"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		p, err := parse(line)
		if err == nil && (!within().Contains(p.Addr()) || p.Bits() != 128) {
			t.Errorf("%q is %v", line, p)
		}
	})
}
