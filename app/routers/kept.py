"""Answers of many documents, kept coded for whoever is to be sent the same bytes again.

They are kept under their entity tag, which covers every row that the viewer may see, the form and the root's
address: who sees anything else has another tag, and what has changed is never asked for again. What is sent
without a coding is kept as zstd, which is taken off faster than new memory for the whole of it is given.
"""

from dataclasses import dataclass

from app.storage.recent import Recent
from app.threads import in_thread
from app.wire import coding
from app.wire.coding import Coded
from app.wire.conditional import coded

_ZSTD = "zstd"


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer of one entity tag."""

    recent: Recent[Coded]
    etag: str

    def get(self, chosen: str) -> Coded | None:
        """The body for a coding that `coding.choose` gave, if it is kept; for identity in zstd."""
        return self.recent.get(self._name(chosen))

    async def encode(self, chosen: str, data: bytes) -> bytes:
        """`data` in a coding; it is kept."""
        made = await in_thread(coding.encode, _held(chosen), data)
        self.recent.keep(self._name(chosen), Coded(made, len(data)))
        return data if chosen == coding.IDENTITY else made

    def copy(self, chosen: str) -> "Copy":
        """Collects an answer that is sent piece by piece."""
        return Copy(self.recent, self._name(chosen), chosen == coding.IDENTITY)

    def _name(self, chosen: str) -> str:
        return coded(self.etag, _held(chosen))


class Copy:
    """A body as it passes; one that becomes too large to be kept is let go of at once."""

    def __init__(self, recent: Recent[Coded], name: str, plain: bool) -> None:
        self._recent, self._name = recent, name
        self._encoder = coding.Encoder(_ZSTD if plain else coding.IDENTITY)
        self._pieces: list[bytes] | None = []
        self._size = self._plain = 0

    def feed(self, piece: bytes, plain: int) -> None:
        """A piece as it was sent, and so many more bytes without the coding."""
        self._plain += plain
        self._add(self._encoder.feed(piece))

    def close(self) -> None:
        """The body is whole: keep it."""
        self._add(self._encoder.close())
        if self._pieces is not None:
            self._recent.keep(self._name, Coded(b"".join(self._pieces), self._plain))

    def _add(self, piece: bytes) -> None:
        if self._pieces is None:
            return
        self._size += len(piece)
        self._pieces.append(piece)
        if self._size > self._recent.largest:
            self._pieces = None


def _held(chosen: str) -> str:
    return _ZSTD if chosen == coding.IDENTITY else chosen
