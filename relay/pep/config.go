package pep

import (
	"slices"
	"strconv"

	"lethe/relay/wire"
)

// An Access says who may see a node, beside its owner (XEP-0060 §4.5).
type Access uint8

// The access models. There are no lists of roster groups or of addresses:
// Whitelist is the owner alone.
const (
	Presence Access = iota // who may see the owner's presence
	Open                   // anybody
	Whitelist
)

// A SendLast says when the last item is sent without anything being published.
type SendLast uint8

// When that is (XEP-0060 §17.4.4).
const (
	OnPresence SendLast = iota // to each resource that comes
	OnSubscription
	Never
)

// A Config is how a node is set up. The zero value holds nothing: begin with
// [Defaults].
type Config struct {
	Access        Access
	SendLast      SendLast
	MaxItems      int // from 1 to MaxItems
	Persist       bool
	NotifyRetract bool // of items that are removed
	NotifyDelete  bool // of the node
}

// Defaults returns what a node is that nobody has configured (XEP-0163 §5).
func Defaults() Config { return Config{MaxItems: 1, Persist: true} }

// An Option is one field of a submitted form.
type Option struct{ Name, Value string }

// A field is what a form says of one option.
type field struct {
	name, kind, label string
	choices           []string // of a list-single
	value             func(*Config) string
	set               func(*Config, string) bool
}

// fields are those of pubsub#node_config (XEP-0060 §17.4.4) that this service
// knows, to be shown, set and asked for.
func fields() []field {
	access := []string{"presence", "open", "whitelist"}
	send := []string{"on_sub_and_presence", "on_sub", "never"}
	return []field{
		{"pubsub#access_model", "list-single", "Who may see it", access,
			func(c *Config) string { return access[c.Access] },
			func(c *Config, v string) bool { return choose(&c.Access, v, access) }},
		{"pubsub#send_last_published_item", "list-single", "When the last item is sent again", send,
			func(c *Config) string { return send[c.SendLast] },
			func(c *Config, v string) bool { return choose(&c.SendLast, v, send) }},
		{"pubsub#max_items", "text-single", "How many items are kept", nil, (*Config).maxItems, (*Config).setMaxItems},
		toggle("pubsub#persist_items", "Keep items", func(c *Config) *bool { return &c.Persist }),
		toggle("pubsub#notify_retract", "Tell when items are removed", func(c *Config) *bool { return &c.NotifyRetract }),
		toggle("pubsub#notify_delete", "Tell when the node is removed", func(c *Config) *bool { return &c.NotifyDelete }),
		always("pubsub#deliver_notifications", "Tell when something is published", true),
		always("pubsub#deliver_payloads", "And send it along", true),
		always("pubsub#notify_config", "Tell when this form is changed", false),
		always("pubsub#purge_offline", "Remove items when the owner leaves", false),
		only("pubsub#publish_model", "Who may publish", "publishers"),
		only("pubsub#notification_type", "The kind of message", "headline"),
	}
}

// toggle is an option that is on or off.
func toggle(name, label string, of func(*Config) *bool) field {
	return field{name, "boolean", label, nil,
		func(c *Config) string { return strconv.FormatBool(*of(c)) },
		func(c *Config, v string) bool { return setBool(of(c), v) }}
}

// always is an option that stays on, or off.
func always(name, label string, on bool) field {
	return field{name, "boolean", label, nil,
		func(*Config) string { return strconv.FormatBool(on) },
		func(_ *Config, v string) bool { var b bool; return setBool(&b, v) && b == on }}
}

// only is an option that has one value.
func only(name, label, value string) field {
	return field{name, "list-single", label, []string{value},
		func(*Config) string { return value },
		func(_ *Config, v string) bool { return v == value }}
}

func choose[T ~uint8](to *T, v string, choices []string) bool {
	i := slices.Index(choices, v)
	if i >= 0 {
		*to = T(i)
	}
	return i >= 0
}

// setBool reads a boolean as forms write it (XEP-0004 §3.3).
func setBool(to *bool, v string) bool {
	switch v {
	case "1", "true":
		*to = true
	case "0", "false":
		*to = false
	default:
		return false
	}
	return true
}

func (c *Config) setMaxItems(v string) bool {
	if v == "max" { // XEP-0060 §17.4.4
		c.MaxItems = MaxItems
		return true
	}
	n, err := strconv.ParseUint(v, 10, 32)
	if err != nil || n == 0 {
		return false
	}
	c.MaxItems = int(min(n, MaxItems))
	return true
}

func (c *Config) maxItems() string {
	if c.MaxItems == MaxItems {
		return "max"
	}
	return strconv.Itoa(c.MaxItems)
}

// With returns the Config after a form was submitted. Fields that this service
// does not know are passed over, as XEP-0060 §8.2.4 has forms filled in that
// others made.
func (c Config) With(options []Option) (Config, *Fault) {
	for _, o := range options {
		for _, f := range fields() {
			if f.name == o.Name && !f.set(&c, o.Value) {
				// XEP-0060 §8.2.5.2
				return c, &Fault{Condition: wire.CondNotAcceptable, Text: "This node cannot be set up like this."}
			}
		}
	}
	return c, nil
}

// Prepared returns the Config of a node that comes into being with these
// publish options. Unlike in With, an option that is not known or not to be had
// refuses the publication (XEP-0060 §7.1.5).
func (c Config) Prepared(options []Option) (Config, *Fault) {
	for _, o := range options {
		if !known(o.Name) {
			return c, &Fault{Condition: wire.CondNotAcceptable, Text: "One of these publish options is not known here."}
		}
	}
	return c.With(options)
}

// Meets reports, by nil, that the publish options hold for a node that exists.
func (c Config) Meets(options []Option) *Fault {
	wanted, fault := c.Prepared(options)
	if fault == nil && wanted != c {
		// XEP-0060 §7.1.5
		fault = &Fault{wire.CondConflict, "precondition-not-met", "", "The node is set up in another way than your client expects."}
	}
	return fault
}

func known(name string) bool {
	return slices.ContainsFunc(fields(), func(f field) bool { return f.name == name })
}
