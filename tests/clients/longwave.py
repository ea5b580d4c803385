"""Starts a longwave of the test's own and speaks to it, with websockets or with bare sockets.

The binary is named by LONGWAVE_BIN. Every wait has an end: a server that hangs fails a test.
"""

import base64
import faulthandler
import os
import random
import signal
import socket
import subprocess
import time
import unittest

from websockets.sync.client import connect

WAIT = 10.0
MIB = 1024 * 1024

# All tests together take a minute. Whatever waits without end then shows where, and ends.
faulthandler.dump_traceback_later(float(os.environ.get("TESTS_SECONDS", "540")), exit=True)


def free_port():
    """A port that nobody listens on, below those that the kernel gives to outgoing connections."""
    for _ in range(100):
        with socket.socket() as s:
            port = random.randrange(15_000, 32_000)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


class Server:
    """A running longwave on a port of 127.0.0.1, a free one if none is given."""

    def __init__(self, *options, port=None):
        self.port = port or free_port()
        self.process = subprocess.Popen(
            [os.environ["LONGWAVE_BIN"], "--listen", "127.0.0.1:%d" % self.port, *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            self._await()
        except BaseException:
            self.kill()
            raise

    def _await(self):
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError("the server exited with %d" % self.process.returncode)
            try:
                return self.raw().close()
            except OSError:
                time.sleep(0.02)
        raise RuntimeError("the server does not listen")

    def url(self, path):
        return "ws://127.0.0.1:%d%s" % (self.port, path)

    def join(self, path, **options):
        """A WebSocket of the websockets library, joined when this returns."""
        options = {"proxy": None, "max_size": 64 * MIB, "compression": None} | options
        return connect(self.url(path), **options)

    def raw(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT)

    def signal(self, number=signal.SIGTERM):
        self.process.send_signal(number)

    def exit_code(self, seconds=WAIT):
        return self.process.wait(seconds)

    def kill(self):
        self.process.kill()
        self.process.wait()


class ServerTest(unittest.TestCase):
    """Tests that share one server, started with `options`."""

    options = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.options)
        cls.addClassCleanup(cls.server.kill)

    def join(self, path, **options):
        ws = self.server.join(path, **options)
        self.addCleanup(ws.close)
        return ws

    def raw(self):
        s = self.server.raw()
        self.addCleanup(s.close)
        return s

    def raw_websocket(self, path):
        """A socket just after its handshake, and the buffered reader to read it by."""
        s = self.raw()
        s.sendall(upgrade(path))
        reader = s.makefile("rb")
        self.addCleanup(reader.close)
        status, _, _ = read_answer(reader)
        self.assertEqual(status, 101)
        return s, reader


def upgrade(path, *headers):
    key = base64.b64encode(os.urandom(16)).decode()
    lines = ["GET %s HTTP/1.1" % path, "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + key, *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def read_answer(reader):
    """One HTTP answer: status, headers by lower-case name, body."""
    line = reader.readline()
    if not line:
        raise EOFError("no answer")
    status = int(line.split()[1])
    headers = {}
    while (line := reader.readline().strip()):
        name, value = line.decode("latin-1").split(":", 1)
        headers[name.lower()] = value.strip()
    bodyless = status == 101 or status == 204
    body = b"" if bodyless else reader.read(int(headers["content-length"]))
    return status, headers, body


def frame(opcode, payload, fin=True):
    """A masked client frame; the payload is under 64 KiB."""
    n = len(payload)
    length = bytes([0x80 | n]) if n < 126 else b"\xfe" + n.to_bytes(2, "big")
    mask = os.urandom(4)
    masked = bytes(b ^ mask[i & 3] for i, b in enumerate(payload))
    return bytes([opcode | (0x80 if fin else 0)]) + length + mask + masked


def read_frame(reader):
    """One server frame: opcode and payload. EOFError at the end of the stream."""
    head = reader.read(2)
    if len(head) < 2:
        raise EOFError("no frame")
    n = head[1] & 0x7F
    if n >= 126:
        n = int.from_bytes(reader.read(2 if n == 126 else 8), "big")
    return head[0] & 0x0F, reader.read(n)


def close_code(payload):
    return int.from_bytes(payload[:2], "big")
