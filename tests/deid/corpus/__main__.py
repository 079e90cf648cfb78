"""`python -m tests.deid.corpus FOLDER`: the corpus below FOLDER/source, its key as FOLDER/key.json."""

import sys
from pathlib import Path

from tests.deid.corpus.made import make

folder = Path(sys.argv[1])
key = make(folder / "source")
key.save(folder / "key.json")
print(f"{len(key.files)} instances, {len(key.checks)} checks")
