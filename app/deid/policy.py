"""A policy: what a collection de-identifies by, as YAML that people write and everybody can read."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final, Literal

import orjson
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.deid.actions import Action
from app.deid.standard import EDITION, KNOWLEDGE_EDITION, Option
from app.deid.written import parsed
from app.dicom import attributes
from app.errors import InvalidPolicy

PRESETS: Final = ("basic", "tcia")
#: Days; a hundred years keep every date within what a DA can say.
_FURTHEST: Final = 36_525
_LONGEST: Final = 1 << 20


def _key(text: str) -> str:
    """An attribute as policies name it, in the one form in which it is looked up."""
    if text.upper() in ("50XXXXXX", "60XX3000", "60XX4000"):
        return text.upper()
    found = attributes.find(text)
    if found is None:
        raise ValueError(
            f"{text} is no attribute: write a keyword, eight hexadecimal digits, a path of them with dots, "
            "or gggg00ee[creator]"
        )
    return found.key


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PatientIds(_Part):
    """How patients are called afterwards.

    `keyed`: the prefix and digits of a keyed hash, the same wherever the same key is used. `sequence`: the
    prefix and a number, in the order in which patients come; it needs a crosswalk. `table`: as a table of
    old and new identifiers says.
    """

    scheme: Literal["keyed", "sequence", "table"] = "keyed"
    prefix: str = Field("", max_length=40, pattern=r"^[^\\^=\x00-\x1f]*$")


class Dates(_Part):
    """Between which two numbers of days a patient's dates move; never by none."""

    earliest: int = Field(-3652, ge=-_FURTHEST, le=_FURTHEST)
    latest: int = Field(-1, ge=-_FURTHEST, le=_FURTHEST)

    @model_validator(mode="after")
    def _in_order(self) -> "Dates":
        if self.earliest > self.latest or self.earliest == self.latest == 0:
            raise ValueError("dates: earliest is after latest, or both are 0")
        return self


class Private(_Part):
    """What becomes of private attributes that table E.3.10-1 does not name."""

    knowledge: bool = Field(False, description="follow TCIA's knowledge base")
    unknown: Literal["remove", "clean"] = "remove"


class Pixels(_Part):
    """What `clean-pixel-data` does: known regions by device, then text that is found."""

    regions: bool = True
    ocr: bool = True
    rules: tuple[Mapping[str, Any], ...] = ()


class Policy(_Part):
    """A policy, validated. Two that say the same have the same `digest`."""

    name: str = Field(min_length=1, max_length=40, pattern=r"^[a-zA-Z0-9][a-zA-Z0-9 ._-]*$")
    version: int = Field(1, ge=1)
    description: str = Field("", max_length=2000)
    options: frozenset[Option] = frozenset()
    standard_actions: Literal["table", "tcia"] = "table"
    overrides: dict[Annotated[str, AfterValidator(_key)], Action] = {}
    private: Private = Private()
    patient_ids: PatientIds = PatientIds()
    dates: Dates = Dates()
    pixels: Pixels = Pixels()
    again: bool = Field(False, description="also what already says that it is de-identified")

    @model_validator(mode="after")
    def _possible(self) -> "Policy":
        if {Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES} <= self.options:
            raise ValueError("options: dates are retained in full or modified, not both")
        if Option.CLEAN_VISUAL_FEATURES in self.options:
            raise ValueError(f"options: {Option.CLEAN_VISUAL_FEATURES} is nothing that is done here")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of what it says and of the editions of the tables that it goes by."""
        said = self.model_dump(mode="json", exclude={"description"})
        said["options"] = sorted(said["options"])
        said["editions"] = [EDITION, KNOWLEDGE_EDITION]
        return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def has(self, option: Option) -> bool:
        """Whether it takes this option of the profile."""
        return option in self.options


@cache
def preset(name: str) -> Policy:
    """One of PRESETS. Raises InvalidPolicy for another name."""
    if name not in PRESETS:
        raise InvalidPolicy(f"There is no preset {name!r}: {', '.join(PRESETS)}.")
    return parse((files("app.deid") / "policies" / f"{name}.yaml").read_text("utf-8"))


def parse(text: str) -> Policy:
    """The policy that YAML describes; `extends: tcia` begins with a preset. Raises InvalidPolicy."""
    if len(text) > _LONGEST:
        raise InvalidPolicy("The policy is longer than a policy is.")
    try:
        said = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise InvalidPolicy(f"The policy is no YAML{f', line {mark.line + 1}' if mark else ''}.") from None
    if not isinstance(said, dict):
        raise InvalidPolicy("A policy is a mapping: at least a name, better options too.")
    return parsed(Policy, _extended(said))


def _extended(said: dict[str, Any]) -> dict[str, Any]:
    """What is said upon what a preset says; mappings are joined, all else is said anew."""
    if "extends" not in said:
        return said
    base = preset(str(said["extends"])).model_dump(mode="json", exclude={"name", "version", "description"})
    joined = {key: base.get(key, {}) | value for key, value in said.items() if isinstance(value, dict)}
    return {key: value for key, value in (base | said | joined).items() if key != "extends"}
