"""The conformance statement, made from the tables that the code runs on; only the prose is written here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from app.dicom.transfer_syntaxes import TRANSFER_SYNTAXES, TransferSyntax
from app.dicom.validation import FAILURE_REASONS, WARNING_REASONS
from app.errors import Fact
from app.index import tag_values, verify
from app.query import bounds
from app.query.answer import MOST_REMAINING
from app.query.ast import Level
from app.query.qido import DEFAULT_LIMIT, MAXIMUM_LIMIT
from app.query.searchable import MATCHING, SEARCHABLE, Searchable
from app.routers import capabilities
from app.routers.problems import STATUS
from app.routers.routes import ROUTERS, Route, routes
from app.services.forms import WHOLE
from app.wire.coding import CODINGS

HEAD = """\
# Conformance statement

Written by `readingroom conformance` from the tables that the code runs on; a test fails when it is out
of date.

Reading Room is an origin server of DICOMweb studies (PS3.18 section 10). It is for research, not for
diagnosis. Every resource below answers under two kinds of root: `/dicom-web`, the whole archive, and
`/collections/{collection}/dicom-web`, one collection.
"""

SEARCHING = """\
A search takes the attributes of its own level and of those above it, by keyword, by tag in either case,
or by a path of either joined by dots. Each also takes an empty value or `*`, which matches all. Those
marked are required by PS3.18 section 10.6.1.2.
"""

PAGING = f"""\
`limit` is {DEFAULT_LIMIT:,} unless given, and a page has at most {MAXIMUM_LIMIT:,} results; `offset`,
`includefield` and `fuzzymatching` are taken as well. Results come in a stable order. When more remain than
were sent, a `Warning: 299` header says how many. `X-Total-Count` is the number of all results; it is
left out where {MOST_REMAINING:,} or more remain, or the page lies beyond the last.

A `limit` above {MAXIMUM_LIMIT:,} asks for as many in one answer, `limit=1000000000` for all there are.
It is read in short pages while it is sent, each behind the last result of the one before, and has neither
`Content-Length` nor, unless all fits into the first, `X-Total-Count`. Each page is what is there when it is
read: what comes or goes meanwhile repeats nothing, unless it moves down the order, as a study does whose
date is corrected. Where the database goes away, or the caller may see less than before, the connection
breaks off."""

ANY_ATTRIBUTE = f"""\
Every other attribute that the stored instances hold is a key as well, at each level, and may be returned by
`includefield` at each level:

- standard ones by keyword, tag or dotted path; private ones as `gggg00ee[creator]`, 00 in place of the block,
  in a path too: `00190008[SIEMENS CT VA0  COAD]`;
- a study or series matches when some instance of it carries the value; an instance by its own values; of
  several values of an attribute any may match. Each key is matched on its own, but keys of one sequence are
  matched in one item of it;
- text takes wildcards and matches by case, person names as above; UIDs take lists; dates, times and moments
  (DT, in UTC where they name an offset) take ranges; numbers, compared as doubles, are `120`, `1,2` or ranges
  `100-140` and `100-`; what may have several values takes lists with backslashes between;
- one search takes at most {bounds.MOST_TAGGED} of these keys, and any key at most {bounds.MOST_PARTS}
  patterns, ranges or words;
- a private key is matched by the VR that each instance gives it;
- what the index cannot tell (more than {tag_values.MOST} different values in one series, values longer than
  {tag_values.INDEXED} characters, single instances) is looked up in the metadata of at most
  {verify.MOST:,} instances; beyond that the answer is 400 and names the keys that would narrow the search.
  No answer is approximate;
- a study or series returns them as its first stored instance has them; of a study, as the first of its series
  that has them;
- not matched: sequences as such, bulk and binary data, group lengths, private attributes of unknown VR (UN)
  or without a creator, which no key could name, SpecificCharacterSet, TimezoneOffsetFromUTC, and what is
  made for each answer (RetrieveURL and counts).
"""

STORING = """\
Every transfer syntax is taken and kept byte for byte. An instance is acknowledged when its bytes and
its row are durable. Storing the same bytes again succeeds and changes nothing; other content under a
SOP Instance UID that the collection holds is refused and changes nothing. One refused instance never
sinks the others: 200 when all were stored, 202 when some were or
there are warnings, 409 when none was.

Metadata, in DICOM JSON or in XML (PS3.19 Native DICOM Model, a document for each instance), is made into
instances with the parts that its bulk data addresses name by Content-Location. XML needs no namespace; one
with a document type is 400.
"""

SYNTAXES = """\
All are stored and sent as stored, and so are those that are not listed. Where one is decoded here, its
frames are also sent as native pixels and its instances in Explicit VR Little Endian, and both in every
syntax that is made here, when Accept names it (frames also by its media type alone, which means the
default of PS3.18 Table 8.7.3-5). Pixels that a syntax cannot hold are 406. Everything made without loss
was decoded again and found equal before it is sent.
"""

DEVIATIONS = """\
- What cannot be matched is refused (400), never ignored: binary data, an unknown parameter.
- Attributes of `includefield` that cannot be returned are left out and named in a `Warning: 299`
  header.
- Empty Value Matching and Multiple Value Matching are not supported; who asks gets the standard's
  warning.
- Modalities in Study has an empty `Value` where no series names one; PS3.18 F.2.5 leaves `Value` out, on
  which the study list of OHIF fails.
- Lossy pixel data are not decompressed unasked: without `transfer-syntax` in Accept they are sent as
  stored.
- A rendered study or series is one picture, of the instance in its middle that has an image, unless
  multipart is asked for; an instance of many frames shows its representative frame, or the middle one.
- Rendered colour is converted by the instance's own ICC profile (its optical path's, its Color Space's; else
  it is taken for sRGB) to the one that `iccprofile` names, or keeps its own with `yes`; without `iccprofile`
  a picture has no profile and its colours are as stored. Greys never have one; a GIF cannot have one (400).
- Supplemental palettes are applied where Pixel Presentation says COLOR or MIXED.
- Presentation states are stored and sent, but not drawn (406): they are of several images, each of which is
  drawn on its own, with `window` and `viewport`; viewers apply the states themselves.
- Frames of 1 bit are sent native, encapsulated uncompressed or deflated (1.2.840.10008.1.2.8.1): no other
  syntax that is made here holds them. Floating-point pixels are sent native only. HSV, ARGB, CMYK and
  YBR_PARTIAL_420 are sent as stored only. Where a syntax cannot hold some pixels, the 406 names those that
  can.
- Native YBR_FULL_422 becomes YBR_FULL in a compressed syntax; YBR_PARTIAL_422 becomes RGB, in the lossy ones.
- WADO-URI does not de-identify: `anonymize=yes` is refused (400).
- An instance that is lossily compressed here is a derived one: it has its own SOP Instance UID, names its
  source, and says by what and how much it was compressed (PS3.3 C.7.6.1.1.5).
- An HTJ2K stream that is made here has the precision of Bits Allocated, not of Bits Stored.
- Asked for in a compressed transfer syntax, a study or series that holds an instance without pixel data
  is 406.
- Beyond the standard, studies, series and instances are sent as `application/zip`, each instance as stored,
  and, with licences, citations and checksums, as `archive.zip` below a root; a collection or submission whole
  beside its root. Both answer Range. `metadata.csv` at the same places is the table of what there is.
- Pixel data (`/pixeldata`) are a part for each instance where they are native, for each frame where not;
  instances without pixel data are left out.
"""

ABSENT = """\
What DICOMweb servers are asked for is kept as a list of ROWS numbered features. Each has a test in
`tests/rows` named after its number, but for these:
"""


@dataclass(frozen=True, slots=True)
class Absent:
    """A feature that is not offered, and why."""

    feature: str
    reason: str


#: How many features the list has, and those that are not supported, by number. A test of one must fail.
ROWS = 147
NOT_SUPPORTED: dict[int, Absent] = {
    34: Absent(
        "Private attributes by their tag alone",
        "Which creator's block a tag lies in differs; name the creator: `00991001[CREATOR]`.",
    ),
    45: Absent(
        "TimezoneOffsetFromUTC in a query",
        "Optional; refused with 400, since times are matched as they were stored.",
    ),
    59: Absent("410 for what was deleted", "Nothing can be deleted yet."),
    117: Absent(
        "Asynchronous STOW-RS", "What is acknowledged is searchable at once, so there is nothing to wait for."
    ),
    134: Absent("Deletion", "Not in the standard; 405."),
    135: Absent("Worklists (UPS-RS)", "An archive of published data has no worklist."),
    137: Absent("Change feed", "Not in the standard; not offered yet."),
    138: Absent("Bulk update that keeps the originals", "Not in the standard; not offered yet."),
    140: Absent("Export", "Not in the standard; not offered yet."),
    141: Absent(
        "Reading without sign-in beside storing with it",
        "Where there is sign-in, all need it (401); access by collection is not offered yet.",
    ),
    144: Absent(
        "Long max-age on frames",
        "What one may see can change, so clients ask again: the entity tag makes that a 304.",
    ),
    145: Absent(
        "Rate limits (429)",
        "Sizes are limited (413, 414, 431), and connections (503); rates are for a proxy to limit.",
    ),
}


def statement() -> str:
    """The whole statement, as Markdown."""
    sections = (HEAD, *_transactions(), *_searching(), *_storing(), *_syntaxes(), *_answers())
    return "\n".join(section.rstrip() + "\n" for section in sections)


def _transactions() -> Iterable[str]:
    for title, router in (*ROUTERS, ("Describe (PS3.18 section 8.9)", capabilities.router)):
        yield f"## {title}"
        head = ("methods", "resource", "what", "takes", "gives", "status codes")
        yield _table(head, [_route(route) for route in routes(router)])


def _route(route: Route) -> tuple[str, ...]:
    takes, gives = (", ".join(f"`{name}`" for name in types) for types in (route.takes, route.gives))
    statuses = " ".join(map(str, route.statuses))
    return " ".join(route.methods), f"`{route.path}`", route.what, takes, gives, statuses


def _searching() -> Iterable[str]:
    yield "## Attributes that can be searched"
    yield SEARCHING
    for level in Level:
        yield f"### {level.name.capitalize()}"
        yield _table(
            ("attribute", "tag", "VR", "required", "matching"),
            [_searchable(row) for row in SEARCHABLE if row.level is level],
        )
    yield "### Any attribute"
    yield ANY_ATTRIBUTE
    yield PAGING


def _searchable(row: Searchable) -> tuple[str, ...]:
    attribute = row.attribute
    required = "yes" if row.required else ""
    return attribute.keyword, attribute.key, attribute.vr, required, ", ".join(MATCHING[attribute.vr])


def _storing() -> Iterable[str]:
    yield "## What becomes of stored instances"
    yield STORING
    yield "### Failure reasons (0008,1197)"
    yield _table(
        ("code", "meaning"), [(f"{code:04X}", text) for code, text in sorted(FAILURE_REASONS.items())]
    )
    yield "### Warning reasons (0008,1196)"
    yield _table(
        ("code", "meaning"), [(f"{code:04X}", text) for code, text in sorted(WARNING_REASONS.items())]
    )


def _syntaxes() -> Iterable[str]:
    yield "## Transfer syntaxes"
    yield SYNTAXES
    yield _table(
        ("UID", "name", "frames sent as", "lossy", "decoded here", "made here"),
        [_syntax(syntax) for syntax in TRANSFER_SYNTAXES],
    )


def _syntax(syntax: TransferSyntax) -> tuple[str, ...]:
    name = f"{syntax.name} (retired)" if syntax.retired else syntax.name
    made = syntax.uid in WHOLE
    marks = ("yes" if mark else "" for mark in (syntax.lossy, syntax.decodable, made))
    return syntax.uid, name, f"`{syntax.media_type}`", *marks


def _answers() -> Iterable[str]:
    yield "## Errors"
    yield "Every error is problem+json (RFC 9457); `detail` says what to do next."
    rows = sorted((status, _first_line(fact)) for fact, (status, _) in STATUS.items())
    rows.append((500, "Something went wrong here. `detail` gives the id of the request."))
    yield _table(("status", "", "when"), [(str(code), HTTPStatus(code).phrase, when) for code, when in rows])
    yield "## Compression"
    codings = " and ".join(f"`{coding}`" for coding in CODINGS)
    yield f"JSON is sent in {codings} where Accept-Encoding allows it; request bodies are taken in both."
    yield "## Deviations and limits"
    yield DEVIATIONS
    yield "## Not supported"
    yield ABSENT.replace("ROWS", str(ROWS))
    listed = sorted(NOT_SUPPORTED.items())
    yield _table(("no.", "feature", "why"), [(str(row), each.feature, each.reason) for row, each in listed])


def _first_line(fact: type[Fact]) -> str:
    return (fact.__doc__ or "").strip().splitlines()[0]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
