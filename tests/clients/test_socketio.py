"""The chat of two rooms as python-socketio holds it, with its clients for asyncio and for threads."""

import asyncio
import os
import queue
import unittest

import socketio

from longwave import MIB, WAIT, Server

WAYS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}
BRISK = {"reconnection_delay": 0.05, "reconnection_delay_max": 0.2, "randomization_factor": 0}


def address(server):
    return "http://127.0.0.1:%d" % server.port


class Room:
    """One namespace of a client: what is heard in it, one by one, and what is said."""

    def __init__(self, client, name):
        self.client, self.name, self.heard = client, name, asyncio.Queue()

        async def hear(*event):
            await self.heard.put(event)

        client.on("*", hear, namespace=name)

    async def next(self):
        return await asyncio.wait_for(self.heard.get(), WAIT)

    async def ask(self, event, *arguments):
        """Emits, and waits for how many it went to."""
        return await self.client.call(event, arguments, namespace=self.name, timeout=WAIT)

    async def say(self, event, *arguments):
        await self.client.emit(event, arguments, namespace=self.name)


class Asyncio(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        asyncio.get_running_loop().set_debug(False)

    def start(self, *options, port=None):
        server = Server(*options, port=port)
        self.addCleanup(server.kill)
        return server

    async def enter(self, server, transports, *names, **options):
        """A client's rooms, all over one connection."""
        client = socketio.AsyncClient(**BRISK)
        self.addAsyncCleanup(client.shutdown)
        rooms = [Room(client, name) for name in names]
        await client.connect(address(server), namespaces=list(names), transports=transports, wait_timeout=WAIT, **options)
        return rooms

    async def test_two_rooms_hear_what_is_said_in_each_and_acks_tell_how_many(self):
        for way, transports in WAYS.items():
            with self.subTest(way):
                server = self.start()
                ann_red, ann_blue = await self.enter(server, transports, "/red", "/blue", auth={"token": "x"})
                ben_red, ben_blue = await self.enter(server, transports, "/red", "/blue")
                [cara] = await self.enter(server, ["websocket"], "/red")
                self.assertEqual(await ann_red.ask("say", "grüße", {"n": [1, None]}), 2)
                self.assertEqual(await ann_blue.ask("say", 1.5), 1)
                for reader in (ben_red, cara):
                    self.assertEqual(await reader.next(), ("say", "grüße", {"n": [1, None]}))
                self.assertEqual(await ben_blue.next(), ("say", 1.5))
                for i in range(100):
                    await (ben_red if i % 3 else ben_blue).say("count", i)
                for i in range(100):
                    self.assertEqual(await (ann_red if i % 3 else ann_blue).next(), ("count", i))
                self.assertEqual(await ben_blue.ask("done"), 1)
                self.assertTrue(ben_red.heard.empty() and ben_blue.heard.empty(), "nobody hears its own words")

    async def test_attachments_stay_with_their_event(self):
        data = [os.urandom(i * 1000) for i in range(10)]
        for way, transports in WAYS.items():
            with self.subTest(way):
                server = self.start()
                red, blue = await self.enter(server, transports, "/red", "/blue")
                other_red, other_blue = await self.enter(server, transports, "/red", "/blue")
                for i in range(5):
                    await red.say("ten", *data, i)
                    await blue.say("one", {"deep": [i, {"er": data[i]}]})
                    await blue.say("none", i)
                for i in range(5):
                    self.assertEqual(await other_red.next(), ("ten", *data, i))
                    self.assertEqual(await other_blue.next(), ("one", {"deep": [i, {"er": data[i]}]}))
                    self.assertEqual(await other_blue.next(), ("none", i))

    async def test_one_mebibyte_of_text_and_of_bytes(self):
        text, data = "x" * MIB, os.urandom(MIB)
        for way, transports in WAYS.items():
            with self.subTest(way):
                server = self.start()
                [sender] = await self.enter(server, transports, "/large")
                readers = [(await self.enter(server, each, "/large"))[0] for each in WAYS.values()]
                self.assertEqual(await sender.ask("text", text), 3)
                self.assertEqual(await sender.ask("bytes", data), 3)
                for reader in readers:
                    self.assertEqual(await reader.next(), ("text", text))
                    self.assertEqual(await reader.next(), ("bytes", data))

    async def test_with_recovery_each_event_ends_with_its_id(self):
        server = self.start("--socketio-recovery")
        for transports in WAYS.values():
            [ann] = await self.enter(server, transports, "/room")
            [ben] = await self.enter(server, transports, "/room")
            self.assertEqual(await ann.ask("say", b"\x00"), 1)
            name, data, position = await ben.next()
            self.assertEqual((name, data), ("say", b"\x00"))
            self.assertRegex(position, r"\A\d+:\d+\Z")
            await ann.client.disconnect()
            await ben.client.disconnect()

    async def test_a_namespace_that_cannot_be_is_refused(self):
        server = self.start()
        with self.assertRaises(socketio.exceptions.ConnectionError):
            await self.enter(server, ["websocket"], "/socket.io")


class Threads(unittest.TestCase):
    """The client for threads handles each message in a thread of its own, so one is waited for before the next."""

    def start(self, *options, port=None):
        server = Server(*options, port=port)
        self.addCleanup(server.kill)
        return server

    def enter(self, server, transports):
        client = socketio.Client(**BRISK)
        self.addCleanup(client.shutdown)
        client.heard = queue.Queue()
        client.on("*", lambda *event: client.heard.put(event), namespace="/room")
        client.connect(address(server), namespaces=["/room"], transports=transports, wait_timeout=WAIT)
        return client

    def ask(self, client, *arguments):
        return client.call("say", arguments, namespace="/room", timeout=WAIT)

    def pairs(self, *options):
        for transports in WAYS.values():
            server = self.start(*options)
            yield server, self.enter(server, transports), self.enter(server, transports)

    def test_words_and_acks(self):
        for _, ann, ben in self.pairs():
            for one, other in ((ann, ben), (ben, ann)) * 3:
                self.assertEqual(self.ask(one, "word", {"n": 1}), 1)
                self.assertEqual(other.heard.get(timeout=WAIT), ("say", "word", {"n": 1}))

    def test_a_server_that_is_back_goes_on_with_everyone(self):
        for server, ann, ben in self.pairs():
            before = [one.get_sid("/room") for one in (ann, ben)]
            server.kill()
            self.start(port=server.port)
            for one, old in zip((ann, ben), before):
                self.until(one, lambda: one.get_sid("/room") not in (None, old) and "/room" in one.namespaces)
            self.assertEqual(self.ask(ann, 1), 1)
            self.assertEqual(ben.heard.get(timeout=WAIT), ("say", 1))

    def test_leaving_is_leaving(self):
        # Over polling this client may end before it has said so: its thread that writes sees first that
        # there is no more to do. Then the heartbeat finds out.
        for _, ann, ben in self.pairs("--ping-interval", "2s", "--ping-timeout", "4s"):
            ben.disconnect()
            self.until(ann, lambda: self.ask(ann, 1) == 0)

    def until(self, client, condition):
        for _ in range(int(WAIT / 0.05)):
            if condition():
                return
            client.sleep(0.05)
        self.fail("it never came true")


if __name__ == "__main__":
    unittest.main()
