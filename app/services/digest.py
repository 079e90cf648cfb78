"""The metadata digest of a cohort: a table of its series, with TCIA's columns, or of its instances."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Literal

from app.access.licences import described
from app.dicom import sop_classes, transfer_syntaxes
from app.dicom.resource import Resource
from app.index.digest import InstanceFacts, SeriesFacts, facts
from app.index.runs import Extent
from app.registry.collections import Entry
from app.registry.rights import RESULT
from app.services.download import extent
from app.services.notes import DOI, entries
from app.services.root import Root
from app.viewer import Capability
from app.wire import csv_out
from app.wire.csv_out import Value

Level = Literal["series", "instance"]
Series = Mapping[int, SeriesFacts]
#: Those that clients of TCIA read, by their names and up to Annotation Size by their places too.
SERIES_COLUMNS = (
    *("Series UID", "Collection", "3rd Party Analysis", "Data Description URI", "Subject ID", "Study UID"),
    *("Study Description", "Study Date", "Series Description", "Manufacturer", "Modality", "SOP Class Name"),
    *("SOP Class UID", "Number of Images", "File Size", "File Location", "Series Number", "License Name"),
    *("License URL", "Annotation Size", "Series Date", "Protocol Name", "Body Part Examined"),
    "Manufacturer Model Name",
)
INSTANCE_COLUMNS = (
    *(
        "SOP Instance UID",
        "Series UID",
        "Study UID",
        "Subject ID",
        "Collection",
        "Modality",
        "SOP Class Name",
    ),
    *("SOP Class UID", "Instance Number", "Transfer Syntax Name", "Transfer Syntax UID", "File Size", "Rows"),
    *("Columns", "Number of Frames", "SHA-256", "File Location", "URL"),
)
EXAMPLE = ",".join(SERIES_COLUMNS) + "\r\n"


async def table(root: Root, resource: Resource, level: Level) -> AsyncIterator[bytes]:
    """The table of what the caller may find at an address, or in the whole root, some lines at a time.

    Raises NotFound and NotSignedIn where that is nothing, before the first line.
    """
    root = root.at(Capability.FIND)
    found = await extent(root, resource)
    named = {
        each.id: each for each, known in await entries(root.archive, root.viewer, found.collections) if known
    }
    return _lines(root, found, named, level)


async def _lines(root: Root, found: Extent, named: Mapping[int, Entry], level: Level) -> AsyncIterator[bytes]:
    yield csv_out.lines([SERIES_COLUMNS if level == "series" else INSTANCE_COLUMNS])
    for rows in found.runs:
        series, instances = await root.archive.database.scan(partial(facts, rows=rows, horizon=found.horizon))
        lines = _by_series if level == "series" else _by_instance
        yield csv_out.lines(lines(root, named, series, instances))


def _by_series(
    root: Root, named: Mapping[int, Entry], series: Series, instances: Sequence[InstanceFacts]
) -> Iterator[Sequence[Value]]:
    for _, group in groupby(instances, key=lambda each: (each.study, each.series)):
        of = list(group)
        # Where rows share the address the earliest answers, as in a search.
        here = series[min(each.series_row for each in of)]
        yield _series(root, named.get(here.collection), here, of)


def _series(
    root: Root, entry: Entry | None, here: SeriesFacts, of: Sequence[InstanceFacts]
) -> Sequence[Value]:
    classes = sorted({each.sop_class_uid for each in of})
    size = sum(each.size for each in of)
    return (
        *(here.series, *_described(root, entry), here.patient_id, here.study),
        *(here.study_description, _date(here.study_date), here.series_description, here.manufacturer),
        *(here.modality, "; ".join(map(sop_classes.name, classes)), "; ".join(classes), len(of), size),
        *(f"{here.study}/{here.series}", here.series_number, *_licence(entry), 0, _date(here.series_date)),
        *(here.protocol, here.body_part, here.model),
    )


def _by_instance(
    root: Root, named: Mapping[int, Entry], series: Series, instances: Sequence[InstanceFacts]
) -> Iterator[Sequence[Value]]:
    for each in instances:
        here = series[each.series_row]
        entry, uid = named.get(here.collection), each.transfer_syntax_uid
        resource = Resource(each.study, each.series, each.instance)
        yield (
            *(each.instance, each.series, each.study, here.patient_id, entry.slug if entry else ""),
            *(here.modality, sop_classes.name(each.sop_class_uid), each.sop_class_uid, each.instance_number),
            *(transfer_syntaxes.get(uid).name or uid, uid, each.size, each.rows, each.columns, each.frames),
            *(each.sha256.hex(), f"{each.study}/{each.series}/{each.instance}.dcm"),
            f"{root.url}/{resource.path}",
        )


def _described(root: Root, entry: Entry | None) -> tuple[str, str, str]:
    if entry is None:
        return "", "", ""
    uri = f"{DOI}{entry.doi}" if entry.doi else f"{root.host}/collections/{entry.slug}"
    return entry.slug, "YES" if entry.kind == RESULT else "NO", uri


def _licence(entry: Entry | None) -> tuple[str, str]:
    if entry is None or not entry.licence:
        return "", ""
    licence = described(entry.licence, str(entry.record.licence_url or ""))
    return licence.name, licence.url


def _date(text: str) -> str:
    """MM-DD-YYYY, as TCIA writes dates."""
    return f"{text[4:6]}-{text[6:]}-{text[:4]}" if text else ""
