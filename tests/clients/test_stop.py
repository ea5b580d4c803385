"""How a longwave stops: everyone hears 1001, the exit code is 0, a second signal does not wait."""

import signal
import time
import unittest

from websockets.exceptions import ConnectionClosed

from longwave import WAIT, Server, read_answer, read_frame, close_code, upgrade


class Stop(unittest.TestCase):
    def start(self, *options):
        server = Server(*options)
        self.addCleanup(server.kill)
        return server

    def silent_peer(self, server):
        """A subscriber that never answers a close frame."""
        s = server.raw()
        self.addCleanup(s.close)
        s.sendall(upgrade("/channels/stop"))
        reader = s.makefile("rb")
        self.addCleanup(reader.close)
        self.assertEqual(read_answer(reader)[0], 101)
        return reader

    def test_a_signal_closes_everyone_with_1001_and_exits_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.start()
            clients = [server.join("/channels/stop") for _ in range(10)]
            clients[0].send("last words")
            server.signal(number)
            for ws in clients[1:]:
                self.assertEqual(ws.recv(WAIT), "last words")
            for ws in clients:
                with self.assertRaises(ConnectionClosed):
                    ws.recv(WAIT)
                self.assertEqual(ws.protocol.close_rcvd.code, 1001)
            self.assertEqual(server.exit_code(), 0)

    def test_nobody_new_comes_in_while_it_drains(self):
        server = self.start("--drain", "30s", "--close-timeout", "30s")
        reader = self.silent_peer(server)
        server.signal()
        self.assertEqual(read_frame(reader)[0], 8)
        with self.assertRaises(OSError):
            server.raw()

    def test_the_drain_has_an_end(self):
        server = self.start("--drain", "500ms", "--close-timeout", "30s")
        self.silent_peer(server)
        began = time.monotonic()
        server.signal()
        self.assertEqual(server.exit_code(), 0)
        self.assertGreater(time.monotonic() - began, 0.4)
        self.assertLess(time.monotonic() - began, 5)

    def test_a_second_signal_exits_at_once(self):
        server = self.start("--drain", "30s", "--close-timeout", "30s")
        reader = self.silent_peer(server)
        server.signal()
        opcode, payload = read_frame(reader)
        self.assertEqual((opcode, close_code(payload)), (8, 1001))
        time.sleep(0.2)
        self.assertIsNone(server.process.poll(), "it left before its peers could")
        server.signal()
        server.exit_code(2)


if __name__ == "__main__":
    unittest.main()
