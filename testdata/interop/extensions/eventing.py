"""Personal eventing, and what stands on it: XEP-0163, XEP-0060, XEP-0384, XEP-0084, XEP-0172."""

import hashlib

from lab import PATIENCE, expect, inside, refused, run
from slixmpp.exceptions import IqError
from slixmpp.xmlstream import ET

MOOD = "http://jabber.org/protocol/mood"
OMEMO = "eu.siacs.conversations.axolotl"
DEVICES = OMEMO + ".devicelist"


def options(client, **fields):
    """Publish options of these values."""
    form = client["xep_0004"].make_form(ftype="submit")
    form.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#publish-options")
    for name, value in fields.items():
        form.add_field(var="pubsub#" + name, value=value)
    return form


def payload(xml):
    return ET.fromstring(xml)


async def xep_0163(lab):
    alice = await lab.online("alice", "a", "xep_0163", "xep_0107")
    bob = await lab.online("bob", "x", "xep_0163", "xep_0107", interests=[MOOD])
    carol = await lab.online("carol", "y", "xep_0163")
    happens = bob.coming("user_mood_publish")
    await alice["xep_0107"].publish_mood("happy", "because")
    mood = await happens
    expect(mood["from"].bare == lab.jid("alice"), "it comes from %s", mood["from"])
    # Who comes later has the last one, who did not ask for it has none.
    later = await lab.online("bob", "z", "xep_0163", "xep_0107", interests=[MOOD])
    await later.until(inside("{%s}happy" % MOOD))
    expect(not any(map(inside("{%s}happy" % MOOD), await carol.rest())), "carol did not ask for moods")


async def xep_0060(lab):
    alice = await lab.online("alice", "a", "xep_0060", "xep_0004")
    bob = await lab.online("bob", "x", "xep_0060", "xep_0163", interests=["urn:example:list"])
    pubsub, node = alice["xep_0060"], "urn:example:list"
    await pubsub.publish(None, node, id="1", payload=payload("<one xmlns='urn:example'/>"), options=options(
        alice, persist_items="true", max_items="3"))
    for name in "2", "3", "4":
        await pubsub.publish(None, node, id=name, payload=payload("<more xmlns='urn:example'/>"))
    ids = [i["id"] for i in (await pubsub.get_items(None, node))["pubsub"]["items"]]
    expect(sorted(ids) == ["2", "3", "4"], "of at most three items there are %s", ids)
    one = (await bob["xep_0060"].get_item(lab.jid("alice"), node, "3"))["pubsub"]["items"]["item"]
    expect(one["id"] == "3", "bob gets %s", one)

    config = (await pubsub.get_node_config(None, node))["pubsub_owner"]["configure"]["form"]
    values = config.get_values()
    expect(values["pubsub#max_items"] == "3", "the form says %s", values)
    form = alice["xep_0004"].make_form(ftype="submit")
    form.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/pubsub#node_config")
    form.add_field(var="pubsub#access_model", value="whitelist")
    form.add_field(var="pubsub#notify_delete", value="true")
    await pubsub.set_node_config(None, node, form)
    await gone(bob["xep_0060"].get_items(lab.jid("alice"), node))
    form.get_fields()["pubsub#access_model"]["value"] = "presence"
    await pubsub.set_node_config(None, node, form)

    await pubsub.retract(None, node, "3", notify=True)
    await bob.until(inside("{http://jabber.org/protocol/pubsub#event}retract"))
    ids = [i["id"] for i in (await bob["xep_0060"].get_items(lab.jid("alice"), node))["pubsub"]["items"]]
    expect(sorted(ids) == ["2", "4"], "after a retraction there are %s", ids)
    await pubsub.delete_node(None, node)
    await bob.until(inside("{http://jabber.org/protocol/pubsub#event}delete"))
    await gone(pubsub.get_items(None, node))


async def gone(asked):
    """The request must fail."""
    try:
        answer = await asked
    except IqError:
        return
    raise AssertionError("%s instead of an error" % answer)


async def xep_0384(lab):
    alice = await lab.online("alice", "a", "xep_0060", "xep_0004", "xep_0163", interests=[DEVICES])
    pubsub = alice["xep_0060"]
    bundle = "<bundle xmlns='%s'><identityKey>a2V5</identityKey></bundle>" % OMEMO
    await pubsub.publish(None, OMEMO + ".bundles:7", id="current", payload=payload(bundle),
                         options=options(alice, persist_items="true", access_model="open"))
    await pubsub.publish(None, DEVICES, id="current", payload=payload("<list xmlns='%s'><device id='7'/></list>" % OMEMO),
                         options=options(alice, persist_items="true", access_model="open"))
    # Her own other devices are told too.
    await alice.until(inside("{%s}device" % OMEMO))
    bob = await lab.online("bob", "x", "xep_0060", "xep_0163", interests=[DEVICES])
    await bob.until(inside("{%s}device" % OMEMO))
    stranger = await lab.online("stranger", "s", "xep_0060")
    for client in bob, stranger:
        answer = await client["xep_0060"].get_items(lab.jid("alice"), OMEMO + ".bundles:7")
        expect(answer.xml.findtext(".//{%s}identityKey" % OMEMO) == "a2V5", "%s gets %s", client.boundjid, answer)
    # What a client takes for granted of a node must be so.
    try:
        await pubsub.publish(None, DEVICES, id="current", payload=payload("<list xmlns='%s'/>" % OMEMO),
                             options=options(alice, access_model="whitelist"))
    except IqError as error:
        expect(inside("{http://jabber.org/protocol/pubsub#errors}precondition-not-met")(error.iq), "refused as %s", error.iq)
    else:
        raise AssertionError("published in spite of other options")


async def xep_0084(lab):
    alice = await lab.online("alice", "a", "xep_0084")
    bob = await lab.online("bob", "x", "xep_0084", "xep_0163", interests=["urn:xmpp:avatar:metadata"])
    happens = bob.coming("avatar_metadata_publish")
    picture = bytes(range(256)) * 40
    await alice["xep_0084"].publish_avatar(picture)
    digest = hashlib.sha1(picture).hexdigest()
    await alice["xep_0084"].publish_avatar_metadata([{"id": digest, "type": "image/png", "bytes": len(picture)}])
    await happens
    answer = await bob["xep_0084"].retrieve_avatar(lab.jid("alice"), digest, timeout=PATIENCE)
    expect(answer["pubsub"]["items"]["item"]["avatar_data"]["value"] == picture, "another picture")


async def xep_0172(lab):
    bob = await lab.online("bob", "x", "xep_0060")
    answer = await bob["xep_0060"].get_items(lab.jid("alice"), "http://jabber.org/protocol/nick")
    expect(answer.xml.findtext(".//{http://jabber.org/protocol/nick}nick") == "Alice", "the name is in %s", answer)
    await refused(bob["xep_0060"].publish(None, "http://jabber.org/protocol/nick", id="current", payload=payload(
        "<nick xmlns='http://jabber.org/protocol/nick'>Bobby</nick>")), "not-allowed")


run(xep_0163, xep_0060, xep_0384, xep_0084, xep_0172)
