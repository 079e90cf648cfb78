"""What each encoder makes of samples: rows × columns (× samples, colour by pixel), signed or not.

Codecs are imported by the worker process that first needs them. They raise what they like.
"""

import math
import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.dicom.pixel_description import PixelDescription

Samples = NDArray[Any]

#: What lossy encoding keeps: JPEG quality of 1 to 100; peak signal to noise of JPEG 2000, in dB.
JPEG_QUALITY, JPEG_2000_PSNR = 90, 50
_RLE_HEADER = struct.Struct("<16I")


def _stored_bits(samples: Samples, native: PixelDescription) -> Samples:
    """Only the stored bits of each sample, unsigned: the sign comes back with decoding."""
    unsigned = samples.view(samples.dtype.str.replace("i", "u"))
    return unsigned & ((1 << native.bits_stored) - 1)


def rle(samples: Samples, native: PixelDescription) -> bytes:
    """A segment for each byte of each sample, the most significant first (PS3.5 section G.2)."""
    import imagecodecs

    size = native.bits_allocated // 8
    octets = samples.view(np.uint8).reshape(native.rows, native.columns, native.samples, size)
    planes = (octets[:, :, sample, at] for sample in range(native.samples) for at in reversed(range(size)))
    segments = [_even(bytes(imagecodecs.packbits_encode(plane.copy()))) for plane in planes]
    offsets = np.cumsum([_RLE_HEADER.size, *map(len, segments)])[:-1].tolist()
    head = _RLE_HEADER.pack(len(segments), *offsets, *[0] * (15 - len(offsets)))
    return head + b"".join(segments)


def octets(samples: Samples, _native: PixelDescription) -> bytes:
    return samples.tobytes()


def deflated(samples: Samples, _native: PixelDescription) -> bytes:
    """Bare RFC 1951 data (PS3.5 section 8.2.16)."""
    deflating = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflating.compress(samples.tobytes()) + deflating.flush()


def _even(segment: bytes) -> bytes:
    return segment + b"\0" * (len(segment) % 2)


def jpeg(samples: Samples, native: PixelDescription) -> bytes:
    from PIL import Image

    mode = "YCbCr" if native.photometric_interpretation == "YBR_FULL" else None
    out = BytesIO()
    picture = Image.fromarray(samples) if mode is None else Image.frombytes(mode, _size(native), samples)
    subsampling = {} if native.samples == 1 else {"subsampling": "4:2:2"}
    picture.save(out, "JPEG", quality=JPEG_QUALITY, **subsampling)
    return out.getvalue()


def _size(native: PixelDescription) -> tuple[int, int]:
    return native.columns, native.rows


def jpeg_lossless(samples: Samples, native: PixelDescription) -> bytes:
    """First-order prediction, which both lossless transfer syntaxes allow. GDCM decodes it again."""
    import imagecodecs

    stored = _stored_bits(samples, native)
    return bytes(
        imagecodecs.jpeg8_encode(stored, lossless=True, predictor=1, bitspersample=native.bits_stored)
    )


def jpeg_ls(samples: Samples, native: PixelDescription) -> bytes:
    import jpeg_ls

    said = {
        "rows": native.rows,
        "columns": native.columns,
        "samples_per_pixel": native.samples,
        "bits_stored": native.bits_stored,
        "planar_configuration": 0,
    }
    return bytes(jpeg_ls.encode_pixel_data(_stored_bits(samples, native).tobytes(), **said))


def jpeg_2000(samples: Samples, native: PixelDescription, **quality: Any) -> bytes:
    import imagecodecs

    return bytes(
        imagecodecs.jpeg2k_encode(
            samples,
            codecformat="j2k",
            bitspersample=native.bits_stored,
            mct=native.photometric_interpretation == "RGB",
            resolutions=min(6, min(native.rows, native.columns).bit_length()),
            **(quality or {"reversible": True}),
        )
    )


def jpeg_2000_lossy(samples: Samples, native: PixelDescription) -> bytes:
    """In the quality that the pixels' own range asks for: of 16 bits stored, few may be used."""
    used = max(1, int(samples.max()) - int(samples.min()))
    unused = 20 * math.log10(max(1, ((1 << native.bits_stored) - 1) / used))
    return jpeg_2000(samples, native, level=JPEG_2000_PSNR + unused)


def htj2k(samples: Samples, native: PixelDescription) -> bytes:
    """By OpenJPH, in the precision of Bits Allocated; OpenJPEG decodes it again."""
    import imagecodecs

    colour = native.photometric_interpretation == "RGB"
    return bytes(imagecodecs.htj2k_encode(samples, reversible=True, rgb=colour))
