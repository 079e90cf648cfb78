"""A DICOM JSON data set as the Native DICOM Model in XML (PS3.19 section A.1; PS3.18 section F.1)."""

import re
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pydicom.datadict import keyword_for_tag

from app.dicom.description import Json

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
NAME_PARTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
#: What XML 1.0 cannot hold, not even escaped (section 2.2 there).
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_xml(attributes: Json) -> bytes:
    """The data set as an XML document in UTF-8.

    Private attributes carry their creator, and `00` for the block that it reserved. Characters that XML
    cannot hold become U+FFFD.
    """
    body = "".join(_data_set(attributes))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<NativeDicomModel xmlns="{NAMESPACE}" xml:space="preserve">{body}</NativeDicomModel>\n'
    ).encode()


def _data_set(attributes: Json) -> Iterator[str]:
    creators = {key: _creator(value) for key, value in attributes.items() if _is_creator(key)}
    for key, attribute in attributes.items():
        yield f"<DicomAttribute{_names(key, attribute['vr'], creators)}>"
        yield from _content(attribute)
        yield "</DicomAttribute>"


def _names(key: str, vr: str, creators: dict[str, str]) -> str:
    """The XML attributes that name an attribute: tag, VR, and keyword or private creator."""
    tag = int(key, 16)
    creator = creators.get(f"{key[:4]}00{key[4:6]}", "") if tag & 0x10000 and not _is_creator(key) else ""
    keyword = "" if tag & 0x10000 else keyword_for_tag(tag)
    names = {"tag": f"{key[:4]}00{key[6:]}" if creator else key, "vr": vr}
    names |= {"keyword": keyword} if keyword else {}
    names |= {"privateCreator": creator} if creator else {}
    return "".join(f" {name}={quoteattr(_legal(value))}" for name, value in names.items())


def _content(attribute: Json) -> Iterator[str]:
    if "BulkDataURI" in attribute:
        yield f"<BulkData uri={quoteattr(_legal(attribute['BulkDataURI']))}/>"
    elif "InlineBinary" in attribute:
        yield f"<InlineBinary>{attribute['InlineBinary']}</InlineBinary>"
    for number, value in enumerate(attribute.get("Value", []), 1):
        yield from _value(attribute["vr"], number, value)


def _value(vr: str, number: int, value: Any) -> Iterator[str]:
    if vr == "SQ":
        yield f'<Item number="{number}">'
        yield from _data_set(value)
        yield "</Item>"
    elif vr == "PN":
        yield f'<PersonName number="{number}">{_person_name(value or {})}</PersonName>'
    else:
        yield f'<Value number="{number}">{"" if value is None else _text(value)}</Value>'


def _person_name(value: dict[str, str]) -> str:
    groups = ((group, _components(value[group])) for group in GROUPS if value.get(group, "").strip("^"))
    return "".join(f"<{group}>{components}</{group}>" for group, components in groups)


def _components(group: str) -> str:
    parts = zip(NAME_PARTS, group.split("^", len(NAME_PARTS) - 1), strict=False)
    return "".join(f"<{name}>{_text(part)}</{name}>" for name, part in parts if part)


def _text(value: object) -> str:
    # A carriage return that is not escaped reads as a line feed (XML 1.0 section 2.11).
    return escape(_legal(str(value)), {"\r": "&#13;"})


def _legal(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def _is_creator(key: str) -> bool:
    return int(key[3], 16) % 2 == 1 and key[4:6] == "00" and key[6:] >= "10"


def _creator(attribute: Json) -> str:
    value = attribute.get("Value") or [""]
    return value[0] if isinstance(value[0], str) else ""
