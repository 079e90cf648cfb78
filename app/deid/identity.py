"""What takes the place of identifiers: the same for the same key, and nothing to anybody without it.

Everything is a keyed hash (HMAC-SHA256, RFC 2104), so that submissions, machines and years agree without
sharing more than a key, and nobody can try out all medical record numbers of a hospital.
"""

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from app.deid.policy import Dates, PatientIds
from app.errors import InvalidPolicy

#: UIDs that DICOM itself defines mean the same to everybody (PS3.6 Annex A).
_STANDARD = re.compile(r"1\.2\.840\.10008\.[0-9.]{1,50}")
#: Bytes of a key; also what a key must have at least.
KEY_BYTES: Final = 32

_UUID_ROOT: Final = "2.25."
#: Digits of a keyed patient identifier: two patients of ten million meet once in ten thousand archives.
_DIGITS: Final = 18


class Identities(Protocol):
    """Who hands out what takes an identifier's place; equal arguments give equal results for ever."""

    def uid(self, old: str) -> str:
        """A UID for one without padding; those of the standard stay."""

    def patient_id(self, old: str) -> str:
        """How the patient is called from now on."""

    def shift(self, patient: str) -> int:
        """By how many days the dates of this patient move; never 0."""

    def trace(self, value: bytes) -> str:
        """What tells the key's holder that a value was this one, as 32 hexadecimal digits."""


@dataclass(frozen=True)
class Keyed:
    """Identities from a key; `named` are patients that a table or a sequence named before."""

    key: bytes
    patient_ids: PatientIds
    dates: Dates
    named: Mapping[str, str] | Callable[[str], str | None] | None = None
    #: UIDs that stay: of what is de-identified already, and is only verified.
    kept: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if len(self.key) < KEY_BYTES:
            raise InvalidPolicy(f"The key has {len(self.key)} bytes; it needs at least {KEY_BYTES}.")

    def uid(self, old: str) -> str:
        """Under 2.25, of 128 bits (PS3.5 section B.2)."""
        return old if old in self.kept or _STANDARD.fullmatch(old) else _uid(self.key, old)

    def patient_id(self, old: str) -> str:
        """Raises InvalidPolicy where a table is to name patients and does not name this one."""
        if self.patient_ids.scheme == "keyed":
            return f"{self.patient_ids.prefix}{_number(self.key, 'patient', old) % 10**_DIGITS:0{_DIGITS}}"
        look_up = self.named if callable(self.named) else (self.named or {}).get
        name = look_up(old)
        if name is None:
            raise InvalidPolicy("The table of patients does not name one of them; add a row for each.")
        return name

    def shift(self, patient: str) -> int:
        days = [self.dates.earliest, self.dates.latest]
        without_zero = days[1] - days[0] + (not days[0] <= 0 <= days[1])
        moved = days[0] + _number(self.key, "shift", patient) % without_zero
        return moved + (1 if days[0] <= 0 <= moved else 0)

    def trace(self, value: bytes) -> str:
        return hmac.digest(self.key, b"trace\0" + value, "sha256").hex()[:32]


@lru_cache(1 << 14)
def _uid(key: bytes, old: str) -> str:
    return f"{_UUID_ROOT}{_number(key, 'uid', old) >> 128}"


def _number(key: bytes, domain: str, value: str) -> int:
    return int.from_bytes(hmac.digest(key, f"{domain}\0{value}".encode(), "sha256"), "big")
