"""What is in `examples/` for programs outside of longwave, run as it stands."""

import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

from cutter import Cutter
from longwave import WAIT, Server, free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
NODE = os.environ.get("NODE", "node")


def publish(port, channel, text):
    url = "http://127.0.0.1:%d/channels/%s" % (port, channel)
    with urllib.request.urlopen(url, data=text.encode(), timeout=WAIT) as answer:
        answer.read()


class Program:
    """A command that runs until it is killed; what it prints is read as it comes."""

    def __init__(self, command):
        self.errors = tempfile.TemporaryFile()
        self.printed = b""
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors,
                                        cwd=ROOT, start_new_session=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while some := self.process.stdout.read1():
            self.printed += some

    @property
    def lines(self):
        """The lines that are whole."""
        return self.printed.decode(errors="replace").split("\n")[:-1]

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode()

    def hears(self, condition):
        """Waits until the condition holds; gives whether it does."""
        end = time.monotonic() + WAIT
        while not condition(self) and time.monotonic() < end:
            time.sleep(0.02)
        return condition(self)

    def kill(self):
        # Its own group: a script has children.
        try:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


class Subscribers(unittest.TestCase):
    """Each goes on after a cut without a loss, and says so when a restart lost something."""

    def follow(self, *command):
        port = free_port()
        server = Server("--retry", "200ms", port=port)
        self.addCleanup(lambda: server.kill())
        cutter = Cutter(port)
        self.addCleanup(cutter.close)
        publish(port, "news", "first")
        program = Program([*command, "http://127.0.0.1:%d/channels/news" % cutter.port, "oldest"])
        self.addCleanup(program.kill)
        expected = ["first"]
        self.reaches(program, expected)
        for i in range(2):
            cutter.cut()
            publish(port, "news", "while away %d" % i)
            cutter.mend()
            publish(port, "news", "later %d" % i)
            expected += ["while away %d" % i, "later %d" % i]
            self.reaches(program, expected)
        self.assertNotIn("missed", program.said())
        server.kill()
        server = Server("--retry", "200ms", port=port)
        publish(port, "news", "after the restart")
        self.reaches(program, expected + ["after the restart"])
        self.assertEqual(program.said().count("missed "), 1, program.said())

    def reaches(self, program, expected):
        program.hears(lambda p: len(p.lines) >= len(expected))
        self.assertEqual(program.lines, expected, program.said())

    def test_subscriber_py(self):
        self.follow(sys.executable, str(EXAMPLES / "subscriber.py"))

    def test_subscriber_mjs(self):
        self.follow(NODE, str(EXAMPLES / "subscriber.mjs"))

    def test_poll_sh(self):
        self.follow("bash", str(EXAMPLES / "poll.sh"))

    def test_a_refusal_ends_them(self):
        server = Server()
        self.addCleanup(server.kill)
        url = "http://127.0.0.1:%d/channels/news" % server.port
        for command in ([sys.executable, "subscriber.py"], [NODE, "subscriber.mjs"], ["bash", "poll.sh"]):
            ended = subprocess.run([command[0], EXAMPLES / command[1], url, "nonsense"], capture_output=True, timeout=WAIT)
            self.assertNotEqual(ended.returncode, 0, command)
            self.assertIn(b"400", ended.stderr, command)


def shown(program):
    return b"a tick" in program.printed


class Lines(unittest.TestCase):
    """Every line of curl.md, against a relay to which something is told all the while."""

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.kill)

    def commands(self):
        blocks = (EXAMPLES / "curl.md").read_text().split("```sh\n")[1:]
        lines = [line for block in blocks for line in block.split("```")[0].splitlines()]
        self.assertGreater(len(lines), 10)
        for line in lines:
            # A refusal has to show, and nothing may hang.
            yield line, line.replace("localhost:8080", "127.0.0.1:%d" % self.server.port).replace(
                "curl ", "curl -sS --fail-with-body --max-time 10 ", 1)

    def test_every_line_works(self):
        for line, command in self.commands():
            with self.subTest(line):
                program = Program(["bash", "-c", command])
                try:
                    self.run_one(line, program)
                finally:
                    program.kill()

    def run_one(self, line, program):
        end = time.monotonic() + WAIT
        while program.process.poll() is None and not shown(program) and time.monotonic() < end:
            publish(self.server.port, "news", "a tick")
            time.sleep(0.05)
        if " -N " not in line:
            self.assertEqual(program.process.wait(WAIT), 0, program.printed)
        if not any(" %s " % option in line for option in ("-d", "-T", "-F", "--data-binary", "-I")):
            self.assertTrue(program.hears(shown), (program.printed, program.said()))

    def test_a_compressed_stream_comes_line_by_line(self):
        url = "127.0.0.1:%d/channels/zipped" % self.server.port
        program = Program(["curl", "-sSN", "--compressed", "-H", "Accept: text/event-stream", "-D", "/dev/stderr", url])
        self.addCleanup(program.kill)
        self.assertTrue(program.hears(lambda p: p.lines[-1:] == [""]), program.said())
        self.assertIn("Content-Encoding: gzip", program.said())
        for text in ("short", "long " * 5000, "x" * 100_000):
            publish(self.server.port, "zipped", text)
            self.assertTrue(program.hears(lambda p: p.lines[-2:] == ["data: " + text, ""]))


if __name__ == "__main__":
    unittest.main()
