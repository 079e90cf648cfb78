"""Every transfer syntax of PS3.6 Annex A, and the media type of its frames (PS3.18 section 8.7.3.3)."""

from dataclasses import dataclass

OCTET_STREAM = "application/octet-stream"
IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
DEFLATED_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
RLE_LOSSLESS = "1.2.840.10008.1.2.5"
#: A private one of old GE workstations: an implicit little endian data set around big endian pixel data.
GE_BIG_ENDIAN_PIXELS = "1.2.840.113619.5.2"


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """How a data set and its pixel data are encoded (PS3.5 section 10).

    `lossy` means that the pixels may have lost something; `decodable` that this archive can turn a frame into
    native pixels. `encapsulated` is None where only the data can tell.
    """

    uid: str
    name: str
    encapsulated: bool | None = False
    little_endian: bool = True
    explicit: bool = True
    deflated: bool = False
    lossy: bool = False
    media_type: str = OCTET_STREAM
    decodable: bool = True
    retired: bool = False

    @property
    def video(self) -> bool:
        """Whether the pixel data is one stream of all frames (PS3.5 sections 8.2.5 to 8.2.8)."""
        return self.media_type.startswith("video/")

    @property
    def big_endian_pixels(self) -> bool:
        """Whether the words of native pixel data are big endian."""
        return not self.little_endian or self.uid == GE_BIG_ENDIAN_PIXELS


def _native(
    uid: str, name: str, *, little_endian: bool = True, explicit: bool = True, deflated: bool = False,
    decodable: bool = True, retired: bool = False, lossy: bool = False,
) -> TransferSyntax:  # fmt: skip
    return TransferSyntax(
        uid, name, False, little_endian, explicit, deflated, lossy, OCTET_STREAM, decodable, retired
    )


def _compressed(
    suffix: str, name: str, media_type: str, *, lossy: bool = False, decodable: bool = False,
    retired: bool = False,
) -> TransferSyntax:  # fmt: skip
    return TransferSyntax(
        f"1.2.840.10008.1.2.{suffix}", name, True,
        lossy=lossy, media_type=media_type, decodable=decodable, retired=retired,
    )  # fmt: skip


def _jpeg(suffix: str, name: str, *, decodable: bool = False, retired: bool = True) -> TransferSyntax:
    lossy = "Lossless" not in name
    return _compressed(
        suffix, f"JPEG {name}", "image/jpeg", lossy=lossy, decodable=decodable, retired=retired
    )


def _video(suffix: str, name: str, media_type: str, *, fragmentable: bool = True) -> list[TransferSyntax]:
    whole = _compressed(suffix, name, media_type, lossy=True)
    if not fragmentable:
        return [whole]
    return [whole, _compressed(f"{suffix}.1", f"Fragmentable {name}", media_type, lossy=True)]


TRANSFER_SYNTAXES: tuple[TransferSyntax, ...] = (
    _native(IMPLICIT_LITTLE_ENDIAN, "Implicit VR Little Endian", explicit=False),
    _native(EXPLICIT_LITTLE_ENDIAN, "Explicit VR Little Endian"),
    _compressed(
        "1.98", "Encapsulated Uncompressed Explicit VR Little Endian", OCTET_STREAM, decodable=True
    ),
    _native(DEFLATED_LITTLE_ENDIAN, "Deflated Explicit VR Little Endian", deflated=True),
    _native(EXPLICIT_BIG_ENDIAN, "Explicit VR Big Endian", little_endian=False, retired=True),
    _jpeg("4.50", "Baseline (Process 1)", decodable=True, retired=False),
    _jpeg("4.51", "Extended (Process 2 & 4)", decodable=True, retired=False),
    _jpeg("4.52", "Extended (Process 3 & 5)"),
    _jpeg("4.53", "Spectral Selection, Non-Hierarchical (Process 6 & 8)", decodable=True),
    _jpeg("4.54", "Spectral Selection, Non-Hierarchical (Process 7 & 9)"),
    _jpeg("4.55", "Full Progression, Non-Hierarchical (Process 10 & 12)", decodable=True),
    _jpeg("4.56", "Full Progression, Non-Hierarchical (Process 11 & 13)"),
    _jpeg("4.57", "Lossless, Non-Hierarchical (Process 14)", decodable=True, retired=False),
    _jpeg("4.58", "Lossless, Non-Hierarchical (Process 15)"),
    _jpeg("4.59", "Extended, Hierarchical (Process 16 & 18)"),
    _jpeg("4.60", "Extended, Hierarchical (Process 17 & 19)"),
    _jpeg("4.61", "Spectral Selection, Hierarchical (Process 20 & 22)"),
    _jpeg("4.62", "Spectral Selection, Hierarchical (Process 21 & 23)"),
    _jpeg("4.63", "Full Progression, Hierarchical (Process 24 & 26)"),
    _jpeg("4.64", "Full Progression, Hierarchical (Process 25 & 27)"),
    _jpeg("4.65", "Lossless, Hierarchical (Process 28)"),
    _jpeg("4.66", "Lossless, Hierarchical (Process 29)"),
    _jpeg(
        "4.70", "Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])",
        decodable=True, retired=False,
    ),
    _compressed("4.80", "JPEG-LS Lossless Image Compression", "image/jls", decodable=True),
    _compressed(
        "4.81", "JPEG-LS Lossy (Near-Lossless) Image Compression", "image/jls", lossy=True, decodable=True
    ),
    _compressed("4.90", "JPEG 2000 Image Compression (Lossless Only)", "image/jp2", decodable=True),
    _compressed("4.91", "JPEG 2000 Image Compression", "image/jp2", lossy=True, decodable=True),
    _compressed(
        "4.92", "JPEG 2000 Part 2 Multi-component Image Compression (Lossless Only)", "image/jpx"
    ),
    _compressed("4.93", "JPEG 2000 Part 2 Multi-component Image Compression", "image/jpx", lossy=True),
    # The pixels of a referenced instance lie at a JPIP server, not in its bytes.
    _native("1.2.840.10008.1.2.4.94", "JPIP Referenced", decodable=False, lossy=True),
    _native(
        "1.2.840.10008.1.2.4.95", "JPIP Referenced Deflate", deflated=True, decodable=False, lossy=True
    ),
    *_video("4.100", "MPEG2 Main Profile / Main Level", "video/mpeg"),
    *_video("4.101", "MPEG2 Main Profile / High Level", "video/mpeg"),
    *_video("4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1", "video/mp4"),
    *_video("4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1", "video/mp4"),
    *_video("4.104", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video", "video/mp4"),
    *_video("4.105", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video", "video/mp4"),
    *_video("4.106", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2", "video/mp4"),
    *_video("4.107", "HEVC/H.265 Main Profile / Level 5.1", "video/H265", fragmentable=False),
    *_video("4.108", "HEVC/H.265 Main 10 Profile / Level 5.1", "video/H265", fragmentable=False),
    _compressed("4.110", "JPEG XL Lossless", "image/jxl"),
    _compressed("4.111", "JPEG XL JPEG Recompression", "image/jxl", lossy=True),
    _compressed("4.112", "JPEG XL", "image/jxl", lossy=True),
    _compressed(
        "4.201", "High-Throughput JPEG 2000 Image Compression (Lossless Only)", "image/jphc", decodable=True
    ),
    _compressed(
        "4.202", "High-Throughput JPEG 2000 with RPCL Options Image Compression (Lossless Only)",
        "image/jphc", decodable=True,
    ),
    _compressed(
        "4.203", "High-Throughput JPEG 2000 Image Compression", "image/jphc", lossy=True, decodable=True
    ),
    _native("1.2.840.10008.1.2.4.204", "JPIP HTJ2K Referenced", decodable=False, lossy=True),
    _native(
        "1.2.840.10008.1.2.4.205", "JPIP HTJ2K Referenced Deflate", deflated=True, decodable=False, lossy=True
    ),
    _compressed("5", "RLE Lossless", "image/dicom-rle", decodable=True),
    _native("1.2.840.10008.1.2.6.1", "RFC 2557 MIME encapsulation", decodable=False, retired=True),
    _native("1.2.840.10008.1.2.6.2", "XML Encoding", decodable=False, retired=True),
    _native(
        "1.2.840.10008.1.2.7.1", "SMPTE ST 2110-20 Uncompressed Progressive Active Video", decodable=False
    ),
    _native(
        "1.2.840.10008.1.2.7.2", "SMPTE ST 2110-20 Uncompressed Interlaced Active Video", decodable=False
    ),
    _native("1.2.840.10008.1.2.7.3", "SMPTE ST 2110-30 PCM Digital Audio", decodable=False),
    _compressed("8.1", "Deflated Image Frame Compression", "application/x-deflate", decodable=True),
    _native("1.2.840.10008.1.20", "Papyrus 3 Implicit VR Little Endian", explicit=False, retired=True),
    _native(GE_BIG_ENDIAN_PIXELS, "GE Implicit VR Little Endian, big endian pixels", explicit=False),
)  # fmt: skip

_BY_UID = {syntax.uid: syntax for syntax in TRANSFER_SYNTAXES}

#: Media type of a frame to the transfer syntax that is meant when none is named (PS3.18 Table 8.7.3-5, "D").
DEFAULTS: dict[str, str] = {
    OCTET_STREAM: EXPLICIT_LITTLE_ENDIAN,
    "image/jpeg": "1.2.840.10008.1.2.4.70",
    "image/dicom-rle": RLE_LOSSLESS,
    "image/jls": "1.2.840.10008.1.2.4.80",
    "image/jp2": "1.2.840.10008.1.2.4.90",
    "image/jpx": "1.2.840.10008.1.2.4.92",
    "image/jphc": "1.2.840.10008.1.2.4.201",
    "image/jxl": "1.2.840.10008.1.2.4.110",
    "video/mpeg": "1.2.840.10008.1.2.4.100",
    "video/mp4": "1.2.840.10008.1.2.4.102",
    "video/h265": "1.2.840.10008.1.2.4.107",
    "application/x-deflate": DEFLATED_FRAMES,
}


def get(uid: str) -> TransferSyntax:
    """The transfer syntax of this UID.

    One that PS3.6 does not list is taken for explicit little endian, kept as it is, and encapsulated when its
    pixel data turns out to be (PS3.5 section 10: a private syntax should follow these rules).
    """
    return _BY_UID.get(uid) or TransferSyntax(uid, "", encapsulated=None, lossy=True, decodable=False)


def default(media_type: str) -> TransferSyntax | None:
    """The transfer syntax meant by a frame's media type alone; None for a type that no frame has."""
    uid = DEFAULTS.get(media_type.lower())
    return _BY_UID[uid] if uid else None
