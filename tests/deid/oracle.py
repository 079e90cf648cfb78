"""A de-identifier that has read the answer key: so the key can be met, and names all that was planted.

It edits what the checks name and nothing else; what of a patient is left was planted without a check.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from warnings import catch_warnings

import numpy as np
from pydicom import DataElement, Dataset, Sequence, dcmread, dcmwrite
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.deid.corpus.others import pdf
from tests.deid.drawing import mask
from tests.deid.judge.cases import frames
from tests.deid.judge.claims import CLEAN_PIXELS, DONE
from tests.deid.judge.maps import Maps
from tests.deid.judge.paths import find, values, walk
from tests.deid.key import Action, Check, Key

_RETAINED = {Action.TAG_RETAINED, Action.TEXT_RETAINED}
_SECONDS = 86_400
_NATIVE = {ImplicitVRLittleEndian, ExplicitVRBigEndian}


def oracle(source: Path, output: Path, key: Key) -> Maps:
    """What the key asks, done to every instance; the maps."""
    people = sorted(set(key.patients.values()))
    maps = Maps(patients={old: f"SYNTH-{number:04}" for number, old in enumerate(people, 1)})
    output.mkdir()
    with catch_warnings(action="ignore"):
        for number, (uid, checks) in enumerate(groupby(key.checks, lambda check: check.instance)):
            edited = _Edit(dcmread(source / key.files[uid]), maps, people.index(key.patients[uid]))
            edited.all(list(checks))
            edited.save(output / f"{number:05}.dcm")
    return maps


class _Edit:
    """One instance."""

    def __init__(self, dataset: Dataset, maps: Maps, person: int) -> None:
        self.dataset, self.maps, self.patient = dataset, maps, maps.patients[str(dataset.PatientID)]
        self.days = -(500 + 31 * person)
        self.drawn = False
        # Everything is decoded now, while it is known how it was written.
        self.before = dict(walk(dataset))

    def all(self, checks: list[Check]) -> None:
        """Do what each of them asks."""
        by_path: dict[str, list[Check]] = {}
        for check in checks:
            by_path.setdefault(check.path, []).append(check)
        for path, asked in by_path.items():
            self._at(path, asked)
        self._flags()

    def save(self, path: Path) -> None:
        """With a new preamble and file meta information; native pixels as explicit VR little endian."""
        meta = self.dataset.file_meta
        for tag in [tag for tag in meta if tag.tag > 0x00020010]:
            del meta[tag.tag]
        if meta.TransferSyntaxUID == ExplicitVRBigEndian and "PixelData" in self.dataset:
            self.dataset.PixelData = np.frombuffer(self.dataset.PixelData, ">u2").astype("<u2").tobytes()
        if meta.TransferSyntaxUID in _NATIVE or self.drawn:
            meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPInstanceUID = self.dataset.SOPInstanceUID
        self.dataset.preamble = bytes(128)
        dcmwrite(path, self.dataset, enforce_file_format=True)

    def _at(self, path: str, checks: list[Check]) -> None:
        actions = {check.action for check in checks}
        element = find(self.dataset, path)
        if Action.PIXELS_HIDDEN in actions:
            self._blank(checks)
        elif element is None:
            return
        elif path in {"(0010,0010)", "(0010,0020)"}:
            element.value = self.patient
        elif path == "(0042,0011)":
            element.value = pdf("", "") + b"\0" * (len(pdf("", "")) % 2)
        elif Action.TEXT_REMOVED in actions and not actions & _RETAINED:
            self._delete(path)
        else:
            self._edit(element, checks)

    def _edit(self, element: DataElement, checks: list[Check]) -> None:
        plain = [check for check in checks if check.action is Action.DATE_SHIFTED and not check.form]
        if element.VR == "UI":
            changed = {check.text for check in checks if check.action is Action.UID_CHANGED}
            element.value = [self._uid(old) if old in changed else old for old in values(element)]
        elif plain and element.VR == "SL":
            element.value += self.days * _SECONDS
        elif plain:
            element.value = [_shifted(old, "%Y%m%d", self.days) for old in values(element)]
        else:
            self._text(element, checks)

    def _text(self, element: DataElement, checks: Iterable[Check]) -> None:
        value = "\\".join(values(element))
        for check in sorted(checks, key=lambda check: -len(check.text)):
            match check.action:
                case Action.TEXT_REMOVED:
                    value = value.replace(check.text, "")
                case Action.DATE_SHIFTED:
                    value = value.replace(check.text, _shifted(check.text, check.form, self.days))
                case Action.UID_CHANGED:
                    value = value.replace(check.text, self._uid(check.text))
        if value != "\\".join(values(element)):
            element.value = value

    def _uid(self, old: str) -> str:
        return self.maps.uids.setdefault(old, f"2.25.{1_000_000 + len(self.maps.uids)}")

    def _delete(self, path: str) -> None:
        inside, _, last = path.rpartition("]")
        place = self.dataset
        if inside:
            sequence, _, number = inside.rpartition("[")
            place = find(self.dataset, sequence).value[int(number)]
        del place[find(place, last).tag]

    def _blank(self, checks: Iterable[Check]) -> None:
        pixels = frames(self.dataset).copy()
        for check in checks:
            height, width = mask(check.text, check.drawn.size).shape
            row, column = check.drawn.row, check.drawn.column
            pixels[:, row : row + height, column : column + width] = 0
        self.dataset.PixelData = pixels.tobytes()
        self.dataset["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
        self.dataset["PixelData"].is_undefined_length = False
        self.dataset.BurnedInAnnotation, self.drawn = "NO", True

    def _flags(self) -> None:
        self.dataset.PatientIdentityRemoved = "YES"
        self.dataset.DeidentificationMethod = "by its answer key"
        self.dataset.LongitudinalTemporalInformationModified = "MODIFIED"
        codes = DONE | ({CLEAN_PIXELS} if self.drawn else set())
        self.dataset.DeidentificationMethodCodeSequence = Sequence(_codes(codes))
        _settle(self.dataset)


def _settle(dataset: Dataset) -> None:
    """Without private elements that are nobody's, and without creators of nothing."""
    private = [element.tag for element in dataset if element.tag.is_private]
    creators = {tag for tag in private if tag.element <= 0xFF}
    blocks = {tag: Tag(tag.group, tag.element >> 8) for tag in private if tag.element > 0xFF}
    for tag in [*(creators - set(blocks.values())), *(tag for tag in blocks if blocks[tag] not in creators)]:
        del dataset[tag]
    for element in dataset:
        for item in element.value if element.VR == "SQ" else ():
            _settle(item)


def _codes(codes: Iterable[str]) -> Iterator[Dataset]:
    for code in sorted(codes):
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", "as in CID 7050"
        yield item


def _shifted(old: str, form: str, days: int) -> str:
    """The date that begins a text, moved; what follows it stays."""
    if form != "%Y%m%d":
        return (datetime.strptime(old, form) + timedelta(days)).strftime(form)
    return (datetime.strptime(old[:8], form) + timedelta(days)).strftime(form) + old[8:]
