package wire

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

// One operation of each benchmark reads the same batch of about 16 KiB, on a
// stream opened before: what one TLS record brings.

const batchSize = 16 << 10

// batch repeats stanzas, and says how many they are.
func batch(xml string) (b string, stanzas int) {
	n := batchSize / len(xml)
	return strings.Repeat(xml, n), n
}

// benchmarkSamples runs f over each sample, and over all of them in turn.
func benchmarkSamples(b *testing.B, f func(b *testing.B, batch string, stanzas int)) {
	var mix strings.Builder
	for _, s := range samples() {
		mix.WriteString(s.xml)
		b.Run(s.name, func(b *testing.B) {
			batch, n := batch(s.xml)
			runBatches(b, batch, n, f)
		})
	}
	b.Run("mix", func(b *testing.B) {
		batch, n := batch(mix.String())
		runBatches(b, batch, n*len(samples()), f)
	})
}

func runBatches(b *testing.B, batch string, stanzas int, f func(b *testing.B, batch string, stanzas int)) {
	b.SetBytes(int64(len(batch)))
	b.ReportAllocs()
	f(b, batch, stanzas)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(stanzas), "ns/stanza")
}

func BenchmarkReader(b *testing.B) {
	benchmarkSamples(b, func(b *testing.B, batch string, stanzas int) {
		r := openReader(b, clientHeader)
		for b.Loop() {
			if n := readBatch(b, r, batch, nil); n != stanzas {
				b.Fatalf("%d stanzas, want %d", n, stanzas)
			}
			r.Rest()
		}
	})
}

// BenchmarkAppend reads as BenchmarkReader does and writes each stanza again
// with another sender.
func BenchmarkAppend(b *testing.B) {
	benchmarkSamples(b, func(b *testing.B, batch string, stanzas int) {
		r := openReader(b, clientHeader)
		var dst []byte
		for b.Loop() {
			readBatch(b, r, batch, func(s *Stanza) {
				s.SetFrom("alice@example.org/desktop")
				dst = s.Append(dst[:0], NSClient)
			})
			r.Rest()
		}
	})
}

// readBatch feeds a batch to r as it comes out of a connection.
func readBatch(tb testing.TB, r *Reader, batch string, each func(*Stanza)) (stanzas int) {
	for batch != "" {
		n := copy(r.Space(), batch)
		r.Filled(n)
		batch = batch[n:]
		for {
			s, err := r.Next()
			if err == ErrMore {
				break
			}
			if err != nil {
				tb.Fatal(err)
			}
			stanzas++
			if each != nil {
				each(s)
			}
		}
	}
	return stanzas
}

func openReader(tb testing.TB, header string) *Reader {
	r := NewReader(Limits{})
	r.Filled(copy(r.Space(), header))
	if _, err := r.Open(); err != nil {
		tb.Fatal(err)
	}
	return r
}

func BenchmarkEncodingXML(b *testing.B) {
	benchmarkSamples(b, func(b *testing.B, batch string, stanzas int) {
		d := xml.NewDecoder(&repeat{next: clientHeader, batch: batch})
		end := int64(len(clientHeader))
		for b.Loop() {
			for end += int64(len(batch)); d.InputOffset() < end; {
				if _, err := d.Token(); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// repeat gives a header and then one batch for ever.
type repeat struct{ next, batch string }

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.next)
	if r.next = r.next[n:]; r.next == "" {
		r.next = r.batch
	}
	return n, nil
}

var _ io.Reader = (*repeat)(nil)
