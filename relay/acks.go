package relay

// acks is what an Outbox knows of stanzas that the peer acknowledges (XEP-0198):
// those that have gone out are kept until the peer says that it has them. The
// zero value keeps nothing. It is guarded by the Outbox's lock.
type acks struct {
	on     bool
	asked  bool   // a request is out
	sent   uint32 // number of the last stanza taken for writing
	heard  uint32 // number of the last that the peer has
	loads  []load // gone out, oldest first
	held   int    // bytes of loads
	before int    // stanzas of the queue that are not numbered
}

// A rest is a load that has to be handed back, but for its first bytes and then
// for some stanzas.
type rest struct {
	load
	from, skip int
}

// Track numbers the stanzas that are offered from now on and keeps each until
// [Outbox.Acknowledge]. The announcement, if any, goes out before the first of
// them; without one those that wait are numbered too.
func (o *Outbox) Track(p *Pass, announcement []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.acks.on = true
	if announcement != nil {
		o.acks.before = o.queue.stanzas
		o.add(p, announcement)
		o.queue.free = len(o.queue.B)
	}
}

// Acknowledge says that the peer has the first h stanzas, modulo 2^32 (XEP-0198
// §4). It reports false if it was not sent so many.
func (o *Outbox) Acknowledge(p *Pass, h uint32) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	a := &o.acks
	if !a.on || h-a.heard > a.sent-a.heard {
		return false
	}
	a.heard, a.asked = h, false
	a.trim()
	if len(a.loads) > 0 && !o.closed {
		o.ask(p)
	}
	return true
}

// ask requests an acknowledgement (XEP-0198 §4), as soon as there is room: a peer
// that does not read may acknowledge nothing as often as it likes.
func (o *Outbox) ask(p *Pass) {
	const request = "<r xmlns='urn:xmpp:sm:3'/>"
	if o.acks.asked || !o.admits(len(request), true) {
		return
	}
	o.acks.asked = true
	o.add(p, []byte(request))
}

// number gives numbers to the stanzas of a load and returns the last.
func (a *acks) number(stanzas int) uint32 {
	if a.on {
		a.sent += uint32(stanzas - a.before)
		a.before = 0
	}
	return a.sent
}

// keep holds a load that has gone out until the peer has it.
func (a *acks) keep(l load) {
	if l.Buffer == nil {
		return
	}
	if !a.on || l.last == a.heard {
		l.Free()
		return
	}
	a.held += len(l.B)
	if n := len(a.loads); n == 0 || !a.loads[n-1].join(l) {
		a.loads = append(a.loads, l)
	}
	a.trim()
}

// join puts next behind l if there is room for it. Each load has a Buffer: many
// small ones would take far more memory than the limit counts.
func (l *load) join(next load) bool {
	if cap(l.B)-len(l.B) < len(next.B) {
		return false
	}
	l.B = append(l.B, next.B...)
	l.stanzas += next.stanzas
	l.last = next.last
	next.Free()
	return true
}

// trim lets go of what the peer has.
func (a *acks) trim() {
	for len(a.loads) > 0 && int32(a.heard-a.loads[0].last) >= 0 {
		a.held -= len(a.loads[0].B)
		a.loads[0].Free()
		a.loads[0] = load{}
		a.loads = a.loads[1:]
	}
}

// unheard is what did not certainly arrive of what went out, and forgets it.
func (a *acks) unheard(out load, sent int) []rest {
	var back []rest
	for _, l := range a.loads {
		back = append(back, a.rest(l))
	}
	a.loads, a.held = nil, 0
	switch {
	case out.Buffer == nil:
	case sent < out.free: // and so none of those behind has gone out
		back = append(back, rest{out, sent, 0})
	default:
		back = append(back, a.rest(out))
	}
	return back
}

// rest leaves out those stanzas of a load that the peer has, and those that it
// was not asked to acknowledge.
func (a *acks) rest(l load) rest {
	unheard := max(0, int(int32(l.last-a.heard)))
	return rest{l, 0, max(0, l.stanzas-unheard)}
}
