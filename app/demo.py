"""Real studies for a new archive: those in the packages `pydicom` and `pydicom-data`, through STOW-RS."""

import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from pydicom import dcmread
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.errors import Misconfigured

#: Package and the folder in it.
SOURCES = (("pydicom", "data/test_files"), ("data_store", "data"))
NEEDED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
UID = re.compile(r"[0-9.]{1,64}")
BATCH = 20
PIECE = 1 << 20
FOUND = frozenset({200, 204})
#: All, some or none of a batch; each instance's fate is in the body.
STORED = frozenset({200, 202, 409})
OUTCOMES = ("stored", "already there", "refused")
FAILED_SOP_SEQUENCE, SOP_INSTANCE_UID, REFERENCED_SOP_INSTANCE_UID = "00081198", "00080018", "00081155"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One instance that can be sent."""

    path: Path
    sop_instance_uid: str
    modality: str


def candidates() -> list[Candidate]:
    """Each instance in the packages once: the further encodings of one, and broken files, are for tests."""
    paths = (path for folder in _folders() for path in sorted(folder.rglob("*")) if path.is_file())
    with warnings.catch_warnings(action="ignore"):
        found = [candidate for path in paths if (candidate := _candidate(path))]
    return list({candidate.sop_instance_uid: candidate for candidate in reversed(found)}.values())[::-1]


def _folders() -> Iterator[Path]:
    for package, below in SOURCES:
        spec = find_spec(package)
        if spec and spec.origin:
            yield Path(spec.origin).parent / below


def _candidate(path: Path) -> Candidate | None:
    try:
        dataset = dcmread(path, stop_before_pixels=True, specific_tags=[*NEEDED, "Modality"])
        if all(dataset.get(keyword) for keyword in NEEDED):
            return Candidate(path, str(dataset.SOPInstanceUID), str(dataset.get("Modality") or "none"))
    except Exception:
        # Some of these files are there to break readers; whatever they break, they are no demonstration.
        return None
    return None


def fill(url: str, token: str | None, console: Console) -> None:
    """Store them all in the archive at `url` and print what became of them.

    Raises Misconfigured where no archive answers, or it takes nothing from this caller.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(base_url=f"{url}/dicom-web", headers=headers, timeout=120) as client:
        try:
            _knock(client)
            tally = _send_all(client, candidates(), console)
        except httpx.TransportError:
            raise Misconfigured(
                f"No archive answers at {url}: start one with 'readingroom serve', or name one with --url."
            ) from None
    console.print(_table(tally))
    if find_spec("data_store") is None:
        console.print("There are more, and larger, in another package: pip install pydicom-data")
    console.print(f"Now look: {url}/dicom-web/studies", highlight=False)


def _knock(client: httpx.Client) -> None:
    # Before the files are read: whether an archive is there, and takes this caller.
    response = client.get("/studies", params={"limit": 1})
    if response.status_code not in FOUND:
        raise _unwelcome(response)


def _send_all(client: httpx.Client, found: Sequence[Candidate], console: Console) -> Counter[tuple[str, str]]:
    columns = (TextColumn("Storing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tally: Counter[tuple[str, str]] = Counter()
    waiting = iter(found)
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(found))
        while batch := list(islice(waiting, BATCH)):
            tally.update((each.modality, outcome) for each, outcome in _send(client, batch))
            progress.advance(task, len(batch))
    return tally


def _send(client: httpx.Client, batch: Sequence[Candidate]) -> list[tuple[Candidate, str]]:
    known = _known(client, batch)
    boundary = uuid4().hex
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Content-Length": str(sum(map(len, _framing(batch, boundary))) + sum(_size(each) for each in batch)),
        "Accept": "application/dicom+json",
    }
    response = client.post("/studies", content=_body(batch, boundary), headers=headers)
    if response.status_code not in STORED:
        raise _unwelcome(response)
    refused = _refused(response.json())
    return [(each, _outcome(each.sop_instance_uid, known, refused)) for each in batch]


def _known(client: httpx.Client, batch: Sequence[Candidate]) -> set[str]:
    # Some of the packages' UIDs are none, and cannot be asked for.
    uids = [each.sop_instance_uid for each in batch if UID.fullmatch(each.sop_instance_uid)]
    if not uids:
        return set()
    response = client.get("/instances", params={"SOPInstanceUID": ",".join(uids), "limit": len(batch)})
    if response.status_code not in FOUND:
        raise _unwelcome(response)
    return {item[SOP_INSTANCE_UID]["Value"][0] for item in response.json()} if response.content else set()


def _framing(batch: Sequence[Candidate], boundary: str) -> list[bytes]:
    # What stands before each part and after the last: RFC 2046 section 5.1.1.
    header = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n"
    return [f"{'' if n == 0 else chr(13) + chr(10)}{header}".encode() for n in range(len(batch))] + [
        f"\r\n--{boundary}--\r\n".encode()
    ]


def _size(candidate: Candidate) -> int:
    return candidate.path.stat().st_size


def _body(batch: Sequence[Candidate], boundary: str) -> Iterator[bytes]:
    *before, last = _framing(batch, boundary)
    for header, candidate in zip(before, batch, strict=True):
        yield header
        with candidate.path.open("rb") as source:
            while piece := source.read(PIECE):
                yield piece
    yield last


def _refused(stored: dict[str, Any]) -> set[str]:
    items = stored.get(FAILED_SOP_SEQUENCE, {}).get("Value", [])
    return {uid for item in items for uid in item.get(REFERENCED_SOP_INSTANCE_UID, {}).get("Value", [])}


def _outcome(uid: str, known: set[str], refused: set[str]) -> str:
    if uid in refused:
        return "refused"
    return "already there" if uid in known else "stored"


def _unwelcome(response: httpx.Response) -> Misconfigured:
    try:
        detail = str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = "Is this the address of a Reading Room? Name another with --url."
    return Misconfigured(f"The archive answered {response.status_code}: {detail}")


def _table(tally: Counter[tuple[str, str]]) -> Table:
    table = Table("Modality", *(outcome.capitalize() for outcome in OUTCOMES), show_footer=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for modality in sorted({modality for modality, _ in tally}):
        table.add_row(modality, *(str(tally[modality, outcome]) for outcome in OUTCOMES))
    table.add_section()
    totals = (sum(n for (_, each), n in tally.items() if each == outcome) for outcome in OUTCOMES)
    table.add_row("All", *map(str, totals))
    return table
