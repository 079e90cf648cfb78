"""Which part of the archive a DICOMweb root shows, and what of it a viewer may see: the one visibility rule."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """A set of series revisions at a moment (design section 3).

    `collection` None is the whole archive; otherwise the id of one collection, latest version.
    """

    collection: int | None = None


ARCHIVE = Scope()
