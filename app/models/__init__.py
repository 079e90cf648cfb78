"""The archive's tables. Rows only, no behaviour."""

from app.models.collections import AccessUnit, Collection
from app.models.studies import Instance, RequestAttributes, Series, Study
from app.models.tags import SeriesTagValue, TagPath, TagValue

__all__ = [
    "AccessUnit",
    "Collection",
    "Instance",
    "RequestAttributes",
    "Series",
    "SeriesTagValue",
    "Study",
    "TagPath",
    "TagValue",
]
