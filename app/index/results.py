"""Rows of a page become results: their addresses, their kept attributes, what was counted for them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, overload

import orjson
from sqlalchemy import Row

from app.dicom.attributes import find
from app.dicom.description import Json
from app.dicom.resource import Resource
from app.index import compiler
from app.index.columns import column
from app.index.stored_form import decode_json
from app.query.answer import Found, StudyCounts
from app.query.ast import Level, Query
from app.query.returned import INSTANCE_COLUMNS, sources, without_bulkdata

#: Of an instance's own columns: the key and VR of each, and its place in the rows of a page.
_INSTANCE_ELEMENTS = tuple(
    (attribute.key, attribute.vr, compiler.INSTANCE_COLUMNS.index(column(attribute)))
    for attribute in map(find, INSTANCE_COLUMNS)
    if attribute
)


class Results(Sequence[Found]):
    """A result for each row, made when it is looked at and not kept: thousands of them would set off the
    collection of garbage in the whole process.

    `counts` are by study, `beyond` are attributes of instances, by address.
    """

    def __init__(
        self,
        query: Query,
        rows: Sequence[Row[Any]],
        counts: Mapping[str, StudyCounts],
        beyond: Mapping[tuple[str, ...], Json],
    ) -> None:
        self._level, self._attributes_of = query.level, _reader(query)
        self._rows, self._counts, self._beyond = rows, counts, beyond

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Found: ...
    @overload
    def __getitem__(self, place: slice) -> list[Found]: ...
    def __getitem__(self, place: int | slice) -> Found | list[Found]:
        if isinstance(place, slice):
            return [self._found(row) for row in self._rows[place]]
        return self._found(self._rows[place])

    def __iter__(self) -> Iterator[Found]:
        return map(self._found, self._rows)

    def _found(self, row: Row[Any]) -> Found:
        level, attributes = self._level, self._attributes_of(row)
        address, study = tuple(row[:level]), self._counts.get(row[0])
        if own := self._beyond.get(address):
            attributes |= own
        if level == Level.STUDY:
            return Found(Resource(*address), attributes, study)
        syntax = row.transfer_syntax_uid if level == Level.INSTANCE else ""
        return Found(Resource(*address), attributes, study, row.instances, syntax)


def _reader(query: Query) -> Callable[[Row[Any]], Json]:
    """What takes a row's attributes out of the columns that this query's page has."""
    needed = sources(query)
    above = [compiler.KEPT[level][0] for level in (Level.STUDY, Level.SERIES) if level in needed]
    whole = Level.INSTANCE in needed

    def attributes(row: Row[Any]) -> Json:
        found: Json = {}
        for name in above:
            found |= orjson.loads(getattr(row, name))
        if query.level == Level.INSTANCE:
            found |= _instance(row)
        if whole:
            found |= without_bulkdata(orjson.loads(decode_json(row.dicom_json)))
        return found

    return attributes


def _instance(row: Row[Any]) -> Json:
    return {
        key: {"vr": vr, "Value": [row[place]]}
        for key, vr, place in _INSTANCE_ELEMENTS
        if row[place] is not None and row[place] != ""
    }
