package account_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lethe/relay"
)

const (
	nsPubsub = "http://jabber.org/protocol/pubsub"
	tune     = "http://jabber.org/protocol/tune"
	devices  = "eu.siacs.conversations.axolotl.devicelist"
)

// pubsub is a request of this type, with the id 1.
func pubsub(typ, content string) string {
	return "<iq type='" + typ + "' id='1'><pubsub xmlns='" + nsPubsub + "'>" + content + "</pubsub></iq>"
}

func pubsubOwner(typ, content string) string {
	return "<iq type='" + typ + "' id='1'><pubsub xmlns='" + nsPubsub + "#owner'>" + content + "</pubsub></iq>"
}

// to addresses a request.
func to(address, request string) string {
	return strings.Replace(request, "<iq ", "<iq to='"+address+"' ", 1)
}

func publish(node, id, payload string) string {
	return pubsub("set", publishing(node, id, payload))
}

func publishing(node, id, payload string) string {
	return "<publish node='" + node + "'><item id='" + id + "'>" + payload + "</item></publish>"
}

// options is the form with publish options, or with a configuration.
func options(kind string, pairs ...string) string {
	b := "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>" + nsPubsub + "#" + kind + "</value></field>"
	for i := 0; i < len(pairs); i += 2 {
		b += "<field var='pubsub#" + pairs[i] + "'><value>" + pairs[i+1] + "</value></field>"
	}
	return b + "</x>"
}

// pubsubAnnounced are requests for the features of personal eventing, each of
// which works for a user without any nodes, in the order of the list and again.
func pubsubAnnounced() map[string]string {
	requests := map[string]string{
		nsPubsub:                          pubsub("get", "<items node='http://jabber.org/protocol/nick'/>"),
		"jabber:iq:private":               "<iq type='get' id='1'><query xmlns='jabber:iq:private'><x xmlns='mine'/></query></iq>",
		"urn:xmpp:bookmarks:1#compat":     "<iq type='get' id='1'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query></iq>",
		"urn:xmpp:bookmarks-conversion:0": pubsub("set", publishing("storage:bookmarks", "current", "<storage xmlns='storage:bookmarks'/>")),
		"urn:xmpp:bookmarks:1#compat-pep": pubsub("get", "<items node='storage:bookmarks'/>"),
	}
	conf := func(pairs ...string) string { return "<configure>" + options("node_config", pairs...) + "</configure>" }
	for feature, request := range map[string]string{
		"access-open":            pubsub("set", "<create/>"+conf("access_model", "open")),
		"access-presence":        pubsub("set", "<create/>"+conf("access_model", "presence")),
		"access-whitelist":       pubsub("set", "<create/>"+conf("access_model", "whitelist")),
		"auto-create":            publish("n", "i", "<x xmlns='y'/>"),
		"auto-subscribe":         pubsub("set", "<subscribe node='n' jid='alice@example.org'/>"),
		"config-node":            pubsubOwner("get", "<configure node='n'/>"),
		"config-node-max":        pubsub("set", "<create/>"+conf("max_items", "max")),
		"create-and-configure":   pubsub("set", "<create/>"+conf("persist_items", "1")),
		"create-nodes":           pubsub("set", "<create node='k'/>"),
		"delete-items":           pubsub("set", "<retract node='n'><item id='i'/></retract>"),
		"delete-nodes":           pubsubOwner("set", "<delete node='k'/>"),
		"filtered-notifications": publish("n", "i", "<x xmlns='y'/>"),
		"instant-nodes":          pubsub("set", "<create/>"),
		"item-ids":               publish("n", "i", "<x xmlns='y'/>"),
		"last-published":         pubsub("get", "<items node='n' max_items='1'/>"),
		"meta-data":              "<iq type='get' id='1'><query xmlns='http://jabber.org/protocol/disco#info' node='n'/></iq>",
		"multi-items":            pubsub("set", "<create/>"+conf("max_items", "2")),
		"persistent-items":       pubsub("get", "<items node='n'/>"),
		"presence-subscribe":     pubsub("set", "<subscribe node='n' jid='alice@example.org'/>"),
		"publish":                publish("n", "i", "<x xmlns='y'/>"),
		"publish-options":        pubsub("set", publishing("n", "i", "<x xmlns='y'/>")+"<publish-options>"+options("publish-options", "max_items", "1")+"</publish-options>"),
		"purge-nodes":            pubsubOwner("set", "<purge node='n'/>"),
		"retract-items":          pubsub("get", "<items node='n'/>"),
		"retrieve-default":       pubsubOwner("get", "<default/>"),
		"retrieve-items":         pubsub("get", "<items node='n'/>"),
		"subscribe":              pubsub("set", "<unsubscribe node='n' jid='alice@example.org'/>"),
	} {
		requests[nsPubsub+"#"+feature] = request
	}
	return requests
}

var _ = fmt.Sprint
var _ = time.Second
var _ relay.Pass
var _ = testing.Short
