"""The keys with which collections de-identify: files in a folder, apart from the database and the objects.

Whoever runs several machines gives them all the same folder, or the same files in it.
"""

import os
from pathlib import Path
from secrets import token_bytes

from app.errors import KeyUnavailable

KEY_BYTES = 32


class Keyring:
    """The folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, collection: str) -> bytes:
        """A collection's key. Raises KeyUnavailable where there is none."""
        try:
            return self._path(collection).read_bytes()
        except OSError as error:
            raise KeyUnavailable(
                f"The key of collection {collection} cannot be read ({error.strerror}): put it where "
                "READINGROOM_KEYS says."
            ) from None

    def make(self, collection: str) -> bytes:
        """A collection's key, made where there is none. Raises KeyUnavailable."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(
                os.open(self._path(collection), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
            ) as file:
                file.write(token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            pass
        except OSError as error:
            raise KeyUnavailable(
                f"No key can be made where READINGROOM_KEYS says ({error.strerror})."
            ) from None
        return self.get(collection)

    def _path(self, collection: str) -> Path:
        return self._folder / f"{collection}.key"
