"""A TCP proxy on a free loopback port that lets through so many bytes a second, and can be told otherwise."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PIECE = 16 << 10


class SlowProxy:
    """Between whoever connects and a port; `rate` holds for each connection, each way, and may be changed."""

    def __init__(self, port: int) -> None:
        self.rate = 0.0
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def stop(self) -> None:
        """Take no more, and end what is open."""
        self.rate = 0.0
        _end(self._listening)
        self._threads[0].join(10)
        for each in list(self._open):
            _end(each)
        for thread in self._threads:
            thread.join(10)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                self._threads.append(threading.Thread(target=self._connected, args=(here,), daemon=True))
                self._threads[-1].start()

    def _connected(self, here: socket.socket) -> None:
        with here, suppress(OSError), socket.create_connection(("127.0.0.1", self._to)) as there:
            self._open |= {here, there}
            back = threading.Thread(target=self._pump, args=(there, here), daemon=True)
            back.start()
            self._pump(here, there)
            back.join()
            self._open -= {here, there}

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                time.sleep(len(piece) / self.rate if self.rate else 0)
                target.sendall(piece)
        _end(source)
        _end(target)


def _end(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)


@contextmanager
def slow_proxy(port: int) -> Iterator[SlowProxy]:
    """A running one; it holds nothing up until it is given a rate."""
    proxy = SlowProxy(port)
    try:
        yield proxy
    finally:
        proxy.stop()
