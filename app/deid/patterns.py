"""What identifies anyone by its form: e-mail and web addresses, phones, record numbers, ages over 89.

Every pattern is linear: what may repeat is bounded, or cannot match in two ways.
"""

import re
from collections.abc import Callable, Iterator

from app.deid.names import Span
from app.deid.vocabulary import is_common, is_ordinary

Finding = tuple[str, Span, str]
"""Kind, range, and what stands there instead."""

_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"'\\]{1,64}@(?:[^\W_](?:[\w-]{0,62})\.){1,8}[^\W\d_]{2,24}\b")
_URL = re.compile(
    r"\b(?:https?|ftps?|sftp|dicom-web|file)://[^\s<>\"\\]+|\bwww\.[^\s<>\"\\]+"
    r"|(?<![\w.-])(?:[a-z0-9][a-z0-9-]{0,62}\.){1,5}(?:com|org|net|edu|gov|mil|int|ac\.uk|co\.uk|nhs\.uk)\b"
    r"(?:/[^\s<>\"\\]*)?",
    re.IGNORECASE,
)
_IP = re.compile(r"\bip(?:\saddress)?[:=\s]{1,3}(?P<v>\d{1,3}(?:\.\d{1,3}){3})(?![\w.])", re.IGNORECASE)
_BEFORE, _AFTER = r"(?<![\w.])", r"(?![\w])(?!\.\d)"
_PHONE = re.compile(
    # +49 (0) 89 1234-567, 001 617 ...
    rf"{_BEFORE}(?:\+|00)[1-9]\d{{0,2}}(?:[-. ()/]{{1,3}}\d{{1,8}}){{2,6}}{_AFTER}"
    rf"|{_BEFORE}\+[1-9]\d{{8,14}}{_AFTER}"
    # (617) 555-1234, 617-555-1234, 1.617.555.1234
    rf"|(?<![\w.])(?:1[-. ])?\([2-9]\d\d\)\s?\d{{3}}[-. ]?\d{{4}}{_AFTER}"
    rf"|{_BEFORE}1 [2-9]\d\d [2-9]\d\d \d{{4}}{_AFTER}(?! \d)"
    rf"|{_BEFORE}(?:1[-. ])?[2-9]\d\d[-./][2-9]\d\d[-.]\d{{4}}{_AFTER}"
    # (030) 1234567, 030/1234567
    rf"|(?<!\w)\(0\d{{1,4}}\)\s?\d{{3,8}}(?:[- ]\d{{1,5}})?{_AFTER}"
    rf"|{_BEFORE}0\d{{2,4}}/\s?\d{{5,8}}(?:-\d{{1,4}})?{_AFTER}"
)
_PHONE_LABEL = re.compile(
    r"\b(?:telephone|telefon|tel|phone|ph|fax|mobile|mobil|cell|pager|beeper|call|contact|whatsapp)(?:\s?(?:no|nr|number|#))?"
    r"\b[.:#\s]{0,4}(?:at\s)?(?P<v>[+(]?\d(?:[-. ()/]{0,2}\d){4,18})(?:\s?(?:ext|x)\.?\s?\d{1,6})?",
    re.IGNORECASE,
)
_EXTENSION = re.compile(r"\b(?:ext|extension|pager|beeper)\b\.?[:#\s]{0,2}(?P<v>\d{3,6})\b", re.IGNORECASE)
#: Labels whose value always identifies, and labels that must be set off from it (`ID: 12345`).
_STRONG = (
    r"mrn|mr\s?#|ssn|sin|nhs(?:\s?n(?:o|umber|r))?|social security(?:\s?n(?:o|umber))?|medicare|medicaid|"
    r"passport|"
    r"(?:medical\s)?record\s?(?:number|no|num|nr|#)|patient\s?(?:id|number|no|nr|#)|pat\.?\s?(?:id|nr|no)|pid|pt\s?id|"
    r"subject\s?id|hospital\s?(?:id|number|no)|unit\s?(?:number|no)|chart\s?(?:number|no|#)|"
    r"accession(?:\s?(?:number|num|no|nr|\#))?|acc\s?(?:\#|no|num|number)|encounter|csn|fin|"
    r"(?:account|acct|policy|insurance|member|license|licence|certificate|visit|admission|order|requisition|case|claim|fall)"
    r"\s?(?:id|number|no|num|nr|\#)|fallnummer|patientennummer|versichertennummer|dossier"
)
_WEAK = (
    r"id|account|acct|policy|insurance|license|licence|visit|order|case|chart|record|"
    r"ip(?:\saddress)?|acc|dl|vin"
)
_VALUE = r"(?P<{}>(?=[\w./-]{{0,24}}\d)[A-Za-z0-9][\w./-]{{2,31}}(?<![./-]))"
_NUMBER = re.compile(
    rf"(?<![^\W_])(?:(?:{_STRONG})\b\.?(?:\s?(?:is|[:=#]|\.))?\s{{0,3}}#?{_VALUE.format('v')}"
    rf"|(?:{_WEAK})\s?[:=#]{{1,2}}\s{{0,3}}{_VALUE.format('x')})",
    re.IGNORECASE,
)
_SSN = re.compile(
    r"(?<![\w.-])(?!000|666|9\d\d)\d{3}-\d{2}-\d{4}(?![\w-])"
    r"|(?<![^\W_])(?:(?<=ssn )|(?<=ssn: )|(?<=security ))\d{3} \d{2} \d{4}\b",
    re.IGNORECASE,
)
_BIRTH = re.compile(
    r"\b(?:dob|birth\s?date|date\sof\sbirth|geb|geburtsdatum)\b[.:=\s]{0,3}(?P<v>\d{6}(?:\d\d)?)\b",
    re.IGNORECASE,
)
_FEWEST_DIGITS = 3
_OLD = r"(?:9\d|1[0-3]\d)"
_YEARS = (
    r"(?:y\.?\s?/?o\.?\b|yrs?\b\.?|years?\b|jahre\b|ans\b|anos\b|años\b)"
    r"(?!\s(?:of\s(?!age)|since|ago|after|later|experience))"
)
_AGE = re.compile(
    rf"(?<![\w.])0?(?P<a>{_OLD})(?=[-\s]{{0,2}}{_YEARS})"
    rf"|(?<![\w.])(?P<b>09\d|1[0-3]\d)y\b"
    rf"|\b(?:aged?|alter|edad)\b(?:\s(?:of|is))?[:=\s]{{1,3}}0?(?P<c>{_OLD})(?![\w.+])(?!\s?(?:days?|weeks?|months?|mm|ms|%))"
    rf"|\b(?:aged?|alter|edad)[:=\s]{{1,3}}0?(?P<d>{_OLD})y\b",
    re.IGNORECASE,
)
_CAPITAL = r"[A-ZÀ-ÖØ-Þ][\w'’-]{1,30}"
_STREET = re.compile(
    rf"(?<![\w.])\d{{1,5}}[A-Za-z]?,?\s(?:[NSEW]\.?\s|(?:North|South|East|West)\s)?(?:{_CAPITAL}\s|\d{{1,3}}(?:st|nd|rd|th)\s){{1,3}}"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Pl|Square|Terrace|Highway|Hwy|"
    r"Parkway|Pkwy|Circle|Cir|STREET|ST|AVENUE|AVE|ROAD|RD|BOULEVARD|BLVD|LANE|DRIVE|HIGHWAY|PARKWAY)\b\.?"
    r"(?:,?\s(?:Apt|Apartment|Suite|Ste|Unit|Floor|Fl|#)\.?\s?\w{1,6})?"
)
_TOWN = re.compile(
    rf"(?:{_CAPITAL}\s){{0,2}}{_CAPITAL},\s(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|"
    r"PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY])\s\d{5}(?:-\d{4})?\b"
    r"|\b[PF]\.?\s?O\.?\s?Box\s\d{1,7}\b"
    rf"|\b(?:Zip|ZIP|zip)(?:\s?[Cc]ode)?[:\s]{{1,3}}\d{{5}}(?:-\d{{4}})?\b"
    rf"|\b(?:[A-ZÄÖÜ][\wäöüß-]{{2,25}}(?:straße|strasse|str\.|weg|platz|gasse|allee)|"
    rf"(?:[Rr]ue|[Cc]alle|[Vv]ia|[Aa]venue|[Bb]oulevard)\s(?:de\s(?:la\s)?|du\s|des\s)?{_CAPITAL}),?\s\d{{1,4}}[a-z]?\b"
    rf"|(?<![\w.])\d{{1,4}},?\s(?:rue|avenue|boulevard|place|quai)\s(?:de\s(?:la\s)?|du\s|des\s)?{_CAPITAL}(?:\s{_CAPITAL})?"
)
_PERSON_WORD = r"[A-ZÀ-ÖØ-Þ](?:[\w'’]{1,30}(?:-[\w'’]{1,30})?|\.)"
_TITLE = r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|Herr|Frau|Mme)\b\.?|\b(?:MR|MRS|DR|PROF)\.)\s{1,3}"
_LABEL = (
    r"\b(?i:(?:patient)?name|physician|signed|signature|author|reader|operator|radiologist|technologist|technician|attn|surgeon|oncologist|cardiologist|nurse)\s?[:=]\s?"
    r"|\b(?i:(?:dictated|signed|reviewed|reported|performed|read|referred|requested|ordered|transcribed|approved|verified|"
    r"interpreted|acquired|scanned|entered|seen)\sby)\b(?::|(?=\s))"
)
_PERSON = rf"{_PERSON_WORD}(?:[\s,.^]{{1,2}}{_PERSON_WORD}){{0,3}}"
_THIRD = re.compile(
    rf"(?:{_LABEL})\s{{0,3}}(?P<v>(?:{_TITLE}){{0,2}}(?P<n>{_PERSON}))|(?P<w>(?:{_TITLE}){{1,2}}(?P<m>{_PERSON}))"
)
_WORDS = re.compile(r"[^\W\d_]+")


def _whole(kind: str, pattern: re.Pattern[str]) -> Callable[[str], Iterator[Finding]]:
    def find(text: str) -> Iterator[Finding]:
        return ((kind, match.span(), "") for match in pattern.finditer(text))

    return find


def _values(kind: str, pattern: re.Pattern[str]) -> Callable[[str], Iterator[Finding]]:
    """The labelled values; the labels stay."""

    def find(text: str) -> Iterator[Finding]:
        for match in pattern.finditer(text):
            group = str(match.lastgroup)
            if sum(map(str.isdigit, match[group])) >= _FEWEST_DIGITS:
                yield kind, match.span(group), ""

    return find


def _ages(text: str) -> Iterator[Finding]:
    for match in _AGE.finditer(text):
        yield "age", match.span(str(match.lastgroup)), "90+"


def third_persons(text: str) -> Iterator[Finding]:
    """A name behind a title or label, up to the first word that is none."""
    for match in _THIRD.finditer(text):
        whole, name = ("v", "n") if match["v"] else ("w", "m")
        start = end = match.start(name)
        for word in _WORDS.finditer(text, start, match.end(name)):
            titled = word.start() == start > match.start(whole)
            if len(word.group()) > 1 and (is_common if titled else is_ordinary)(word.group().lower()):
                break
            end = word.end()
        if end - start > 1:
            yield "name", (match.start(whole), end), ""


#: In this order, each with what a text must have for it: what one finds, those behind it do not see.
FINDERS: tuple[tuple[str, Callable[[str], Iterator[Finding]]], ...] = (
    ("@", _whole("email", _EMAIL)),
    (".", _whole("url", _URL)),
    ("/", _whole("url", _URL)),
    (".", _values("url", _IP)),
)
#: Those that only a text with digits needs, and how many it must have.
DIGIT_FINDERS: tuple[tuple[int, Callable[[str], Iterator[Finding]]], ...] = (
    (9, _whole("number", _SSN)),
    (6, _values("date", _BIRTH)),
    (3, _values("number", _NUMBER)),
    (7, _whole("phone", _PHONE)),
    (5, _values("phone", _PHONE_LABEL)),
    (3, _values("phone", _EXTENSION)),
    (1, _whole("address", _STREET)),
    (1, _whole("address", _TOWN)),
    (2, _ages),
)
