"""The VR of elements for which the dictionary leaves a choice (PS3.5 Annex A; PS3.6)."""

from struct import unpack
from typing import Final

from app.dicom.elements import Data, Element

_PIXEL_REPRESENTATION: Final = 0x00280103
_LUT_DESCRIPTOR: Final = 0x00283002


def resolve(elements: list[Element], data: Data, little_endian: bool, signed: bool = False) -> None:
    """Give each such element of a data set and its sequences one VR, in place.

    `US or SS` follows the nearest Pixel Representation outwards (`signed`: the enclosing data set's), US
    where there is none. A LUT of one entry is US. All else is OW, as implicit VR little endian has it.
    """
    order = "<" if little_endian else ">"
    representation = _number(elements, _PIXEL_REPRESENTATION, data, order)
    signed = signed if representation is None else representation == 1
    for index, element in enumerate(elements):
        for item in element.items or ():
            resolve(item, data, little_endian, signed)
        if len(element.vr) > 2:
            one = element.vr == "US or OW" and _number(elements, _LUT_DESCRIPTOR, data, order) == 1
            elements[index] = element._replace(vr=_choose(element.vr, signed, one))


def _choose(choice: str, signed: bool, one_entry: bool) -> str:
    if choice == "US or SS":
        return "SS" if signed else "US"
    return "US" if one_entry else "OW"


def _number(elements: list[Element], tag: int, data: Data, order: str) -> int | None:
    found = next((element for element in elements if element.tag == tag), None)
    if found is None or found.length < 2:
        return None
    (number,) = unpack(f"{order}H", data[found.offset : found.offset + 2])
    return int(number)
