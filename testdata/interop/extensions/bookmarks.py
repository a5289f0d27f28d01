"""What comes from the users file: XEP-0402, XEP-0048, XEP-0054."""

from lab import expect, refused, run

HALL = "hall@rooms."


async def xep_0402(lab):
    alice = await lab.online("alice", "a", "xep_0060")
    items = (await alice["xep_0060"].get_items(None, "urn:xmpp:bookmarks:1"))["pubsub"]["items"]
    conference = items["item"].xml.find("{urn:xmpp:bookmarks:1}conference")
    expect(items["item"]["id"] == HALL + lab.domain, "the bookmark is %s", items)
    expect(conference.get("autojoin") in ("true", "1") and conference.get("name") == "The Hall", "it is %s", items)


async def xep_0048(lab):
    alice = await lab.online("alice", "a", "xep_0048", "xep_0049")
    private = await alice["xep_0048"].get_bookmarks(method="xep_0049")
    rooms = [(str(c["jid"]), c["autojoin"]) for c in private["private"]["bookmarks"]["conferences"]]
    expect(rooms == [(HALL + lab.domain, True)], "the bookmarks are %s", rooms)


async def xep_0054(lab):
    alice = await lab.online("alice", "a", "xep_0054")
    for user, name in ("alice", "Alice"), ("bob", "Bob"):
        card = (await alice["xep_0054"].get_vcard(lab.jid(user)))["vcard_temp"]
        expect(card["FN"] == name, "%s is called %s", user, card["FN"])
    card = alice["xep_0054"].make_vcard()
    card["FN"] = "Somebody else"
    await refused(alice["xep_0054"].publish_vcard(card), "not-allowed")


run(xep_0402, xep_0048, xep_0054)
