package pep

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lethe/relay/jid"
	"lethe/relay/wire"
)

func payload(size int) []byte {
	return []byte("<x>" + strings.Repeat("y", size-len("<x></x>")) + "</x>")
}

func ids(n *Node) (ids []string) {
	for _, i := range n.Items() {
		ids = append(ids, i.ID)
	}
	return ids
}

func mustCreate(t *testing.T, s *Store, name string, max int) *Node {
	t.Helper()
	c := Defaults()
	c.MaxItems = max
	n, fault := s.Create(name, c)
	if fault != nil {
		t.Fatal(fault)
	}
	return n
}

// TestStore: items come and go, and the count of bytes with them.
func TestStore(t *testing.T) {
	s := NewStore(1 << 20)
	b, a := mustCreate(t, &s, "b", 3), mustCreate(t, &s, "a", 1)
	for _, id := range []string{"1", "2", "3", "2", "4"} {
		if fault := s.Publish(b, Item{id, payload(10)}); fault != nil {
			t.Fatal(fault)
		}
	}
	if got := ids(b); !slices.Equal(got, []string{"3", "2", "4"}) {
		t.Errorf("items %v", got)
	}
	if names := []string{s.Nodes()[0].Name, s.Nodes()[1].Name}; names[0] != "a" || names[1] != "b" {
		t.Errorf("nodes %v", names)
	}
	if s.Node("b") != b || s.Node("a") != a || s.Node("c") != nil || s.Empty() {
		t.Error("nodes are not found by their names")
	}
	if !s.Retract(b, "2") || s.Retract(b, "2") {
		t.Error("an item is there once")
	}
	c := b.Config
	c.MaxItems = 1
	if s.Set(b, c); !slices.Equal(ids(b), []string{"4"}) {
		t.Errorf("items %v", ids(b))
	}
	c.Persist = false
	if s.Set(b, c); len(b.Items()) != 0 {
		t.Errorf("items %v", ids(b))
	}
	if fault := s.Publish(b, Item{"5", payload(10)}); fault != nil || len(b.Items()) != 0 {
		t.Error("a node that keeps nothing kept something")
	}
	s.Delete(a)
	s.Delete(b)
	if s.bytes != 0 || !s.Empty() {
		t.Errorf("%d bytes are left", s.bytes)
	}
}

// TestStoreForgets: memory is cleared as soon as nothing holds it.
func TestStoreForgets(t *testing.T) {
	for name, forget := range map[string]func(*Store, *Node){
		"overwritten": func(s *Store, n *Node) { s.Publish(n, Item{"1", payload(10)}) },
		"displaced":   func(s *Store, n *Node) { s.Publish(n, Item{"2", payload(10)}) },
		"retracted":   func(s *Store, n *Node) { s.Retract(n, "1") },
		"purged":      func(s *Store, n *Node) { s.Purge(n) },
		"deleted":     func(s *Store, n *Node) { s.Delete(n) },
		"cleared":     func(s *Store, n *Node) { s.Clear() },
	} {
		s := NewStore(1 << 20)
		n, p := mustCreate(t, &s, "n", 1), payload(100)
		s.Publish(n, Item{"1", p})
		forget(&s, n)
		if slices.ContainsFunc(p, func(b byte) bool { return b != 0 }) {
			t.Errorf("%s: %q", name, p)
		}
	}
}

// TestStoreLimits: what is too much is refused, and changes nothing.
func TestStoreLimits(t *testing.T) {
	s := NewStore(10 << 10)
	n := mustCreate(t, &s, "n", MaxItems)
	before := s.bytes
	tests := []struct {
		item Item
		want wire.Condition
	}{
		{Item{"1", payload(MaxPayload + 1)}, wire.CondNotAcceptable},
		{Item{strings.Repeat("i", maxName+1), payload(10)}, wire.CondNotAcceptable},
		{Item{"1", payload(10 << 10)}, wire.CondResourceConstraint},
	}
	for _, tt := range tests {
		if fault := s.Publish(n, tt.item); fault == nil || fault.Condition != tt.want || s.bytes != before {
			t.Errorf("%.10q of %d bytes: %+v", tt.item.ID, len(tt.item.Payload), fault)
		}
	}
	if _, fault := s.Create(strings.Repeat("n", maxName+1), Defaults()); fault == nil {
		t.Error("a node of a long name")
	}
	// Without a byte of payload to speak of, the number is bounded all the same.
	for i := 0; ; i++ {
		if fault := s.Publish(n, Item{fmt.Sprint(i), payload(10)}); fault != nil {
			if i > 10<<10/itemCost {
				t.Errorf("%d items", i)
			}
			break
		}
	}
	// What takes the place of something needs only the difference.
	if fault := s.Publish(n, Item{"0", payload(10)}); fault != nil {
		t.Error(fault)
	}
	for i := 0; ; i++ {
		if _, fault := s.Create(fmt.Sprint(i), Defaults()); fault != nil {
			break
		} else if i > 10<<10/nodeCost {
			t.Fatal("nodes are not counted")
		}
	}
}

func TestSubscribers(t *testing.T) {
	s := NewStore(1 << 20)
	n, m := mustCreate(t, &s, "n", 1), mustCreate(t, &s, "m", 1)
	who := func(i int) jid.JID {
		j, err := jid.New(fmt.Sprintf("u%d", i), "example.org", "")
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	for i := range MaxSubscribers {
		for range 2 {
			if fault := s.Subscribe(n, who(i)); fault != nil {
				t.Fatal(fault)
			}
		}
	}
	if fault := s.Subscribe(m, who(0)); fault == nil || fault.Detail != "too-many-subscriptions" {
		t.Errorf("one too many: %v", fault)
	}
	if !s.Unsubscribe(n, who(7)) || s.Unsubscribe(n, who(7)) || len(n.Subscribers()) != MaxSubscribers-1 {
		t.Error("a subscription ends once")
	}
	if s.Subscribe(m, who(0)) != nil {
		t.Error("the place was not free")
	}
	if s.Delete(n); s.asked != 1 {
		t.Errorf("%d subscriptions", s.asked)
	}
}

func TestConfig(t *testing.T) {
	tests := []struct {
		name, value string
		want        Config
		refused     bool
	}{
		{"pubsub#access_model", "open", Config{Access: Open, MaxItems: 1, Persist: true}, false},
		{"pubsub#access_model", "whitelist", Config{Access: Whitelist, MaxItems: 1, Persist: true}, false},
		{"pubsub#access_model", "roster", Config{}, true},
		{"pubsub#max_items", "max", Config{MaxItems: MaxItems, Persist: true}, false},
		{"pubsub#max_items", "100000", Config{MaxItems: MaxItems, Persist: true}, false},
		{"pubsub#max_items", "7", Config{MaxItems: 7, Persist: true}, false},
		{"pubsub#max_items", "0", Config{}, true},
		{"pubsub#max_items", "-1", Config{}, true},
		{"pubsub#persist_items", "0", Config{MaxItems: 1}, false},
		{"pubsub#persist_items", "false", Config{MaxItems: 1}, false},
		{"pubsub#persist_items", "no", Config{}, true},
		{"pubsub#send_last_published_item", "never", Config{SendLast: Never, MaxItems: 1, Persist: true}, false},
		{"pubsub#notify_retract", "1", Config{NotifyRetract: true, MaxItems: 1, Persist: true}, false},
		{"pubsub#notify_delete", "true", Config{NotifyDelete: true, MaxItems: 1, Persist: true}, false},
		{"pubsub#deliver_payloads", "1", Defaults(), false},
		{"pubsub#deliver_payloads", "0", Config{}, true},
		{"pubsub#publish_model", "publishers", Defaults(), false},
		{"pubsub#publish_model", "open", Config{}, true},
		{"pubsub#title", "A title", Defaults(), false}, // passed over
	}
	for _, tt := range tests {
		got, fault := Defaults().With([]Option{{tt.name, tt.value}})
		if (fault != nil) != tt.refused || fault == nil && got != tt.want {
			t.Errorf("%s=%s: %+v %v", tt.name, tt.value, got, fault)
		}
	}
}

// TestPreconditions: publish options are the configuration of a node to come,
// and hold or do not hold for one that is there (XEP-0060 §7.1.5).
func TestPreconditions(t *testing.T) {
	wanted := []Option{{"pubsub#persist_items", "true"}, {"pubsub#access_model", "open"}, {"pubsub#max_items", "max"}}
	c, fault := Defaults().Prepared(wanted)
	if fault != nil || c.Access != Open || c.MaxItems != MaxItems {
		t.Fatalf("%+v %v", c, fault)
	}
	if fault := c.Meets(wanted); fault != nil {
		t.Error(fault)
	}
	if fault := c.Meets([]Option{{"pubsub#max_items", "5000"}, {"pubsub#persist_items", "1"}}); fault != nil {
		t.Error(fault) // other words for the same
	}
	if fault := Defaults().Meets(wanted); fault == nil || fault.Detail != "precondition-not-met" || fault.Condition != wire.CondConflict {
		t.Errorf("%+v", fault)
	}
	if fault := c.Meets([]Option{{"pubsub#unheard", "of"}}); fault == nil || fault.Detail != "" {
		t.Errorf("%+v", fault)
	}
}
