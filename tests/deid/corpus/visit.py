"""One study of a patient as it is being made: its date, UIDs and times."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from tests.deid.corpus.people import Person

#: All UIDs of the corpus begin so, and no other does.
ROOT = "1.2.826.0.1.3680043.8.498.7301."
#: From the first visit to each of the studies.
AFTER = (timedelta(0), timedelta(97), timedelta(403))


@dataclass(frozen=True, slots=True)
class Visit:
    """A patient's study, and in it the series and instance that are being made."""

    person: Person
    study: int
    series: int = 1
    number: int = 1

    @property
    def day(self) -> date:
        """Of the study."""
        return self.person.first_visit + AFTER[self.study]

    @property
    def da(self) -> str:
        """The day as a DA value."""
        return f"{self.day:%Y%m%d}"

    @property
    def before(self) -> date:
        """Of an examination some time earlier."""
        return self.day - timedelta(31)

    @property
    def time(self) -> str:
        """Of this instance, as a TM value."""
        return f"{8 + self.study:02}{11 + self.series:02}{self.number % 60:02}.250000"

    @property
    def age(self) -> int:
        """Of the patient, in years."""
        return self.day.year - self.person.born.year

    def uid(self, kind: int, *numbers: int) -> str:
        """A UID of the patient's; the same for the same numbers."""
        return ROOT + ".".join(map(str, (self.person.number + 1, kind, *numbers)))

    @property
    def study_uid(self) -> str:
        """Study Instance UID."""
        return self.uid(1, self.study + 1)

    @property
    def series_uid(self) -> str:
        """Series Instance UID."""
        return self.uid(2, self.study + 1, self.series)

    @property
    def instance_uid(self) -> str:
        """SOP Instance UID."""
        return self.uid(3, self.study + 1, self.series, self.number)

    @property
    def frame_of_reference(self) -> str:
        """Of all images of the study."""
        return self.uid(4, self.study + 1)

    def at(self, series: int, number: int = 1) -> "Visit":
        """Another instance of the study."""
        return replace(self, series=series, number=number)
