"""Names of SOP classes (PS3.6 annex A)."""

from pydicom._uid_dict import UID_dictionary


def name(uid: str) -> str:
    """The name of a SOP class; of one that the standard does not list, its UID."""
    return UID_dictionary.get(uid, (uid,))[0]
