"""One of the others at work, in an environment of its own: `python worker.py NAME`.

It takes pairs of paths as JSON on its standard input and prints, as JSON, what went wrong by input. Each is called as its own documentation has it, with the most
complete standard profile that it brings along. Nothing of this project is imported here.
"""

import json
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

One = Callable[[str, str], None]


def dicom_anonymizer() -> One:
    """Its Basic Profile of the newest edition; private elements removed, as by default."""
    from dicomanonymizer.simpledicomanonymizer import anonymize_dicom_file

    return anonymize_dicom_file


def dicognito() -> One:
    """One anonymizer for all, so that identifiers stay consistent."""
    import pydicom
    from dicognito.anonymizer import Anonymizer

    anonymizer = Anonymizer(seed="bench")

    def one(source: str, target: str) -> None:
        with pydicom.dcmread(source) as dataset:
            anonymizer.anonymize(dataset)
            dataset.save_as(target)

    return one


def deid() -> One:
    """Its default recipe for headers, private elements removed, then its pixel filters."""
    from deid.config import DeidRecipe
    from deid.dicom import DicomCleaner, replace_identifiers

    recipe = DeidRecipe()

    def one(source: str, target: str) -> None:
        (dataset,) = replace_identifiers(source, deid=recipe, save=False, remove_private=True)
        cleaner = DicomCleaner(output_folder=str(Path(target).parent))
        if cleaner.detect(source).get("flagged"):
            cleaned = cleaner.clean()
            dataset.PixelData = cleaned.tobytes() if cleaned is not None else dataset.PixelData
        dataset.save_as(target)

    return one


def dcmanon() -> One:
    """Its default settings."""
    from dcmanon import Anonymizer

    anonymizer = Anonymizer()

    def one(source: str, target: str) -> None:
        Path(target).write_bytes(anonymizer.anonymize(source))

    return one


_PEERS = {"dicom-anonymizer": dicom_anonymizer, "dicognito": dicognito, "deid": deid, "dcmanon": dcmanon}


def main() -> None:
    """Every pair, one after the other."""
    pairs: list[tuple[str, str]] = json.load(sys.stdin)
    wrong: dict[str, str] = {}
    warnings.simplefilter("ignore")
    with redirect_stdout(sys.stderr):
        one = _PEERS[sys.argv[1]]()
        for source, target in pairs:
            try:
                one(source, target)
            except (Exception, SystemExit) as error:
                wrong[source] = f"{type(error).__name__}: {error}"[:200]
    json.dump(wrong, sys.stdout)


if __name__ == "__main__":
    main()
