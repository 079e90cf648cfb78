"""What can be done to an element (PS3.15 section E.3, table E.1-1a)."""

from enum import StrEnum
from typing import Final


class Action(StrEnum):
    """By the names that a policy uses; the letters are the standard's."""

    KEEP = "keep"  # K: its bytes stay; what lies within a sequence is looked at all the same
    REMOVE = "remove"  # X
    EMPTY = "empty"  # Z: zero length
    DUMMY = "dummy"  # D: a value that says nothing and fits the VR
    CLEAN = "clean"  # C: what identifies goes out of the value, the rest stays
    UID = "uid"  # U: another UID, the same for every occurrence
    SHIFT = "shift"  # C of dates: moved by the days of its patient
    EPOCH = "shift-epoch"  # a date as seconds since 1970, moved likewise
    PATIENT_ID = "patient-id"  # the identifier that the policy gives the patient
    AGE = "age"  # C of ages: above 89 years it is 90 (45 CFR 164.514(b)(2)(i)(C))
    WALK = "walk"  # a sequence whose items are looked at, each element by its own rule


LETTERS: Final = {"K": Action.KEEP, "X": Action.REMOVE, "Z": Action.EMPTY, "D": Action.DUMMY, "U": Action.UID}
