package server_test

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// A ledger follows every message of a conservation test: who sent it, who got
// it, who was told that nobody did.
type ledger struct {
	mu       sync.Mutex
	start    time.Time
	messages []message
	sessions []session
	faults   []string
}

// A message is one line of the ledger. Its number is its id.
type message struct {
	sender   *peer
	session  int           // the sender's
	user     *user         // to whom; nil: to nobody there is
	only     *peer         // no other resource may get it
	secret   bool          // nobody may get a copy
	nobody   bool          // nobody may get it
	size     int           // bytes of body
	sent     time.Duration // since the start
	accepted bool          // the server has said that it had it
	settled  bool          // and has had a round trip to refuse it at once
	answers  int
	got      []receipt
	copies   []receipt
}

// A receipt is one arrival of a message.
type receipt struct {
	peer    *peer
	session int
	number  uint32 // among the session's stanzas, where these are counted
}

// A session is the time between binding and the end of the stream, with all
// connections that it had.
type session struct {
	managed   bool
	began     time.Duration // since the start
	heard     time.Duration // when the peer had last read all there was
	confirmed uint32        // stanzas of which the server knows that they arrived
	ended     time.Duration // since the start; 0: not
	orderly   bool
}

// late is how long after a session's end what it lost may be answered, and how
// long a session may be there before its peer knows.
const late = window + time.Second

func newLedger(size int) *ledger {
	return &ledger{start: time.Now(), messages: make([]message, 0, size)}
}

// enter writes a new message down and returns its id.
func (l *ledger) enter(m message) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	m.sent = time.Since(l.start)
	l.messages = append(l.messages, m)
	return fmt.Sprint("m", len(l.messages)-1)
}

// find returns the message with this id, nil if it is no message's.
func (l *ledger) find(id string) *message {
	var n int
	if _, err := fmt.Sscanf(id, "m%d", &n); err != nil || n < 0 || n >= len(l.messages) {
		return nil
	}
	return &l.messages[n]
}

// accept notes that the server has these messages.
func (l *ledger) accept(ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.find(id).accepted = true
	}
}

// settle notes that what was refused at once would have been answered by now,
// and that the session's peer has read all there was.
func (l *ledger) settle(session int, ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		l.find(id).settled = true
	}
	l.sessions[session].heard = time.Since(l.start)
}

// deliver notes an arrival.
func (l *ledger) deliver(id, body string, r receipt, isCopy bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.find(id)
	switch {
	case m == nil:
		l.fault("%s got a message %q that nobody sent", r.peer, id)
	case len(body) != m.size || !strings.HasPrefix(body, bodyOf(id, m.secret, 0)):
		l.fault("%s got %s with another body", r.peer, id)
	case isCopy:
		m.copies = append(m.copies, r)
	default:
		m.got = append(m.got, r)
	}
}

// answer notes that p was told that a message reached nobody.
func (l *ledger) answer(id string, p *peer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.find(id)
	if m == nil || m.sender != p {
		l.fault("%s got an answer to %q, which it did not send", p, id)
		return
	}
	m.answers++
}

// open begins a session and returns its number.
func (l *ledger) open(managed bool) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions = append(l.sessions, session{managed: managed, began: time.Since(l.start)})
	return len(l.sessions) - 1
}

// confirm notes that the server knows that so many stanzas arrived.
func (l *ledger) confirm(session int, received uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[session].confirmed = received
}

// end ends a session. orderly says that all that was sent to it was read.
func (l *ledger) end(session int, orderly bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[session].ended, l.sessions[session].orderly = time.Since(l.start), orderly
}

// fault notes what must not be, with l locked.
func (l *ledger) fault(format string, args ...any) {
	if len(l.faults) < 20 {
		l.faults = append(l.faults, fmt.Sprintf(format, args...))
	}
}

// A balance is what became of all messages.
type balance struct {
	sent      int // accepted by the server
	delivered int // to one resource at least
	answered  int

	// Where nobody can know, because a connection was lost for good.
	both       int // delivered but not acknowledged, and answered (XEP-0198 §4)
	unreported int // the sender was not there to be told
	spilled    int // to a client without acknowledgements that was cut
	unsure     int // the server did not get to say that it had it
	copies     int
	heard      int // in rooms
}

func (b balance) String() string {
	return fmt.Sprintf("%d sent = %d delivered + %d answered - %d both + %d whose sender was gone + %d spilled; %d may not have been sent; %d copies; %d heard in rooms",
		b.sent, b.delivered, b.answered, b.both, b.unreported, b.spilled, b.unsure, b.copies, b.heard)
}

// close draws the balance. All sessions must be at rest.
func (l *ledger) close() balance {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b balance
	for i := range l.messages {
		l.audit(fmt.Sprint("m", i), &l.messages[i], &b)
	}
	return b
}

// audit holds one message against the law: delivered or answered, once.
func (l *ledger) audit(id string, m *message, b *balance) {
	l.receivers(id, m)
	b.copies += len(m.copies)
	if m.answers > 1 {
		l.fault("%s was answered %d times: %s", id, m.answers, l.show(m))
	}
	if !m.accepted {
		b.unsure++
		return
	}
	b.sent++
	if len(m.got) > 0 {
		b.delivered++
	}
	if m.answers > 0 {
		b.answered++
	}
	switch {
	case len(m.got) > 0 && m.answers > 0:
		b.both++
		if l.certain(m) {
			l.fault("%s was delivered and answered: %s", id, l.show(m))
		}
	case len(m.got) > 0 || m.answers > 0:
	case m.user != nil && m.user.reckless:
		b.spilled++
	case l.mayBeUnreported(m):
		b.unreported++
	default:
		l.fault("%s vanished: %s", id, l.show(m))
	}
}

// receivers checks who got the message and who a copy.
func (l *ledger) receivers(id string, m *message) {
	seen := make(map[*peer]int)
	for _, r := range m.got {
		if seen[r.peer]++; seen[r.peer] > 1 {
			l.fault("%s reached %s twice: %s", id, r.peer, l.show(m))
		}
		if m.nobody || r.peer.user != m.user || m.only != nil && r.peer != m.only {
			l.fault("%s reached %s: %s", id, r.peer, l.show(m))
		}
	}
	for _, r := range m.copies {
		if seen[r.peer]++; seen[r.peer] > 1 {
			l.fault("%s had a copy of %s too many: %s", r.peer, id, l.show(m))
		}
		if m.secret || r.peer == m.sender || r.peer.user != m.user && r.peer.user != m.sender.user {
			l.fault("%s had a copy of %s: %s", r.peer, id, l.show(m))
		}
	}
}

// certain reports whether the server must know that somebody got m.
func (l *ledger) certain(m *message) bool {
	for _, r := range m.got {
		if s := l.sessions[r.session]; s.ended == 0 || !s.managed || r.number <= s.confirmed {
			return true
		}
	}
	return false
}

// mayBeUnreported reports whether the answer to m may have found its sender
// gone: it was sent in a session that ended, and either that did not last until
// m could be refused at once, or m waited in a receiver's session and came back
// after the sender had last read what there was.
func (l *ledger) mayBeUnreported(m *message) bool {
	sender := l.sessions[m.session]
	if sender.ended == 0 {
		return false
	}
	if !m.settled {
		return true
	}
	if m.user == nil {
		return false
	}
	for _, p := range m.user.peers {
		for _, i := range p.sessions {
			s := l.sessions[i]
			if s.began-late <= m.sent && m.sent <= s.ended && s.ended+late >= sender.heard {
				return true
			}
		}
	}
	return false
}

// show is all that is known of a message.
func (l *ledger) show(m *message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "sent %v by %s in session %d (ended %v)", m.sent, m.sender, m.session, l.sessions[m.session].ended)
	if m.user != nil {
		fmt.Fprintf(&b, " to %s", m.user.name)
	}
	if m.only != nil {
		fmt.Fprintf(&b, ", only %s", m.only)
	}
	fmt.Fprintf(&b, ", secret %t, accepted %t, settled %t, answered %d", m.secret, m.accepted, m.settled, m.answers)
	for _, r := range m.got {
		fmt.Fprintf(&b, "; got by %s as %d in session %d %+v", r.peer, r.number, r.session, l.sessions[r.session])
	}
	for _, r := range m.copies {
		fmt.Fprintf(&b, "; copied to %s in session %d", r.peer, r.session)
	}
	if m.user == nil {
		return b.String()
	}
	for _, p := range m.user.peers {
		for _, s := range p.sessions {
			if end := l.sessions[s].ended; end == 0 || end >= m.sent {
				fmt.Fprintf(&b, "; session %d of %s: %+v", s, p, l.sessions[s])
			}
		}
	}
	return b.String()
}
