"""Two slixmpp clients that ask the server this and that, for the interop tests.

usage: answers.py ONE OTHER HOST PORT CAFILE      (passwords: two lines of stdin)

ONE and OTHER are addresses in a common group. Each line of stdout is a JSON
object with "event" and "body", what was learnt:
    feature  of XEP-0191, the server's
    policy   how long messages are stored (XEP-0504), in hours
    contact  whom to tell of abuse (XEP-0157)
    service  for calls (XEP-0215), and whether it has a password
    name     on OTHER's virtual card (XEP-0054)
    clock    whether the server's is right to the minute (XEP-0202)
    archive  how asking for it ends (XEP-0313)
    pushed   the addresses ONE was told are blocked, then unblocked
    blocked  the addresses on ONE's list (XEP-0191)
    gone     who went offline for ONE, and for OTHER
    refused  how a message between the two ended, for OTHER and for ONE
    back     who came back for ONE, and for OTHER
    failed   what went wrong
"""

import asyncio
import datetime
import json
import ssl
import sys
from xml.etree import ElementTree

import slixmpp

PATIENCE = 30  # seconds
CALLS = "urn:xmpp:extdisco:2"


def tell(event, body):
    print(json.dumps({"event": event, "body": body}), flush=True)


class Peer(slixmpp.ClientXMPP):
    def __init__(self, jid, password, ca):
        super().__init__(jid, password)
        for plugin in "xep_0004", "xep_0030", "xep_0054", "xep_0191", "xep_0202", "xep_0313":
            self.register_plugin(plugin)
        self.ssl_context = ssl.create_default_context(cafile=ca)
        self.ca_certs = ca
        self.online = asyncio.Event()
        self.add_event_handler("session_start", self.on_start)
        self.heard = {}
        for event in "got_offline", "got_online", "message_error", "blocked", "unblocked":
            self.heard[event] = asyncio.Queue()
            self.add_event_handler(event, self.heard[event].put_nowait)

    async def on_start(self, _):
        await self.get_roster()
        self.send_presence()
        self.online.set()

    async def sees(self, event, other):
        while (await self.heard[event].get())["from"].bare != other.boundjid.bare:
            pass
        return other.boundjid.user


async def domain(one, other):
    info = await one.plugin["xep_0030"].get_info(jid=one.boundjid.domain)
    tell("feature", "urn:xmpp:blocking" in info["disco_info"]["features"])
    for x in info.xml.iter("{jabber:x:data}x"):
        for field in x.iter("{jabber:x:data}field"):
            event = {"data_retention": "policy", "abuse-addresses": "contact"}.get(field.get("var"))
            if event:
                tell(event, field.findtext("{jabber:x:data}value"))
    iq = one.make_iq_get(ito=one.boundjid.domain)
    iq.xml.append(ElementTree.Element("{%s}services" % CALLS))
    for service in (await iq.send()).xml.iter("{%s}service" % CALLS):
        tell("service", "%s %s" % (service.get("host"), "password" in service.keys()))
    card = await one.plugin["xep_0054"].get_vcard(other.boundjid.bare)
    tell("name", card["vcard_temp"]["FN"])
    clock = await one.plugin["xep_0202"].get_entity_time(one.boundjid.domain)
    # slixmpp's own reading of it adds a second Z.
    utc = datetime.datetime.fromisoformat(clock.xml.findtext(".//{urn:xmpp:time}utc"))
    tell("clock", abs((datetime.datetime.now(datetime.timezone.utc) - utc).total_seconds()) < 60)
    try:
        await one.plugin["xep_0313"].retrieve()
    except slixmpp.exceptions.IqError as e:
        tell("archive", "%s: %s" % (e.condition, e.text))


async def blocking(one, other):
    plugin = one.plugin["xep_0191"]

    async def listed():
        return " ".join(sorted(j.user for j in (await plugin.get_blocked())["blocklist"]["items"]))

    async def refused(sender, receiver):
        sender.send_message(mto=receiver.boundjid.bare, mbody="hello")
        tell("refused", (await sender.heard["message_error"].get())["error"]["condition"])

    tell("blocked", await listed())
    await plugin.block(other.boundjid.bare)
    tell("pushed", " ".join(j.user for j in (await one.heard["blocked"].get())["block"]["items"]))
    tell("blocked", await listed())
    tell("gone", await one.sees("got_offline", other))
    tell("gone", await other.sees("got_offline", one))
    await refused(other, one)
    await refused(one, other)
    await plugin.unblock(other.boundjid.bare)
    tell("pushed", " ".join(j.user for j in (await one.heard["unblocked"].get())["unblock"]["items"]))
    tell("back", await one.sees("got_online", other))
    tell("back", await other.sees("got_online", one))


async def main(one, other, host, port, ca):
    peers = [Peer(jid, sys.stdin.readline().rstrip("\n"), ca) for jid in (one, other)]
    try:
        async with asyncio.timeout(PATIENCE):
            for peer in peers:
                peer.connect((host, int(port)))
                await peer.online.wait()
            for peer, friend in zip(peers, reversed(peers)):
                await peer.sees("got_online", friend)
            await domain(*peers)
            await blocking(*peers)
    except Exception as e:
        tell("failed", repr(e))
    for peer in peers:
        await peer.disconnect()


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(main(*sys.argv[1:]))
