"""Publishing by HTTP: Python's own clients, and bare sockets for what they cannot be made to do."""

import http.client
import unittest
import urllib.error
import urllib.request

from longwave import MIB, WAIT, ServerTest, read_answer

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def post(channel, body, *headers):
    lines = ["POST /channels/%s HTTP/1.1" % channel, "Host: localhost", "Content-Type: text/plain",
             "Content-Length: %d" % len(body), *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class PublishTest(ServerTest):
    def post(self, channel, body, **headers):
        url = "http://127.0.0.1:%d/channels/%s" % (self.server.port, channel)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(url, body, {"Content-Type": "text/plain"} | headers, method="POST")
        try:
            with DIRECT.open(request, timeout=WAIT) as answer:
                return answer.status
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.status


class Publish(PublishTest):
    def test_201_with_a_subscriber_and_202_without(self):
        self.assertEqual(self.post("nobody", b"hello"), 202)
        ws = self.join("/channels/somebody")
        self.assertEqual(self.post("somebody", "grüße".encode()), 201)
        self.assertEqual(ws.recv(WAIT), "grüße")

    def test_octets_arrive_as_a_binary_message(self):
        ws = self.join("/channels/octets")
        self.assertEqual(self.post("octets", b"\x00\xff", Content_Type="application/octet-stream"), 201)
        self.assertEqual(ws.recv(WAIT), b"\x00\xff")

    def test_a_body_at_the_limit_passes_and_one_byte_more_is_413(self):
        ws = self.join("/channels/limit")
        self.assertEqual(self.post("limit", b"x" * MIB), 201)
        self.assertEqual(ws.recv(WAIT), "x" * MIB)
        self.assertEqual(self.post("limit", b"x" * (MIB + 1)), 413)

    def test_a_chunked_body_is_one_message(self):
        ws = self.join("/channels/chunked")
        client = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=WAIT)
        self.addCleanup(client.close)
        client.request("POST", "/channels/chunked", iter([b"one ", b"two ", b"three"]),
                       {"Content-Type": "text/plain"}, encode_chunked=True)
        self.assertEqual(client.getresponse().status, 201)
        self.assertEqual(ws.recv(WAIT), "one two three")

    def test_one_connection_serves_many_requests(self):
        client = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=WAIT)
        self.addCleanup(client.close)
        ws = self.join("/channels/kept")
        own = None
        for i in range(20):
            client.request("POST", "/channels/kept", b"%d" % i, {"Content-Type": "text/plain"})
            answer = client.getresponse()
            answer.read()
            self.assertEqual(answer.status, 201)
            # http.client would open another connection without a word.
            own = own or client.sock
            self.assertIs(client.sock, own)
            self.assertEqual(ws.recv(WAIT), str(i))


class Pipelined(ServerTest):
    def test_pipelined_requests_are_answered_in_order(self):
        ws = self.join("/channels/piped")
        s = self.raw()
        reader = s.makefile("rb")
        self.addCleanup(reader.close)
        s.sendall(b"".join(post("piped" if i % 2 else "empty", b"%d" % i) for i in range(50)))
        statuses = [read_answer(reader)[0] for _ in range(50)]
        self.assertEqual(statuses, [202, 201] * 25)
        self.assertEqual([ws.recv(WAIT) for _ in range(25)], [str(i) for i in range(1, 50, 2)])

    def test_a_request_may_come_byte_by_byte(self):
        ws = self.join("/channels/dribble")
        s = self.raw()
        reader = s.makefile("rb")
        self.addCleanup(reader.close)
        for byte in post("dribble", b"slow"):
            s.sendall(bytes([byte]))
        self.assertEqual(read_answer(reader)[0], 201)
        self.assertEqual(ws.recv(WAIT), "slow")

    def test_connection_close_is_honoured(self):
        s = self.raw()
        reader = s.makefile("rb")
        self.addCleanup(reader.close)
        s.sendall(post("closing", b"x", "Connection: close"))
        self.assertEqual(read_answer(reader)[0], 202)
        self.assertEqual(reader.read(), b"")

    def test_contradictory_framing_is_400_and_the_rest_is_not_a_request(self):
        ws = self.join("/channels/smuggled")
        s = self.raw()
        reader = s.makefile("rb")
        self.addCleanup(reader.close)
        first = post("outer", b"0\r\n\r\n", "Transfer-Encoding: chunked")
        s.sendall(first + post("smuggled", b"inner"))
        self.assertEqual(read_answer(reader)[0], 400)
        self.assertEqual(reader.read(), b"")
        self.join("/channels/smuggled").send("after")
        self.assertEqual(ws.recv(WAIT), "after")


class Guarded(PublishTest):
    """The origin list rules publishing too; a request without an origin is not a browser's."""

    options = ("--allow-origin", "https://good.example")

    def test_a_foreign_origin_is_403(self):
        ws = self.join("/channels/guarded")
        self.assertEqual(self.post("guarded", b"no", Origin="https://evil.example"), 403)
        self.assertEqual(self.post("guarded", b"yes", Origin="https://good.example"), 201)
        self.assertEqual(ws.recv(WAIT), "yes")


if __name__ == "__main__":
    unittest.main()
