"""Rows of a page become results: their addresses, their kept attributes, what was counted for them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, overload

import orjson
from sqlalchemy import Row

from app.dicom.attributes import find
from app.dicom.resource import Resource
from app.index import compiler
from app.index.columns import column
from app.index.stored_form import decode_elements, decode_json
from app.query.answer import Found, StudyCounts
from app.query.ast import Level, Query
from app.query.elements import Elements, pieces, valued
from app.query.returned import (
    INSTANCE_COLUMNS,
    WHERE_PRESENT,
    is_whole,
    picked,
    sources,
    wanted,
    without_bulkdata,
)

#: Of an instance's own columns: the key and form of each, and its place in the rows of a page.
_INSTANCE_ELEMENTS = tuple(
    (
        key := attribute.key.encode(),
        valued(key, attribute.vr.encode()),
        compiler.INSTANCE_COLUMNS.index(column(attribute)),
    )
    for attribute in map(find, INSTANCE_COLUMNS)
    if attribute
)


class Results(Sequence[Found]):
    """A result for each row, made when it is looked at and not kept: thousands of them would set off the
    collection of garbage in the whole process.

    `counts` are by study, `beyond` is what the rows do not keep, by address.
    """

    def __init__(
        self,
        query: Query,
        rows: Sequence[Row[Any]],
        counts: Mapping[str, StudyCounts],
        beyond: Mapping[tuple[str, ...], Elements],
    ) -> None:
        self._level, self._elements_of = query.level, _reader(query)
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
        level, elements = self._level, self._elements_of(row)
        address, study = row[:level], self._counts.get(row[0])
        if own := self._beyond.get(address):
            elements |= own
        if level == Level.STUDY:
            return Found(Resource(*address), elements, study)
        syntax = row.transfer_syntax_uid if level == Level.INSTANCE else ""
        return Found(Resource(*address), elements, study, row.instances, syntax)


def _reader(query: Query) -> Callable[[Row[Any]], Elements]:
    """What takes a row's elements out of the columns that this query's page has."""
    needed = sources(query)
    above = [
        (compiler.KEPT[level][0], is_whole(query, level))
        for level in (Level.STUDY, Level.SERIES)
        if level in needed
    ]
    own = query.level == Level.INSTANCE
    keys = (*wanted(query), *WHERE_PRESENT)

    def elements(row: Row[Any]) -> Elements:
        found: Elements = {}
        for name, whole in above:
            found |= decode_elements(getattr(row, name), whole=whole)
        if own:
            found |= _instance(row)
        if Level.INSTANCE in needed:
            attributes = without_bulkdata(orjson.loads(decode_json(row.dicom_json)))
            found |= pieces(attributes if query.fields.all else picked(attributes, keys))
        return found

    return elements


def _instance(row: Row[Any]) -> Elements:
    return {
        key: form % orjson.dumps(row[place])
        for key, form, place in _INSTANCE_ELEMENTS
        if row[place] is not None and row[place] != ""
    }
