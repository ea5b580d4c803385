"""The relay as the `websockets` library sees it: who gets what, in which form, and how it ends."""

import os
import unittest

from websockets.exceptions import ConnectionClosed, InvalidStatus

from longwave import MIB, WAIT, ServerTest, close_code, frame, read_frame


class Relay(ServerTest):
    def pair(self, path, **options):
        return self.join(path, **options), self.join(path, **options)

    def test_text_and_binary_go_to_others_and_not_to_the_sender(self):
        one, two = self.pair("/channels/kinds")
        three = self.join("/channels/kinds")
        one.send("grüße")
        one.send(b"\x00\xff")
        for ws in (two, three):
            self.assertEqual(ws.recv(WAIT), "grüße")
            self.assertEqual(ws.recv(WAIT), b"\x00\xff")
        two.send("back")
        # The first thing that the sender ever hears is somebody else's.
        self.assertEqual(one.recv(WAIT), "back")

    def test_echo_true_includes_the_sender(self):
        one = self.join("/channels/echoed?echo=true")
        two = self.join("/channels/echoed")
        one.send("a")
        self.assertEqual(one.recv(WAIT), "a")
        self.assertEqual(two.recv(WAIT), "a")

    def test_channels_do_not_hear_each_other(self):
        here, there = self.join("/channels/here"), self.join("/channels/there")
        also_here, also_there = self.join("/channels/here"), self.join("/channels/there")
        here.send("for here")
        there.send("for there")
        self.assertEqual(also_here.recv(WAIT), "for here")
        self.assertEqual(also_there.recv(WAIT), "for there")

    def test_a_name_is_the_same_percent_encoded_or_not(self):
        one, two = self.join("/channels/caf%C3%A9"), self.join("/channels/%63af%c3%a9")
        one.send("same")
        self.assertEqual(two.recv(WAIT), "same")

    def test_everyone_sees_one_order(self):
        readers = [self.join("/channels/order") for _ in range(3)]
        # They hear each other too, and nobody reads it: without a bound, or their close would wait.
        writers = [self.join("/channels/order", max_queue=None) for _ in range(2)]
        for i in range(200):
            writers[i % 2].send(str(i))
        seen = [[ws.recv(WAIT) for _ in range(200)] for ws in readers]
        self.assertEqual(seen[0], seen[1])
        self.assertEqual(seen[0], seen[2])
        for parity in range(2):
            own = [int(m) for m in seen[0] if int(m) % 2 == parity]
            self.assertEqual(own, list(range(parity, 200, 2)))

    def test_one_mebibyte_arrives_whole(self):
        one, two = self.pair("/channels/large")
        data = os.urandom(MIB)
        one.send(data)
        self.assertEqual(two.recv(WAIT), data)

    def test_a_fragmented_message_arrives_as_one(self):
        one, two = self.pair("/channels/fragments")
        one.send(["Hello", "", ", wörld", "!"])
        one.send([b"\x01" * 70000, b"\x02" * 70000])
        self.assertEqual(two.recv(WAIT), "Hello, wörld!")
        self.assertEqual(two.recv(WAIT), b"\x01" * 70000 + b"\x02" * 70000)

    def test_an_empty_message_is_a_message(self):
        one, two = self.pair("/channels/empty")
        one.send("")
        one.send(b"")
        self.assertEqual(two.recv(WAIT), "")
        self.assertEqual(two.recv(WAIT), b"")

    def test_a_ping_is_answered_by_its_pong(self):
        one = self.join("/channels/ping")
        self.assertTrue(one.ping(b"are you there").wait(WAIT))

    def test_the_first_subprotocol_offered_is_chosen(self):
        self.assertEqual(self.join("/channels/sub", subprotocols=["b", "a"]).subprotocol, "b")
        self.assertIsNone(self.join("/channels/sub").subprotocol)

    def test_meta_carries_ids_and_types(self):
        reader = self.join("/channels/meta", subprotocols=["chat", "ws+meta.nchan"])
        self.assertEqual(reader.subprotocol, "ws+meta.nchan")
        sender = self.join("/channels/meta")
        sender.send("text")
        sender.send(b"\xff")
        self.assertRegex(reader.recv(WAIT), r"\Aid: \d+:\d+\n\ntext\Z")
        self.assertRegex(reader.recv(WAIT), rb"\Aid: \d+:\d+\ncontent-type: application/octet-stream\n\n\xff\Z")

    def test_echo_echoes(self):
        ws = self.join("/echo")
        ws.send("same")
        self.assertEqual(ws.recv(WAIT), "same")

    def test_close_is_answered_with_its_code(self):
        for code in (1000, 1001, 3000, 4999):
            ws = self.join("/channels/closing")
            ws.close(code, "done")
            self.assertEqual(ws.protocol.close_rcvd.code, code)


class Violations(ServerTest):
    def violate(self, *frames):
        """What a peer gets for these frames: the close code, and then the end of the stream."""
        s, reader = self.raw_websocket("/channels/violations")
        s.sendall(b"".join(frames))
        opcode, payload = read_frame(reader)
        self.assertEqual(opcode, 8)
        # The server ends TCP first (RFC 6455 7.1.1), once it has our close frame.
        s.sendall(frame(8, payload[:2]))
        self.assertEqual(reader.read(), b"")
        return close_code(payload)

    def test_text_that_is_not_utf8_is_1007(self):
        self.assertEqual(self.violate(frame(1, b"abc\xff")), 1007)

    def test_bad_utf8_fails_before_the_message_is_complete(self):
        self.assertEqual(self.violate(frame(1, b"\xc3", fin=False), frame(0, b"\x28", fin=False)), 1007)

    def test_a_message_over_the_limit_is_1009(self):
        self.assertEqual(self.violate(b"\x82\xff" + (MIB + 1).to_bytes(8, "big") + bytes(4)), 1009)

    def test_an_unmasked_frame_is_1002(self):
        self.assertEqual(self.violate(b"\x81\x02hi"), 1002)

    def test_a_reserved_bit_or_opcode_is_1002(self):
        self.assertEqual(self.violate(b"\xc1\x80" + bytes(4)), 1002)
        self.assertEqual(self.violate(b"\x83\x80" + bytes(4)), 1002)

    def test_a_close_payload_of_one_byte_is_1002(self):
        self.assertEqual(self.violate(frame(8, b"\x03")), 1002)

    def test_a_library_that_sends_too_much_reads_1009(self):
        for size in (MIB + 1, 8 * MIB):
            ws = self.join("/channels/violations")
            with self.assertRaises(ConnectionClosed):
                ws.send(bytes(size))
                ws.recv(WAIT)
            self.assertEqual(ws.protocol.close_rcvd.code, 1009)

    def test_others_do_not_notice(self):
        one, two = self.join("/channels/violations"), self.join("/channels/violations")
        self.violate(frame(1, b"\xff"))
        one.send("still here")
        self.assertEqual(two.recv(WAIT), "still here")


class Chosen(ServerTest):
    options = ("--allow-origin", "https://good.example", "--allow-origin", "null",
               "--subprotocol", "v2", "--subprotocol", "v1")

    def test_only_a_named_origin_comes_in(self):
        for origin in ("https://evil.example", "https://good.example.evil.example", "http://good.example"):
            with self.assertRaises(InvalidStatus) as refused:
                self.join("/channels/origin", origin=origin)
            self.assertEqual(refused.exception.response.status_code, 403)
        for origin in ("https://good.example", "null", None):
            self.join("/channels/origin", origin=origin)

    def test_only_a_named_subprotocol_is_chosen(self):
        self.assertEqual(self.join("/channels/sub", subprotocols=["v0", "v1"]).subprotocol, "v1")
        self.assertIsNone(self.join("/channels/sub").subprotocol)


if __name__ == "__main__":
    unittest.main()
