package account

import (
	"lethe/relay"
	"lethe/relay/pep"
	"lethe/relay/wire"
)

// askedByOwner handles what an account's own resources ask of its nodes.
func askedByOwner(q *query) relay.Drop {
	r, fault := pep.Parse(q.st)
	if fault != nil {
		return q.fault(fault)
	}
	switch r.Verb {
	case pep.Items, pep.Subscribe, pep.Unsubscribe:
		return q.read(r, owner)
	case pep.Default:
		return q.reply(pep.AppendConfig(nil, "", pep.Defaults()))
	case pep.Configure:
		if r.Options == nil && !r.Cancel {
			return q.configuration(r.Node)
		}
	}
	return q.changing(func(c *nodeChange) *pep.Fault { return c.apply(r) })
}

// configuration answers with the form of a node (XEP-0060 §8.2.2).
func (q *query) configuration(name string) relay.Drop {
	var b []byte
	q.locked(func(a *account) {
		if v, ok := q.server.node(q.users, q.to, a, name); ok {
			b = pep.AppendConfig(nil, name, v.config)
		}
	})
	if b == nil {
		return q.fault(noSuchNode()) // XEP-0060 §8.2.3.5
	}
	return q.reply(b)
}

// changing runs f on the owner's nodes, answers and tells who is to be told.
// Until all have been, no other change comes between.
func (q *query) changing(f func(*nodeChange) *pep.Fault) relay.Drop {
	a := q.server.find(q.to)
	if a == nil {
		return relay.Offline // it has left meanwhile
	}
	a.cast.Lock()
	defer a.cast.Unlock()
	a.mu.Lock()
	t := a.seat(q.from)
	if t == nil {
		a.mu.Unlock()
		return relay.Offline
	}
	c := nodeChange{query: q, account: a}
	fault := f(&c)
	if fault == nil {
		t.answer(q, c.result)
	}
	for _, n := range c.notices {
		n.toOwn()
	}
	a.mu.Unlock()
	for _, n := range c.notices {
		n.toOthers()
	}
	if fault != nil {
		return q.fault(fault)
	}
	return relay.Delivered
}

// A nodeChange is one request at work on the nodes of its account, which is
// locked.
type nodeChange struct {
	*query
	account *account
	result  []byte // to answer with
	notices []*notice
}

func (c *nodeChange) apply(r *pep.Request) *pep.Fault {
	if fault := c.signed(r); fault != nil {
		return fault
	}
	switch r.Verb {
	case pep.Publish:
		return c.publish(r)
	case pep.Create:
		return c.create(r)
	}
	n := c.account.published.Node(r.Node)
	if _, ok := c.server.node(c.users, c.to, c.account, r.Node); ok && r.Verb == pep.Configure {
		return c.configure(n, r)
	}
	if n == nil {
		return noSuchNode() // XEP-0060 §7.2.3.2, §8.2.3.5, §8.4.3.2, §8.5.3.4
	}
	switch r.Verb {
	case pep.Retract:
		return c.retract(n, r)
	case pep.Purge:
		c.purge(n)
	case pep.Delete:
		c.remove(n)
	}
	return nil
}

// signed refuses what the signed file has the last word on.
func (c *nodeChange) signed(r *pep.Request) *pep.Fault {
	notAllowed := func(text string) *pep.Fault { return &pep.Fault{Condition: wire.CondNotAllowed, Text: text} }
	switch r.Node {
	case nodeNick:
		if _, ok := signedNick(c.users, c.to); ok {
			return notAllowed("Your name comes from the signed list of this server. Only its operator can change it.")
		}
	case nodeBookmarks:
		if r.Verb == pep.Retract && c.server.stands(c.users, c.to, r.Item.ID) {
			return notAllowed("This room is on the signed list of this server. Only its operator can remove it; you can keep your client from joining it.")
		}
	case nodeOldBookmarks:
		if r.Verb != pep.Publish {
			return notAllowed("These bookmarks are another view of the newer ones. Change them by publishing.")
		}
	}
	return nil
}

// publish puts an item into a node, which it makes if need be (XEP-0060 §7.1,
// XEP-0163 §3).
func (c *nodeChange) publish(r *pep.Request) *pep.Fault {
	if r.Node == nodeOldBookmarks {
		if _, fault := configured(r.Node, defaultsOf(r.Node).Prepared, r.Options); fault != nil {
			return fault
		}
		c.result = pep.AppendPublished(nil, r.Node, "current")
		return c.setOldBookmarks(r.Item.Payload)
	}
	if r.Node == nodeBookmarks && !isBookmark(r.Item) {
		return &pep.Fault{Condition: wire.CondBadRequest, Detail: "invalid-payload", Text: "A bookmark is a conference under the address of its room."}
	}
	store := &c.account.published
	n, fresh := store.Node(r.Node), false
	if n == nil {
		config, fault := configured(r.Node, defaultsOf(r.Node).Prepared, r.Options)
		if fault == nil {
			n, fault = store.Create(r.Node, config) // XEP-0060 §7.1.4
		}
		if fault != nil {
			return fault
		}
		fresh = true
	} else if fault := n.Config.Meets(r.Options); fault != nil {
		return fault
	}
	instant(&r.Item.ID)
	event := pep.AppendItemEvent(nil, r.Node, r.Item)
	if fault := store.Publish(n, r.Item); fault != nil {
		if fresh {
			store.Delete(n)
		}
		return fault
	}
	c.result = pep.AppendPublished(nil, r.Node, r.Item.ID)
	c.tell(n, event)
	return nil
}

// configured returns what one of the ways to read options makes of them. It
// keeps bookmarks from being shown around.
func configured(node string, read func([]pep.Option) (pep.Config, *pep.Fault), options []pep.Option) (pep.Config, *pep.Fault) {
	config, fault := read(options)
	if fault == nil && config.Access != pep.Whitelist && (node == nodeBookmarks || node == nodeOldBookmarks) {
		fault = &pep.Fault{Condition: wire.CondNotAcceptable, Text: "Bookmarks are for their owner alone."}
	}
	return config, fault
}

// create makes a node before anything is published (XEP-0060 §8.1).
func (c *nodeChange) create(r *pep.Request) *pep.Fault {
	made := instant(&r.Node)
	if _, exists := c.server.node(c.users, c.to, c.account, r.Node); exists {
		return &pep.Fault{Condition: wire.CondConflict, Text: "There is such a node already."}
	}
	config, fault := configured(r.Node, defaultsOf(r.Node).With, r.Options)
	if fault == nil {
		_, fault = c.account.published.Create(r.Node, config)
	}
	if made && fault == nil {
		c.result = pep.AppendCreated(nil, r.Node)
	}
	return fault
}

// configure takes a form that was filled in (XEP-0060 §8.2.5). The node of
// bookmarks, nil, can be there by the signed file alone.
func (c *nodeChange) configure(n *pep.Node, r *pep.Request) *pep.Fault {
	if r.Cancel {
		return nil
	}
	from := defaultsOf(r.Node)
	if n != nil {
		from = n.Config
	}
	config, fault := configured(r.Node, from.With, r.Options)
	if fault == nil && n == nil {
		n, fault = c.account.published.Create(r.Node, config)
	}
	if fault == nil {
		c.account.published.Set(n, config)
	}
	return fault
}

// retract removes one item (XEP-0060 §7.2).
func (c *nodeChange) retract(n *pep.Node, r *pep.Request) *pep.Fault {
	if !c.account.published.Retract(n, r.Item.ID) {
		return &pep.Fault{Condition: wire.CondItemNotFound, Text: "There is no such item."}
	}
	if r.Notify || n.Config.NotifyRetract {
		c.tell(n, pep.AppendRetractEvent(nil, n.Name, r.Item.ID)) // XEP-0060 §7.2.2.1
	}
	return nil
}

// purge removes all items (XEP-0060 §8.5). Those who did not ask to hear of
// removals are told nothing: an empty event would make clients believe that
// there are no devices any more.
func (c *nodeChange) purge(n *pep.Node) {
	c.account.published.Purge(n)
	if n.Config.NotifyRetract {
		c.tell(n, pep.AppendPurgeEvent(nil, n.Name)) // XEP-0060 §8.5.2
	}
	c.tellStanding(n)
}

// remove removes a node (XEP-0060 §8.4).
func (c *nodeChange) remove(n *pep.Node) {
	c.account.published.Delete(n)
	if n.Config.NotifyDelete {
		c.tell(n, pep.AppendDeleteEvent(nil, n.Name)) // XEP-0060 §8.4.2
	}
	c.tellStanding(n)
}

// tell has a change of a node told to whom it concerns.
func (c *nodeChange) tell(n *pep.Node, event []byte) {
	v := view{config: n.Config, subscribers: n.Subscribers()}
	c.notices = append(c.notices, c.account.newNotice(c.pass, c.users, n.Name, v, event))
	if n.Name == nodeBookmarks {
		c.tellOldBookmarks()
	}
}
