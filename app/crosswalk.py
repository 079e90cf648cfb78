"""Which identifier became which: sealed, apart from all else, readable to the key's holder alone.

Whoever deletes it, or the key, makes what was de-identified irreversible.
"""

import csv
import hmac
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, cast

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.errors import Misconfigured

KINDS: Final = ("patient", "uid")
_NONCE: Final = 12


@dataclass(frozen=True)
class Seal:
    """What a key seals, only that key opens; equal values have one lookup, which tells nothing else."""

    key: bytes

    @cached_property
    def _cipher(self) -> AESGCM:
        return AESGCM(hmac.digest(self.key, b"crosswalk", "sha256"))

    def lookup(self, kind: str, old: str) -> bytes:
        """The keyed hash under which a value is found again: 16 bytes."""
        return hmac.digest(self.key, f"lookup\0{kind}\0{old}".encode(), "sha256")[:16]

    def close(self, value: object, kind: str) -> bytes:
        """JSON, sealed (AES-256-GCM); `kind` must be the same to open it."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, orjson.dumps(value), kind.encode())

    def open(self, sealed: bytes, kind: str) -> object:
        """What was sealed. Raises Misconfigured where it was sealed with another key."""
        try:
            return orjson.loads(self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], kind.encode()))
        except (InvalidTag, ValueError):
            raise Misconfigured(
                "The crosswalk was sealed with another key: use that one, or another crosswalk."
            ) from None


def write_table(path: Path, pairs: Iterable[tuple[str, str]]) -> None:
    """Write old and new as CSV, `id_old,id_new`, for nobody else to read."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("id_old", "id_new"), *sorted(pairs)])


class Crosswalk:
    """A crosswalk in a folder: `crosswalk.sealed`, and when asked `patient.csv` and `uid.csv`."""

    def __init__(self, folder: Path, key: bytes) -> None:
        """Opened, or begun. Raises Misconfigured where it is another key's."""
        self._seal = Seal(key)
        self._folder = folder
        self.pairs: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for kind, old, new in self._read():
            self.pairs[kind][old] = new

    def add(self, kind: str, pairs: Mapping[str, str]) -> None:
        """Keep what is new of these pairs of old and new; on disk when this returns."""
        fresh = {old: new for old, new in pairs.items() if old not in self.pairs[kind]}
        if not fresh:
            return
        sealed = self._seal.close([kind, list(fresh.items())], "crosswalk")
        with self._path.open("ab") as file:
            file.write(len(sealed).to_bytes(4, "big") + sealed)
            file.flush()
            os.fsync(file.fileno())
        self.pairs[kind] |= fresh

    def export(self) -> None:
        """Write both tables as CSV, each `id_old,id_new`, for nobody else to read."""
        for kind, pairs in self.pairs.items():
            write_table(self._folder / f"{kind}.csv", pairs.items())

    def _opened(self, sealed: bytes) -> Iterator[tuple[str, str, str]]:
        kind, pairs = cast(tuple[str, list[tuple[str, str]]], self._seal.open(sealed, "crosswalk"))
        yield from ((kind, old, new) for old, new in pairs)

    @property
    def _path(self) -> Path:
        return self._folder / "crosswalk.sealed"

    def _read(self) -> Iterator[tuple[str, str, str]]:
        content = self._path.read_bytes() if self._path.exists() else b""
        position = 0
        while position + 4 <= len(content):
            length = int.from_bytes(content[position : position + 4], "big")
            sealed = content[position + 4 : position + 4 + length]
            if len(sealed) < length:
                # The end of a run that was killed: it is said again by the next.
                break
            yield from self._opened(sealed)
            position += 4 + length
        if position < len(content):
            os.truncate(self._path, position)
