"""Private elements: safe and unsafe ones of one creator, in any block, in sequences, without a creator."""

from calendar import timegm

from tests.deid.corpus.place import Place, Private
from tests.deid.corpus.visit import Visit

_GE, _GE_PARM, _GE_PET = "GEMS_IDEN_01", "GEMS_PARM_01", "GEMS_PETD_01"
_SIEMENS, _PHILIPS, _ELSCINT = "SIEMENS MR HEADER", "Philips Imaging DD 001", "ELSCINT1"


def ge(place: Place, visit: Visit) -> None:
    """Safe and unsafe elements of one creator, UIDs, and seconds since 1970 in an integer."""
    safe = place.about("safe private")
    safe.stays(Private(0x0043, _GE_PARM, 0x27, "SH"), "1.375:1")
    safe.stays(Private(0x0043, _GE_PARM, 0x39, "IS"), ["1000", "8", "0", "0"])
    safe.stays(Private(0x0025, "GEMS_SERS_01", 0x07, "SL"), 47)
    unsafe = place.about("a safe creator's unsafe element")
    unsafe.goes(Private(0x0043, _GE_PARM, 0x2A, "OB"), f"notes {visit.person.given}".encode().ljust(48))
    unsafe.goes(Private(0x0043, _GE_PARM, 0xF1, "LO"), f"{visit.person.name.split('=')[0]}")
    seconds = timegm(visit.day.timetuple()) + 36_930
    place.about("dates in integers").date(Private(0x0009, _GE, 0x27, "SL"), seconds)
    place.about("private UIDs").uid(Private(0x0009, _GE, 0xE3, "UI"), visit.uid(9, visit.series))
    place.about("private UIDs").uid(Private(0x0043, _GE_PARM, 0x98, "UI"), visit.series_uid)


def ge_pet(place: Place, visit: Visit) -> None:
    """Private dates and times."""
    private = place.about("private dates")
    private.date(Private(0x0009, _GE_PET, 0x0D, "DT"), f"{visit.da}091500.00")
    private.date(Private(0x0009, _GE_PET, 0x3B, "DT"), f"{visit.before:%Y%m%d}074500.00")
    private.uid(Private(0x0009, _GE_PET, 0x0A, "UI"), visit.uid(9, visit.series))
    private.goes(
        Private(0x0009, "ACME PET NOTES", 0x01, "LT", 0x11), f"{visit.person.phone} {visit.person.given}"
    )


def siemens(place: Place, visit: Visit) -> None:
    """A block that is not the first, one that is all unsafe, and one that nobody reserved."""
    other = place.about("blocks not at 10")
    other.stays(Private(0x0019, _SIEMENS, 0x0C, "IS", 0x11), "1000")
    other.stays(Private(0x0019, _SIEMENS, 0x0D, "CS", 0x11), "DIRECTIONAL")
    other.goes(Private(0x0019, _SIEMENS, 0x99, "LO", 0x11), f"{visit.person.given} {visit.person.id}")
    csa = Private(0x0029, "SIEMENS CSA HEADER", 0x20, "OB")
    place.about("unsafe private").goes(
        csa, f"SV10 PatientName {visit.person.given} ".encode().ljust(90, b"\0")
    )
    place.about("orphans").raw(0x00331005, "LO", visit.person.given.encode("utf-8", "replace"))


def philips(place: Place, visit: Visit) -> None:
    """A safe private sequence with identifiers in its items, and an unknown one."""
    place.about("safe private").stays(Private(0x2001, _PHILIPS, 0x03, "FL"), 1000.0)
    place.about("blocks not at 10").stays(Private(0x2001, _PHILIPS, 0x06, "CS", 0x10), "N")
    safe = place.about("private sequences").item(Private(0x2001, _PHILIPS, 0x69, "SQ"))
    safe.goes("PatientName", visit.person.name)
    safe.goes("InstitutionName", f"{visit.person.hospital} General Hospital")
    unknown = place.about("private sequences").item(Private(0x2005, "Ward Notes Inc", 0x0E, "SQ", 0x42))
    unknown.goes("PatientID", visit.person.id)
    unknown.goes("OperatorsName", f"{visit.person.operator}^Leopoldine")
    inner = unknown.item(Private(0x2005, "Ward Notes Inc", 0x0F, "SQ", 0x42))
    inner.goes("PatientAddress", f"{visit.person.street} {visit.person.city}")


def elscint(place: Place, visit: Visit) -> None:
    """Two blocks of one creator, and a creator of nothing."""
    place.about("safe private").stays(Private(0x00E1, _ELSCINT, 0x21, "DS"), "412.5")
    place.about("safe private").stays(Private(0x01F1, _ELSCINT, 0x07, "DS"), "38.4")
    unsafe = Private(0x00E1, _ELSCINT, 0x40, "SH")
    place.about("a safe creator's unsafe element").goes(unsafe, visit.person.given[:16])
    place.about("unsafe private").goes(Private(0x7777, "KLINIKNETZ ARCHIV", 0x01, "DA", 0xE1), visit.da)
    place.about("unsafe private").goes(
        Private(0x7777, "KLINIKNETZ ARCHIV", 0x02, "PN", 0xE1), visit.person.name
    )


#: One after the other, by instance.
PRIVATES = (ge, siemens, philips, elscint)
