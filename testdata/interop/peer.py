"""A slixmpp client for the interop tests.

usage: peer.py [-resume] JID HOST PORT CAFILE      (password: first line of stdin)

Then each line of stdin is a JSON object: {"to": JID, "body": TEXT} to send as a
chat message, {"room": JID, "body": TEXT} as one to a room, {"join": JID, "nick":
NICK} to enter that room, {"carbons": true} to have copies from now on.
Each line of stdout is a JSON object with "event":
    online   the session has started; "jid", "tls" (version), "mechanism"
    presence somebody else is available; "from"
    joined   the room is entered; "from"
    carbons  copies have been switched on
    message  "from", "to", "type" and "body" as they arrived, and the whole "xml"
    copied   a copy of a message; of that message the same
    bounced  a message came back; "from", "reason"
    resumed  the connection was lost, and the session goes on over a new one
    refused  the certificate does not verify, or the login was not accepted
Ends when stdin ends. With -resume it comes back when its connection is cut.
"""

import asyncio
import collections
import json
import ssl
import sys

import slixmpp
from slixmpp.plugins.base import register_plugin
from slixmpp.plugins.xep_0198 import XEP_0198, Resume


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def fields(message):
    return {"from": message["from"].full, "to": message["to"].full, "type": message["type"],
            "body": message["body"], "xml": str(message)}


class Management(XEP_0198):
    """slixmpp's, which forgets as it asks to resume what it has yet to repeat,
    does not note what is sent while the connection breaks, and repeats the old
    behind the new."""

    def disconnected(self, event):
        noting = self.enabled_out
        super().disconnected(event)
        self.enabled_out = noting

    def _handle_outgoing(self, stanza):
        return stanza if isinstance(stanza, Resume) else super()._handle_outgoing(stanza)

    def _handle_resumed(self, resumed):
        self._handle_ack(resumed)
        again, self.unacked_queue = self.unacked_queue, collections.deque()
        for _, stanza in again:
            self.xmpp.waiting_queue.put_nowait((stanza, True))
        super()._handle_resumed(resumed)


class Peer(slixmpp.ClientXMPP):
    def __init__(self, jid, password, ca):
        super().__init__(jid, password)
        self.leaving = False
        for plugin in "xep_0199", "xep_0045", "xep_0280":
            self.register_plugin(plugin)
        # Nothing but this CA is trusted; slixmpp checks chain and name with it.
        self.ssl_context = ssl.create_default_context(cafile=ca)
        self.ca_certs = ca
        self.add_event_handler("session_start", self.on_start)
        self.add_event_handler("presence_available", self.on_presence)
        self.add_event_handler("message", self.on_message)
        self.add_event_handler("carbon_received", lambda m: self.on_copy(m["carbon_received"]))
        self.add_event_handler("carbon_sent", lambda m: self.on_copy(m["carbon_sent"]))
        self.add_event_handler("message_error", self.on_bounce)
        self.add_event_handler("ssl_invalid_chain", self.on_bad_certificate)
        self.add_event_handler("failed_all_auth", self.on_failed_login)

    def come_back(self):
        register_plugin(Management)
        self.register_plugin("xep_0198")
        self.add_event_handler("session_resumed", lambda _: tell("resumed"))
        self.add_event_handler("disconnected", self.on_cut)

    def on_cut(self, _):
        if not self.leaving:
            self.connect(self.address)

    async def on_start(self, _):
        await self.get_roster()
        self.send_presence()
        # The answer comes once the presence has been handled.
        await self.plugin["xep_0199"].send_ping(self.boundjid.domain)
        tell("online", jid=self.boundjid.full, tls=self.socket.version(),
             mechanism=self.plugin["feature_mechanisms"].mech.name)

    def on_presence(self, presence):
        if presence["from"].bare != self.boundjid.bare:
            tell("presence", **{"from": presence["from"].full})

    def on_message(self, message):
        if not (message.get_plugin("carbon_received", check=True) or message.get_plugin("carbon_sent", check=True)):
            tell("message", **fields(message))

    def on_copy(self, message):
        tell("copied", **fields(message))

    def on_bounce(self, message):
        tell("bounced", **{"from": message["from"].full, "reason": message["error"]["condition"]})

    def on_bad_certificate(self, error):
        tell("refused", reason="certificate: %s" % error)
        self.abort()

    def on_failed_login(self, _):
        tell("refused", reason="login")

    def join(self, room, nick):
        self.add_event_handler("muc::%s::self-presence" % room, lambda p: tell("joined", **{"from": p["from"].full}))
        self.plugin["xep_0045"].join_muc(room, nick)

    async def commands(self, lines):
        while line := await lines.readline():
            command = json.loads(line)
            if "join" in command:
                self.join(command["join"], command["nick"])
            elif "carbons" in command:
                await self.plugin["xep_0280"].enable()
                tell("carbons")
            elif "room" in command:
                self.send_message(mto=command["room"], mbody=command["body"], mtype="groupchat")
            else:
                self.send_message(mto=command["to"], mbody=command["body"], mtype="chat")
        self.leaving = True
        await self.disconnect()


async def main(jid, host, port, ca, resume):
    lines = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    password = (await lines.readline()).decode().rstrip("\n")
    peer = Peer(jid, password, ca)
    if resume:
        peer.come_back()
    peer.connect((host, int(port)))
    await peer.commands(lines)


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
resume = sys.argv[1] == "-resume"
loop.run_until_complete(main(*sys.argv[1 + resume:], resume))
