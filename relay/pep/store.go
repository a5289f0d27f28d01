package pep

import (
	"slices"
	"strings"

	"lethe/relay/jid"
	"lethe/relay/wire"
)

// Bounds of one [Store]. What exceeds them is refused.
const (
	// MaxPayload is how many bytes an item's payload may have: it must fit
	// into a stanza of 262144 bytes with addresses and tags around it.
	MaxPayload = 240 << 10

	// MaxItems is how many items a node can be set up to keep.
	MaxItems = 1000

	// MaxSubscribers is how many subscriptions there can be beside those that
	// come with seeing the owner's presence, to all nodes together.
	MaxSubscribers = 100

	maxName = 1023 // bytes of a node's name or of an item's id

	// What a node and an item take beside their names and payloads. It bounds
	// how many there can be.
	nodeCost, itemCost = 512, 128
)

// An Item is what was published once. The payload belongs to the Store and is
// cleared when the item is gone.
type Item struct {
	ID      string
	Payload []byte
}

func (i Item) size() int { return itemCost + len(i.ID) + len(i.Payload) }

// A Node is one subject of an account's.
type Node struct {
	Name   string
	Config Config

	items       []Item // the oldest first
	subscribers []jid.JID
}

// Items returns the items, the oldest first. They are valid until the Store is
// changed.
func (n *Node) Items() []Item {
	if n == nil {
		return nil
	}
	return n.items
}

// Item returns the item with this id.
func (n *Node) Item(id string) (Item, bool) {
	if i := n.index(id); i >= 0 {
		return n.items[i], true
	}
	return Item{}, false
}

func (n *Node) index(id string) int {
	return slices.IndexFunc(n.Items(), func(i Item) bool { return i.ID == id })
}

// Subscribers returns the addresses that subscribed by themselves.
func (n *Node) Subscribers() []jid.JID {
	if n == nil {
		return nil
	}
	return n.subscribers
}

func (n *Node) size() int {
	size := nodeCost + len(n.Name)
	for _, i := range n.items {
		size += i.size()
	}
	return size
}

// A Store is what one account has published. It belongs to the account, whose
// lock guards it. Make one with [NewStore].
type Store struct {
	limit int // bytes, names and a fixed cost of each node and item included
	bytes int
	nodes []*Node // in the order of their names
	asked int     // subscriptions
}

// NewStore returns an empty Store for so many bytes.
func NewStore(limit int) Store { return Store{limit: limit} }

// Empty reports whether there is nothing to remember.
func (s *Store) Empty() bool { return len(s.nodes) == 0 }

// Nodes returns the nodes in the order of their names. The slice is the
// Store's own.
func (s *Store) Nodes() []*Node { return s.nodes }

// Node returns the node of that name, or nil.
func (s *Store) Node(name string) *Node {
	if i, ok := s.find(name); ok {
		return s.nodes[i]
	}
	return nil
}

func (s *Store) find(name string) (int, bool) {
	return slices.BinarySearchFunc(s.nodes, name, func(n *Node, name string) int { return strings.Compare(n.Name, name) })
}

// Create makes a node; there must be none of that name.
func (s *Store) Create(name string, c Config) (*Node, *Fault) {
	n := &Node{Name: name, Config: c}
	if fault := s.fits(name, n.size()); fault != nil {
		return nil, fault
	}
	at, _ := s.find(name)
	s.nodes = slices.Insert(s.nodes, at, n)
	s.bytes += n.size()
	return n, nil
}

func (s *Store) fits(name string, more int) *Fault {
	switch {
	case len(name) > maxName:
		return &Fault{Condition: wire.CondNotAcceptable, Text: "This name is too long."}
	case s.bytes+more > s.limit:
		return &Fault{Condition: wire.CondResourceConstraint, Text: "Your account has published as much as this server keeps in memory. Remove something first."}
	}
	return nil
}

// Set configures a node. Items it no longer keeps go.
func (s *Store) Set(n *Node, c Config) {
	n.Config = c
	if !c.Persist {
		s.drop(n, len(n.items))
	}
	s.drop(n, len(n.items)-c.MaxItems)
}

// Publish puts an item into the node, as the last one, in place of the one with
// that id or of the oldest if the node is full (XEP-0060 §7.1.2.5). A node that
// keeps no items takes it and keeps nothing. From here on the payload is the
// Store's, if there is no Fault.
func (s *Store) Publish(n *Node, i Item) *Fault {
	if len(i.Payload) > MaxPayload {
		// XEP-0060 §7.1.3.5
		return &Fault{wire.CondNotAcceptable, "payload-too-big", "", "This is too large to be published here."}
	}
	freed := 0
	at := n.index(i.ID)
	switch {
	case at >= 0:
		freed = n.items[at].size()
	case len(n.items) > 0 && len(n.items) >= n.Config.MaxItems:
		freed = n.items[0].size()
	}
	if fault := s.fits(i.ID, i.size()-freed); fault != nil {
		return fault
	}
	if !n.Config.Persist {
		clear(i.Payload)
		return nil
	}
	s.remove(n, at)
	s.drop(n, len(n.items)+1-n.Config.MaxItems)
	n.items = append(n.items, i)
	s.bytes += i.size()
	return nil
}

// Retract removes an item and reports whether it was there.
func (s *Store) Retract(n *Node, id string) bool {
	at := n.index(id)
	s.remove(n, at)
	return at >= 0
}

// Purge removes all items of a node.
func (s *Store) Purge(n *Node) { s.drop(n, len(n.items)) }

// Delete removes a node.
func (s *Store) Delete(n *Node) {
	s.Purge(n)
	s.bytes -= n.size()
	s.asked -= len(n.subscribers)
	if i, ok := s.find(n.Name); ok {
		s.nodes = slices.Delete(s.nodes, i, i+1)
	}
}

// Clear removes everything.
func (s *Store) Clear() {
	for _, n := range s.nodes {
		s.Purge(n)
	}
	s.nodes, s.bytes, s.asked = nil, 0, 0
}

// drop removes the first so many items.
func (s *Store) drop(n *Node, count int) {
	for range max(count, 0) {
		s.remove(n, 0)
	}
}

// remove removes the item at a place, unless that is -1.
func (s *Store) remove(n *Node, at int) {
	if at < 0 {
		return
	}
	s.bytes -= n.items[at].size()
	clear(n.items[at].Payload)
	n.items = slices.Delete(n.items, at, at+1)
}

// Subscribe adds an address to those that are told what is published at a node.
func (s *Store) Subscribe(n *Node, address jid.JID) *Fault {
	switch {
	case slices.Contains(n.subscribers, address):
	case s.asked >= MaxSubscribers:
		// XEP-0060 §6.1.3.9
		return &Fault{wire.CondPolicyViolation, "too-many-subscriptions", "", "Too many have subscribed here already."}
	default:
		n.subscribers = append(n.subscribers, address)
		s.asked++
	}
	return nil
}

// Unsubscribe takes it out again and reports whether it was there.
func (s *Store) Unsubscribe(n *Node, address jid.JID) bool {
	at := slices.Index(n.Subscribers(), address)
	if at >= 0 {
		n.subscribers = slices.Delete(n.subscribers, at, at+1)
		s.asked--
	}
	return at >= 0
}
