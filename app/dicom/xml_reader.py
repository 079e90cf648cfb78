"""The Native DICOM Model in XML (PS3.19 section A.1) as a DICOM JSON data set, for what is stored with it.

Read by expat as a stream of events, nothing of it kept but values. A document type is refused where it
begins, so that there are no entities; depth is bounded, and nothing is fetched.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from xml.parsers import expat

from app.dicom import private_blocks
from app.dicom.description import Json
from app.dicom.dictionary import standard_vr
from app.dicom.private_blocks import Private
from app.dicom.xml_model import GROUPS, NAME_PARTS, NAMESPACE
from app.errors import InvalidInstance, InvalidRequest

#: Elements that are open at once: 64 sequences, and what is in the last.
DEEPEST: Final = 2 * 64 + 6
#: Values of one document that are left out between others.
MOST_LEFT_OUT: Final = 1 << 16
_TAG: Final = re.compile("[0-9A-Fa-f]{8}")
_NUMBER: Final = re.compile("[1-9][0-9]{0,8}")
_VALUES: Final = ("Value", "PersonName", "Item")
_ATTRIBUTES: Final = frozenset({"DicomAttribute"})
#: What may stand in what.
_CHILDREN: Final = {
    "": frozenset({"NativeDicomModel"}),
    "NativeDicomModel": _ATTRIBUTES,
    "Item": _ATTRIBUTES,
    "DicomAttribute": frozenset({*_VALUES, "BulkData", "InlineBinary"}),
    "PersonName": frozenset(GROUPS),
    **dict.fromkeys(GROUPS, frozenset(NAME_PARTS)),
}
#: What holds text; white space elsewhere is but layout.
_TEXTUAL: Final = frozenset({"Value", "InlineBinary", *NAME_PARTS})
#: How a name of another namespace, or of none that a parser knows, is told from ours.
_SEPARATOR: Final = " "


def from_xml(document: bytes) -> Json:
    """The data set of one document, by upper-case tag.

    Its numbers are strings, as they stood. A private attribute lies in the block that its creator has in the
    data set, which is reserved where none is. Elements without a namespace are taken, as DCMTK writes them.

    Raises InvalidRequest where it is not XML or has a document type, InvalidInstance where it is not the
    model.
    """
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = reader.begin
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, LookupError, UnicodeError, ValueError):
        # The last three come of an encoding that the document names.
        raise InvalidRequest("The metadata is not XML.") from None
    return reader.data_set


@dataclass(slots=True)
class _Node:
    """An element that is open: its name, XML attributes, text, and what its children came to."""

    name: str
    marks: dict[str, str]
    children: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


class _Reader:
    """Folds elements as they end: each comes to a value, which goes to the element around it."""

    def __init__(self) -> None:
        self._open = [_Node("", {})]
        self._left_out = 0
        self._fold: dict[str, Callable[[_Node], Any]] = {
            "NativeDicomModel": _data_set,
            "Item": _data_set,
            "DicomAttribute": self._attribute,
            "PersonName": _person_name,
            "BulkData": _bulk_data,
            **dict.fromkeys(GROUPS, _group),
            **dict.fromkeys(_TEXTUAL, _text),
        }

    @property
    def data_set(self) -> Json:
        """The data set of the document, once it is read."""
        found: Json = self._open[0].children[0][2]
        return found

    def begin(self, name: str, marks: dict[str, str]) -> None:
        namespace, _, own = name.rpartition(_SEPARATOR)
        around = self._open[-1]
        if namespace not in ("", NAMESPACE) or own not in _CHILDREN.get(around.name, ()):
            raise InvalidInstance(
                f"The metadata has an element out of the Native DICOM Model{_where(around)}."
            )
        if len(self._open) > DEEPEST:
            raise InvalidInstance("The metadata has sequences nested too deeply.")
        self._open.append(_Node(own, marks))

    def text(self, text: str) -> None:
        node = self._open[-1]
        if node.name in _TEXTUAL:
            node.text.append(text)
        elif not text.isspace():
            raise InvalidInstance(f"The metadata has text where none belongs{_where(node)}.")

    def end(self, _: str) -> None:
        node = self._open.pop()
        self._open[-1].children.append((node.name, node.marks, self._fold[node.name](node)))

    def _attribute(self, node: _Node) -> Json:
        """An attribute of DICOM JSON, without its tag."""
        tag = _tag(node.marks)
        vr = node.marks.get("vr") or standard_vr(int(tag, 16)) or "UN"
        attribute: Json = {"vr": vr}
        own = {"SQ": "Item", "PN": "PersonName"}.get(vr, "Value")
        for name, _, value in node.children:
            form = {"BulkData": "BulkDataURI", "InlineBinary": "InlineBinary", own: "Value"}.get(name)
            if form is None or (form in attribute and form != "Value"):
                raise InvalidInstance(f"{tag}: VR {vr} cannot have this in the Native DICOM Model.")
            attribute[form] = "".join((value or "").split()) if form == "InlineBinary" else value
        if "Value" in attribute:
            attribute["Value"] = self._in_order(tag, vr, node)
        return attribute

    def _in_order(self, tag: str, vr: str, node: _Node) -> list[Any]:
        """The values by their numbers; those left out are empty."""
        placed: dict[int, Any] = {}
        for name, marks, value in node.children:
            if name in _VALUES:
                number = marks.get("number", str(len(placed) + 1))
                if not _NUMBER.fullmatch(number) or int(number) in placed:
                    raise InvalidInstance(f"{tag}: its values are not numbered from 1, each by its own.")
                placed[int(number)] = value
        self._left_out += max(placed) - len(placed)
        if self._left_out > MOST_LEFT_OUT:
            raise InvalidInstance(f"{tag}: more values are left out than may be.")
        return [placed.get(number, {} if vr == "SQ" else None) for number in range(1, max(placed) + 1)]


def _refuse_doctype(*_: object) -> None:
    raise InvalidRequest("The metadata has a document type: send XML without.")


def _where(node: _Node) -> str:
    return f" in {node.marks['tag'][:8]!r}" if "tag" in node.marks else ""


def _tag(marks: dict[str, str]) -> str:
    tag = marks.get("tag", "")
    if not _TAG.fullmatch(tag):
        raise InvalidInstance("The metadata has an attribute without a tag of eight hexadecimal digits.")
    return tag.upper()


def _data_set(node: _Node) -> Json:
    """The attributes by tag, private ones where their creators' blocks are."""
    attributes: Json = {}
    private: list[Private] = []
    for _, marks, attribute in node.children:
        tag, creator = _tag(marks), marks.get("privateCreator", "").strip()
        if creator:
            private.append(Private(tag, creator, attribute))
        elif tag in attributes:
            raise InvalidInstance(f"{tag} is there twice.")
        else:
            attributes[tag] = attribute
    return private_blocks.placed(attributes, private)


def _text(node: _Node) -> str | None:
    return "".join(node.text) or None


def _bulk_data(node: _Node) -> str:
    if "uri" not in node.marks:
        raise InvalidInstance("The metadata has bulk data without its uri.")
    return node.marks["uri"]


def _group(node: _Node) -> str:
    """A component group; components that are left out are empty (PS3.5 section 6.2.1)."""
    parts = _once(node)
    return "^".join(parts.get(name) or "" for name in NAME_PARTS).rstrip("^")


def _person_name(node: _Node) -> dict[str, str] | None:
    return {name: group for name, group in _once(node).items() if group} or None


def _once(node: _Node) -> dict[str, Any]:
    found = {name: value for name, _, value in node.children}
    if len(found) < len(node.children):
        raise InvalidInstance("The metadata has a person name with a part that is there twice.")
    return found
