"""Rooms: XEP-0045, XEP-0249, XEP-0359, XEP-0410, XEP-0421."""

from lab import PATIENCE, body, expect, inside, run
from slixmpp.exceptions import IqError, PresenceError

MUC = "http://jabber.org/protocol/muc"


def codes(stanza):
    return {s.get("code") for s in stanza.xml.iter("{%s#user}status" % MUC)}


async def enter(lab, user, room, nick, **how):
    client = await lab.online(user, nick, "xep_0045", "xep_0004", "xep_0249", "xep_0359", "xep_0421")
    await client["xep_0045"].join_muc_wait(room, nick, timeout=PATIENCE, **how)
    return client


async def opened(lab, name, **values):
    """A new room of alice's, set up as she wants, and she in it."""
    room = name + "@rooms." + lab.domain
    alice = await enter(lab, "alice", room, "Alice")
    form = await alice["xep_0045"].get_room_config(room)
    fields = form.get_fields()
    for field, value in values.items():
        fields["muc#roomconfig_" + field]["value"] = value
    form["type"] = "submit"
    await alice["xep_0045"].set_room_config(room, form)
    return room, alice


async def denied(joining, condition):
    try:
        await joining
    except PresenceError as error:
        expect(error.condition == condition, "%s instead of %s", error.condition, condition)
        return
    raise AssertionError("let in instead of " + condition)


async def talk(lab):
    room, alice = await opened(lab, "talk")
    bob = await enter(lab, "bob", room, "Bob")
    await alice.until(lambda s: s.name == "presence" and s["from"] == room + "/Bob")
    alice.send_message(mto=room, mbody="hello", mtype="groupchat")
    for client in alice, bob:
        heard = await client.until(body("hello"))
        expect(heard["from"] == room + "/Alice" and heard["type"] == "groupchat", "heard %s", heard)
    # A subject, and words for one alone.
    alice["xep_0045"].set_subject(room, "tea")
    await bob.until(lambda s: s.name == "message" and s["subject"] == "tea")
    bob.send_message(mto=room + "/Alice", mbody="psst", mtype="chat")
    heard = await alice.until(body("psst"))
    expect(heard["from"] == room + "/Bob" and heard["type"] == "chat", "heard %s", heard)
    # Another nick, and farewell.
    bob.send_presence(pto=room + "/Bobby")
    gone = await alice.until(lambda s: s["from"] == room + "/Bob" and s["type"] == "unavailable")
    expect("303" in codes(gone), "the nick changes without a word: %s", gone)
    await alice.until(lambda s: s["from"] == room + "/Bobby" and s["type"] == "available")
    bob.send_presence(pto=room + "/Bobby", ptype="unavailable")
    await alice.until(lambda s: s["from"] == room + "/Bobby" and s["type"] == "unavailable")


async def power(lab):
    room, alice = await opened(lab, "power")
    bob, carol = await enter(lab, "bob", room, "Bob"), await enter(lab, "carol", room, "Carol")
    muc = alice["xep_0045"]
    # A participant has no say over others.
    try:
        await bob["xep_0045"].set_role(room, "Carol", "none")
    except IqError as error:
        expect(error.condition in ("forbidden", "not-allowed"), "refused as %s", error.condition)
    else:
        raise AssertionError("a participant kicks")
    await muc.set_role(room, "Bob", "none", reason="out")
    out = await bob.until(lambda s: s["type"] == "unavailable" and s["from"] == room + "/Bob")
    expect("307" in codes(out), "kicked without a word: %s", out)
    await muc.set_affiliation(room, "outcast", jid=lab.jid("carol"))
    out = await carol.until(lambda s: s["type"] == "unavailable" and s["from"] == room + "/Carol")
    expect("301" in codes(out), "banned without a word: %s", out)
    await denied(carol["xep_0045"].join_muc_wait(room, "Carol", timeout=PATIENCE), "forbidden")
    banned = await muc.get_affiliation_list(room, "outcast")
    expect([str(j) for j in banned] == [lab.jid("carol")], "the banned are %s", banned)
    await bob["xep_0045"].join_muc_wait(room, "Bob", timeout=PATIENCE)
    await muc.set_affiliation(room, "admin", jid=lab.jid("bob"))
    await bob.until(inside("{%s#user}item[@affiliation='admin']" % MUC))
    # The room ends.
    await muc.destroy(room, reason="over")
    await bob.until(inside("{%s#user}destroy" % MUC))


async def members(lab):
    room, alice = await opened(lab, "members", membersonly=True)
    bob = await lab.online("bob", "Bob", "xep_0045", "xep_0249")
    await denied(bob["xep_0045"].join_muc_wait(room, "Bob", timeout=PATIENCE), "registration-required")
    # Whoever is invited by way of the room becomes a member.
    alice["xep_0045"].invite(room, lab.jid("bob"), "come in")
    invited = await bob.until(inside("{%s#user}invite" % MUC))
    expect(invited["from"] == room, "the invitation comes from %s", invited["from"])
    await bob["xep_0045"].join_muc_wait(room, "Bob", timeout=PATIENCE)


async def password(lab):
    room, alice = await opened(lab, "password", passwordprotectedroom=True, roomsecret="sesame")
    bob = await lab.online("bob", "Bob", "xep_0045")
    await denied(bob["xep_0045"].join_muc_wait(room, "Bob", timeout=PATIENCE), "not-authorized")
    await bob["xep_0045"].join_muc_wait(room, "Bob", password="sesame", timeout=PATIENCE)


async def standing(lab):
    """The room of the users file: for its members, and nobody else."""
    room = "hall@rooms." + lab.domain
    alice, bob = await enter(lab, "alice", room, "Alice"), await enter(lab, "bob", room, "Bob")
    bob.send_message(mto=room, mbody="here", mtype="groupchat")
    await alice.until(body("here"))
    stranger = await lab.online("stranger", "s", "xep_0045")
    await denied(stranger["xep_0045"].join_muc_wait(room, "S", timeout=PATIENCE), "registration-required")


async def xep_0249(lab):
    room, alice = await opened(lab, "direct")
    bob = await lab.online("bob", "Bob", "xep_0249")
    happens = bob.coming("groupchat_direct_invite")
    alice["xep_0249"].send_invitation(lab.jid("bob"), room, reason="come")
    expect((await happens)["groupchat_invite"]["jid"] == room, "another room")


async def xep_0359(lab):
    room, alice = await opened(lab, "ids")
    bob = await enter(lab, "bob", room, "Bob")
    forged = alice.make_message(mto=room, mbody="which one", mtype="groupchat")
    forged["stanza_id"]["id"] = "forged"
    forged["stanza_id"]["by"] = room
    forged.send()
    ids = []
    for client in alice, bob:
        heard = await client.until(body("which one"))
        ids.append([s.get("id") for s in heard.xml.iter("{urn:xmpp:sid:0}stanza-id") if s.get("by") == room])
    expect(ids[0] == ids[1] and len(ids[0]) == 1 and ids[0] != ["forged"], "the ids are %s", ids)


async def xep_0410(lab):
    room, alice = await opened(lab, "ping")
    await alice["xep_0199"].send_ping(room + "/Alice")
    outside = await lab.online("bob", "Bob")
    try:
        await outside["xep_0199"].send_ping(room + "/Alice")
    except IqError as error:
        expect(error.condition == "not-acceptable", "refused as %s", error.condition)
    else:
        raise AssertionError("who is not in is told he is")


async def xep_0421(lab):
    room, alice = await opened(lab, "occupants")
    info = await alice["xep_0030"].get_info(room)
    expect("urn:xmpp:occupant-id:0" in info["disco_info"]["features"], "not announced: %s", info)
    bob = await enter(lab, "bob", room, "Bob")
    for nick in "Bob", "Other":
        if nick == "Other":
            bob.send_presence(pto=room + "/Other")
            await bob.until(lambda s: s["from"] == room + "/Other")
        bob.send_message(mto=room, mbody="as " + nick, mtype="groupchat")
    ids = [(await alice.until(body("as " + nick)))["occupant-id"]["id"] for nick in ("Bob", "Other")]
    expect(ids[0] and ids[0] == ids[1], "with another nick bob is somebody else: %s", ids)


run(talk, power, members, password, standing, xep_0249, xep_0359, xep_0410, xep_0421)
