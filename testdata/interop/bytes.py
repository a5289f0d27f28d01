"""Two slixmpp clients that exchange bytes, for the interop tests.

usage: bytes.py HOW FROM TO HOST PORT CAFILE      (passwords: two lines of stdin)

FROM and TO are addresses; HOW is socks (XEP-0065, through the proxy that the
server names) or ibb (XEP-0047, within the stream). FROM sends a megabyte to TO,
and through the proxy TO sends one back. Each line of stdout is a JSON object with
"event":
    proxy    the server named one; "from"
    arrived  all bytes are there; "from" is who has them, "body" says how many
             and "same" or "other"
    failed   "reason" says what
"""

import asyncio
import hashlib
import json
import os
import ssl
import sys

import slixmpp

PATIENCE = 30  # seconds


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


class Peer(slixmpp.ClientXMPP):
    def __init__(self, jid, password, ca):
        super().__init__(jid, password)
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0065", {"auto_accept": True})
        self.register_plugin("xep_0047", {"auto_accept": True})
        self.ssl_context = ssl.create_default_context(cafile=ca)
        self.ca_certs = ca
        self.online = asyncio.Event()
        self.streams = asyncio.Queue()
        self.got, self.changed = bytearray(), asyncio.Event()
        self.add_event_handler("session_start", self.on_start)
        self.add_event_handler("socks5_stream", self.streams.put_nowait)
        self.add_event_handler("socks5_data", self.on_bytes)
        self.add_event_handler("ibb_stream_data", lambda stream: self.on_bytes(stream.read()))

    async def on_start(self, _):
        self.send_presence()
        await self.get_roster()
        self.online.set()

    def on_bytes(self, data):
        self.got += data
        self.changed.set()

    async def has(self, want):
        while len(self.got) < len(want):
            self.changed.clear()
            await self.changed.wait()
        same = hashlib.sha256(self.got).digest() == hashlib.sha256(want).digest()
        tell("arrived", **{"from": self.boundjid.bare, "body": "%d %s" % (len(self.got), "same" if same else "other")})


async def socks(one, other):
    plugin = one.plugin["xep_0065"]
    for proxy in await plugin.discover_proxies():
        tell("proxy", **{"from": proxy.full})
    there, back = os.urandom(1 << 20), os.urandom(1 << 20)
    mine = await plugin.handshake(other.boundjid.full)
    await mine.write(there)
    await other.has(there)
    await (await other.streams.get()).write(back)
    await one.has(back)


async def ibb(one, other):
    data = os.urandom(1 << 20)
    stream = await one.plugin["xep_0047"].open_stream(other.boundjid, block_size=4096)
    await stream.sendall(data)
    await other.has(data)
    await stream.close()


async def main(how, one, other, host, port, ca):
    peers = [Peer(jid, sys.stdin.readline().rstrip("\n"), ca) for jid in (one, other)]
    for peer in peers:
        peer.connect((host, int(port)))
    try:
        async with asyncio.timeout(PATIENCE):
            for peer in peers:
                await peer.online.wait()
            await {"socks": socks, "ibb": ibb}[how](*peers)
    except Exception as e:
        tell("failed", reason=repr(e))
    for peer in peers:
        await peer.disconnect()


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
loop.run_until_complete(main(*sys.argv[1:]))
