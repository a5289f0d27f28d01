package pep

import (
	"bytes"

	"lethe/relay/wire"
)

// A Fault is why a request is refused.
type Fault struct {
	Condition wire.Condition
	Detail    string // the condition of pubsub#errors (XEP-0060 §12), if there is one
	Feature   string // which one is unsupported
	Text      string // for people
}

// AppendFault appends the answer to a refused IQ.
func AppendFault(dst []byte, st *wire.Stanza, from, to string, f *Fault) []byte {
	begin := len(dst)
	dst = wire.AppendError(dst, st, "", from, to, f.Condition, f.Text)
	if f.Condition == wire.CondItemNotFound {
		// The number is from before RFC 6120. Profanity needs it to see that
		// there is no device list yet.
		dst = insert(dst, begin+bytes.Index(dst[begin:], []byte("<error"))+len("<error"), " code='404'")
	}
	if f.Detail == "" {
		return dst
	}
	detail := append([]byte("<"), f.Detail...)
	detail = append(detail, " xmlns='"+NSErrors+"'"...)
	if f.Feature != "" {
		detail = wire.AppendAttr(detail, "feature", f.Feature)
	}
	return insert(dst, bytes.LastIndex(dst, []byte("</error>")), string(detail)+"/>")
}

func insert(b []byte, at int, s string) []byte {
	rest := string(b[at:])
	return append(append(b[:at], s...), rest...)
}

// AppendItems appends the answer to a request for items: these, the latest
// first, as far as they go into room bytes.
func AppendItems(dst []byte, node string, items []Item, room int) []byte {
	dst = append(dst, "<pubsub xmlns='"+NS+"'><items"...)
	dst = append(wire.AppendAttr(dst, "node", node), '>')
	for i := len(items) - 1; i >= 0; i-- {
		before := len(dst)
		if dst = appendItem(dst, items[i]); len(dst) > room {
			dst = dst[:before]
			break
		}
	}
	return append(dst, "</items></pubsub>"...)
}

func appendItem(dst []byte, i Item) []byte {
	dst = wire.AppendAttr(append(dst, "<item"...), "id", i.ID)
	return append(append(append(dst, '>'), i.Payload...), "</item>"...)
}

// AppendPublished appends the answer to a publication, which names the item
// (XEP-0060 §7.1.2).
func AppendPublished(dst []byte, node, id string) []byte {
	dst = wire.AppendAttr(append(dst, "<pubsub xmlns='"+NS+"'><publish"...), "node", node)
	dst = wire.AppendAttr(append(dst, "><item"...), "id", id)
	return append(dst, "/></publish></pubsub>"...)
}

// AppendCreated appends the answer to a creation that left the name to us
// (XEP-0060 §8.1.2).
func AppendCreated(dst []byte, node string) []byte {
	dst = wire.AppendAttr(append(dst, "<pubsub xmlns='"+NS+"'><create"...), "node", node)
	return append(dst, "/></pubsub>"...)
}

// AppendSubscribed appends the answer to a subscription (XEP-0060 §6.1.2).
func AppendSubscribed(dst []byte, node, subscriber string) []byte {
	dst = wire.AppendAttr(append(dst, "<pubsub xmlns='"+NS+"'><subscription"...), "node", node)
	dst = wire.AppendAttr(dst, "jid", subscriber)
	return append(dst, " subscription='subscribed'/></pubsub>"...)
}

// AppendConfig appends the form with which a node is configured, filled in
// (XEP-0060 §8.2.2), or without a node the default one (XEP-0060 §8.3.3).
func AppendConfig(dst []byte, node string, c Config) []byte {
	name := "configure"
	if node == "" {
		name = "default"
	}
	dst = append(append(dst, "<pubsub xmlns='"+NSOwner+"'><"...), name...)
	if node != "" {
		dst = wire.AppendAttr(dst, "node", node)
	}
	dst = append(dst, "><x xmlns='"+nsForm+"' type='form'>"...)
	dst = appendField(dst, "FORM_TYPE", "hidden", "", nsConfig, nil)
	for _, f := range fields() {
		dst = appendField(dst, f.name, f.kind, f.label, f.value(&c), f.choices)
	}
	return append(append(append(dst, "</x></"...), name...), "></pubsub>"...)
}

// AppendMetadata appends what disco#info says of a node beside its identity
// (XEP-0060 §5.4).
func AppendMetadata(dst []byte, c Config) []byte {
	dst = append(dst, "<x xmlns='"+nsForm+"' type='result'>"...)
	dst = appendField(dst, "FORM_TYPE", "hidden", "", nsMeta, nil)
	for _, f := range fields() {
		switch f.name {
		case "pubsub#access_model", "pubsub#max_items", "pubsub#publish_model":
			dst = appendField(dst, f.name, f.kind, f.label, f.value(&c), nil)
		}
	}
	return append(dst, "</x>"...)
}

func appendField(dst []byte, name, kind, label, value string, choices []string) []byte {
	dst = wire.AppendAttr(append(dst, "<field"...), "var", name)
	dst = wire.AppendAttr(dst, "type", kind)
	if label != "" {
		dst = wire.AppendAttr(dst, "label", label)
	}
	dst = append(dst, '>')
	for _, c := range choices {
		dst = append(append(append(dst, "<option><value>"...), c...), "</value></option>"...)
	}
	dst = wire.AppendText(append(dst, "<value>"...), value)
	return append(dst, "</value></field>"...)
}

// The events, of which subscribers are told in a message (XEP-0060 §7.1.2.1).

// AppendItemEvent appends that an item was published.
func AppendItemEvent(dst []byte, node string, i Item) []byte {
	dst = appendItem(beginItems(dst, node), i)
	return append(dst, "</items></event>"...)
}

// AppendRetractEvent appends that an item was removed (XEP-0060 §7.2.2.1).
func AppendRetractEvent(dst []byte, node, id string) []byte {
	dst = wire.AppendAttr(append(beginItems(dst, node), "<retract"...), "id", id)
	return append(dst, "/></items></event>"...)
}

func beginItems(dst []byte, node string) []byte {
	dst = append(dst, "<event xmlns='"+NSEvent+"'><items"...)
	return append(wire.AppendAttr(dst, "node", node), '>')
}

// AppendPurgeEvent appends that all items were removed (XEP-0060 §8.5.2).
func AppendPurgeEvent(dst []byte, node string) []byte { return appendEvent(dst, "purge", node) }

// AppendDeleteEvent appends that the node was removed (XEP-0060 §8.4.2).
func AppendDeleteEvent(dst []byte, node string) []byte { return appendEvent(dst, "delete", node) }

func appendEvent(dst []byte, what, node string) []byte {
	dst = append(append(dst, "<event xmlns='"+NSEvent+"'><"...), what...)
	return append(wire.AppendAttr(dst, "node", node), "/></event>"...)
}
