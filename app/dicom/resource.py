"""The address of a study, series or instance (PS3.18 section 9.1.1 and 10.1)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """A DICOMweb address. A part is None where the address stops above it, or a search leaves it open."""

    study: str | None = None
    series: str | None = None
    instance: str | None = None

    @property
    def path(self) -> str:
        """The address below a DICOMweb root: `studies/{uid}/series/{uid}/instances/{uid}`."""
        # Every result of a search has one: the usual forms are written out.
        if self.study and self.series:
            series = f"studies/{self.study}/series/{self.series}"
            return f"{series}/instances/{self.instance}" if self.instance else series
        if self.study and not (self.series or self.instance):
            return f"studies/{self.study}"
        parts = (("studies", self.study), ("series", self.series), ("instances", self.instance))
        return "/".join(f"{name}/{uid}" for name, uid in parts if uid)
