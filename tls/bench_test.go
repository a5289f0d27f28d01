package tls

import (
	"crypto/tls"
	"io"
	"testing"
)

// The two benchmarks of each size differ only in the server's side: bare
// crypto/tls, or a Conn. The client is bare crypto/tls in both.

func BenchmarkEchoBare(b *testing.B)    { benchmarkEcho(b, bareEcho, 385) }
func BenchmarkEchoConn(b *testing.B)    { benchmarkEcho(b, connEcho, 385) }
func BenchmarkEchoBare64K(b *testing.B) { benchmarkEcho(b, bareEcho, 64<<10) }
func BenchmarkEchoConn64K(b *testing.B) { benchmarkEcho(b, connEcho, 64<<10) }

type echo func(b *testing.B, l *lab) (client *tls.Conn)

func benchmarkEcho(b *testing.B, e echo, size int) {
	client := e(b, newLab(b, false))
	msg := make([]byte, size)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Write(msg); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(client, msg); err != nil {
			b.Fatal(err)
		}
	}
	client.Close()
}

func bareEcho(b *testing.B, l *lab) *tls.Conn {
	ss, cs := sockets(b)
	cfg := policy(false, nil)
	cfg.Certificates = []tls.Certificate{l.server.Certificates().leaves[0].cert}
	go func() {
		s := tls.Server(ss, cfg)
		defer s.Close()
		buf := make([]byte, 16<<10)
		for {
			n, err := s.Read(buf)
			if err != nil {
				return
			}
			s.Write(buf[:n])
		}
	}()
	return bareClient(b, l, cs)
}

func connEcho(b *testing.B, l *lab) *tls.Conn {
	ss, cs := sockets(b)
	go func() {
		s, err := l.server.Handshake(ss, patience)
		if err != nil {
			b.Error(err)
			return
		}
		defer s.Close()
		buf := make([]byte, 16<<10)
		for s.Wait() == nil {
			n, err := s.Read(buf)
			if err != nil {
				return
			}
			if done, err := s.TryWrite(buf[:n]); err == nil && !done {
				s.Drain(patience)
			}
		}
	}()
	return bareClient(b, l, cs)
}
