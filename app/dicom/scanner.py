"""Finds the elements of a data set without reading their values (PS3.5 section 7.5 and Annex A)."""

from itertools import pairwise
from typing import Final

from app.dicom.dictionary import PLAIN, SIZES
from app.dicom.elements import ITEM, ITEM_END, PIXEL_DATA, SEQUENCE_END, UNDEFINED, Data, Element, name
from app.dicom.headers import SHORT, Creators, Header, Headers, truncated
from app.errors import InvalidInstance

#: A level of nesting is three of JSON, and JSON writers stop at about 250.
MAX_DEPTH: Final = 64
#: Elements, items and fragments of one instance: the most that is worth the memory.
MAX_ELEMENTS: Final = 1_000_000

_ENCAPSULATING: Final = frozenset({"OB", "OW", "OD", "OF", "OL", "OV"})
#: A longer UN value is taken at its word, not as an attribute whose writer did not know its VR.
_LONGEST_MISNAMED = 0xFFFE
_LONGEST_CREATOR = 64
_BLOCK = 1 << 16


class Scanner(Headers):
    """Walks the elements of one instance.

    It touches headers only, each once, so that a mapped instance of gigabytes costs no more than its
    elements. On bytes that are no data set every method raises InvalidInstance and nothing else. `ambiguous`
    tells that some element has a VR that leaves a choice.
    """

    __slots__ = ("_room", "ambiguous")

    def __init__(self, data: Data, little_endian: bool) -> None:
        super().__init__(data, little_endian)
        self.ambiguous = False
        self._room = MAX_ELEMENTS

    def data_set(self, position: int, explicit: bool) -> list[Element]:
        """The data set that fills the rest of the data, in ascending order of tags."""
        end = len(self.data)
        elements, position = self._elements(position, end, explicit, 0)
        while not self._is_padding(position, end):
            tag = self.tag(position, end)
            if tag not in (ITEM_END, SEQUENCE_END):
                raise InvalidInstance(f"Not a data element: {name(tag)} at byte {position}.")
            self.warn("A delimitation item stands outside of every sequence.")
            more, position = self._elements(position + 8, end, explicit, 0)
            elements += more
        return self._in_order(elements)

    def element(
        self, tag: int, position: int, end: int, explicit: bool, creators: Creators, depth: int = 0
    ) -> tuple[Element, int]:
        """The element at a position, of whatever kind, and the position behind it."""
        header = self.header(tag, position, end, explicit, creators)
        if header.length == UNDEFINED:
            return self._delimited(tag, header, end, depth)
        behind = header.offset + header.length
        if behind > end:
            raise truncated(tag)
        if header.vr == "UN" and header.explicit:
            return self._misnamed(tag, header, creators, depth), behind
        if header.vr == "SQ":
            by_vendor = tag & 0x10000 and not header.explicit
            return self._sequence(tag, header, depth, doubtful=bool(by_vendor)), behind
        return self._single(tag, header.vr, header), behind

    def disguised(self, element: Element, depth: int) -> Element:
        """An element of unknown VR as the sequence that its bytes are (PS3.5 section 6.2.2), else as it is.

        Only of a little endian instance: its value is little endian in any. `depth` is how many sequences it
        lies in.
        """
        end = element.offset + element.length
        if element.vr != "UN" or element.items is not None or element.length < 8 or not self.little_endian:
            return element
        header = Header("SQ", element.offset, element.length, False)
        is_one = self.tag(element.offset, end) == ITEM
        return self._sequence(element.tag, header, depth, doubtful=True) if is_one else element

    def _elements(self, position: int, end: int, explicit: bool, depth: int) -> tuple[list[Element], int]:
        """Elements up to `end`, or up to a delimitation item or padding, which are left to the caller."""
        data, explicit_header, implicit_header = self.data, self.explicit, self.implicit
        plain = tuple.__new__  # Element's own takes twice as long
        found: list[Element] = []
        creators: Creators = {}
        while end - position >= 8:
            if explicit:
                group, number, code, length = explicit_header(data, position)
                tag = group << 16 | number
                vr = SHORT.get(code)
            else:
                group, number, length = implicit_header(data, position)
                tag = group << 16 | number
                vr = PLAIN.get(tag) if length != UNDEFINED else None
            if vr:
                position += 8
                element = plain(Element, (tag, vr, position, length, None, None))
                position += length
                if position > end:
                    raise truncated(tag)
            elif group == 0xFFFE or tag == 0:
                break
            else:
                element, position = self.element(tag, position, end, explicit, creators, depth)
            if group & 1 and 0x10 <= number <= 0xFF:
                creators[group << 8 | number] = self._creator(element)
            found.append(element)
            if len(found) > self._room:
                break
        self._spend(len(found) + 1)
        return found, position

    def _spend(self, count: int) -> None:
        self._room -= count
        if self._room < 0:
            raise InvalidInstance(f"More than {MAX_ELEMENTS:,} elements, items and fragments.")

    def _creator(self, element: Element) -> str:
        if element.length > _LONGEST_CREATOR:
            return ""
        value = self.data[element.offset : element.offset + element.length]
        return value.decode("latin-1").strip(" \0")

    def _single(self, tag: int, vr: str, header: Header) -> Element:
        self.ambiguous = self.ambiguous or len(vr) > 2
        return Element(tag, vr, header.offset, header.length)

    def _misnamed(self, tag: int, header: Header, creators: Creators, depth: int) -> Element:
        """A UN element under the dictionaries' VR, where its value can be one (PS3.5 section 6.2.2).

        Not so in big endian data, where the value of a UN stays little endian.
        """
        vr = self.dictionary_vr(tag, creators) if header.length <= _LONGEST_MISNAMED else None
        if vr is None or not self.little_endian or header.length % SIZES.get(vr[:2], 1):
            return Element(tag, "UN", header.offset, header.length)
        return (
            self._sequence(tag, header, depth, doubtful=True) if vr == "SQ" else self._single(tag, vr, header)
        )

    def _sequence(self, tag: int, header: Header, depth: int, doubtful: bool) -> Element:
        """A sequence of defined length; where it may be none, what cannot be read as one is UN."""
        end = header.offset + header.length
        room = self._room
        try:
            items, _ = self._items(tag, header, end, depth + 1)
        except InvalidInstance:
            if not doubtful:
                raise
            self._room = room
            return Element(tag, "UN", header.offset, header.length)
        return Element(tag, "SQ", header.offset, header.length, items)

    def _delimited(self, tag: int, header: Header, end: int, depth: int) -> tuple[Element, int]:
        """An element of undefined length: encapsulated data, else a sequence, also as UN (section 6.2.2)."""
        vr, offset = header.vr, header.offset
        if tag == PIXEL_DATA or vr[:2] in _ENCAPSULATING:
            fragments, position = self._fragments(tag, offset, end)
            vr = vr if vr in _ENCAPSULATING else "OB"
            return Element(tag, vr, offset, position - offset, None, fragments), position + 8
        if vr == "UN" and not self.little_endian and self.data[offset : offset + 4] == b"\xfe\xff\x00\xe0":
            # Little endian inside big endian: kept as it is, since one instance is read in one byte order.
            _, position = Scanner(self.data, True)._items(tag, header, end, depth + 1)
            return Element(tag, "UN", offset, position - offset), position + 8
        items, position = self._items(tag, header, end, depth + 1)
        behind = position if position == end else position + 8
        return Element(tag, "SQ", offset, position - offset, items), behind

    def _items(self, tag: int, header: Header, end: int, depth: int) -> tuple[list[list[Element]], int]:
        """A sequence's items, and the position of its delimitation item (`end` where it has none)."""
        if depth > MAX_DEPTH:
            raise InvalidInstance(f"Sequences are nested more than {MAX_DEPTH} deep.")
        items: list[list[Element]] = []
        position = header.offset
        while position < end:
            found = self.tag(position, end)
            if found == SEQUENCE_END:
                return items, position
            if found != ITEM:
                raise InvalidInstance(f"{name(tag)} holds {name(found)} where a sequence has items.")
            item, position = self._item(tag, position, end, header.explicit, depth)
            items.append(item)
        if header.length == UNDEFINED:
            self._unclosed(tag, end)
        return items, end

    def _item(
        self, tag: int, position: int, end: int, explicit: bool, depth: int
    ) -> tuple[list[Element], int]:
        length, start = self.length(position + 4), position + 8
        explicit = explicit and self.looks_explicit(start)
        if length == UNDEFINED:
            elements, position = self._elements(start, end, explicit, depth)
            return self._in_order(elements), self._item_end(tag, position, end)
        stop = start + length
        if stop > end:
            raise truncated(tag)
        elements, position = self._elements(start, stop, explicit, depth)
        if not self._is_padding(position, stop) and self.tag(position, stop) != ITEM_END:
            raise InvalidInstance(f"An item of {name(tag)} holds what is no data element.")
        return self._in_order(elements), stop

    def _item_end(self, tag: int, position: int, end: int) -> int:
        """The position behind an item of undefined length, which some writers forget to close."""
        if position == end:
            self._unclosed(tag, end)
            return end
        found = self.tag(position, end)
        if found == ITEM_END:
            return position + 8
        if found not in (ITEM, SEQUENCE_END):
            raise InvalidInstance(f"An item of {name(tag)} holds what is no data element.")
        self.warn(f"An item of {name(tag)} is not closed.")
        return position

    def _unclosed(self, tag: int, end: int) -> None:
        """Accept a missing delimiter where an enclosing length stands in; elsewhere data may be missing."""
        if end == len(self.data):
            raise truncated(tag)
        self.warn(f"{name(tag)} is not closed.")

    def _fragments(self, tag: int, position: int, end: int) -> tuple[list[tuple[int, int]], int]:
        """The fragments of encapsulated data, and the position of the delimiter (PS3.5 section A.4)."""
        fragments: list[tuple[int, int]] = []
        while (found := self.tag(position, end)) == ITEM:
            length, start = self.length(position + 4), position + 8
            position = start + length
            if position > end:
                raise truncated(tag)
            fragments.append((start, length))
            if len(fragments) > self._room:
                break
        self._spend(len(fragments))
        if found != SEQUENCE_END:
            raise InvalidInstance(f"{name(tag)} holds {name(found)} where encapsulated data have fragments.")
        return fragments, position

    def _in_order(self, elements: list[Element]) -> list[Element]:
        """Elements in ascending order of tags, each once: the last one counts."""
        if all(before.tag < behind.tag for before, behind in pairwise(elements)):
            return elements
        self.warn("Elements are out of order, or one occurs twice.")
        unique = {element.tag: element for element in elements}
        return [unique[tag] for tag in sorted(unique)]

    def _is_padding(self, position: int, end: int) -> bool:
        """Whether nothing but zeros is left."""
        if any(self.data[position : min(position + 8, end)]):
            return False
        for start in range(position, end, _BLOCK):
            block = self.data[start : min(start + _BLOCK, end)]
            if block.count(0) < len(block):
                return False
        if position < end:
            self.warn("Zeros stand where an element should.")
        return True
