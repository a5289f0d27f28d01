"""Several devices of a user, and phones: XEP-0198, XEP-0280, XEP-0334, XEP-0352."""

from lab import body, expect, inside, run

FORWARDED = "{urn:xmpp:forward:0}forwarded"


async def xep_0198(lab):
    alice = await lab.online("alice", "a", ("xep_0198", {"window": 1}))
    expect(alice["xep_0198"].sm_id, "enabled without resumption")
    acked = alice.coming("stanza_acked")
    alice.send_message(mto=lab.jid("alice") + "/a", mbody="to myself", mtype="chat")
    await alice.until(body("to myself"))
    await alice.settle()
    await acked


async def xep_0280(lab):
    a, b = [await lab.online("alice", r, "xep_0280") for r in ("a", "b")]
    bob = await lab.online("bob", "x")
    await b["xep_0280"].enable()
    received, sent = b.coming("carbon_received"), b.coming("carbon_sent")
    bob.send_message(mto=a.boundjid, mbody="for one", mtype="chat")
    await a.until(body("for one"))
    expect((await received)["carbon_received"]["body"] == "for one", "another body")
    a.send_message(mto=bob.boundjid, mbody="from one", mtype="chat")
    expect((await sent)["carbon_sent"]["to"] == bob.boundjid, "another receiver")
    # None comes where there is no more asking for it, nor of what is private.
    private = a.make_message(mto=bob.boundjid, mbody="between us", mtype="chat")
    private.enable("carbon_private")
    private.send()
    await bob.until(body("between us"))
    await b.rest()
    await b["xep_0280"].disable()
    a.send_message(mto=bob.boundjid, mbody="without", mtype="chat")
    await bob.until(body("without"))
    expect(not any(map(inside(FORWARDED), await b.rest())), "a copy after carbons were switched off")


async def xep_0334(lab):
    a, b = [await lab.online("alice", r, "xep_0280", "xep_0334") for r in ("a", "b")]
    bob = await lab.online("bob", "x")
    await b["xep_0280"].enable()
    hinted = a.make_message(mto=bob.boundjid, mbody="for your eyes", mtype="chat")
    hinted.enable("no-copy")
    hinted.send()
    await bob.until(body("for your eyes"))
    expect(not any(map(inside(FORWARDED), await b.rest())), "a copy in spite of no-copy")


async def xep_0352(lab):
    phone = await lab.online("alice", "phone", "xep_0352")
    bob = await lab.online("bob", "x")
    await phone.rest()
    phone["xep_0352"].send_inactive()
    await phone.settle()
    for show in "away", "dnd", "xa":
        bob.send_presence(pshow=show)
    bob.send_message(mto=phone.boundjid, mbody="wake up", mtype="chat")
    # Presence was held until now, and of three there is one left.
    heard = [(s.name, s["body"] if s.name == "message" else s["show"]) for s in
             [await phone.until(lambda s: True), await phone.until(lambda s: True)]]
    expect(heard == [("presence", "xa"), ("message", "wake up")], "the phone heard %s", heard)
    phone["xep_0352"].send_active()
    bob.send_presence()
    await phone.until(lambda s: s.name == "presence" and s["from"] == bob.boundjid)


run(xep_0198, xep_0280, xep_0334, xep_0352)
