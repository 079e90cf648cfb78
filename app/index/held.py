"""What a place holds of the UIDs that are to go there, and so what becomes of each entry."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from sqlalchemy import Connection, Table, select

from app.database.statements import Statement
from app.index.entry import Columns, Entry
from app.index.places import Place, here, of_places
from app.index.revisions import thaw
from app.index.tables import INSTANCE, SERIES, STUDY, listed, one_of


class Outcome(StrEnum):
    """What became of one entry."""

    STORED = "stored"
    #: The place holds these very bytes already; nothing was written.
    IDENTICAL = "identical"
    #: The place holds other content under this SOP Instance UID; nothing was changed.
    CONFLICT = "conflict"
    #: The place holds the series under another study; nothing was changed.
    MISMATCH = "mismatch"


def existing(connection: Connection, place: Place, uids: Iterable[str]) -> dict[str, bytes]:
    """The sha256 of those SOP Instance UIDs that lie at this place."""
    statement = _INSTANCES[place.submission is not None]
    return dict(statement.rows(connection, {**place.parameters, "instances": listed(uids)}))


@dataclass(frozen=True, slots=True)
class Held:
    """What the place holds of the UIDs at hand; it grows as entries are judged."""

    digests: dict[str, bytes]
    studies: dict[str, str]
    series_rows: dict[str, int]
    frozen: frozenset[str]

    @classmethod
    def look(cls, connection: Connection, place: Place, entries: Sequence[Entry]) -> Self:
        digests = existing(connection, place, {entry.instance for entry in entries})
        values = {**place.parameters, "series": listed({entry.series for entry in entries})}
        rows = _SERIES[place.submission is not None].rows(connection, values)
        studies, series = {each[0]: each[1] for each in rows}, {each[0]: each[2] for each in rows}
        return cls(digests, studies, series, frozenset(each[0] for each in rows if each[3]))

    def thawed(self, connection: Connection, revision: Columns, series: set[str]) -> dict[str, int]:
        """The series' rows; of what is added to and was frozen, those of revisions that can be added to."""
        version = revision["added_version"]
        new = {uid: thaw(connection, self.series_rows[uid], version) for uid in sorted(series & self.frozen)}
        return self.series_rows | new

    def judge(self, entry: Entry) -> Outcome:
        known = self.digests.get(entry.instance)
        if known is not None:
            return Outcome.IDENTICAL if known == entry.sha256 else Outcome.CONFLICT
        if self.studies.setdefault(entry.series, entry.study) != entry.study:
            return Outcome.MISMATCH
        self.digests[entry.instance] = entry.sha256
        return Outcome.STORED


def rows_of_studies(connection: Connection, place: Place, uids: Iterable[str]) -> dict[str, int]:
    """The rows of those studies that lie at this place, by their UIDs."""
    values = {**place.parameters, "studies": listed(uids)}
    return dict(_STUDIES[place.submission is not None].rows(connection, values))


def known_uids(connection: Connection, table: Table, uids: Iterable[str]) -> set[str]:
    """Those of the UIDs that a row of STUDY or SERIES has, wherever: who stores is told nothing of it."""
    return {uid for (uid,) in _KNOWN[table.name].rows(connection, {"uids": listed(uids)})}


_INSTANCES = of_places(
    lambda draft: (
        select(INSTANCE.c.sop_instance_uid, INSTANCE.c.sha256)
        .join(SERIES, SERIES.c.id == INSTANCE.c.series_row)
        .where(*here(SERIES, draft), one_of(INSTANCE.c.sop_instance_uid, "instances"))
    )
)
_STUDIES = of_places(
    lambda draft: select(STUDY.c.study_instance_uid, STUDY.c.id).where(
        *here(STUDY, draft), one_of(STUDY.c.study_instance_uid, "studies")
    )
)
_SERIES = of_places(
    lambda draft: select(*SERIES.c["series_instance_uid", "study_instance_uid", "id", "frozen"]).where(
        *here(SERIES, draft), one_of(SERIES.c.series_instance_uid, "series")
    )
)
_KNOWN = {
    table.name: Statement(select(uid).where(one_of(uid, "uids")))
    for table, uid in ((STUDY, STUDY.c.study_instance_uid), (SERIES, SERIES.c.series_instance_uid))
}
