"""What DuckDB answers, over the same parquet: the studies that a caller sees, in order, with their counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from bench.scale.attributes import BY_NAME, FAMILIES, GIVEN, value

#: A study of a page: its UID, date, PatientID, modalities, series and instances.
Line = tuple[Any, ...]
_LINE = "StudyInstanceUID, StudyDate, PatientID, modalities, series, instances"
_NEWEST = "ORDER BY StudyDate DESC, StudyTime DESC, StudyInstanceUID"
#: How many results may follow a page until it is no longer said how many.
COUNTED = 1_000
#: How many values a facet shows at most.
FACET = 100
FACETS = {
    "modality": "coalesce(Modality, '')",
    "body_part": "coalesce(BodyPartExamined, '')",
    "manufacturer": "trim(coalesce(Manufacturer, ''))",
    "collection": "collection_id",
}


@dataclass(frozen=True, slots=True)
class Expected:
    """The page, and how many results there are in all where that is said."""

    lines: list[Line]
    total: int | None


@dataclass(frozen=True, slots=True)
class Oracle:
    """DuckDB with the sample, and which restricted collections the member reads."""

    duck: duckdb.DuckDBPyConnection
    granted: tuple[str, ...]

    def seen(self, caller: str) -> str:
        """The condition that the caller sees a row."""
        granted = ", ".join(f"'{slug}'" for slug in self.granted) or "''"
        return {"owner": "true", "visitor": "NOT restricted"}.get(
            caller, f"(NOT restricted OR collection_id IN ({granted}))"
        )

    def studies(
        self, caller: str, condition: str, values: Sequence[Any] = (), limit: int = 101, offset: int = 0
    ) -> Expected:
        """A page of studies, newest first."""
        where = f"FROM studies WHERE {self.seen(caller)} AND ({condition})"
        page = f"SELECT {_LINE} {where} {_NEWEST} LIMIT {limit} OFFSET {offset}"
        return self._expected(page, f"SELECT count(*) {where}", values, offset)

    def series(self, caller: str, study: str, limit: int = 1000) -> Expected:
        """The series of a study, by number: their UIDs, modalities and counts."""
        where = f"FROM source WHERE {self.seen(caller)} AND StudyInstanceUID = ?"
        number = "TRY_CAST(regexp_extract(SeriesNumber, '^[+-]?[0-9]+') AS INTEGER)"
        order = f"ORDER BY {number} NULLS LAST, SeriesInstanceUID"
        page = f"SELECT SeriesInstanceUID, Modality, instanceCount {where} {order} LIMIT {limit}"
        return self._expected(page, f"SELECT count(*) {where}", [study], 0)

    def facets(self, caller: str, modality: str = "") -> Expected:
        """Each facet's values, the most frequent first, with their series and instances, and how many values
        there are; where a modality is chosen, that narrows all facets but its own.
        """
        lines: list[Line] = []
        for name, of in FACETS.items():
            narrowed = "Modality = ?" if modality and name != "modality" else "true"
            rows = self.duck.execute(
                f"SELECT {of} AS value, count(*) AS series, sum(instanceCount)::BIGINT FROM source "
                f"WHERE {self.seen(caller)} AND {narrowed} GROUP BY value ORDER BY series DESC, value",
                [modality] if "?" in narrowed else [],
            ).fetchall()
            lines += [(name, len(rows)), *((name, *row) for row in rows[:FACET])]
        return Expected(lines, None)

    def largest(self) -> list[tuple[str, int]]:
        """The collection with the most series, and how many it has."""
        rows = self.duck.execute(
            "SELECT collection_id, count(*) FROM source GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"
        )
        return [(slug, count) for slug, count in rows.fetchall()]

    def one(self, query: str, *values: Any) -> list[Any]:
        """The first column of a query: what to ask for."""
        return [row[0] for row in self.duck.execute(query, list(values)).fetchall()]

    def _expected(self, page: str, count: str, values: Sequence[Any], offset: int) -> Expected:
        lines = [tuple(row) for row in self.duck.execute(page, list(values)).fetchall()]
        [total] = self.one(count, *values)
        told = bool(lines) and total - offset - len(lines) < COUNTED
        return Expected(lines, total if told or (not offset and not total) else None)


def number(name: str, of: str = "study") -> str:
    """The number of a made-up attribute, as DuckDB computes it from the seed of a row."""
    made = BY_NAME[name]
    assert made.of == of, name
    return f"({of} // {made.place} % {made.count})"


def told(name: str, of_number: int) -> str:
    """What the archive is asked for to find that number."""
    made = BY_NAME[name]
    return str(value(made.vr, made.key, of_number))


#: PatientName as `attributes.patient_name` makes it.
FAMILY = (
    f"list_extract({FAMILIES}, (patient % {len(FAMILIES)} + 1)::INTEGER) || (patient // 1000 % 200)::VARCHAR"
)
NAME = f"{FAMILY} || '^' || list_extract({GIVEN}, (patient // 7 % {len(GIVEN)} + 1)::INTEGER)"
