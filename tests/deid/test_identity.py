"""What takes the place of identifiers: lasting, keyed, different for everybody."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.deid.identity import Keyed
from app.deid.policy import Dates, PatientIds
from app.errors import InvalidPolicy
from tests.deid.made import KEY, OTHER_KEY

UIDS = st.from_regex(r"[12]\.[1-9][0-9]{0,5}(\.[1-9][0-9]{0,8}){1,5}", fullmatch=True)


def keyed(key: bytes = KEY, **more: object) -> Keyed:
    ids = PatientIds.model_validate({"prefix": "LUNG-"} | more)
    return Keyed(key, ids, Dates())


@given(UIDS)
def test_a_uid_is_a_uid_and_lasts(uid: str) -> None:
    new = keyed().uid(uid)
    assert re.fullmatch(r"2\.25\.(0|[1-9][0-9]{0,38})", new)
    assert len(new) <= 64
    assert new == keyed().uid(uid)
    assert new != keyed(OTHER_KEY).uid(uid)


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.4.1.1"])
def test_the_standards_own_stay(uid: str) -> None:
    assert keyed().uid(uid) == uid


@pytest.mark.parametrize(
    "uid", ["1.2.840.10008.DOE^JANE", "1.2.840.100081.5", "1.2.840.10008.", "1.2.840.10008"]
)
def test_what_only_looks_like_the_standards_does_not(uid: str) -> None:
    assert keyed().uid(uid).startswith("2.25.")


def test_patients_are_called_by_the_scheme() -> None:
    assert re.fullmatch(r"LUNG-[0-9]{18}", keyed().patient_id("MRN1"))
    assert keyed().patient_id("MRN1") != keyed().patient_id("MRN2")
    assert keyed().patient_id("MRN1") != keyed(OTHER_KEY).patient_id("MRN1")
    named = Keyed(KEY, PatientIds(scheme="table"), Dates(), {"MRN1": "A"})
    assert named.patient_id("MRN1") == "A"
    with pytest.raises(InvalidPolicy) as refused:
        named.patient_id("MRN2")
    assert "MRN2" not in refused.value.detail
    assert Keyed(KEY, PatientIds(scheme="sequence"), Dates(), {"MRN1": "B"}.get).patient_id("MRN1") == "B"


RANGES = st.tuples(st.integers(-40, 40), st.integers(-40, 40)).filter(lambda r: r[0] <= r[1] and r != (0, 0))


@given(RANGES, st.text(max_size=20))
def test_dates_move_within_the_range_and_never_by_none(span: tuple[int, int], patient: str) -> None:
    shift = Keyed(KEY, PatientIds(), Dates(earliest=span[0], latest=span[1])).shift(patient)
    assert span[0] <= shift <= span[1]
    assert shift


def test_every_shift_of_a_range_occurs() -> None:
    shifts = {Keyed(KEY, PatientIds(), Dates(earliest=-2, latest=2)).shift(str(n)) for n in range(200)}
    assert shifts == {-2, -1, 1, 2}


def test_a_trace_tells_equal_from_different_to_the_keys_holder() -> None:
    assert keyed().trace(b"Doe") == keyed().trace(b"Doe")
    assert len({keyed().trace(b"Doe"), keyed().trace(b"Roe"), keyed(OTHER_KEY).trace(b"Doe")}) == 3
    assert re.fullmatch("[0-9a-f]{32}", keyed().trace(b""))


def test_a_short_key_is_refused() -> None:
    with pytest.raises(InvalidPolicy):
        Keyed(b"k" * 31, PatientIds(), Dates())


def test_domains_do_not_meet() -> None:
    """A UID and a patient called alike have nothing in common."""
    number = keyed().patient_id("1.2.3").removeprefix("LUNG-")
    assert number not in keyed().uid("1.2.3")
