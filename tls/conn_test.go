package tls

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// noise is n bytes that repeat nowhere near.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// readAll collects what c brings until want bytes are here.
func readAll(t *testing.T, c *Conn, want int) []byte {
	t.Helper()
	var got []byte
	buf := make([]byte, 5000) // smaller than a record: plaintext is left over
	for len(got) < want {
		n, err := c.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			t.Fatalf("after %d of %d bytes: %v", len(got), want, err)
		}
	}
	return got
}

func TestBytesArriveInOrder(t *testing.T) {
	for _, min12 := range []bool{false, true} {
		l := newLab(t, min12)
		for _, size := range []int{1, 385, plainBytes, plainBytes + 1, 200_000, 3 << 20} {
			server, client := l.pair(t, l.client())
			msg := noise(size)
			done := make(chan error, 1)
			go func() {
				_, err := server.Write(msg)
				done <- err
			}()
			if !bytes.Equal(readAll(t, client, size), msg) {
				t.Errorf("%d bytes came out changed", size)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
}

func TestMoreIsExact(t *testing.T) {
	l := newLab(t, false)
	server, client := l.pair(t, l.client())
	records := []string{"one", "two", "three"}
	for _, r := range records {
		client.Write([]byte(r))
	}
	waitForBytes(t, server, 3)
	buf := make([]byte, 100)
	for i, r := range records {
		n, err := server.Read(buf)
		if err != nil || string(buf[:n]) != r {
			t.Fatalf("Read: %q, %v; want the one record %q", buf[:n], err, r)
		}
		if want := i < len(records)-1; server.More() != want {
			t.Errorf("More after record %d: %v", i, !want)
		}
	}
	if server.conduit.in != nil {
		t.Error("a buffer is held although nothing is here")
	}
}

// waitForBytes reads from the kernel until n whole records of the shortest
// kind can be there.
func waitForBytes(t *testing.T, c *Conn, records int) {
	t.Helper()
	for c.conduit.unread() < records*(headerBytes+17+3) {
		if err := c.conduit.fill(); err != nil {
			t.Fatal(err)
		}
	}
}

// What a short buffer leaves in crypto/tls is more, too; a Read that then
// finds nothing says so and does not park.
func TestMoreCountsPlaintextLeftOver(t *testing.T) {
	l := newLab(t, false)
	server, client := l.pair(t, l.client())
	client.Write([]byte("abcdef"))
	buf := make([]byte, 3)
	for _, want := range []string{"abc", "def", ""} {
		n, err := server.Read(buf)
		if err != nil || string(buf[:n]) != want {
			t.Fatalf("Read: %q, %v; want %q", buf[:n], err, want)
		}
		if server.More() != (want != "") {
			t.Errorf("More after %q: %v", want, server.More())
		}
	}
}

func TestReadDeadlineCanBeRenewed(t *testing.T) {
	l := newLab(t, false)
	server, client := l.pair(t, l.client())
	server.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if err := server.Wait(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("Wait: %v", err)
	}
	server.SetReadDeadline(time.Time{})
	client.Write([]byte("late"))
	if got := readAll(t, server, 4); string(got) != "late" {
		t.Errorf("read %q", got)
	}
}

func TestConnectionOutlivesTheHandshakesTimeout(t *testing.T) {
	l := newLab(t, false)
	ss, cs := sockets(t)
	const timeout = 300 * time.Millisecond
	server, client, serr, cerr := both(
		func() (*Conn, error) { return l.server.Handshake(ss, timeout) },
		func() (*Conn, error) { return Client(cs, timeout, l.client()) })
	if serr != nil || cerr != nil {
		t.Fatal(serr, cerr)
	}
	time.Sleep(timeout + 50*time.Millisecond)
	client.Write([]byte("late"))
	if got := readAll(t, server, 4); string(got) != "late" {
		t.Errorf("read %q", got)
	}
}

func TestDeadlineInTheMiddleOfARecord(t *testing.T) {
	l := newLab(t, false)
	ss, cs := sockets(t)
	tap := &tap{Conn: cs}
	server, client, serr, cerr := both(
		func() (*Conn, error) { return l.server.Handshake(ss, patience) },
		func() (*tls.Conn, error) { return bareClient(t, l, tap), nil })
	if serr != nil || cerr != nil {
		t.Fatal(serr, cerr)
	}
	tap.hold = true
	client.Write(noise(9000))
	cs.Write(tap.held[:4000])
	server.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if err := server.Wait(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("Wait with half a record: %v", err)
	}
	if server.More() {
		t.Error("half a record is more")
	}
	server.SetReadDeadline(time.Time{})
	cs.Write(tap.held[4000:])
	if got := readAll(t, server, 9000); !bytes.Equal(got, noise(9000)) {
		t.Error("the record came out changed")
	}
}

func TestRecordsCutAnywhere(t *testing.T) {
	l := newLab(t, false)
	ss, cs := sockets(t)
	tap := &tap{Conn: cs}
	server, client, serr, _ := both(
		func() (*Conn, error) { return l.server.Handshake(ss, patience) },
		func() (*tls.Conn, error) { return bareClient(t, l, tap), nil })
	if serr != nil {
		t.Fatal(serr)
	}
	tap.hold = true
	want := noise(40)
	for i := range 4 {
		client.Write(want[i*10 : i*10+10])
	}
	go func() {
		for i := range tap.held {
			cs.Write(tap.held[i : i+1])
			time.Sleep(100 * time.Microsecond)
		}
	}()
	if got := readAll(t, server, 40); !bytes.Equal(got, want) {
		t.Error("the bytes came out changed")
	}
}

func TestEnds(t *testing.T) {
	l := newLab(t, false)
	t.Run("close_notify", func(t *testing.T) {
		server, client := l.pair(t, l.client())
		client.Write([]byte("last"))
		client.Close()
		if got := readAll(t, server, 4); string(got) != "last" {
			t.Errorf("read %q", got)
		}
		if _, err := server.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("Read at the end: %v", err)
		}
	})
	t.Run("in the middle of a record", func(t *testing.T) {
		server, client := l.pair(t, l.client())
		client.conduit.nc.Write([]byte{23, 3, 3, 1, 0, 9, 9})
		client.conduit.Close()
		if _, err := server.Read(make([]byte, 1)); err != io.ErrUnexpectedEOF {
			t.Errorf("Read: %v", err)
		}
		if server.conduit.in != nil {
			t.Error("a buffer is held")
		}
	})
	t.Run("forged record", func(t *testing.T) {
		server, client := l.pair(t, l.client())
		client.conduit.nc.Write(append([]byte{23, 3, 3, 0, 20}, make([]byte, 20)...))
		if n, err := server.Read(make([]byte, 1)); n != 0 || err == nil || err == io.EOF {
			t.Errorf("Read: %d, %v", n, err)
		}
		if _, err := server.TryWrite([]byte("x")); err == nil {
			t.Error("TryWrite after the alert succeeded")
		}
	})
	t.Run("not a record", func(t *testing.T) {
		server, client := l.pair(t, l.client())
		client.conduit.nc.Write([]byte("<presence/>"))
		if n, err := server.Read(make([]byte, 1)); n != 0 || err == nil || err == io.EOF {
			t.Errorf("Read: %d, %v", n, err)
		}
	})
	t.Run("own", func(t *testing.T) {
		server, _ := l.pair(t, l.client())
		go server.Close()
		if err := server.Wait(); err == nil {
			t.Error("Wait outlived Close")
		}
		if _, err := server.TryWrite([]byte("x")); err == nil {
			t.Error("TryWrite after Close succeeded")
		}
	})
}

// jam writes until the kernel takes no more.
func jam(t *testing.T, c *Conn) (written int) {
	t.Helper()
	piece := noise(256 << 10)
	for range 200 {
		start := time.Now()
		done, err := c.TryWrite(piece)
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d > time.Second {
			t.Fatalf("TryWrite took %v", d)
		}
		written += len(piece)
		if !done {
			return written
		}
	}
	t.Fatal("the kernel never had enough")
	return 0
}

func TestPeerThatNeverReads(t *testing.T) {
	l := newLab(t, false)
	server, _ := l.pair(t, l.client())
	jam(t, server)
	start := time.Now()
	if err := server.Drain(50 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Drain: %v", err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("Drain took %v", d)
	}
	server.TryWrite(noise(4 << 20)) // more than the kernel may still find room for
	start = time.Now()
	server.Close()
	if d := time.Since(start); d > time.Second {
		t.Errorf("Close took %v", d)
	}
	if server.conduit.out != nil {
		t.Error("a buffer is held after Close")
	}
}

func TestCloseWhileDrainIsParked(t *testing.T) {
	for name, end := range map[string]func(*Conn) error{"Close": (*Conn).Close, "Cut": (*Conn).Cut} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, false)
			server, _ := l.pair(t, l.client())
			jam(t, server)
			server.TryWrite(noise(4 << 20)) // more than the kernel may still find room for
			drained := make(chan error)
			go func() { drained <- server.Drain(patience) }()
			time.Sleep(10 * time.Millisecond)
			if err := end(server); err != nil {
				t.Error(err)
			}
			if err := <-drained; err == nil {
				t.Error("Drain says that all is with the kernel")
			}
			if err := server.Drain(patience); err == nil {
				t.Error("Drain says so once all is dropped")
			}
		})
	}
}

func TestSlowReaderGetsEveryByte(t *testing.T) {
	l := newLab(t, false)
	server, client := l.pair(t, l.client())
	want := noise(6 << 20)
	var sent sync.WaitGroup
	sent.Go(func() {
		for b := want; len(b) > 0; {
			n := min(len(b), 300_000)
			done, err := server.TryWrite(b[:n])
			if err == nil && !done {
				err = server.Drain(patience)
			}
			if err != nil {
				t.Error(err)
				return
			}
			b = b[n:]
		}
	})
	var got []byte
	buf := make([]byte, 16<<10)
	for len(got) < len(want) {
		if len(got)%7 == 0 {
			time.Sleep(time.Millisecond)
		}
		n, err := client.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[:n]...)
	}
	sent.Wait()
	if !bytes.Equal(got, want) {
		t.Error("the bytes came out changed")
	}
	if done, err := server.TryWrite(nil); !done || err != nil || server.conduit.out != nil {
		t.Error("ciphertext still waits:", done, err)
	}
}

func TestReaderAndWriterAtOnce(t *testing.T) {
	l := newLab(t, false)
	server, client := l.pair(t, l.client())
	want := noise(1 << 20)
	var wg sync.WaitGroup
	for _, c := range []*Conn{server, client} {
		wg.Go(func() {
			for b := want; len(b) > 0; {
				n := min(len(b), 1+len(b)%40_000)
				if _, err := c.Write(b[:n]); err != nil {
					t.Error(err)
					return
				}
				b = b[n:]
			}
		})
		wg.Go(func() {
			if !bytes.Equal(readAll(t, c, len(want)), want) {
				t.Error("the bytes came out changed")
			}
		})
	}
	wg.Wait()
}

func TestRecordsOfOneWriteLeaveTogether(t *testing.T) {
	l := newLab(t, false)
	server, client := l.pair(t, l.client())
	pushes, push := 0, server.conduit.onPush
	server.conduit.onPush = func(fd uintptr) { pushes++; push(fd) }
	for _, size := range []int{1, 385, plainBytes, 40_000} {
		pushes = 0
		if done, err := server.TryWrite(noise(size)); !done || err != nil {
			t.Fatal(done, err)
		}
		if pushes != 1 {
			t.Errorf("%d bytes left in %d system calls", size, pushes)
		}
		readAll(t, client, size)
	}
}

func TestDrainGoesOnWhileThereIsProgress(t *testing.T) {
	l := newLab(t, false)
	ss, cs := sockets(t)
	ss.(*net.TCPConn).SetWriteBuffer(32 << 10)
	cs.(*net.TCPConn).SetReadBuffer(32 << 10)
	server, client, serr, cerr := both(
		func() (*Conn, error) { return l.server.Handshake(ss, patience) },
		func() (*Conn, error) { return Client(cs, patience, l.client()) })
	if serr != nil || cerr != nil {
		t.Fatal(serr, cerr)
	}
	want := jam(t, server)
	go func() {
		buf := make([]byte, plainBytes)
		for got := 0; got < want; {
			n, err := client.Read(buf)
			if err != nil {
				return
			}
			got += n
			time.Sleep(60 * time.Millisecond)
		}
	}()
	const timeout = 400 * time.Millisecond
	start := time.Now()
	if err := server.Drain(timeout); err != nil {
		t.Fatalf("after %v: %v", time.Since(start), err)
	}
	if d := time.Since(start); d < timeout {
		t.Errorf("took only %v: nothing is proved", d)
	}
}
