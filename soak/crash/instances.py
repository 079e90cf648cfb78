"""What a run sends: instance number n is the same whenever it is made, so that it can be sent again."""

from dataclasses import dataclass
from hashlib import sha256
from random import Random

from tests.instances import ct, part10

#: Instances of one study, and its series: several writers store into each at once, on several servers.
IN_STUDY, SERIES = 400, 4
#: Every so many is one that goes into the store in parts, and is long on its way.
LARGE_EACH, LARGE_BYTES = 50, 9 << 20
SMALL_BYTES = 8 * 6 * 2


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance of a run: its place, and its bytes."""

    study: str
    series: str
    uid: str
    data: bytes

    @property
    def digest(self) -> bytes:
        """The SHA-256 of its bytes."""
        return sha256(self.data).digest()

    @property
    def path(self) -> str:
        """Its address below a DICOMweb root."""
        return f"studies/{self.study}/series/{self.series}/instances/{self.uid}"


def make(seed: int, number: int) -> Instance:
    """Instance `number` of the run with this seed."""
    large = number % LARGE_EACH == LARGE_EACH - 1
    study = f"2.25.{seed}.{number // IN_STUDY}"
    series = f"{study}.{SERIES if large else number % SERIES}"
    uid = f"{series}.{number}"
    pixels = Random(f"{seed}/{number}").randbytes(LARGE_BYTES if large else SMALL_BYTES)
    dataset = ct(study, series, uid, PixelData=pixels, PatientID=f"P{number // IN_STUDY}")
    return Instance(study, series, uid, part10(dataset))
