"""permessage-deflate as the `websockets` library and zlib itself see it."""

import json
import random
import unittest
import zlib

from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from longwave import MIB, WAIT, ServerTest, read_answer, upgrade

ITEMS = [{"id": i, "price": i / 4, "side": "buy" if i & 1 else "sell"} for i in range(2000)]
JSON = json.dumps(ITEMS)


def far_repeats():
    """Text with repeats at all distances up to 20,000 bytes."""
    choose = random.Random(1)
    said = "".join(choose.choice("abcdefghijklmnop") for _ in range(300))
    gaps = ["".join(choose.choice("qrstuvwxyz012345") for _ in range(n)) for n in (300, 1000, 4000, 15000)]
    return "".join(said + gap for gap in gaps) + said


def read_first_byte_and_payload(reader):
    head = reader.read(2)
    n = head[1] & 0x7F
    if n >= 126:
        n = int.from_bytes(reader.read(2 if n == 126 else 8), "big")
    return head[0], reader.read(n)


class Deflate(ServerTest):
    def test_the_default_offer_is_taken_and_messages_of_all_kinds_pass(self):
        one = self.join("/channels/default", compression="deflate")
        two = self.join("/channels/default", compression="deflate")
        plain = self.join("/channels/default")
        answer = one.response.headers["Sec-WebSocket-Extensions"]
        self.assertEqual(
            answer, "permessage-deflate; server_no_context_takeover; client_no_context_takeover")
        for message in [JSON, "grüße", "", b"\x00\xff" * 9, JSON.encode(), random.randbytes(MIB), "x" * MIB]:
            for _ in range(2):
                one.send(message)
                self.assertEqual(two.recv(WAIT), message)
                self.assertEqual(plain.recv(WAIT), message)

    def test_a_fragmented_message_is_inflated_as_one(self):
        one, two = (self.join("/channels/parts", compression="deflate") for _ in range(2))
        one.send([JSON[:5000], "", JSON[5000:5001], JSON[5001:]])
        self.assertEqual(two.recv(WAIT), JSON)

    def test_every_combination_of_windows(self):
        for server in [None, 8, 9, 10, 15]:
            for client in [True, 9, 12, 15, None]:
                offer = ClientPerMessageDeflateFactory(
                    server_max_window_bits=server, client_max_window_bits=client)
                ws = self.join("/echo", extensions=[offer], compression=None)
                self.assertIn("permessage-deflate", ws.response.headers["Sec-WebSocket-Extensions"])
                for message in [JSON, far_repeats(), "short", b""]:
                    ws.send(message)
                    self.assertEqual(ws.recv(WAIT), message)

    def test_no_distance_goes_beyond_the_window(self):
        """zlib holds distances to a small window only when it is given little at a time."""
        text = far_repeats()
        lengths = {}
        for bits in [9, 11, 13, 15]:
            s = self.raw()
            reader = s.makefile("rb")
            self.addCleanup(reader.close)
            s.sendall(upgrade("/channels/far", "Sec-WebSocket-Extensions: permessage-deflate; "
                              "server_max_window_bits=%d" % bits))
            self.assertEqual(read_answer(reader)[0], 101)
            self.join("/channels/far").send(text)
            first, payload = read_first_byte_and_payload(reader)
            self.assertEqual(first, 0xC1)
            state, out = zlib.decompressobj(wbits=-bits), b""
            for byte in payload + b"\x00\x00\xff\xff":
                left = bytes([byte])
                while left or state.unconsumed_tail:
                    piece = state.decompress(state.unconsumed_tail + left, 32)
                    out, left = out + piece, b""
                    if not piece and not state.unconsumed_tail:
                        break
            out += state.flush()
            self.assertEqual(out.decode(), text)
            lengths[bits] = len(payload)
        self.assertGreater(lengths[9], lengths[11])
        self.assertGreater(lengths[11], lengths[13])

    def test_what_is_not_compressed_is_not_marked(self):
        s = self.raw()
        reader = s.makefile("rb")
        self.addCleanup(reader.close)
        s.sendall(upgrade("/channels/eight", "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=8"))
        status, headers, _ = read_answer(reader)
        self.assertEqual(status, 101)
        self.assertTrue(headers["sec-websocket-extensions"].endswith("server_max_window_bits=8"))
        self.join("/channels/eight").send(JSON)
        self.assertEqual(read_first_byte_and_payload(reader), (0x81, JSON.encode()))


if __name__ == "__main__":
    unittest.main()
