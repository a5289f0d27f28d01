package tls

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"lethe/relay/need"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// TestIdleMemory holds 1,000 idle connections in another process and compares
// what one costs, goroutine and kernel aside, with bare crypto/tls.
func TestIdleMemory(t *testing.T) {
	if kind := os.Getenv("LETHE_IDLE_SERVER"); kind != "" {
		idleServer(t, kind)
		return
	}
	if testing.Short() {
		t.Skip("takes seconds")
	}
	bare, conn := idleCost(t, "bare"), idleCost(t, "conn")
	t.Logf("an idle connection costs %.1f KiB, with bare crypto/tls %.1f KiB", conn, bare)
	if conn > 1.3*bare {
		t.Error("more than 1.3 times bare crypto/tls")
	}
}

// idleCost is the proportional set size in KiB per connection.
func idleCost(t *testing.T, kind string) float64 {
	cmd := exec.Command(os.Args[0], "-test.run=^TestIdleMemory$")
	cmd.Env = append(os.Environ(), "LETHE_IDLE_SERVER="+kind)
	stdin, _ := cmd.StdinPipe()
	stdout, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer stdin.Close()
	lines := bufio.NewReader(stdout)
	ask := func() (answer string) {
		fmt.Fprintln(stdin)
		answer, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(answer)
	}
	addr, ca, _ := strings.Cut(ask(), " ")
	roots := x509.NewCertPool()
	if der, err := hex.DecodeString(ca); err != nil || !roots.AppendCertsFromPEM(der) {
		t.Fatal("no authority from the server", err)
	}
	open := func(n int) {
		for range n {
			c, err := tls.Dial("tcp", addr, &tls.Config{ServerName: domain, RootCAs: roots})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			msg := make([]byte, 300)
			c.Write(msg)
			if _, err := io.ReadFull(c, msg); err != nil {
				t.Fatal(err)
			}
		}
	}
	const n = 1000
	open(50)
	before := pss(t, cmd.Process.Pid, ask)
	open(n)
	return (pss(t, cmd.Process.Pid, ask) - before) / n
}

func pss(t *testing.T, pid int, settle func() string) float64 {
	settle()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	need.That(t, err == nil, "to read smaps_rollup of a process of its own (Linux)")
	for line := range bytes.Lines(b) {
		var kib float64
		if n, _ := fmt.Sscanf(string(line), "Pss: %f kB", &kib); n == 1 {
			return kib
		}
	}
	t.Fatal("no Pss")
	return 0
}

// idleServer echoes until its standard input ends. It answers the first line
// with its address and authority, the others when memory is settled.
func idleServer(t *testing.T, kind string) {
	l := newLab(t, false)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := policy(false, nil)
	cfg.Certificates = []tls.Certificate{l.server.Certificates().leaves[0].cert}
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			if kind == "bare" {
				go bareIdle(tls.Server(nc, cfg))
			} else {
				go connIdle(l.server, nc)
			}
		}
	}()
	answer := ln.Addr().String() + " " + hex.EncodeToString(l.authority.PEM())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); answer = "settled" {
		for range 4 {
			debug.FreeOSMemory()
			time.Sleep(50 * time.Millisecond)
		}
		fmt.Println(answer)
	}
	os.Exit(0)
}

func bareIdle(c *tls.Conn) {
	buf := make([]byte, 1024)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		c.Write(buf[:n])
	}
}

func connIdle(s *Server, nc net.Conn) {
	c, err := s.Handshake(nc, patience)
	if err != nil {
		return
	}
	for c.Wait() == nil {
		if !echoOnce(c) {
			return
		}
	}
}

//go:noinline
func echoOnce(c *Conn) bool {
	buf := make([]byte, 1024)
	n, err := c.Read(buf)
	c.TryWrite(buf[:n])
	return err == nil
}
