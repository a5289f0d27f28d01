//go:build expat

package wire

import (
	"testing"

	"lethe/relay/wire/internal/expat"
)

func BenchmarkExpat(b *testing.B) {
	benchmarkSamples(b, func(b *testing.B, batch string, stanzas int) {
		p := expat.New()
		defer p.Free()
		if err := p.Parse([]byte(clientHeader), false); err != nil {
			b.Fatal(err)
		}
		bytes := []byte(batch)
		for b.Loop() {
			if err := p.Parse(bytes, false); err != nil {
				b.Fatal(err)
			}
		}
	})
}
