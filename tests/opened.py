"""A file of random bytes, opened to be read."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

CONTENT = Random(0).randbytes(3 << 20)


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    """The descriptor of a file in the folder that holds CONTENT."""
    path = folder / "object"
    path.write_bytes(CONTENT)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
