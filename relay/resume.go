package relay

import "lethe/relay/wire"

// Hold lets the Outbox outlive its connection (XEP-0198 §5). When that is lost,
// nothing is handed back: the Outbox waits, still within its limit taking
// offers, for [Outbox.Resume] or [Outbox.Abandon]. Stanzas must be tracked.
func (o *Outbox) Hold() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held = true
}

// Resume ends the connection, if there still is one, and puts link in its
// place. What the peer has not acknowledged goes out again, then what has waited
// (XEP-0198 §5). It reports false if the Outbox is closed; link is untouched
// then.
func (o *Outbox) Resume(link Link) bool {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return false
	}
	o.link.Cut()
	o.shed()
	if o.claimed && !o.parked {
		o.next = link // its claimant is about to notice
		o.mu.Unlock()
		return true
	}
	o.claimed = true
	o.rewind(link)
	o.mu.Unlock()
	o.write(false)
	return true
}

// Abandon says that no connection will come: what has waited is handed back.
func (o *Outbox) Abandon() {
	o.mu.Lock()
	o.held = false
	if o.claimed && !o.parked {
		o.closed, o.broken = true, true
		o.link.Cut() // its claimant is about to notice
		o.mu.Unlock()
		return
	}
	o.claimed = true
	o.mu.Unlock()
	o.fail()
}

// park is how a held Outbox loses its connection. Called by the claimant with
// mu locked, it unlocks it.
func (o *Outbox) park() {
	if o.out.Buffer != nil {
		o.acks.loads = append(o.acks.loads, o.out)
		o.acks.held += len(o.out.B)
	}
	o.out, o.sent, o.writing = load{}, 0, 0
	o.link = nowhere{}
	if o.next == nil {
		o.parked = true
		o.mu.Unlock()
		return
	}
	o.rewind(o.next)
	o.mu.Unlock()
	o.write(false)
}

// unpark lets a held Outbox that waits be claimed, by somebody who will find
// that there is no connection.
func (o *Outbox) unpark() {
	if o.held && o.parked {
		o.parked, o.claimed = false, false
	}
}

// shed leaves only stanzas in the queue: what was said about the old stream is
// of no use on the new one, whose own elements come behind. Called with mu
// locked.
func (o *Outbox) shed() {
	old := o.queue
	o.queue = load{}
	o.acks.before = 0
	o.again(rest{old, 0, 0})
}

// rewind makes link the connection and queues all that the peer is not known to
// have before what has waited. Called by the claimant with mu locked.
func (o *Outbox) rewind(link Link) {
	o.link, o.next, o.parked = link, nil, false
	waited := o.queue
	o.queue = load{}
	for _, r := range o.acks.unheard(load{}, 0) {
		o.again(r)
	}
	o.acks.sent, o.acks.asked, o.acks.before = o.acks.heard, false, 0
	if waited.Buffer != nil {
		o.add(nil, waited.B) // the Outbox is claimed
		o.queue.stanzas += waited.stanzas
		waited.Free()
	}
}

// again queues the stanzas of r.
func (o *Outbox) again(r rest) {
	if r.Buffer == nil {
		return
	}
	stanzas(r.B[r.from:], o.ns, r.skip, func(s *wire.Stanza) {
		start := o.grow(len(s.Raw()))
		o.queue.B = append(o.queue.B, s.Raw()...)
		o.queue.stanzas++
		o.commit(nil, start)
	})
	r.Free()
}

// returned hands back each stanza of r.
func (o *Outbox) returned(p *Pass, r rest) {
	lost := o.lost
	if lost == nil {
		lost = o.router.refuseLost
	}
	stanzas(r.B[r.from:], o.ns, r.skip, func(s *wire.Stanza) { lost(p, s) })
}
