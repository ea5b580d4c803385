#!/usr/bin/env python3
"""System calls of the real binary, counted by strace: `epoll_ctl` in a connection's life, and sends per
subscriber and turn. Each is the difference of a large and a small run, so that starting and stopping
do not count. With --check it fails unless both are 1.

usage: benches/calls.py [--check] [BINARY]      (default target/release/longwave)
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

UPGRADE = (b"GET /channels/calls HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
FRAME = b"\x81\x85\0\0\0\0hello"  # masked with a key of zeroes
PLAIN = b"\x81\x05hello"
BATCH = 4  # messages in one write, so in one read and one turn


def connect(port):
    deadline = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=20)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def upgraded(port):
    client = connect(port)
    client.sendall(UPGRADE)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    assert head.startswith(b"HTTP/1.1 101"), head
    return client


def drive(port, subscribers, turns):
    publisher = upgraded(port)
    clients = [upgraded(port) for _ in range(subscribers)]
    for _ in range(turns):
        publisher.sendall(FRAME * BATCH)
        for client in clients:
            got = b""
            while len(got) < len(PLAIN) * BATCH:
                got += client.recv(len(PLAIN) * BATCH - len(got))
            assert got == PLAIN * BATCH
    for client in [publisher, *clients]:
        client.close()


def calls(binary, subscribers, turns):
    """(epoll_ctl, sends) of a server that has served so many for so many turns."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.NamedTemporaryFile("r") as table:
        traced = ["strace", "-f", "-c", "-o", table.name, "-e", "trace=epoll_ctl,sendto,sendmsg,writev"]
        server = subprocess.Popen([*traced, binary, "--listen", f"127.0.0.1:{port}"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            drive(port, subscribers, turns)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)
        count = {}
        for line in table:
            words = line.split()
            if len(words) >= 5 and words[3].isdigit():
                count[words[-1]] = int(words[3])
    sends = sum(count.get(name, 0) for name in ("sendto", "sendmsg", "writev"))
    return count.get("epoll_ctl", 0), sends


def main():
    args = [a for a in sys.argv[1:] if a != "--check"]
    binary = args[0] if args else os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "release/longwave")
    few, more, longer = (calls(binary, *shape) for shape in [(50, 5), (150, 5), (50, 25)])
    controls = (more[0] - few[0]) / 100
    sends = (longer[1] - few[1]) / (50 * 20)
    print(f"epoll_ctl calls in a connection's life: {controls:g}")
    print(f"sends per subscriber that keeps up and turn of {BATCH} messages: {sends:g}")
    if "--check" in sys.argv and (controls, sends) != (1, 1):
        sys.exit("both have to be 1")


if __name__ == "__main__":
    main()
