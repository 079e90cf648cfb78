"""What is asked, how its answer is known to be right, and what the archive means to reach."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import count

import numpy as np
import orjson
from PIL import Image

from bench.client import Answer, Request, get, post
from bench.corpus import Scale
from bench.ct import SIDE, Instance, accession_number, patient_id, pixels, series_path, study_path
from bench.peers import Peer

Unit = Sequence[Request]

JSON = "application/dicom+json"
ANY_DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'
ANY_FRAME = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
BOUNDARY = "bench-boundary-5d1c"
STORING = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
MOST_A_REQUEST = 50
REQUESTS_A_STUDY = 10
#: Studies that are stored while the clock runs have numbers from here on.
STUDIES_STORED = 10_000_000
SERIES_OF = "retrieve a series of"
#: As OHIF asks for its list of studies.
WORK_LIST = (
    "/studies?limit=101&offset=0&fuzzymatching=true&includefield=00081030%2C00080060%2C00080090%2C00100030"
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the table.

    `units` gives, for a peer, what one client asks for again and again; `reach` is how many times as
    fast as the better of the others it should be, `cpu` the milliseconds of CPU it may cost; 0 and None are
    no such aim.
    """

    name: str
    units: Callable[[Peer], Iterator[Unit]]
    right: Callable[[Sequence[Answer]], bool]
    reach: float
    cpu: float | None = None
    clients: int = 1
    renew: bool = False
    #: So many times only: each unit can be asked just once, or is large.
    at_most: int = 2000
    #: Whether the answer that is looked at is looked at whole.
    keep: bool = True


#: How the names begin of what takes one row of the database.
_ONE_ROW = ("studies by UID", "metadata of an instance", "retrieve an instance", "a frame of")


def on_postgres(operation: Operation) -> Operation:
    """The same, and how fast it should be there beside SQLite, where a row is read without a round trip."""
    return replace(operation, reach=0.5 if operation.name.startswith(_ONE_ROW) else 0, cpu=None)


def searching(scale: Scale) -> Iterator[Operation]:
    """QIDO-RS on what `Scale.loaded` stored."""
    studies = scale.studies
    expected = min(101, studies)
    yield _asked("work list of OHIF", [WORK_LIST], _studies(expected), 20, 4.5)
    by_modality = f"{WORK_LIST}&ModalitiesInStudy=CT"
    yield _asked("work list, ModalitiesInStudy=CT", [by_modality], _studies(expected), 20, 4.5)
    some = [studies * part // 10 for part in range(10)]
    by_patient = [f"/studies?PatientID={patient_id(each)}" for each in some]
    by_accession = [f"/studies?AccessionNumber={accession_number(each)}" for each in some]
    by_uid = [f"/studies?StudyInstanceUID={Instance(each, 1, 1).study_uid}" for each in some]
    reach = 3 if studies < 1000 else 50
    yield _asked("studies by PatientID", by_patient, _studies(1), reach, 1.4)
    yield _asked("studies by AccessionNumber", by_accession, _studies(1), reach, 1.4)
    yield _asked("studies by UID", by_uid, _studies(1), reach, 1.4)


def reading(scale: Scale) -> Iterator[Operation]:
    """QIDO-RS and WADO-RS on the series that `Scale.loaded` stored."""
    few, many, frames = scale.series, scale.long_series, scale.frames
    few_path, many_path = series_path(0, 1), series_path(0, 2)
    paths = [Instance(0, 1, number + 1).path for number in range(few)]
    yield _asked(f"instances of a series of {few}", [f"{few_path}/instances"], _items(few), 20, 7)
    yield _asked(f"instances of a series of {many}", [f"{many_path}/instances"], _items(many), 20)
    yield _asked(f"metadata of {few}, warm", [f"{few_path}/metadata"], _items(few, 150), 4, 4)
    yield _asked(f"metadata of {many}, warm", [f"{many_path}/metadata"], _items(many, 150), 4)
    yield _cold(f"metadata of {few}, first time", scale.cold_series, few)
    yield _cold(f"metadata of {many}, first time", scale.cold_long_series, many)
    yield _asked("metadata of an instance", [f"{path}/metadata" for path in paths], _items(1, 150), 2, 1.6)
    for clients in (1, 8):
        yield _got(f"{SERIES_OF} {few}", [few_path], ANY_DICOM, few, 1, 85, clients)
    yield _long(many, many_path)
    yield _zipped(few, few_path)
    yield _zipped(many, many_path)
    for clients in (1, 8):
        yield _got("retrieve an instance", paths, ANY_DICOM, 1, 1.5, 1, clients)
    for clients in (1, 8):
        frame = [f"{path}/frames/1" for path in paths]
        yield _got("a frame of a CT", frame, ANY_FRAME, 1, 1.5, 1, clients)
    multi = Instance(0, 3, 1, frames=frames).path
    numbers = [f"{multi}/frames/{number + 1}" for number in range(frames)]
    yield Operation(
        f"a frame of {frames}", _cycle(numbers, ANY_FRAME), lambda got: len(got[0].data) > 2 * SIDE**2, 1.5, 1
    )
    rendered = [f"{path}/rendered" for path in paths]
    yield Operation("rendered as JPEG", _cycle(rendered, "image/jpeg"), _picture, 1.2, 4)
    yield Operation(f"open a series of {few}", _opening(few), _opened(few), 2, 9, renew=True)


def storing() -> Iterator[Operation]:
    """STOW-RS of instances that were never stored."""
    for clients, reach in ((1, 1.2), (4, 1.3), (8, 1.3)):
        yield Operation("STOW, one a request", _stored(1), _accepted, reach, 3.5, clients, at_most=60)
    yield Operation("STOW, 50 a request", _stored(MOST_A_REQUEST), _accepted, 2.2, 125, at_most=2)


def _asked(
    name: str,
    paths: Sequence[str],
    right: Callable[[Sequence[Answer]], bool],
    reach: float,
    cpu: float | None = None,
) -> Operation:
    return Operation(name, _cycle(paths, JSON), right, reach, cpu)


def _cycle(paths: Sequence[str], accept: str) -> Callable[[Peer], Iterator[Unit]]:
    return lambda peer: ((get(peer.root + paths[n % len(paths)], accept),) for n in count())


def _got(
    name: str, paths: Sequence[str], accept: str, instances: int, reach: float, cpu: float, clients: int
) -> Operation:
    return Operation(name, _cycle(paths, accept), _whole(instances), reach, cpu, clients)


def _long(many: int, path: str) -> Operation:
    """Judged by its length: it is too large to be kept."""
    least = many * len(pixels())
    return Operation(
        f"{SERIES_OF} {many}", _cycle([path], ANY_DICOM), lambda got: got[0].length > least, 1, keep=False
    )


def _zipped(instances: int, path: str) -> Operation:
    """Compared with retrieving the same: others have no such address."""
    least, asked = instances * len(pixels()), _cycle([f"{path}/archive.zip"], "*/*")
    return Operation(f"a ZIP file of {instances}", asked, lambda got: got[0].length > least, 0, keep=False)


def _cold(name: str, series: Sequence[int], instances: int) -> Operation:
    """Each series is asked for once in its life, so each archive has its own place among them."""
    waiting: dict[int, Iterator[int]] = {}

    def units(peer: Peer) -> Iterator[Unit]:
        numbers = waiting.setdefault(peer.port, iter(series))
        return ((get(f"{peer.root}{series_path(1, number)}/metadata", JSON),) for number in numbers)

    return Operation(name, units, _items(instances, 150), 5, at_most=1)


def _opening(instances: int) -> Callable[[Peer], Iterator[Unit]]:
    middle = Instance(0, 1, instances // 2 + 1)
    asked = (
        (f"{study_path(0)}/series", JSON),
        (f"{series_path(0, 1)}/metadata", JSON),
        (f"{middle.path}/frames/1", ANY_FRAME),
    )
    return lambda peer: (tuple(get(peer.root + path, accept) for path, accept in asked) for _ in count())


def _stored(instances: int) -> Callable[[Peer], Iterator[Unit]]:
    return lambda peer: ((multipart(_fresh(instances), peer.root),) for _ in count())


#: Numbers the requests that store, so that nothing is ever stored twice.
_requests = count(STUDIES_STORED * REQUESTS_A_STUDY)


def _fresh(instances: int) -> Sequence[Instance]:
    study, request = divmod(next(_requests), REQUESTS_A_STUDY)
    return [Instance(study, 1, request * MOST_A_REQUEST + each) for each in range(instances)]


def multipart(instances: Sequence[Instance], root: str) -> Request:
    """A STOW-RS request of instances."""
    return post(f"{root}/studies", STORING, *parts(instances))


def parts(instances: Iterable[Instance]) -> Iterator[bytes]:
    """Its body, in pieces."""
    part = f"\r\n--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    for instance in instances:
        yield part
        yield instance.encoded()
    yield f"\r\n--{BOUNDARY}--\r\n".encode()


# What a right answer is.


def _studies(expected: int) -> Callable[[Sequence[Answer]], bool]:
    def right(got: Sequence[Answer]) -> bool:
        uids = {item["0020000D"]["Value"][0] for item in orjson.loads(got[0].data)}
        return len(uids) == expected

    return right


def _items(expected: int, attributes: int = 5) -> Callable[[Sequence[Answer]], bool]:
    def right(got: Sequence[Answer]) -> bool:
        items = orjson.loads(got[0].data)
        uids = {item["00080018"]["Value"][0] for item in items}
        return len(uids) == expected and all(len(item) >= attributes for item in items)

    return right


def _whole(instances: int) -> Callable[[Sequence[Answer]], bool]:
    return lambda got: got[0].data.count(pixels()) == instances


def _picture(got: Sequence[Answer]) -> bool:
    drawn = np.asarray(Image.open(BytesIO(got[0].data)).convert("L"))
    return drawn.shape == (SIDE, SIDE) and int(drawn[SIDE // 2, SIDE // 2]) > int(drawn[0, 0]) + 50


def _opened(instances: int) -> Callable[[Sequence[Answer]], bool]:
    items, whole = _items(instances, 150), _whole(1)
    return lambda got: items(got[1:2]) and whole(got[2:3])


def _accepted(got: Sequence[Answer]) -> bool:
    told = orjson.loads(got[0].data)
    return bool(told["00081199"]["Value"]) and not told.get("00081198", {}).get("Value")
