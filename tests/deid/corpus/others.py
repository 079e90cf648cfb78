"""An ECG with an annotation, and encapsulated PDFs."""

import zlib

import numpy as np
from pydicom.uid import EncapsulatedPDFStorage, TwelveLeadECGWaveformStorage

from tests.deid.corpus.header import header
from tests.deid.corpus.place import Place
from tests.deid.corpus.texts import filled
from tests.deid.corpus.visit import Visit
from tests.deid.key import Action, Key

_SAMPLES = 200


def ecg(visit: Visit, key: Key) -> Place:
    """One channel, with a line that somebody typed."""
    place = header(visit, key, TwelveLeadECGWaveformStorage, "ECG")
    group = place.item("WaveformSequence")
    group.puts(WaveformOriginality="ORIGINAL", NumberOfWaveformChannels=1, NumberOfWaveformSamples=_SAMPLES,
               WaveformBitsAllocated=16, WaveformSampleInterpretation="SS")  # fmt: skip
    group.stays("SamplingFrequency", "500")
    channel = group.item("ChannelDefinitionSequence")
    channel.put("WaveformBitsStored", 16)
    channel.code("ChannelSourceSequence", "2:1", "MDC", "Lead I")
    samples = (np.sin(np.arange(_SAMPLES) / 9) * 900).astype("<i2").tobytes()
    group.raw(0x54001010, "OW", samples)
    group.check(Action.TAG_RETAINED, f"{group.prefix}(5400,1010)")
    note = place.about("waveform annotations").item("WaveformAnnotationSequence")
    note.names("UnformattedTextValue", f"[{visit.person.given}] at rest, [{visit.person.id}]")
    note.put("AnnotationGroupNumber", 0)
    return place


def document(visit: Visit, key: Key) -> Place:
    """A letter: its text is compressed, as in most PDFs, and once plain in its properties."""
    place = header(visit, key, EncapsulatedPDFStorage, "DOC")
    place.puts(
        ConversionType="WSD", BurnedInAnnotation="YES", MIMETypeOfEncapsulatedDocument="application/pdf"
    )
    place.code("ConceptNameCodeSequence", "11488-4", "LN", "Consult note")
    place.text("DocumentTitle", filled("Letter to dr [{referring}] {date}", visit, 2))
    person = visit.person
    letter = pdf(f"{person.given}, {person.id}, {person.street}", f"{person.other_id}")
    path = f"{place.prefix}(0042,0011)"
    place.raw(0x00420011, "OB", letter + b"\0" * (len(letter) % 2))
    encapsulated = place.about("encapsulated documents")
    encapsulated.check(Action.TAG_RETAINED, path)
    encapsulated.check(Action.TEXT_NOTNULL, path)
    encapsulated.check(Action.TEXT_REMOVED, path, person.other_id)
    return place


def pdf(text: str, subject: str) -> bytes:
    """A page with one line, and a subject in its properties."""
    content = zlib.compress(f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode("latin-1", "replace"))
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Subject (%s) >>" % subject.encode(),
    ]
    written, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1)
    trailer = b"trailer << /Size %d /Root 1 0 R /Info 5 0 R >>\n" % (len(parts) + 1)
    return written + head + table + trailer + b"startxref\n%d\n%%%%EOF\n" % len(written)
