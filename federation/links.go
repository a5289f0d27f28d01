package federation

import "sync/atomic"

// A Proof is what a link's peer was proved by. The zero value is none.
type Proof uint32

// The proofs.
const (
	Unproved Proof = iota
	WithDANE
	WithPKIX
	WithOnion
	ByDialback // it called us, and was called back
	proofs     // number of proofs
	left       // of a stream that has ended: it proves nothing more
)

// Proofs is how many proofs there are; they are numbered from 1.
const Proofs = int(proofs)

// String is the proof's name in metrics.
func (p Proof) String() string {
	return [...]string{"none", "dane", "pkix", "onion", "dialback"}[p]
}

// proofOf is the proof behind a verdict.
func proofOf(v Verdict) Proof {
	switch v {
	case ByDANE:
		return WithDANE
	case ByPKIX:
		return WithPKIX
	case ByOnion:
		return WithOnion
	}
	return Unproved
}

// standing is how many links stand.
type standing struct {
	in, out [proofs]atomic.Int64
}

// arrive counts a stream that a peer opened, by the first proof it brings.
// Dialback brings its proofs from other goroutines, perhaps when the stream has
// ended.
func (n *standing) arrive(in *incoming, p Proof) {
	if in.counted.CompareAndSwap(uint32(Unproved), uint32(p)) {
		n.in[p].Add(1)
	}
}

// leave counts out a stream that has ended.
func (n *standing) leave(in *incoming) {
	if p := Proof(in.counted.Swap(uint32(left))); p != Unproved {
		n.in[p].Add(-1)
	}
}

// Links is how many links stand that a peer opened, and how many that we did,
// with this proof.
func (s *Server) Links(p Proof) (in, out int64) {
	return s.standing.in[p].Load(), s.standing.out[p].Load()
}
