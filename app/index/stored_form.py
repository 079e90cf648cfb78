"""How descriptions lie in their rows: of an instance compressed DICOM JSON, ranges of bulk data, frame index;
of studies and series plain DICOM JSON that is taken apart without being parsed.
"""

import json
import re
import threading
from collections.abc import Collection, Iterator, Mapping

import orjson
import zstandard

from app.dicom.description import BulkData, Json
from app.query.elements import Elements, pieces

LEVEL = 3
#: JSON writes no line's end within an element.
_BETWEEN, _BEFORE_REST = b",\n", b",\n\n"
#: How a sequence begins: an element's VR comes first, and within a text a quotation mark never stands alone.
_SEQUENCE = '{"vr":"SQ"'
#: So many elements are sooner found in the text than all of it is parsed.
_FEW = 8


class _Contexts(threading.local):
    """Zstandard's own state, made once for each thread: making it costs as much as compressing a header."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


_CONTEXTS = _Contexts()


def encode_json(attributes: Json) -> bytes:
    """DICOM JSON, compressed with Zstandard."""
    return _CONTEXTS.compressor.compress(orjson.dumps(attributes))


def decode_json(form: bytes) -> bytes:
    """The text of the DICOM JSON, in UTF-8."""
    return _CONTEXTS.decompressor.decompress(form)


def decode_some(form: bytes, keys: Collection[str]) -> Json:
    """Of the DICOM JSON at least the elements with these keys; private ones with the creators of their group.

    What is asked of a thousand instances is an element or two of each: the others are not parsed.
    """
    text = decode_json(form).decode()
    marks = {f'"{own}":': own for key in keys for own in _tags(text, key)}
    return _found(text, marks) if len(marks) <= _FEW else orjson.loads(text)


def encode_bulkdata(bulkdata: Mapping[str, tuple[int, int]]) -> bytes | None:
    """The ranges of an instance's bulk data; None when it has none."""
    return orjson.dumps(bulkdata) if bulkdata else None


def decode_bulkdata(form: bytes | None) -> BulkData:
    """Element path to (offset, length)."""
    return {path: (offset, length) for path, (offset, length) in orjson.loads(form or b"{}").items()}


def encode_elements(attributes: Json, first: Collection[str]) -> bytes:
    """DICOM JSON, an element on each line; those of `first` come first, then an empty line and the rest."""
    leading = {key: element for key, element in attributes.items() if key in first}
    rest = {key: element for key, element in attributes.items() if key not in first}
    parts = (_BETWEEN.join(pieces(part).values()) for part in (leading, rest) if part)
    return b"{%b}" % _BEFORE_REST.join(parts)


def decode_elements(form: bytes, *, whole: bool) -> Elements:
    """Its elements; unless it is wanted whole, perhaps only those that come first."""
    # Where nothing comes first this is -1, the place of the last brace, as well.
    end = -1 if whole else form.find(_BEFORE_REST)
    lines = form[1:end].replace(_BEFORE_REST, _BETWEEN) if whole else form[1:end]
    return {line[1:9]: line for line in lines.split(_BETWEEN)} if lines else {}


def _tags(text: str, key: str) -> Iterator[str]:
    """The tags at which the attribute may be; those of a private one with its creator's, for each block."""
    if "[" not in key:
        yield key
        return
    for block in dict.fromkeys(re.findall(f'"{key[:4]}00([1-9A-F][0-9A-F])":', text)):
        yield f"{key[:4]}00{block}"
        yield f"{key[:4]}{block}{key[6:8]}"


def _found(text: str, marks: dict[str, str]) -> Json:
    """The data set's own elements that begin with these marks, in the text's order.

    The same marks may stand in the items of sequences: those are passed over as a whole.
    """
    found: Json = {}
    at = 0
    while places := {place: mark for mark in marks if (place := text.find(mark, at)) >= 0}:
        first = min(places)
        sequence = text.find(_SEQUENCE, at, first)
        if sequence < 0:
            mark = places.pop(first)
            found[marks[mark]], at = _DECODER.raw_decode(text, first + len(mark))
        else:
            _, at = _DECODER.raw_decode(text, sequence)
        marks = {mark: marks[mark] for mark in places.values()}
    return found


_DECODER = json.JSONDecoder()
