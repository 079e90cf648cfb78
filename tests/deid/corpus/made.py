"""The corpus: patients of three studies each, written below a folder, with its key."""

from collections.abc import Iterator
from pathlib import Path

from pydicom.uid import UID, ExplicitVRLittleEndian

from tests.deid.corpus.derived import presentation, segmentation
from tests.deid.corpus.encoding import NATIVE, PACKED, encoded
from tests.deid.corpus.frames import enhanced
from tests.deid.corpus.hiding import HIDING
from tests.deid.corpus.images import ct, mr, pet
from tests.deid.corpus.others import document, ecg
from tests.deid.corpus.people import Person, people
from tests.deid.corpus.place import Place
from tests.deid.corpus.privates import PRIVATES, ge_pet
from tests.deid.corpus.projections import capture, radiograph, ultrasound
from tests.deid.corpus.reports import report
from tests.deid.corpus.therapy import dose, plan, structures
from tests.deid.corpus.visit import ROOT, Visit
from tests.deid.key import Key

SEED, PATIENTS = 7, 14
_SLICES = 4


def make(folder: Path, seed: int = SEED, patients: int = PATIENTS) -> Key:
    """Write the corpus; its key."""
    key = Key(root=ROOT)
    for person in people(seed, patients):
        for place, syntax in _of(person, key):
            _write(folder, place, syntax)
    return key


def _write(folder: Path, place: Place, syntax: UID) -> None:
    """As a PACS exports it: with the patient in the file's name."""
    person = place.person
    file = f"{place.dataset.Modality}{len(place.key.files):04}.dcm"
    name = f"{person.family}_{person.id}/{place.dataset.StudyDate}/{file}"
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(encoded(place, syntax))
    place.key.files[place.instance] = name


def _of(person: Person, key: Key) -> Iterator[tuple[Place, UID]]:
    yield from _first(Visit(person, 0), key)
    yield from _second(Visit(person, 1), key)
    yield from _third(Visit(person, 2), key)


def _first(visit: Visit, key: Key) -> Iterator[tuple[Place, UID]]:
    """CT and all that refers to it."""
    syntaxes = (*NATIVE, *PACKED)
    for number in range(1, _SLICES + 1):
        turn = visit.person.number + number
        place = ct(visit.at(1, number), key)
        HIDING[number % len(HIDING)](place, visit)
        PRIVATES[turn % len(PRIVATES)](place, visit)
        yield place, syntaxes[(visit.person.number * _SLICES + number) % len(syntaxes)]
    images = [visit.at(1, number).instance_uid for number in range(1, _SLICES + 1)]
    structured, planned = visit.at(2), visit.at(3)
    plain = ExplicitVRLittleEndian
    yield structures(structured, key, images), NATIVE[visit.person.number % 2]
    yield plan(planned, key, structured.instance_uid), plain
    yield dose(visit.at(4), key, planned.instance_uid, structured.instance_uid), plain
    yield segmentation(visit.at(5), key, images[0]), plain
    yield presentation(visit.at(6), key, images[1]), plain
    yield report(visit.at(7), key, images[2]), NATIVE[visit.person.number % len(NATIVE)]


def _second(visit: Visit, key: Key) -> Iterator[tuple[Place, UID]]:
    """MR, PET and an ECG."""
    for number in range(1, 4):
        place = mr(visit.at(1, number), key)
        HIDING[(visit.person.number + number) % len(HIDING)](place, visit)
        PRIVATES[(visit.person.number + number) % len(PRIVATES)](place, visit)
        yield place, NATIVE[number % 2]
    yield enhanced(visit.at(2), key), ExplicitVRLittleEndian
    for number in range(1, 3):
        place = pet(visit.at(3, number), key)
        ge_pet(place, visit)
        yield place, ExplicitVRLittleEndian
    yield ecg(visit.at(4), key), ExplicitVRLittleEndian


def _third(visit: Visit, key: Key) -> Iterator[tuple[Place, UID]]:
    """What has texts in its pixels, and a letter."""
    number = visit.person.number
    yield ultrasound(visit.at(1), key), (ExplicitVRLittleEndian, RLE, JPEG_LS)[number % 3]
    yield ultrasound(visit.at(2), key, frames=3), ExplicitVRLittleEndian
    yield radiograph(visit.at(3), key), (ExplicitVRLittleEndian, JPEG_2000, RLE)[number // 3 % 3]
    yield capture(visit.at(4), key), ExplicitVRLittleEndian
    yield document(visit.at(5), key), ExplicitVRLittleEndian


RLE, JPEG_LS, JPEG_2000 = PACKED
