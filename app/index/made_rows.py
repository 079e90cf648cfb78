"""Rows of studies and series as they are made from the first entry of each."""

from app.index import columns
from app.index.entry import Columns, Entry


def study_row(revision: Columns, entry: Entry, first: bool) -> Columns:
    """The row of a study that this entry is the first of."""
    return {
        **columns.study_columns(entry.attributes),
        **revision,
        "study_instance_uid": entry.study,
        "attributes": columns.study_attributes(entry.attributes),
        "first": first,
    }


def series_row(
    revision: Columns, entry: Entry, study: int, instances: int, size: int, first: bool
) -> Columns:
    """The row of a series that this entry is the first of, below the row of its study."""
    return {
        **columns.series_columns(entry.attributes),
        **revision,
        "study_instance_uid": entry.study,
        "series_instance_uid": entry.series,
        "study_row": study,
        "number_of_series_related_instances": instances,
        "size": size,
        "attributes": columns.series_attributes(entry.attributes),
        "first": first,
    }
