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

// expatCheck asks expat about a document, and for the number of its elements.
func expatCheck(doc string) (elements int, err error) {
	p := expat.New()
	defer p.Free()
	err = p.Parse([]byte(doc), true)
	return p.Elements(), err
}
