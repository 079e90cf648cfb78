"""One of the others at work, in an environment of its own: `python worker.py NAME`.

It takes pairs of paths as JSON on its standard input and prints, as JSON, what went wrong by input. Each is
called as its own documentation has it, with the most complete standard profile that it brings along. Nothing
of this project is imported here.
"""

import json
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

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
    """Its pixel filters, then its default recipe for headers, private elements removed."""
    from deid.config import DeidRecipe
    from deid.dicom import replace_identifiers

    recipe = DeidRecipe()

    def one(source: str, target: str) -> None:
        with TemporaryDirectory() as folder:
            cleaned = _deid_pixels(source, folder)
            (dataset,) = replace_identifiers(cleaned, deid=recipe, save=False, remove_private=True)
            dataset.save_as(target)

    return one


def _deid_pixels(source: str, folder: str) -> str:
    """A copy without what its filters say is text; the source itself where they say nothing."""
    import pydicom
    from deid.dicom import DicomCleaner

    cleaner = DicomCleaner(output_folder=folder)
    if "PixelData" not in pydicom.dcmread(source) or not cleaner.detect(source)["flagged"]:
        return source
    cleaner.clean()
    return str(cleaner.save_dicom())


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
