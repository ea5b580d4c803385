"""Event streams and polls as `aiohttp` reads them, through cuts; what it sends is published."""

import asyncio
import json
import unittest

import aiohttp

from cutter import Cutter
from longwave import WAIT, Server


def within(awaitable):
    return asyncio.wait_for(awaitable, WAIT)


async def events(response):
    """The events of a stream: dictionaries of their fields; lines of data joined as the standard says."""
    event = {}
    async for line in response.content:
        line = line.decode().rstrip("\n")
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = event[name] + "\n" + value if name in event else value
        elif not line:
            if "data" in event:
                yield event
            event = {}


class Stream:
    """A subscriber that comes back with its last id until it has what it wants."""

    def __init__(self, session, url, last=None):
        self.session, self.url, self.last, self.heard, self.requests = session, url, last, [], 0

    async def listen(self, count):
        while len(self.heard) < count:
            headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self.last} if self.last else {})
            try:
                async with self.session.get(self.url, headers=headers) as response:
                    assert response.status == 200, response.status
                    self.requests += 1
                    async for event in events(response):
                        self.last = event["id"]
                        self.heard.append(event)
                        if len(self.heard) == count:
                            return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)


class Poll:
    """A loop of long-polls that goes on from the last answer."""

    def __init__(self, session, url, start="oldest"):
        self.session, self.url, self.position, self.heard = session, url, {"If-None-Match": start}, []

    async def listen(self, count):
        while len(self.heard) < count:
            try:
                async with self.session.get(self.url, headers=self.position) as response:
                    assert response.status in (200, 408), response.status
                    body = await response.text()
                    self.position = {"If-Modified-Since": response.headers["Last-Modified"],
                                     "If-None-Match": response.headers["Etag"]}
                    if response.status == 200:
                        self.heard.append(body)
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)


class Http(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.server = Server()
        self.addCleanup(self.server.kill)
        self.cutter = Cutter(self.server.port)
        self.addCleanup(self.cutter.close)
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        self.addAsyncCleanup(self.session.close)

    def url(self, path, port=None):
        return "http://127.0.0.1:%d%s" % (port or self.server.port, path)

    async def publish(self, channel, *texts, **headers):
        for text in texts:
            async with self.session.post(self.url("/channels/" + channel), data=text, headers=headers) as response:
                self.assertIn(response.status, (201, 202))

    async def test_an_event_stream_comes_decompressed(self):
        stream = Stream(self.session, self.url("/channels/stream"), "oldest")
        await self.publish("stream", "grüße", "one\r\ntwo\n", "word " * 5000)
        await self.publish("stream", '{"name":"price","data":[1.50]}')
        await self.publish("stream", b"\x00\xff", **{"Content-Type": "application/octet-stream"})
        await within(stream.listen(5))
        self.assertEqual([event["data"] for event in stream.heard],
                         ["grüße", "one\ntwo\n", "word " * 5000, '{"name":"price","data":[1.50]}', "AP8="])
        self.assertEqual([event.get("event") for event in stream.heard], [None, None, None, "price", "binary"])
        async with self.session.get(stream.url, headers={"Accept": "text/event-stream"}) as response:
            # aiohttp asks for gzip by itself, and keeps the header when it has decoded the body.
            self.assertEqual(response.headers["Content-Encoding"], "gzip")

    async def test_a_stream_that_is_cut_goes_on(self):
        stream = Stream(self.session, self.url("/channels/cut", self.cutter.port), "oldest")
        await self.publish("cut", "0", "1")
        await within(stream.listen(2))
        listening = asyncio.create_task(stream.listen(10))
        for i in range(2, 10, 2):
            await asyncio.sleep(0.05)
            self.cutter.cut()
            await self.publish("cut", str(i))
            self.cutter.mend()
            await self.publish("cut", str(i + 1))
        await within(listening)
        self.assertEqual([event["data"] for event in stream.heard], [str(i) for i in range(10)])
        self.assertFalse([event for event in stream.heard if "event" in event], "no gap was told")
        self.assertGreater(stream.requests, 2)

    async def test_a_loop_of_polls_that_is_cut_goes_on(self):
        poll = Poll(self.session, self.url("/channels/polls", self.cutter.port))
        listening = asyncio.create_task(poll.listen(12))
        for i in range(0, 12, 3):
            await self.publish("polls", str(i))
            self.cutter.cut()
            await self.publish("polls", str(i + 1))
            self.cutter.mend()
            await self.publish("polls", str(i + 2))
        await within(listening)
        self.assertEqual(poll.heard, [str(i) for i in range(12)])

    async def test_a_stream_takes_over_from_polls_and_back(self):
        url = self.url("/channels/over")
        await self.publish("over", *map(str, range(6)))
        poll = Poll(self.session, url)
        await within(poll.listen(2))
        async with self.session.get(url + "?wait=0", headers=poll.position) as response:
            self.assertEqual(await response.text(), "2")
        stream = Stream(self.session, url, "oldest")
        await within(stream.listen(4))
        self.assertEqual(stream.last.split(":")[1], str(int(poll.position["If-None-Match"]) + 2))
        poll.position = {"If-None-Match": '"%s"' % stream.last}
        await within(poll.listen(4))
        self.assertEqual(poll.heard, ["0", "1", "4", "5"])

    async def test_several_messages_in_one_answer(self):
        await self.publish("parts", "one", "two\r\n", "three")
        url = self.url("/channels/parts?multipart=true&last_event_id=oldest")
        async with self.session.get(url) as response:
            last = response.headers["Etag"]
            reader = aiohttp.MultipartReader.from_response(response)
            parts = []
            while (part := await within(reader.next())) is not None:
                parts.append((part.headers["Etag"].split(":")[1], await part.text()))
        self.assertEqual([text for _, text in parts], ["one", "two\r\n", "three"])
        self.assertEqual(parts[-1][0], last)

    async def test_a_websocket_goes_on_from_a_stream(self):
        await self.publish("socket", "a", "b", "c")
        stream = Stream(self.session, self.url("/channels/socket"), "oldest")
        await within(stream.listen(1))
        url = self.url("/channels/socket") + "?last_event_id=" + stream.last
        async with self.session.ws_connect(url, protocols=["ws+meta.nchan"]) as ws:
            self.assertEqual(ws.protocol, "ws+meta.nchan")
            heard = [await within(ws.receive_str()) for _ in range(2)]
        self.assertEqual([text.split("\n\n", 1)[1] for text in heard], ["b", "c"])

    async def test_an_unknown_id_is_a_gap(self):
        await self.publish("gap", "only")
        stream = Stream(self.session, self.url("/channels/gap"), "1234567890:5")
        await within(stream.listen(2))
        self.assertEqual([event.get("event") for event in stream.heard], ["gap", None])
        self.assertEqual(json.loads(stream.heard[0]["data"]),
                         {"after": "1234567890:5", "next": stream.heard[1]["id"], "missed": None})


if __name__ == "__main__":
    unittest.main()
