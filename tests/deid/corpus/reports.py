"""A comprehensive SR: names, texts, dates and references at all depths of its tree."""

from pydicom.uid import ComprehensiveSRStorage, CTImageStorage

from tests.deid.corpus.header import header
from tests.deid.corpus.images import reference
from tests.deid.corpus.place import Place
from tests.deid.corpus.texts import filled
from tests.deid.corpus.visit import Visit
from tests.deid.key import Key

_FINDINGS = (
    "Nodule of 7 mm in the left upper lobe, unchanged since {date}.",
    "[{family}] shows no pleural effusion; heart size normal.",
    "Discussed with dr [{referring}] on {date}, phone [{phone}].",
    "Impression: adenocarcinoma T1 N0, next CT in 3 months.",
)


def report(visit: Visit, key: Key, image: str) -> Place:
    """On one image."""
    place = header(visit, key, ComprehensiveSRStorage, "SR")
    tree = place.about("SR tree")
    tree.puts(
        ValueType="CONTAINER",
        ContinuityOfContent="SEPARATE",
        CompletionFlag="COMPLETE",
        VerificationFlag="VERIFIED",
    )
    tree.code("ConceptNameCodeSequence", "126000", "DCM", "Imaging Measurement Report")
    _verified(tree, visit)
    _people(tree, visit)
    for number, template in enumerate(_FINDINGS):
        item = _content(tree, "CONTAINS", "TEXT", "121071", "Finding")
        item.text("TextValue", filled(template, visit, number))
    _times(tree, visit)
    _references(tree, visit, image)
    evidence = tree.item("CurrentRequestedProcedureEvidenceSequence")
    evidence.uid("StudyInstanceUID", visit.study_uid)
    series = evidence.item("ReferencedSeriesSequence")
    series.uid("SeriesInstanceUID", visit.at(1).series_uid)
    reference(series, "ReferencedSOPSequence", CTImageStorage, image)
    return place


def _content(place: Place, relation: str, kind: str, code: str, meaning: str) -> Place:
    item = place.item("ContentSequence")
    item.puts(RelationshipType=relation)
    item.stays("ValueType", kind)
    item.code("ConceptNameCodeSequence", code, "DCM", meaning)
    return item


def _verified(tree: Place, visit: Visit) -> None:
    observer = tree.item("VerifyingObserverSequence")
    observer.goes("VerifyingObserverName", f"{visit.person.performing}^Adalbertus")
    observer.goes("VerifyingOrganization", f"{visit.person.hospital} General Hospital")
    observer.date("VerificationDateTime", f"{visit.da}171500")
    author = tree.item("AuthorObserverSequence")
    author.goes("PersonName", f"{visit.person.referring}^{visit.person.called}")


def _people(tree: Place, visit: Visit) -> None:
    observer = _content(tree, "HAS OBS CONTEXT", "PNAME", "121008", "Person Observer Name")
    observer.goes("PersonName", f"{visit.person.performing}^Adalbertus")
    subject = _content(tree, "HAS OBS CONTEXT", "PNAME", "121029", "Subject Name")
    subject.goes("PersonName", visit.person.name)
    device = _content(tree, "HAS OBS CONTEXT", "UIDREF", "121012", "Device Observer UID")
    device.about("UIDs outside the table").uid("UID", visit.uid(5, visit.series))
    identifier = _content(tree, "HAS OBS CONTEXT", "TEXT", "121030", "Subject ID")
    identifier.goes("TextValue", visit.person.id)


def _times(tree: Place, visit: Visit) -> None:
    at = _content(tree, "CONTAINS", "DATETIME", "121120", "Content DateTime")
    at.date("DateTime", f"{visit.da}093000.1234+0100")
    on = _content(tree, "CONTAINS", "DATE", "111018", "Content Date")
    on.date("Date", visit.da)
    when = _content(tree, "CONTAINS", "TIME", "111019", "Content Time")
    when.stays("Time", "093000")
    series = _content(tree, "CONTAINS", "TCOORD", "121112", "Source of Measurement")
    series.put("TemporalRangeType", "MULTIPOINT")
    several = [f"{visit.before:%Y%m%d}0800", f"{visit.da}091011.5"]
    series.about("multi-valued dates").date("ReferencedDateTime", several)


def _references(tree: Place, visit: Visit, image: str) -> None:
    measured = _content(tree, "CONTAINS", "NUM", "121206", "Distance")
    value = measured.item("MeasuredValueSequence")
    value.stays("NumericValue", "7.25")
    value.code("MeasurementUnitsCodeSequence", "mm", "UCUM", "millimeter")
    inferred = _content(measured, "INFERRED FROM", "IMAGE", "121112", "Source of Measurement")
    reference(inferred, "ReferencedSOPSequence", CTImageStorage, image)
    tracked = _content(measured, "HAS OBS CONTEXT", "UIDREF", "112040", "Tracking Unique Identifier")
    tracked.about("UIDs outside the table").uid("UID", visit.uid(8, visit.study))
    deep = _content(measured, "HAS PROPERTIES", "TEXT", "121111", "Summary")
    deep.text("TextValue", filled("Seen by [{operator}] {date}, stable", visit, 3))
