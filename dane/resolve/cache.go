package resolve

import (
	"container/list"
	"sync"
	"time"
)

// A cache keeps values until they expire, the most recently used of them in
// as many bytes as limit says. Its zero value keeps nothing.
type cache[K comparable, V any] struct {
	limit int

	mu      sync.Mutex
	used    int
	entries map[K]*list.Element // of *entry[K, V]
	order   list.List           // the most recently used first
}

type entry[K comparable, V any] struct {
	key     K
	value   V
	size    int
	expires time.Time
}

// get returns a value and how long it is still good for.
func (c *cache[K, V]) get(key K, now time.Time) (value V, left time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		return value, 0, false
	}
	held := e.Value.(*entry[K, V])
	if left = held.expires.Sub(now); left <= 0 {
		c.remove(e)
		return value, 0, false
	}
	c.order.MoveToFront(e)
	return held.value, left, true
}

// put keeps a value of about size bytes.
func (c *cache[K, V]) put(key K, value V, size int, expires time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[key]; e != nil {
		c.remove(e)
	}
	if size > c.limit {
		return
	}
	if c.entries == nil {
		c.entries = map[K]*list.Element{}
	}
	c.entries[key] = c.order.PushFront(&entry[K, V]{key, value, size, expires})
	for c.used += size; c.used > c.limit; {
		c.remove(c.order.Back())
	}
}

func (c *cache[K, V]) remove(e *list.Element) {
	held := c.order.Remove(e).(*entry[K, V])
	delete(c.entries, held.key)
	c.used -= held.size
}
