-- Between servers, this host neither offers nor takes SASL: dialback is left.

local sasl = "urn:ietf:params:xml:ns:xmpp-sasl";

module:hook("s2s-stream-features", function (event)
	event.features:remove_children("mechanisms", sasl);
end, -100); -- after mod_saslauth

module:hook_tag("http://etherx.jabber.org/streams", "features", function (_, features)
	features:remove_children("mechanisms", sasl);
end, 200); -- before mod_saslauth
