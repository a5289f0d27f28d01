"""What the scripts beside this one have in common.

Each is run as SCRIPT.py DOMAIN HOST PORT CAFILE, with a line "USER PASSWORD" for
every user on stdin, and tries one extension after the other with slixmpp. It
prints "ok NAME" or "FAILED NAME: why" for each and ends with 1 if one failed.
"""

import asyncio
import ssl
import sys
import traceback

import slixmpp
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

PATIENCE = 20  # seconds


class Lab:
    def __init__(self, domain, host, port, ca):
        self.domain, self.address, self.ca = domain, (host, int(port)), ca
        self.passwords = dict(line.rstrip("\n").split(" ", 1) for line in sys.stdin)
        self.clients = []

    def jid(self, user):
        return "%s@%s" % (user, self.domain)

    async def online(self, user, resource, *plugins, interests=()):
        """A client that is logged in and available."""
        client = Client(self, "%s/%s" % (self.jid(user), resource), self.passwords[user], plugins)
        for node in interests:
            client["xep_0163"].add_interest(node)
        self.clients.append(client)
        client.connect(self.address)
        await asyncio.wait_for(client.started.wait(), PATIENCE)
        return client

    async def leave(self):
        """Everybody goes."""
        clients, self.clients = self.clients, []
        await asyncio.gather(*(client.disconnect(wait=1) for client in clients))


class Client(slixmpp.ClientXMPP):
    def __init__(self, lab, jid, password, plugins):
        super().__init__(jid, password)
        for plugin in ("xep_0030", "xep_0115", "xep_0199") + plugins:
            self.register_plugin(*((plugin,) if isinstance(plugin, str) else plugin))
        self.ssl_context = ssl.create_default_context(cafile=lab.ca)
        self.ca_certs = lab.ca
        self.lab, self.started, self.heard = lab, asyncio.Event(), asyncio.Queue()
        for name in "message", "presence":
            self.register_handler(Callback("all of " + name, MatchXPath("{jabber:client}" + name), self.heard.put_nowait))
        self.add_event_handler("session_start", self.on_start)

    async def on_start(self, _):
        await self.get_roster()
        self.send_presence()
        await self.settle()
        self.started.set()

    async def settle(self):
        """Returns when all has come that was on the way."""
        await self["xep_0199"].send_ping(self.boundjid.domain)

    async def until(self, test):
        """The first stanza that passes the test; what came before it is dropped."""
        async def search():
            while True:
                stanza = await self.heard.get()
                if test(stanza):
                    return stanza
        return await asyncio.wait_for(search(), PATIENCE)

    async def rest(self):
        """What has come by now and nobody has asked for."""
        await self.settle()
        return [self.heard.get_nowait() for _ in range(self.heard.qsize())]

    def coming(self, name):
        """A future for the next event of that name."""
        future = asyncio.get_running_loop().create_future()
        self.add_event_handler(name, lambda e: future.done() or future.set_result(e), disposable=True)
        return future

    def ask(self, kind, xml, to=None):
        """An iq with that child; its future."""
        iq = self.make_iq(ito=to, itype=kind)
        iq.append(slixmpp.xmlstream.ET.fromstring(xml))
        return iq.send(timeout=PATIENCE)


def body(text):
    return lambda stanza: stanza.name == "message" and stanza["body"] == text


def inside(path):
    """A test for stanzas that have such an element somewhere."""
    return lambda stanza: stanza.xml.find(".//" + path) is not None


def is_error(stanza, condition):
    expect(stanza["type"] == "error" and stanza["error"]["condition"] == condition, "%s instead of %s", stanza, condition)


def expect(fact, why, *args):
    if not fact:
        raise AssertionError(why % args)


async def refused(asked, condition):
    """The request must fail, in words."""
    try:
        answer = await asked
    except IqError as error:
        is_error(error.iq, condition)
        expect(error.iq["error"]["text"], "no sentence in %s", error.iq)
    else:
        raise AssertionError("%s instead of %s" % (answer, condition))


def run(*trials):
    """Runs each trial, named as it is called."""
    async def all_trials():
        lab, failed = Lab(*sys.argv[1:]), False
        for trial in trials:
            try:
                await trial(lab)
                print("ok", trial.__name__, flush=True)
            except (AssertionError, IqError, IqTimeout, asyncio.TimeoutError) as error:
                failed = True
                print("FAILED %s: %s %s" % (trial.__name__, type(error).__name__, getattr(error, "iq", error)), flush=True)
                traceback.print_exc()
            await lab.leave()
        return failed
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    sys.exit(loop.run_until_complete(all_trials()))
