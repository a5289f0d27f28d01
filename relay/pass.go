package relay

// Pass is one reader's walk over a batch of input. It remembers the Outboxes
// that the walk claimed, so that each is written once, at the end. A Pass
// belongs to one goroutine; its zero value is ready.
type Pass struct {
	claimed   []*Outbox
	answering bool // within Router.Answer: errors go to whom they answer
}

// Flush writes what the Pass put in Outboxes. It must be called before the
// goroutine waits for anything.
func (p *Pass) Flush() {
	for i := 0; i < len(p.claimed); i++ {
		p.claimed[i].write(false)
	}
	clear(p.claimed)
	if cap(p.claimed) > 64 { // a room's worth: not kept for an idle connection
		p.claimed = nil
		return
	}
	p.claimed = p.claimed[:0]
}
