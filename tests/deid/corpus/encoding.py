"""From a data set to a file, in any transfer syntax, with what hides outside the data set."""

from io import BytesIO
from warnings import catch_warnings

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from tests.deid.corpus.place import Place
from tests.deid.key import Action

NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
PACKED = (RLELossless, JPEGLSLossless, JPEG2000Lossless)
_PLUGINS = {RLELossless: "pydicom", JPEGLSLossless: "pyjpegls", JPEG2000Lossless: "pylibjpeg"}
PADDING = 0xFFFCFFFC


def encoded(place: Place, syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """The instance as a file (PS3.10)."""
    dataset = place.dataset
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    _hidden(place.about("outside the data set"))
    if syntax in PACKED:
        dataset.compress(syntax, encoding_plugin=_PLUGINS[syntax], generate_instance_uid=False)
    if syntax == ExplicitVRBigEndian and "PixelData" in dataset and dataset.BitsAllocated == 16:
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").byteswap().tobytes()
    dataset.file_meta.TransferSyntaxUID = syntax
    return _written(dataset)


def _written(dataset: Dataset) -> bytes:
    target = BytesIO()
    # It warns of what is wrong on purpose.
    with catch_warnings(action="ignore"):
        dcmwrite(target, dataset, enforce_file_format=True)
    return target.getvalue()


def _hidden(place: Place) -> None:
    """In the preamble, the file meta information and the padding at the end."""
    person, meta = place.person, place.dataset.file_meta
    place.dataset.preamble = f"II*\0{person.given} {person.other_id}".encode().ljust(128, b"\0")
    meta.SourceApplicationEntityTitle = f"AESRC{person.number}XQ"
    meta.PrivateInformationCreatorUID = f"{place.instance}.99"
    meta.PrivateInformation = f"patient {person.id} {person.given} ".encode()
    padding = f"{person.id} {person.other_id}".encode()
    place.raw(PADDING, "OB", padding + b"\0" * (len(padding) % 2))
    place.check(Action.TEXT_REMOVED, "(FFFC,FFFC)", padding.decode())
    place.canary(f"AESRC{person.number}XQ")
