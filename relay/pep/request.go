package pep

import (
	"strconv"

	"lethe/relay/jid"
	"lethe/relay/wire"
)

// A Verb is what a request is about.
type Verb uint8

// The verbs, by the elements that stand for them.
const (
	Publish     Verb = iota // XEP-0060 §7.1
	Retract                 // XEP-0060 §7.2
	Items                   // XEP-0060 §6.5
	Subscribe               // XEP-0060 §6.1
	Unsubscribe             // XEP-0060 §6.2
	Create                  // XEP-0060 §8.1
	Configure               // XEP-0060 §8.2, asked for or submitted
	Default                 // XEP-0060 §8.3
	Delete                  // XEP-0060 §8.4
	Purge                   // XEP-0060 §8.5
)

// ForOwner reports whether nobody but the owner can want this.
func (v Verb) ForOwner() bool { return v != Items && v != Subscribe && v != Unsubscribe }

// A Request is an IQ get or set that was understood.
type Request struct {
	Verb Verb
	Node string // not empty, but for Default and a node that Create names

	Item   Item     // to publish, its id empty if the publisher leaves it to us, or to retract
	IDs    []string // the items asked for; none: all
	Max    int      // of the items, the latest so many; 0: all
	Notify bool     // of what is retracted, in any case

	Subscriber jid.JID

	Options []Option // of a form
	Cancel  bool     // the form was given up
}

// maxAsked is how many items one request can name.
const maxAsked = 100

// deepest is where payloads and fields of forms lie: iq, pubsub, publish, item.
const deepest = 4

// Parse reads the request in an IQ that has one child, in one of the namespaces
// [NS] and [NSOwner].
func Parse(st *wire.Stanza) (*Request, *Fault) {
	top := st.Outline(deepest).Children[0]
	verbs := top.Children
	if len(verbs) == 0 {
		return nil, &Fault{Condition: wire.CondBadRequest, Text: "This request says nothing."}
	}
	first := verbs[0]
	var second *wire.Node
	if len(verbs) > 1 {
		second = verbs[1]
	}
	set := string(st.Type()) == "set"
	r := &Request{Node: first.Attr("node")}
	var fault *Fault
	switch verb := first.Name; {
	case top.NS == NS && set && verb == "publish":
		fault = r.publish(first, second)
	case top.NS == NS && set && verb == "retract":
		fault = r.retract(first)
	case top.NS == NS && !set && verb == "items":
		fault = r.items(first)
	case top.NS == NS && set && (verb == "subscribe" || verb == "unsubscribe"):
		fault = r.subscription(first)
	case top.NS == NS && set && verb == "create":
		fault = r.create(second)
	case top.NS == NSOwner && verb == "configure":
		fault = r.configure(first, set)
	case top.NS == NSOwner && !set && verb == "default":
		r.Verb = Default
	case top.NS == NSOwner && set && verb == "delete":
		r.Verb = Delete
	case top.NS == NSOwner && set && verb == "purge":
		r.Verb = Purge
	default:
		fault = unsupported(verb)
	}
	if fault == nil && r.Node == "" && r.Verb != Create && r.Verb != Default {
		// XEP-0060 §7.2.3.3, §8.2.3.3
		fault = &Fault{wire.CondBadRequest, "nodeid-required", "", "This request names no node."}
	}
	return r, fault
}

// unsupported answers what this service does not do, by the name of the
// feature that it would announce otherwise (XEP-0060 §6.1.3.10).
func unsupported(verb string) *Fault {
	f := &Fault{wire.CondFeatureNotImplemented, "unsupported", "", "This service does not do that."}
	switch verb {
	case "subscriptions":
		f.Feature = "retrieve-subscriptions"
	case "affiliations":
		f.Feature = "retrieve-affiliations"
	case "options":
		f.Feature = "subscription-options"
	default:
		f.Detail = ""
	}
	return f
}

func (r *Request) publish(verb, options *wire.Node) *Fault {
	r.Verb = Publish
	if len(verb.Children) != 1 || verb.Children[0].Name != "item" {
		// XEP-0060 §7.1.3.7
		return &Fault{wire.CondBadRequest, "item-required", "", "What is published is one item."}
	}
	item := verb.Children[0]
	switch {
	case len(item.Children) == 0:
		// XEP-0060 §7.1.3.7
		return &Fault{wire.CondBadRequest, "payload-required", "", "An item without content cannot be published here."}
	case len(item.Children) > 1:
		// XEP-0060 §7.1.3.6
		return &Fault{wire.CondBadRequest, "invalid-payload", "", "An item has one element as its content."}
	}
	r.Item = Item{item.Attr("id"), item.Children[0].Raw}
	if _, err := wire.ParseStanza(r.Item.Payload, wire.NSClient); err != nil {
		return &Fault{wire.CondBadRequest, "invalid-payload", "", "This content goes beyond what fits into one element."}
	}
	if options == nil || options.Name != "publish-options" {
		return nil
	}
	return r.form(options, nsOptions)
}

func (r *Request) retract(verb *wire.Node) *Fault {
	r.Verb = Retract
	setBool(&r.Notify, verb.Attr("notify"))
	if len(verb.Children) != 1 || verb.Children[0].Attr("id") == "" {
		// XEP-0060 §7.2.3.4
		return &Fault{wire.CondBadRequest, "item-required", "", "This request does not say which item."}
	}
	r.Item.ID = verb.Children[0].Attr("id")
	return nil
}

func (r *Request) items(verb *wire.Node) *Fault {
	r.Verb = Items
	if n := verb.Attr("max_items"); n != "" {
		max, err := strconv.ParseUint(n, 10, 31)
		if err != nil || max == 0 {
			return &Fault{Condition: wire.CondBadRequest, Text: "A number of items is one from 1."}
		}
		r.Max = int(max)
	}
	for _, c := range verb.Children {
		if c.Name == "item" && c.Attr("id") != "" {
			r.IDs = append(r.IDs, c.Attr("id"))
		}
	}
	if len(r.IDs) > maxAsked {
		return &Fault{Condition: wire.CondPolicyViolation, Text: "These are too many items for one request."}
	}
	return nil
}

func (r *Request) subscription(verb *wire.Node) *Fault {
	r.Verb = Subscribe
	if verb.Name == "unsubscribe" {
		r.Verb = Unsubscribe
	}
	var err error
	if r.Subscriber, err = jid.Parse(verb.Attr("jid")); err != nil {
		return &Fault{Condition: wire.CondBadRequest, Text: "This request does not say who subscribes."}
	}
	return nil
}

func (r *Request) create(configure *wire.Node) *Fault {
	r.Verb = Create
	if configure == nil || configure.Name != "configure" || len(configure.Children) == 0 {
		return nil // XEP-0060 §8.1.2: with the default configuration
	}
	return r.form(configure, nsConfig)
}

func (r *Request) configure(verb *wire.Node, set bool) *Fault {
	r.Verb = Configure
	if !set {
		return nil
	}
	return r.form(verb, nsConfig)
}

// maxFields is how many fields a form has at most.
const maxFields = 64

// form reads the data form in an element, of the given type (XEP-0004 §3.2).
func (r *Request) form(in *wire.Node, formType string) *Fault {
	bad := &Fault{Condition: wire.CondBadRequest, Text: "The form in this request is not one this service knows."}
	if len(in.Children) != 1 || in.Children[0].Name != "x" || in.Children[0].NS != nsForm {
		return bad
	}
	x := in.Children[0]
	if x.Attr("type") == "cancel" {
		r.Cancel = true
		return nil
	}
	if x.Attr("type") != "submit" || len(x.Children) > maxFields {
		return bad
	}
	r.Options = []Option{}
	for _, c := range x.Children {
		name, value, ok := readField(c)
		switch {
		case !ok, name == "FORM_TYPE" && value != formType:
			return bad
		case name != "FORM_TYPE":
			r.Options = append(r.Options, Option{name, value})
		}
	}
	return nil
}

// readField reads a field and its value; of several values, the first.
func readField(c *wire.Node) (name, value string, ok bool) {
	st, err := wire.ParseStanza(c.Raw, nsForm)
	if err != nil || c.Name != "field" {
		return "", "", false
	}
	n := st.Node()
	if v := n.Child(nsForm, "value"); v != nil {
		value = v.Text
	}
	return n.Attr("var"), value, true
}
