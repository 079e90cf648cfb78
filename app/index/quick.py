"""Which searches are most likely quick: those that an index leads to few rows. All others are scans."""

from app.query.ast import Condition, Level, OneOf, Query, Universal
from app.query.conditions import attributes as constrained
from app.query.returned import beyond, kept_by_series, sources
from app.query.searchable import MODALITIES_IN_STUDY

#: Keys with an index of their own, under one value of which few rows lie.
_TELLING = frozenset(
    ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "PatientID", "AccessionNumber")
)
#: Keys and rows of a page in the order of the studies' index, from its beginning.
_FEW_VALUES = 8
_NEAR = 1_000


def is_quick(query: Query) -> bool:
    """Whether an index answers, with rows that hold all that is returned.

    Instances' own descriptions would have to be unpacked, each for some 0.1 ms. A PatientID may be that of
    everyone, and of a page of studies hardly any may be the viewer's: on such, `Database.brief` gives up.
    """
    if Level.INSTANCE in sources(query) or not kept_by_series(beyond(query)):
        return False
    limiting = [found for found in query.conditions if not isinstance(found, Universal)]
    if not all(isinstance(found, OneOf) and len(found.values) <= _FEW_VALUES for found in limiting):
        return False
    if query.resource.study is not None or any(_keyword(found) in _TELLING for found in limiting):
        return True
    by_date = query.level == Level.STUDY and query.offset + query.limit <= _NEAR
    return by_date and all(_keyword(found) == MODALITIES_IN_STUDY for found in limiting)


def _keyword(found: Condition) -> str:
    return constrained(found)[0].keyword
