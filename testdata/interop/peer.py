"""A slixmpp client for the interop tests.

usage: peer.py JID HOST PORT CAFILE      (password: first line of stdin)

Then each line of stdin is a JSON object {"to": JID, "body": TEXT} to send as a
chat message. Each line of stdout is a JSON object with "event":
    online   the session has started; "jid", "tls" (version), "mechanism"
    presence somebody else is available; "from"
    message  "from", "type" and "body" as they arrived
    bounced  a message came back; "from", "reason"
    refused  the certificate does not verify, or the login was not accepted
Ends when stdin ends.
"""

import asyncio
import json
import ssl
import sys

import slixmpp


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Peer(slixmpp.ClientXMPP):
    def __init__(self, jid, password, ca):
        super().__init__(jid, password)
        self.register_plugin("xep_0199")
        # Nothing but this CA is trusted; slixmpp checks chain and name with it.
        self.ssl_context = ssl.create_default_context(cafile=ca)
        self.ca_certs = ca
        self.add_event_handler("session_start", self.on_start)
        self.add_event_handler("presence_available", self.on_presence)
        self.add_event_handler("message", self.on_message)
        self.add_event_handler("message_error", self.on_bounce)
        self.add_event_handler("ssl_invalid_chain", self.on_bad_certificate)
        self.add_event_handler("failed_all_auth", self.on_failed_login)

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
        tell("message", **{"from": message["from"].full, "type": message["type"], "body": message["body"]})

    def on_bounce(self, message):
        tell("bounced", **{"from": message["from"].full, "reason": message["error"]["condition"]})

    def on_bad_certificate(self, error):
        tell("refused", reason="certificate: %s" % error)
        self.abort()

    def on_failed_login(self, _):
        tell("refused", reason="login")

    async def commands(self, lines):
        while line := await lines.readline():
            command = json.loads(line)
            self.send_message(mto=command["to"], mbody=command["body"], mtype="chat")
        await self.disconnect()


async def main(jid, host, port, ca):
    lines = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    password = (await lines.readline()).decode().rstrip("\n")
    peer = Peer(jid, password, ca)
    peer.connect((host, int(port)))
    await peer.commands(lines)


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(main(*sys.argv[1:]))
