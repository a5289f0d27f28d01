package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"lethe/relay/client"
	"lethe/relay/jid"
	"lethe/relay/need"
)

// TestNobodyIsLetInEarly: an open port answers nobody before accept, and whoever
// came before then.
func TestNobodyIsLetInEarly(t *testing.T) {
	t.Parallel()
	r := newRelay(t)
	h := &host{file: r.file("lethe.toml"), log: slog.New(slog.DiscardHandler)}
	if err := h.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.relay.Shutdown)
	t.Cleanup(h.close)
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "<stream:stream to='%s' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>", r.domain)
	first := make([]byte, 1)
	c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if _, err := c.Read(first); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("before accept a client gets %q, %v", first, err)
	}
	h.accept()
	c.SetReadDeadline(time.Now().Add(patience))
	if _, err := c.Read(first); err != nil {
		t.Errorf("after accept a client gets %v", err)
	}
}

// TestSocketActivation has the ports opened as systemd does: one for clients,
// and a Unix socket to which Tor would bring them. They take the place of those
// in the configuration.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	need.Program(t, "systemd-socket-activate", "systemd")
	r := newRelay(t, "alice")
	configured := r.port
	r.port = freePort(t)
	r.set(t, "clients", fmt.Sprintf(`["127.0.0.1:%d"]`, freePort(t)))
	socket := filepath.Join(r.dir, "clients")
	serve := prepare("serve", "-config", r.file("lethe.toml"))
	cmd := exec.Command("systemd-socket-activate", append([]string{
		"--listen", fmt.Sprintf("127.0.0.1:%d", r.port), "--listen", socket, "--fdname", "client:onion_clients",
		"--setenv", asLethe, "--setenv", "GORACE",
	}, serve.Args...)...)
	cmd.Env = serve.Env
	t.Cleanup(func() { r.end(t) })
	r.run(t, cmd)

	r.login(t, "alice")
	if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", configured)); err == nil {
		c.Close()
		t.Error("the configured port is open too")
	}
	r.loginByTor(t, "alice", "unix", socket)
}

// loginByTor logs in as Tor brings a client, by way of a circuit.
func (r *instance) loginByTor(t *testing.T, user, network, address string) {
	t.Helper()
	who, err := jid.New(user, r.domain, "")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(page(t, r.ca)))
	c, err := client.Dial(context.Background(), client.Config{
		Address: address, User: who, Password: r.password(user), Roots: roots,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			c, err := net.Dial(network, address)
			if err == nil {
				_, err = c.Write([]byte("PROXY TCP6 fc00:dead:beef:4dad::1 ::1 7 5222\r\n"))
			}
			return c, err
		},
	})
	if err != nil {
		t.Fatalf("%s does not log in by Tor: %v", user, err)
	}
	c.Close()
}

// TestSocketsOfAnother: what systemd has opened for somebody else, who did not
// take it out of the environment, is no concern of the relay.
func TestSocketsOfAnother(t *testing.T) {
	t.Parallel()
	r := newRelay(t, "alice")
	cmd := prepare("serve", "-config", r.file("lethe.toml"))
	cmd.Env = append(cmd.Env, "LISTEN_PID=1", "LISTEN_FDS=1", "LISTEN_FDNAMES=ssh")
	t.Cleanup(func() { r.end(t) })
	r.run(t, cmd)
	r.login(t, "alice")
}

// TestSocketsRefused: a socket unit that does not fit is an error in one line,
// which says what is wrong with it.
func TestSocketsRefused(t *testing.T) {
	t.Parallel()
	r := newRelay(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() }) // after the parallel parts
	stream := func(t *testing.T) *os.File { return socketFile(t, listener, nil) }
	for _, tt := range []struct {
		name   string
		names  string // LISTEN_FDNAMES
		socket func(t *testing.T) *os.File
		want   string
	}{
		{"unknown name", "clients", stream, `named "clients"; name it like one of client, client_tls`},
		{"switched off", "proxy65", stream, `named "proxy65"; name it like one of client, client_tls`},
		{"no name", "", stream, `named ""; name it like one of client, client_tls`},
		{"two names", "client:client_tls", stream, `have no names; give each socket unit a FileDescriptorName= like`},
		{"UDP", "client", func(t *testing.T) *os.File {
			c, err := net.ListenPacket("udp", "127.0.0.1:0")
			return socketFile(t, c, err)
		}, `client from systemd takes no connections; make it ListenStream=`},
		{"datagrams", "client", func(t *testing.T) *os.File {
			c, err := net.ListenPacket("unixgram", filepath.Join(t.TempDir(), "s"))
			return socketFile(t, c, err)
		}, `client from systemd takes no connections; make it ListenStream=`},
		{"a connection", "client", func(t *testing.T) *os.File {
			c, err := net.Dial("tcp", listener.Addr().String())
			return socketFile(t, c, err)
		}, `client from systemd takes no connections; .*Accept=no`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := activated(r, tt.names, tt.socket(t))
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer time.AfterFunc(patience, func() { cmd.Process.Kill() }).Stop()
			err := cmd.Wait()
			text := stderr.String()
			if err == nil || cmd.ProcessState.ExitCode() != 1 || strings.Count(text, "\n") != 1 || !regexp.MustCompile(tt.want).MatchString(text) {
				t.Errorf("lethe serve ends with %v and says %q\nwant one line matching %q", err, text, tt.want)
			}
		})
	}
}

// socketFile is a copy of a socket, as it is inherited.
func socketFile(t *testing.T, socket any, err error) *os.File {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	f, err := socket.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// activated is lethe serve as systemd starts it with one open socket: the file
// of number 3, in an environment that says whose it is.
func activated(r *instance, names string, socket *os.File) *exec.Cmd {
	serve := prepare("serve", "-config", r.file("lethe.toml"))
	cmd := exec.Command("/bin/sh", append([]string{"-c", `export LISTEN_PID=$$; exec "$@"`, "sh"}, serve.Args...)...)
	cmd.Env = append(serve.Env, "LISTEN_FDS=1", "LISTEN_FDNAMES="+names)
	cmd.ExtraFiles = []*os.File{socket}
	return cmd
}
