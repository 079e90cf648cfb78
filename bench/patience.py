"""How much many slow clients slow down a fast one."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from statistics import median

from bench.client import get, run
from bench.corpus import Scale
from bench.ct import Instance, series_path
from bench.operations import ANY_DICOM, ANY_FRAME
from bench.peers import Peer

SLOW = 64
_SIP, _SECONDS = 1 << 14, 0.25
_REQUESTS = 100
#: Until each of them has its plan and a full socket: from then on they are only slow.
_SETTLED = 4.0


def patience(peer: Peer, scale: Scale, rounds: int) -> dict[str, str]:
    """Frames a second to one client, alone and beside SLOW clients that each take a series at 64 kB/s."""
    alone, beside = [], []
    for _ in range(rounds):
        alone.append(_frames(peer, scale))
        with _slow_clients(peer):
            beside.append(_frames(peer, scale))
    rates = median(alone), median(beside)
    told = f"{rates[0]:,.0f} a second alone, {rates[1]:,.0f} beside them: {rates[0] / rates[1]:.2f} x"
    return {f"frames to one client, and beside {SLOW} slow ones": told}


def _frames(peer: Peer, scale: Scale) -> float:
    paths = (Instance(0, 1, number + 1).path for number in range(scale.series))
    units = [(get(f"{peer.root}{path}/frames/1", ANY_FRAME),) for path in paths]
    times = run(peer.port, [list(islice(cycle(units), _REQUESTS))], 2 * 512 * 512)
    return times.right / times.seconds


@contextmanager
def _slow_clients(peer: Peer) -> Iterator[None]:
    done = threading.Event()
    request = get(peer.root + series_path(0, 2), ANY_DICOM).head
    sockets = [socket.create_connection(("127.0.0.1", peer.port)) for _ in range(SLOW)]
    for each in sockets:
        each.sendall(request)
    reader = threading.Thread(target=_sip, args=(sockets, done))
    reader.start()
    time.sleep(_SETTLED)
    try:
        yield
    finally:
        done.set()
        reader.join()
        for each in sockets:
            each.close()


def _sip(sockets: list[socket.socket], done: threading.Event) -> None:
    while not done.wait(_SECONDS):
        for each in sockets:
            each.recv(_SIP)
