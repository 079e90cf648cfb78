"""Licences under which data are given, by their SPDX identifiers, and what each permits in plain words."""

from collections.abc import Iterator
from dataclasses import dataclass
from re import compile as pattern

from app.errors import InvalidRequest

#: A licence that SPDX has no identifier for (SPDX specification, annex on licence expressions).
_OWN = pattern(r"LicenseRef-[A-Za-z0-9.-]{1,100}")


@dataclass(frozen=True, slots=True)
class Permissions:
    """What one may do with the data, and must do in return."""

    share: bool = True
    adapt: bool = True
    commercial: bool = True
    credit: bool = True
    share_alike: bool = False

    def in_words(self) -> Iterator[str]:
        """One sentence for each."""
        yield "You may share it with others." if self.share else "You may not share it with others."
        yield (
            "You may change it and build upon it." if self.adapt else "You may not share changed forms of it."
        )
        yield "You may use it commercially." if self.commercial else "You may not use it commercially."
        yield "You must say whose it is." if self.credit else "You need not say whose it is; please do."
        if self.share_alike:
            yield "What you make of it you must share under the same licence."


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence; `permissions` is None of one that only its own text describes."""

    id: str
    name: str
    url: str
    permissions: Permissions | None


def find(identifier: str, url: str = "") -> Licence:
    """The licence of this SPDX identifier. Raises InvalidRequest, naming those that are known.

    `LicenseRef-…` stands for any other, whose text is at `url`.
    """
    if known := LICENCES.get(identifier):
        return known
    if _OWN.fullmatch(identifier) and url:
        return Licence(identifier, identifier.removeprefix("LicenseRef-").replace("-", " "), url, None)
    raise InvalidRequest(
        f"A licence is one of {', '.join(LICENCES)}, or LicenseRef-… with its text's address as licence_url."
    )


def described(identifier: str, url: str) -> Licence:
    """The same of one that was found before, whatever is known today."""
    return LICENCES.get(identifier) or Licence(identifier, identifier, url, None)


_ZERO = Permissions(credit=False)
_CREATIVE_COMMONS = {
    "BY": ("Attribution", Permissions()),
    "BY-SA": ("Attribution-ShareAlike", Permissions(share_alike=True)),
    "BY-ND": ("Attribution-NoDerivatives", Permissions(adapt=False)),
    "BY-NC": ("Attribution-NonCommercial", Permissions(commercial=False)),
    "BY-NC-SA": (
        "Attribution-NonCommercial-ShareAlike",
        Permissions(commercial=False, share_alike=True),
    ),
    "BY-NC-ND": ("Attribution-NonCommercial-NoDerivatives", Permissions(adapt=False, commercial=False)),
}
_VERSIONS = {"4.0": "International", "3.0": "Unported"}
_OTHERS = (
    Licence(
        "CC0-1.0",
        "Creative Commons Zero 1.0 Universal",
        "https://creativecommons.org/publicdomain/zero/1.0/",
        _ZERO,
    ),
    Licence(
        "ODC-By-1.0",
        "Open Data Commons Attribution 1.0",
        "https://opendatacommons.org/licenses/by/1-0/",
        Permissions(),
    ),
    Licence(
        "ODbL-1.0",
        "Open Data Commons Open Database License 1.0",
        "https://opendatacommons.org/licenses/odbl/1-0/",
        Permissions(share_alike=True),
    ),
    Licence(
        "PDDL-1.0",
        "Open Data Commons Public Domain Dedication 1.0",
        "https://opendatacommons.org/licenses/pddl/1-0/",
        _ZERO,
    ),
    Licence("MIT", "MIT License", "https://opensource.org/license/mit", Permissions()),
)


def _all() -> Iterator[Licence]:
    for version, where in _VERSIONS.items():
        for code, (name, permissions) in _CREATIVE_COMMONS.items():
            url = f"https://creativecommons.org/licenses/{code.lower()}/{version}/"
            name_of_it = f"Creative Commons {name} {version} {where}"
            yield Licence(f"CC-{code}-{version}", name_of_it, url, permissions)
    yield from _OTHERS


LICENCES = {licence.id: licence for licence in _all()}
