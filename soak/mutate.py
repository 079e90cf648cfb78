"""Instances with something wrong in them: seeded, and aware of where their elements lie."""

import struct
import zlib
from collections.abc import Callable
from random import Random

from app.dicom import part10
from app.dicom.elements import Element
from app.errors import InvalidInstance

Mutation = Callable[[Random, bytes, list[Element]], bytes]

#: Values that have broken readers before: limits, signs, separators, encodings, paths, SQL, markup.
NASTY = (
    b"",
    b"\x00",
    b"\xff" * 8,
    b"\\" * 40,
    b"^" * 40,
    b"=" * 12,
    b" " * 300,
    b"-0",
    b"+1",
    b"1e400",
    b"NaN",
    b"-inf",
    b"65535",
    b"-1",
    b"4294967295",
    b"99999999999999999999",
    b"1.2..3",
    b"1.2.3 ",
    b"../../etc/passwd",
    b"%00",
    b"'; DROP TABLE instance; --",
    b"%_%_%",
    b"\x1b$B$\x1b(B",
    b"\x1b" * 9,
    b"\xed\xa0\x80",
    b"\xc3\x28",
    b"\xf0\x9f\x92\xa9",
    b"<script>",
    b'{"a":',
    b"19700230",
    b"00000000-99999999",
    b"246060.999999",
    b"999Y",
    b"1\\2\\3\\4\\5",
    b"A" * 1025,
    b"1.2.840.10008.1.2.4.90",
    b"1.2.840.10008.1.2.1.99",
    b"1.2.840.10008.1.2.5",
    b"ISO_IR 192",
    b"ISO 2022 IR 87",
)
LENGTHS = (0, 1, 2, 7, 0x7FFF, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
VRS = (
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV"
).split()
SYNTAXES = (
    b"1.2.840.10008.1.2",
    b"1.2.840.10008.1.2.1",
    b"1.2.840.10008.1.2.2",
    b"1.2.840.10008.1.2.1.99",
    b"1.2.840.10008.1.2.4.50",
    b"1.2.840.10008.1.2.4.51",
    b"1.2.840.10008.1.2.4.57",
    b"1.2.840.10008.1.2.4.70",
    b"1.2.840.10008.1.2.4.80",
    b"1.2.840.10008.1.2.4.81",
    b"1.2.840.10008.1.2.4.90",
    b"1.2.840.10008.1.2.4.91",
    b"1.2.840.10008.1.2.4.201",
    b"1.2.840.10008.1.2.5",
    b"1.2.840.10008.1.2.8.1",
    b"1.2.3",
)


def mutated(random: Random, instance: bytes) -> bytes:
    """The instance with one to four things wrong; now and then none."""
    for _ in range(random.choice((0, 1, 1, 1, 2, 4))):
        instance = random.choice(MUTATIONS)(random, instance, elements(instance))
    return instance


def elements(instance: bytes) -> list[Element]:
    """Every element that can be found, nested ones too; none where the instance is beyond reading."""
    try:
        read = part10.read(instance)
    except InvalidInstance:
        return []
    return [] if read.deflated else [*read.meta, *_all(read.dataset)]


def _all(dataset: list[Element]) -> list[Element]:
    return [
        each
        for element in dataset
        for each in (element, *(e for item in element.items or () for e in _all(item)))
    ]


def truncate(random: Random, instance: bytes, _: list[Element]) -> bytes:
    """End too early."""
    return instance[: random.randrange(len(instance) + 1)]


def flip(random: Random, instance: bytes, _: list[Element]) -> bytes:
    """Some bytes are others, most of them among the first, where the headers are."""
    changed = bytearray(instance)
    for _ in range(min(len(changed), random.choice((1, 2, 8, 64)))):
        changed[int(len(changed) * random.random() ** 2)] = random.randrange(256)
    return bytes(changed)


def splice(random: Random, instance: bytes, _: list[Element]) -> bytes:
    """A run of bytes is missing, or there twice."""
    start = random.randrange(len(instance) + 1)
    stop = start + random.choice((1, 2, 8, 100, 1000))
    return instance[:start] + instance[start:stop] * random.choice((0, 2)) + instance[stop:]


def value(random: Random, instance: bytes, found: list[Element]) -> bytes:
    """A value is one that has broken readers, under its own length."""
    if not found:
        return flip(random, instance, found)
    element, nasty = random.choice(found), random.choice(NASTY)
    return (
        instance[: element.offset]
        + (nasty * 1 + bytes(element.length))[: element.length]
        + instance[element.offset + element.length :]
    )


def length(random: Random, instance: bytes, found: list[Element]) -> bytes:
    """A length field lies."""
    if not found:
        return flip(random, instance, found)
    offset, lie = random.choice(found).offset, random.choice(LENGTHS)
    wide = random.random() < 0.5
    field = struct.pack("<I", lie) if wide else struct.pack("<H", lie & 0xFFFF)
    return instance[: offset - len(field)] + field + instance[offset:]


def vr(random: Random, instance: bytes, found: list[Element]) -> bytes:
    """An element claims another VR."""
    if not found:
        return flip(random, instance, found)
    offset = random.choice(found).offset
    return instance[: offset - 4] + random.choice(VRS) + instance[offset - 2 :]


def insert(random: Random, instance: bytes, found: list[Element]) -> bytes:
    """An element more, out of order, of any VR and value."""
    nasty, kind = random.choice(NASTY), random.choice(VRS)
    tag = struct.pack(
        "<HH", random.choice((0x0008, 0x0010, 0x0028, 0x0009, 0x7FE0, 0xFFFE)), random.randrange(1 << 16)
    )
    at = random.choice(found).offset - 8 if found else len(instance)
    return instance[:at] + tag + kind + struct.pack("<H", len(nasty)) + nasty + instance[at:]


def nest(random: Random, instance: bytes, _: list[Element]) -> bytes:
    """Sequences within sequences at the end, closed or not."""
    depth = random.choice((1, 10, 63, 64, 65, 120, 3000))
    opened = (b"\x40\x00\x75\x02SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff") * depth
    closed = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0" * random.choice((depth, depth // 2))
    return instance + opened + closed


def shape(random: Random, instance: bytes, found: list[Element]) -> bytes:
    """The pixel description claims what the pixels are not."""
    numbers = [element for element in found if element.tag >> 16 == 0x0028 and element.length == 2]
    if not numbers:
        return value(random, instance, found)
    offset = random.choice(numbers).offset
    return (
        instance[:offset]
        + struct.pack("<H", random.choice((0, 1, 3, 7, 12, 255, 65535)))
        + instance[offset + 2 :]
    )


def syntax(random: Random, instance: bytes, found: list[Element]) -> bytes:
    """The meta information names another transfer syntax."""
    return _named(instance, found, random.choice(SYNTAXES))


def _named(instance: bytes, found: list[Element], uid: bytes) -> bytes:
    """The instance with this Transfer Syntax UID, where it has one."""
    stated = next((element for element in found if element.tag == part10.TRANSFER_SYNTAX_UID), None)
    if stated is None:
        return instance
    uid += b"\0" * (len(uid) % 2)
    end = stated.offset + stated.length
    return instance[: stated.offset - 2] + struct.pack("<H", len(uid)) + uid + instance[end:]


def code_stream(random: Random, instance: bytes, found: list[Element]) -> bytes:
    """Bytes within a compressed frame are others: its markers, sizes, tables."""
    fragments = [each for element in found for each in (element.fragments or ())[1:] if each[1] > 8]
    if not fragments:
        return shape(random, instance, found)
    offset, size = random.choice(fragments)
    changed = bytearray(instance)
    for _ in range(random.choice((1, 4, 30))):
        changed[offset + int(size * random.random() ** 3)] = random.choice(
            (0, 1, 0x7F, 0xFF, random.randrange(256))
        )
    return bytes(changed)


def deflated(random: Random, instance: bytes, found: list[Element]) -> bytes:
    """The data set is deflated: well, cut off, or a bomb."""
    group2 = [element for element in found if element.tag >> 16 == 2]
    if not group2:
        return truncate(random, instance, found)
    start = group2[-1].offset + group2[-1].length
    raw = zlib.compressobj(9, wbits=-15)
    rest = raw.compress(instance[start:] + bytes(random.choice((0, 0, 1 << 20, 1 << 23)))) + raw.flush()
    named = _named(instance[:start], group2, b"1.2.840.10008.1.2.1.99")
    return named + rest[: random.choice((len(rest), len(rest) // 2))]


MUTATIONS: tuple[Mutation, ...] = (
    truncate,
    flip,
    splice,
    value,
    value,
    length,
    length,
    vr,
    insert,
    nest,
    shape,
    shape,
    syntax,
    code_stream,
    deflated,
)
