"""Forms: which answers fit which kinds, and what is said of those that do not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.access.forms import DEFAULT, Kind, Question, check
from app.errors import InvalidRequest

FITS: dict[Kind, list[str]] = {
    "text": ["x", "é" * 500],
    "long-text": ["a\nb", "x" * 10_000],
    "choice": ["A", "B"],
    "date": ["2026-02-28", "2024-02-29"],
    "yes-no": ["yes", "no"],
    "url": ["https://example.org/a?b", "http://[::1]/"],
    "orcid": ["0000-0002-1825-0097", "0000-0002-1694-233X"],
}
UNFIT: dict[Kind, list[str]] = {
    "text": ["x" * 501, "a\nb", "a\0b"],
    "long-text": ["x" * 10_001, "a\0b"],
    "choice": ["C", "a"],
    "date": ["2026-02-30", "20260228", "yesterday", "2026-02-28T00:00", "٢٠٢٦-02-28"],
    "yes-no": ["YES", "1"],
    "url": ["example.org", "javascript:alert(1)", "https://", "http://[::1/"],
    "orcid": ["0000-0002-1825-0098", "0000-0002-1825-009", "٠000-0002-1825-0097"],
}


def question(kind: Kind, **more) -> Question:
    return Question(key="q", label="Q", kind=kind, choices=["A", "B"] if kind == "choice" else [], **more)


@pytest.mark.parametrize("kind", FITS)
def test_kinds(kind):
    asked = [question(kind)]
    for answer in ["", *FITS[kind]]:
        check(asked, {"q": answer}, complete=False)
    for answer in UNFIT[kind]:
        with pytest.raises(InvalidRequest, match=rf"These answers do not fit: q \({kind}\)\."):
            check(asked, {"q": answer}, complete=False)


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(list(FITS)), st.text(max_size=40))
def test_nothing_else_is_raised_and_no_answer_repeated(kind, answer):
    told = ""
    try:
        check([question(kind)], {"q": answer}, complete=True)
    except InvalidRequest as error:
        told = error.detail
    assert len(answer) < 10 or answer not in told


def test_what_is_missing_is_named_once_it_is_complete():
    check(DEFAULT, {}, complete=False)
    with pytest.raises(InvalidRequest, match="name, institution, country, purpose, public_abstract"):
        check(DEFAULT, {"orcid": ""}, complete=True)
    with pytest.raises(InvalidRequest, match="answered: q"):
        check([question("text", required=True)], {"q": " "}, complete=True)


def test_what_is_not_asked_is_not_repeated():
    with pytest.raises(InvalidRequest, match=r"^These answers do not fit: a question that is not asked\.$"):
        check(DEFAULT, {"secret": "x"}, complete=False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "choice"},
        {"choices": ["A"]},
        {"key": "Q"},
        {"key": "q" * 41},
        {"key": ""},
        {"label": ""},
        {"kind": "file"},
        {"more": 1},
        {"kind": "choice", "choices": ["A"] * 101},
    ],
)
def test_what_is_no_question(wrong):
    with pytest.raises(ValidationError):
        Question.model_validate({"key": "q", "label": "Q", **wrong})
