"""What a domain says of itself, what it gives, and what it refuses in words."""

import base64
import hashlib
import hmac
from datetime import datetime, timezone

from lab import expect, refused, run

PUBSUB = "http://jabber.org/protocol/pubsub"


async def features(client, jid):
    info = (await client["xep_0030"].get_info(jid=jid))["disco_info"]
    return info, set(info["features"])


async def xep_0030(lab):
    alice = await lab.online("alice", "a")
    info, domain = await features(alice, lab.domain)
    expect(("server", "im", None, None) in {i[:3] + (None,) for i in info["identities"]}, "identities %s", info["identities"])
    for feature in "urn:xmpp:carbons:2", "urn:xmpp:blocking", "urn:xmpp:ping", "urn:xmpp:time", "vcard-temp", "urn:xmpp:extdisco:2":
        expect(feature in domain, "no %s", feature)
    for feature in "urn:xmpp:mam:2", "urn:xmpp:http:upload:0", "urn:xmpp:push:0", "jabber:iq:register", "jabber:iq:version", "jabber:iq:last":
        expect(feature not in domain, "%s is announced", feature)
    items = (await alice["xep_0030"].get_items(jid=lab.domain))["disco_items"]["items"]
    expect("rooms." + lab.domain in {i[0] for i in items}, "no rooms among %s", items)
    _, rooms = await features(alice, "rooms." + lab.domain)
    expect("http://jabber.org/protocol/muc" in rooms, "rooms have %s", rooms)


async def monal(lab):
    """What Monal looks for at its own address before it publishes anything."""
    alice = await lab.online("alice", "a")
    info, own = await features(alice, lab.jid("alice"))
    expect(("pubsub", "pep") in {i[:2] for i in info["identities"]}, "identities %s", info["identities"])
    for name in ("filtered-notifications", "publish-options", "publish", "subscribe", "create-nodes", "delete-items",
                 "delete-nodes", "persistent-items", "retrieve-items", "auto-create", "item-ids", "multi-items", "config-node-max"):
        expect(PUBSUB + "#" + name in own, "no %s", name)
    expect("urn:xmpp:bookmarks:1#compat-pep" in own, "no bookmarks")


async def xep_0157(lab):
    alice = await lab.online("alice", "a", "xep_0004")
    info, _ = await features(alice, lab.domain)
    values = [v.text for v in info.xml.iter("{jabber:x:data}value")]
    expect("mailto:admin@" + lab.domain in values, "no contact among %s", values)


async def xep_0504(lab):
    alice = await lab.online("alice", "a")
    info, _ = await features(alice, lab.domain)
    values = [v.text for v in info.xml.iter("{jabber:x:data}value")]
    expect("urn:xmpp:data-policy:0" in values, "no policy among %s", values)


async def xep_0199(lab):
    alice = await lab.online("alice", "a")
    for jid in lab.domain, lab.jid("alice"):
        await alice["xep_0199"].send_ping(jid)


async def xep_0202(lab):
    alice = await lab.online("alice", "a", "xep_0202")
    # slixmpp 1.8.3 cannot read a time that ends in Z, as it has to.
    text = (await alice["xep_0202"].get_entity_time(lab.domain)).xml.findtext(".//{urn:xmpp:time}utc")
    time = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
    expect(abs((datetime.now(timezone.utc) - time).total_seconds()) < 10, "the time is %s", text)


async def xep_0215(lab):
    alice = await lab.online("alice", "a")
    answer = await alice.ask("get", "<services xmlns='urn:xmpp:extdisco:2'/>", to=lab.domain)
    turn = [s.attrib for s in answer.xml.iter("{urn:xmpp:extdisco:2}service") if s.get("type") == "turn"]
    expect(len(turn) == 1 and turn[0]["host"] == "turn." + lab.domain, "TURN servers: %s", turn)
    # What coturn computes with use-auth-secret.
    digest = hmac.new(b"north", turn[0]["username"].encode(), hashlib.sha1).digest()
    expect(turn[0]["password"] == base64.b64encode(digest).decode(), "the password is not of the secret")


async def xep_0012(lab):
    alice = await lab.online("alice", "a", "xep_0012")
    for jid in lab.domain, lab.jid("bob"):
        await refused(alice["xep_0012"].get_last_activity(jid), "service-unavailable")


async def xep_0092(lab):
    alice = await lab.online("alice", "a", "xep_0092")
    await refused(alice["xep_0092"].get_version(lab.domain), "service-unavailable")


async def xep_0313(lab):
    alice = await lab.online("alice", "a", "xep_0313")
    await refused(alice["xep_0313"].retrieve(), "service-unavailable")


async def not_offered(lab):
    alice = await lab.online("alice", "a")
    for kind, xml in (
        ("get", "<request xmlns='urn:xmpp:http:upload:0' filename='x' size='1'/>"),
        ("set", "<enable xmlns='urn:xmpp:push:0' jid='push.example'/>"),
        ("get", "<query xmlns='jabber:iq:register'/>"),
        ("get", "<offline xmlns='http://jabber.org/protocol/offline'><fetch/></offline>"),
        ("get", "<query xmlns='jabber:iq:privacy'/>"),
    ):
        await refused(alice.ask(kind, xml, to=lab.domain), "service-unavailable")


run(xep_0030, monal, xep_0157, xep_0504, xep_0199, xep_0202, xep_0215, xep_0012, xep_0092, xep_0313, not_offered)
