"""Blocking: XEP-0191."""

from lab import body, expect, inside, is_error, refused, run


async def xep_0191(lab):
    alice, other = [await lab.online("alice", r, "xep_0191") for r in ("a", "b")]
    bob = await lab.online("bob", "x")
    # Who has asked for the list is told of changes.
    for client in alice, other:
        expect(not (await client["xep_0191"].get_blocked())["blocklist"]["items"], "a block list to begin with")
    pushed = other.coming("blocked")
    await bob.rest()
    await alice["xep_0191"].block(lab.jid("bob"))
    await pushed
    await bob.until(lambda s: s["type"] == "unavailable" and s["from"].bare == lab.jid("alice"))
    blocked = (await alice["xep_0191"].get_blocked())["blocklist"]["items"]
    expect(blocked == {lab.jid("bob")}, "the list is %s", blocked)

    await alice.rest()
    bob.send_message(mto=lab.jid("alice"), mbody="are you there", mtype="chat")
    is_error(await bob.until(lambda s: s["type"] == "error"), "service-unavailable")
    expect(not list(filter(body("are you there"), await alice.rest())), "what bob says comes through")
    alice.send_message(mto=lab.jid("bob"), mbody="and you", mtype="chat")
    answer = await alice.until(lambda s: s["type"] == "error")
    is_error(answer, "not-acceptable")
    expect(inside("{urn:xmpp:blocking:errors}blocked")(answer), "nobody says why: %s", answer)

    unblocked = other.coming("unblocked")
    await alice["xep_0191"].unblock(lab.jid("bob"))
    await unblocked
    await bob.until(lambda s: s["type"] == "available" and s["from"].bare == lab.jid("alice"))
    bob.send_message(mto=lab.jid("alice"), mbody="there you are", mtype="chat")
    await alice.until(body("there you are"))
    await refused(alice["xep_0191"].block(lab.jid("alice")), "not-allowed")


run(xep_0191)
