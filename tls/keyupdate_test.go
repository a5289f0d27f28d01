package tls

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"io"
	"lethe/relay/need"
	"net"
	"strings"
	"testing"
	"time"
)

// forger writes records as a TLS 1.3 client whose application traffic secret
// it knows, key updates included, which crypto/tls cannot be told to send.
type forger struct {
	nc     net.Conn
	secret []byte
	seq    uint64
}

func expand(t *testing.T, secret []byte, label string, n int) []byte {
	t.Helper()
	// RFC 8446 §7.1, HkdfLabel
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(info, byte(len("tls13 ")+len(label)))
	info = append(info, "tls13 "+label+"\x00"...)
	out, err := hkdf.Expand(sha256.New, secret, string(info), n)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (f *forger) record(t *testing.T, kind byte, plain ...byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(expand(t, f.secret, "key", 16))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	nonce := expand(t, f.secret, "iv", 12)
	for i, b := range binary.BigEndian.AppendUint64(nil, f.seq) {
		nonce[4+i] ^= b
	}
	f.seq++
	inner := append(plain, kind)
	header := []byte{23, 3, 3, 0, byte(len(inner) + aead.Overhead())}
	return aead.Seal(header, nonce, inner, header)
}

func (f *forger) data(t *testing.T, plain ...byte) []byte { return f.record(t, 23, plain...) }

// keyUpdate asks the peer for a key update in return and uses the next key
// from then on (RFC 8446 §4.6.3, §7.2).
func (f *forger) keyUpdate(t *testing.T) []byte {
	r := f.record(t, 22, 24, 0, 0, 1, 1)
	f.secret, f.seq = expand(t, f.secret, "traffic upd", 32), 0
	return r
}

// forgedPair is a Conn, a client to read with and a forger to write with.
func forgedPair(t *testing.T) (*Conn, *tls.Conn, *forger) {
	t.Helper()
	l := newLab(t, false)
	ss, cs := sockets(t)
	// Buffers of a set size do not grow later on.
	ss.(*net.TCPConn).SetWriteBuffer(64 << 10)
	cs.(*net.TCPConn).SetReadBuffer(64 << 10)
	var log bytes.Buffer
	server, client, serr, cerr := both(
		func() (*Conn, error) { return l.server.Handshake(ss, patience) },
		func() (*tls.Conn, error) {
			c := tls.Client(cs, &tls.Config{ServerName: domain, RootCAs: l.authority.Roots(), KeyLogWriter: &log})
			return c, c.Handshake()
		})
	if serr != nil || cerr != nil {
		t.Fatal(serr, cerr)
	}
	need.That(t, client.ConnectionState().CipherSuite == tls.TLS_AES_128_GCM_SHA256, "a machine that prefers AES-128-GCM")
	for line := range strings.Lines(log.String()) {
		if f := strings.Fields(line); f[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, err := hex.DecodeString(f[2])
			if err != nil {
				t.Fatal(err)
			}
			return server, client, &forger{nc: cs, secret: secret}
		}
	}
	t.Fatal("no secret in the key log")
	return nil, nil, nil
}

func TestKeyUpdateIsAnsweredInOrder(t *testing.T) {
	server, client, f := forgedPair(t)
	go func() {
		for i := range 16 { // more in a row crypto/tls's client does not bear
			f.nc.Write(append(f.data(t, byte(i)), f.keyUpdate(t)...))
		}
	}()
	const size = 40_000 // several records, and between them the answers
	sent := make(chan error, 1)
	go func() {
		for range 50 {
			if _, err := server.Write(noise(size)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	go func() {
		buf := make([]byte, 100)
		for n := 0; n < 16; {
			k, err := server.Read(buf)
			if err != nil {
				t.Error(err)
				return
			}
			n += k
		}
	}()
	got := make([]byte, size)
	for range 50 {
		if _, err := io.ReadFull(client, got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, noise(size)) {
			t.Fatal("the bytes came out changed")
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// After More a Read must not park, even if what is here is a key update.
func TestReadOfAKeyUpdateDoesNotPark(t *testing.T) {
	server, _, f := forgedPair(t)
	f.nc.Write(append(f.data(t, 'x'), f.keyUpdate(t)...))
	buf := make([]byte, 10)
	if n, err := server.Read(buf); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	waitForBytes(t, server, 1)
	if !server.More() {
		t.Fatal("no More although a record is here")
	}
	if n, err := server.Read(buf); n != 0 || err != nil {
		t.Errorf("Read of a key update: %d, %v", n, err)
	}
}

func TestKeyUpdateFloodEndsInAnError(t *testing.T) {
	for _, draining := range []bool{false, true} {
		server, _, f := forgedPair(t)
		jam(t, server)
		for i := range 20 { // what the kernel still finds room for
			time.Sleep(5 * time.Millisecond)
			if _, err := server.TryWrite([]byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
		if draining {
			go server.Drain(patience)
		}
		before := waiting(server)
		go func() {
			for {
				if _, err := f.nc.Write(append(f.data(t, 'x'), f.keyUpdate(t)...)); err != nil {
					return
				}
			}
		}()
		server.SetReadDeadline(time.Now().Add(patience))
		buf := make([]byte, 10)
		var err error
		for reads := 0; err == nil; reads++ {
			if _, err = server.Read(buf); reads > 1000 {
				t.Fatal("the flood goes on")
			}
		}
		if isTimeout(err) {
			t.Error("reading was blocked")
		}
		if grown := waiting(server) - before; grown > unaskedBytes+100 {
			t.Errorf("the flood left %d bytes", grown)
		}
		if _, err := server.TryWrite([]byte("x")); err == nil {
			t.Error("the connection can still be written to")
		}
		server.Cut()
		f.nc.Close()
	}
}

func waiting(c *Conn) int {
	c.conduit.mu.Lock()
	defer c.conduit.mu.Unlock()
	if c.conduit.out == nil {
		return 0
	}
	return len(c.conduit.out.B) - c.conduit.sent
}
