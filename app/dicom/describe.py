"""All we know of an instance, in one pass over its headers (design section 2)."""

from collections.abc import Iterator
from dataclasses import replace

from app.dicom import frames, json_model, part10
from app.dicom.description import Description
from app.dicom.part10 import Data, Part10
from app.dicom.resource import Resource
from app.dicom.validation import odd_uids

_STUDY, _SERIES, _INSTANCE, _SOP_CLASS = 0x0020000D, 0x0020000E, 0x00080018, 0x00080016
_META_INSTANCE, _META_SOP_CLASS = 0x00020003, 0x00020002


def describe(data: Data) -> Description:
    """An instance, described; its pixel data are not read.

    A UID that is missing is None in the resource, or empty: `validation.check` refuses those. Raises
    InvalidInstance where the bytes are no whole instance in the DICOM file format.
    """
    found = part10.read(data)
    warnings = dict.fromkeys(found.warnings)
    attributes, bulkdata = json_model.encode(found, lambda sentence: warnings.setdefault(sentence))
    index = frames.index(found)
    warnings |= dict.fromkeys(_disagreements(found))
    if index is None and (reason := frames.explain(found)):
        warnings[reason] = None
    described = Description(
        Resource(found.text(_STUDY) or None, found.text(_SERIES) or None, found.text(_INSTANCE) or None),
        found.text(_SOP_CLASS),
        found.transfer_syntax_uid,
        attributes,
        bulkdata,
        index,
    )
    return replace(described, warnings=(*warnings, *odd_uids(described)))


def _disagreements(found: Part10) -> Iterator[str]:
    """Where the meta information names something else than the data set, whose own UIDs count."""
    pairs = (
        (_META_INSTANCE, _INSTANCE, "SOP Instance UID"),
        (_META_SOP_CLASS, _SOP_CLASS, "SOP Class UID"),
    )
    for meta, tag, name in pairs:
        if found.text(meta) and found.text(meta) != found.text(tag):
            yield f"The meta information has another {name} than the data set, whose own counts."
