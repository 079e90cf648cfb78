"""What those who ask for access are asked: a list of questions, each of a kind, and the answers checked."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app.errors import InvalidRequest

Kind = Literal["text", "long-text", "choice", "date", "yes-no", "url", "orcid"]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
#: Characters of an answer at most.
LONGEST = {"long-text": 10_000}
MOST_QUESTIONS = 50
_ORCID = re.compile(r"\d{4}-\d{4}-\d{4}-\d{3}[\dX]", re.ASCII)


class Question(BaseModel):
    """One question; `choices` are those of the kind `choice`."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")] = Field(examples=["purpose"])
    label: Label = Field(examples=["What the data are wanted for"])
    kind: Kind = Field(default="text", examples=["long-text"])
    required: bool = Field(default=False, examples=[True])
    choices: list[Label] = Field(default=[], max_length=100, examples=[[]])

    @model_validator(mode="after")
    def _has_choices(self) -> "Question":
        if (self.kind == "choice") != bool(self.choices):
            raise ValueError("choices belong to the kind choice, which needs some")
        return self


def _asked(key: str, label: str, kind: Kind = "text", *, required: bool = True) -> Question:
    return Question(key=key, label=label, kind=kind, required=required)


#: What is asked where the owner has written no form.
DEFAULT = (
    _asked("name", "Your name"),
    _asked("institution", "Your institution"),
    _asked("country", "Its country"),
    _asked("orcid", "Your ORCID iD", "orcid", required=False),
    _asked("purpose", "What you want the data for", "long-text"),
    _asked("public_abstract", "The same in plain words, for the public", "long-text"),
    _asked("recipients", "Who else will work with the data", "long-text", required=False),
    _asked("end_date", "Until when you need them", "date", required=False),
)


def check(questions: Sequence[Question], answers: Mapping[str, str], *, complete: bool) -> None:
    """Raises InvalidRequest that names the questions, never the answers, where an answer is not of its kind,
    belongs to no question or, of a `complete` form, is missing.
    """
    asked = {question.key: question for question in questions}
    wrong = [key for key, answer in answers.items() if key not in asked or not _fits(asked[key], answer)]
    missing = [each.key for each in questions if each.required and not answers.get(each.key, "").strip()]
    if wrong:
        known = [f"{key} ({asked[key].kind})" for key in wrong if key in asked]
        named = "; ".join([*known, *(["a question that is not asked"] if len(known) < len(wrong) else [])])
        raise InvalidRequest(f"These answers do not fit: {named}.")
    if complete and missing:
        raise InvalidRequest(f"These questions are still to be answered: {', '.join(missing)}.")


def _fits(question: Question, answer: str) -> bool:
    if len(answer) > LONGEST.get(question.kind, 500):
        return False
    if not answer or question.kind == "choice":
        return not answer or answer in question.choices
    return _KINDS[question.kind](answer)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _is_orcid(text: str) -> bool:
    """Whether the last character is the check of the others (ISO/IEC 7064 MOD 11-2)."""
    if not _ORCID.fullmatch(text):
        return False
    total = 0
    for digit in text[:-1].replace("-", ""):
        total = (total + int(digit)) * 2
    return text[-1] == "0123456789X"[(12 - total % 11) % 11]


_KINDS: dict[str, Callable[[str], bool]] = {
    "text": lambda text: text.isprintable(),
    "long-text": lambda text: "\0" not in text,
    "date": _is_date,
    "yes-no": lambda text: text in ("yes", "no"),
    "url": _is_url,
    "orcid": _is_orcid,
}
