"""Spools whose temp files nobody can read: with a key that is in this process's memory and nowhere else."""

import mmap
import os
from pathlib import Path
from typing import TYPE_CHECKING

from app.storage.disk import Chunk, FileSystem, TempFile, facts
from app.storage.spool import Spool, Spools

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import CipherContext

_PIECE = 4 << 20


class SealedSpools(Spools):
    """As `Spools`; what does not stay in memory is encrypted (AES-256-CTR, a key and nonce for each)."""

    def open(self, largest: int | None = None) -> "SealedSpool":
        return SealedSpool(self, self.largest if largest is None else min(largest, self.largest))


class SealedSpool(Spool):
    """One of them. Its bytes are had by `view` alone: there is no file of them to hand out."""

    def __init__(self, spools: Spools, largest: int) -> None:
        super().__init__(spools, largest)
        # Only here: what a server never does it does not load.
        from cryptography.hazmat.primitives.ciphers import Cipher
        from cryptography.hazmat.primitives.ciphers.algorithms import AES256
        from cryptography.hazmat.primitives.ciphers.modes import CTR

        self._cipher = Cipher(AES256(os.urandom(32)), CTR(os.urandom(16)))

    def _temp_file(self, disk: FileSystem, folder: Path) -> TempFile:
        return _Encrypting(disk, folder, self._cipher.encryptor())

    def view(self) -> bytes | mmap.mmap:
        """What was spooled, in memory that is no file's; made at each call."""
        content = self._done().content
        if isinstance(content, bytes):
            return content
        memory = mmap.mmap(-1, max(1, self.size))
        decryptor = self._cipher.decryptor()
        with facts(), content.open("rb", buffering=0) as stream:
            while piece := stream.read(_PIECE):
                memory.write(decryptor.update(piece))
        return memory

    async def path(self) -> Path:
        raise RuntimeError("a sealed spool is no file for others")


class _Encrypting(TempFile):
    def __init__(self, disk: FileSystem, folder: Path, encryptor: "CipherContext") -> None:
        super().__init__(disk, folder)
        self._encryptor = encryptor

    def write(self, chunk: Chunk) -> None:
        super().write(self._encryptor.update(bytes(chunk)))
