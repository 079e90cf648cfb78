"""What the body of a STOW-RS request holds, one instance after another (PS3.18 section 10.5.1).

Each generator gives spools that hold a whole instance and hands them over: whoever takes one discards it.
Large ones are finished; the others are finished by who takes them, several at once. A data set that cannot be
made into an instance comes as the Failed it will be answered with.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiofiles
import orjson

from app.dicom import build, part10, validation
from app.dicom.build import BulkPart
from app.dicom.description import Json
from app.dicom.store_response import Failed
from app.dicom.xml_reader import from_xml
from app.errors import InvalidInstance, InvalidRequest, TooLarge
from app.services.forms import DICOM_JSON, DICOM_XML
from app.storage.spool import Spool, Spools
from app.threads import in_thread
from app.wire import media_types
from app.wire.multipart import Data, PartBegin, PartEnd, Reader

Body = AsyncIterator[bytes]
Arrival = Spool | Failed
Headers = dict[str, str]

METADATA = (DICOM_JSON, "application/json", DICOM_XML)
#: The metadata of a request, which is read whole, and how many data sets it may describe.
LARGEST_METADATA = 64 << 20
MOST_DATA_SETS = 10_000
#: Braces and brackets in it: 64 MiB of the shortest objects would take gigabytes once they are read.
MOST_CONTAINERS = 1 << 22
#: A few compressed bytes may become millions of empty parts.
MOST_PARTS = 50_000
_PIECE = 4 << 20


async def one(spools: Spools, body: Body) -> AsyncGenerator[Arrival]:
    """A body that is one instance."""
    spool = spools.open()
    try:
        async for chunk in body:
            await spool.write(chunk)
    except BaseException:
        await spool.discard()
        raise
    yield await _whole(spools, spool)


async def several(spools: Spools, boundary: str | None, body: Body) -> AsyncGenerator[Arrival]:
    """A multipart body whose parts are instances. Raises MalformedMultipart."""
    async with aclosing(_parts(spools, boundary, body)) as parts:
        async for _, spool in parts:
            yield await _whole(spools, spool)


async def described(spools: Spools, boundary: str | None, body: Body) -> AsyncGenerator[Arrival]:
    """A multipart body of metadata, JSON or XML, and the bulk data that it names (PS3.18 section 8.7.3.2).

    Raises MalformedMultipart and InvalidRequest.
    """
    async with AsyncExitStack() as stack:
        metadata: list[Json | Failed] = []
        left = LARGEST_METADATA
        bulkdata: dict[str, list[BulkPart]] = {}
        async with aclosing(_parts(spools, boundary, body)) as parts:
            async for headers, spool in parts:
                await stack.enter_async_context(spool)
                await spool.finish()
                if (kind := _type(headers).type) in METADATA:
                    left -= len(spool.view())
                    metadata += await in_thread(_datasets, kind, spool, left)
                    _check_number(metadata)
                else:
                    location = headers.get("content-location", "")
                    bulkdata.setdefault(location, []).append(await _bulk_part(headers, spool))
        if not metadata:
            raise InvalidRequest(f"No part holds metadata: send one of type {DICOM_JSON} or {DICOM_XML}.")
        for dataset in metadata:
            yield dataset if isinstance(dataset, Failed) else await _built(spools, dataset, bulkdata)


async def _parts(spools: Spools, boundary: str | None, body: Body) -> AsyncGenerator[tuple[Headers, Spool]]:
    reader = Reader(boundary)
    numbers = count(1)
    headers: Headers = {}
    spool: Spool | None = None
    try:
        async for chunk in body:
            for event in reader.feed(chunk):
                if isinstance(event, PartBegin):
                    if next(numbers) > MOST_PARTS:
                        raise TooLarge(f"One request may have {MOST_PARTS:,} parts: send several.")
                    headers, spool = event.headers, spools.open()
                elif isinstance(event, Data) and spool:
                    await spool.write(event.chunk)
                elif isinstance(event, PartEnd) and spool:
                    complete, spool = spool, None
                    yield headers, complete
        reader.close()
    finally:
        if spool:
            await spool.discard()


async def _whole(spools: Spools, spool: Spool) -> Spool:
    """The instance, with an empty preamble where it was sent without one, as some libraries do."""
    if part10.has_preamble(spool.beginning()):
        return spool
    try:
        await spool.finish()
        view = spool.view()
    except BaseException:
        await spool.discard()
        raise
    missing = part10.missing_preamble(view)
    if not missing:
        return spool
    async with spool:
        whole = spools.open()
        try:
            await whole.write(missing)
            for start in range(0, len(view), _PIECE):
                await whole.write(view[start : start + _PIECE])
            await whole.finish()
        except BaseException:
            await whole.discard()
            raise
    return whole


def _type(headers: Headers) -> media_types.MediaType:
    return media_types.parse(headers.get("content-type", "application/octet-stream"))


def _check_number(metadata: Sequence[Json | Failed]) -> None:
    if len(metadata) > MOST_DATA_SETS:
        raise TooLarge(f"One request may describe {MOST_DATA_SETS:,} instances: send several.")


def _datasets(kind: str, spool: Spool, left: int) -> list[Json | Failed]:
    """The data sets of one part. `left` of the request's bytes of metadata there are after it."""
    if left < 0:
        raise TooLarge(f"The metadata of one request may have {LARGEST_METADATA:,} bytes: send several.")
    text = bytes(spool.view())
    return _of_xml(text) if kind == DICOM_XML else _of_json(text)


def _of_xml(text: bytes) -> list[Json | Failed]:
    """A document is one instance: another one's may be sound."""
    try:
        return [from_xml(text)]
    except InvalidInstance as reason:
        return [Failed(validation.CANNOT_UNDERSTAND, reason.detail)]


def _of_json(text: bytes) -> list[Json | Failed]:
    if text.count(b"{") + text.count(b"[") > MOST_CONTAINERS:
        raise TooLarge("The metadata has too many elements for one request: send several.")
    try:
        datasets: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidRequest("The metadata is not JSON.") from None
    datasets = datasets if isinstance(datasets, list) else [datasets]
    if not all(isinstance(dataset, dict) for dataset in datasets):
        raise InvalidRequest("The metadata is not DICOM JSON: an array of objects.")
    return list(datasets)


async def _bulk_part(headers: Headers, spool: Spool) -> BulkPart:
    kind = _type(headers)
    return BulkPart(await spool.path(), kind.type, kind.get("transfer-syntax"))


async def _built(spools: Spools, dataset: Json, bulkdata: dict[str, list[BulkPart]]) -> Arrival:
    with TemporaryDirectory(dir=spools.folder, prefix="build-") as folder:
        path = Path(folder, "instance")
        try:
            await in_thread(build.instance, dataset, lambda uri: bulkdata.get(uri, []), path)
        except InvalidInstance as reason:
            sop = _value(dataset, "00080016"), _value(dataset, "00080018")
            return Failed(validation.CANNOT_UNDERSTAND, reason.detail, *sop)
        async with aclosing(one(spools, _read(path))) as made:
            return await anext(made)


async def _read(path: Path) -> Body:
    async with aiofiles.open(path, "rb") as stream:
        while piece := await stream.read(_PIECE):
            yield piece


def _value(dataset: Json, tag: str) -> str | None:
    element = dataset.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values[0] if isinstance(values, list) and values and isinstance(values[0], str) else None
