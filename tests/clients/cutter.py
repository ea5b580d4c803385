"""A TCP proxy in front of the relay that breaks its connections when told, and lets nobody in meanwhile."""

import socket
import threading


class Cutter:
    """Passes connections to `target`, a port of 127.0.0.1, on from `port`."""

    def __init__(self, target):
        self.target = target
        self.away = False
        self.opened = 0
        self.sockets = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        """Ends what is open; what comes is refused until `mend`."""
        self.away = True
        for s in list(self.sockets):
            # Wakes the thread that reads it, as a mere close would not.
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def mend(self):
        self.away = False

    def close(self):
        self.cut()
        self.listener.close()

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            if self.away:
                peer.close()
                continue
            self.opened += 1
            try:
                onward = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                # Nobody listens there now: the next one is accepted all the same.
                peer.close()
                continue
            self.sockets |= {peer, onward}
            for one, other in ((peer, onward), (onward, peer)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        # Closed when both directions are done, by whoever is second.
        self.sockets.discard(one)
        if other not in self.sockets:
            one.close()
            other.close()
