"""Ports for servers that tests start."""

import os
import random
import socket
from contextlib import suppress
from itertools import cycle

#: Below those that Linux gives to outgoing connections: none takes a port before its server listens there.
_FIRST, _EACH = 12_000, 4_000
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 5
_ports = range(_FIRST + _EACH * _worker, _FIRST + _EACH * (_worker + 1))
#: Each in its turn, so that none is given to two servers of which one has yet to start.
_next = cycle(random.SystemRandom().sample(_ports, _EACH))


def free_port() -> int:
    """A port of this machine at which nothing listens, and which no other process of the tests gives away."""
    for port in _next:
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")
