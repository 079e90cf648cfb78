"""What people type: each text with marks for what goes and what moves, see `marked`."""

from tests.deid.corpus.marked import FORMS, day
from tests.deid.corpus.visit import Visit

#: By keyword, some for each; an instance takes one after the other.
TEXTS: dict[str, tuple[str, ...]] = {
    "StudyDescription": (
        "CT Thorax nodule follow-up [{family}]",
        "Hodgkin lymphoma staging {date}",
        "PET Parkinson protocol, [{given}] [{family}]",
        "MRI head w/o contrast 1.5 T",
        "ABDOMEN [{FAMILY}, {GIVEN}] 3 phases",
    ),
    "SeriesDescription": (
        "AXIAL 5.0 B31f Head",
        "t2_tse_tra_320 [{family}]",
        "Lung 1.0 Bl57 [{id}]",
        "SAG T1 after {date}",
        "Ax DWI b1000 dr [{referring}]",
    ),
    "ProtocolName": ("Thorax/1Routine", "Crohn enterography [{given}]", "HeadSeq 120 kV", "Abd {date}"),
    "AdmittingDiagnosesDescription": (
        "Suspected May-Thurner syndrome in [{family}]",
        "Wilson disease, liver segment 4",
        "C34.1 adenocarcinoma left upper lobe",
    ),
    "AdditionalPatientHistory": (
        "[{given} {family}] admitted to [{hospital}] hospital {date}, dyspneic; call [{phone}] or [{email}].",
        "Referred by dr [{referring}] after fall. Lives at [{street}], [{city}]. Hip pain since {date}.",
        "Biopsy {date}: adenocarcinoma grade 2, 14 mm. MRN [{id}], other id [{other_id}]. Compare ~{uid}~.",
        "[{family}] ({age}-year-old) had CABG {date}; creatinine 1.4 mg/dl, weight 71.5 kg, never smoked.",
        "Known as [{called}], born [{maiden}]. Accession [{accession}]. Diabetes mellitus type 2, metformin.",
        "[{FAMILY}^{GIVEN}] seen {date} and again {later}; lesion grew from 7 mm to 11.5 mm in segment 8.",
    ),
    "RequestedProcedureDescription": (
        "CT chest with contrast, [{family}]",
        "Whole body PET/CT",
        "Knee left {date}",
    ),
    "PerformedProcedureStepDescription": ("Thorax^1Routine (Adult)", "Abdomen [{family}] portal venous"),
    "MedicalAlerts": ("Iodine contrast reaction {date}", "Pacemaker; tell dr [{performing}]", "Latex"),
    "ReasonForStudy": ("Exclude pulmonary embolism, [{family}]", "Restaging after 6 cycles R-CHOP {date}"),
    "AcquisitionComments": ("Breath hold poor, repeated by [{operator}]", "Motion in slices 12 to 17"),
    "ContrastBolusAgent": ("Iohexol 350 mg/ml", "Gadobutrol 7.5 ml"),
    "ImagingServiceRequestComments": (
        "Fax result to [{phone}], attn. [{referring}]",
        "Urgent, stroke pathway",
    ),
}


def texts(keyword: str) -> tuple[str, ...]:
    """Those of a keyword."""
    return TEXTS[keyword]


def filled(template: str, visit: Visit, turn: int = 0) -> str:
    """A template with the patient's own values, in the form that is its turn."""
    person, form = visit.person, FORMS[turn % len(FORMS)]
    head = person.medical
    return template.format(
        family=_kept_word(person.family, head),
        FAMILY=_kept_word(person.family.upper(), head),
        given=person.given,
        GIVEN=person.given.upper(),
        id=person.id,
        other_id=person.other_id,
        phone=person.phone,
        email=person.email,
        street=person.street,
        city=person.city,
        hospital=person.hospital,
        referring=person.referring,
        performing=person.performing,
        operator=person.operator,
        called=person.called,
        maiden=person.maiden,
        accession=person.accession,
        age=visit.age if visit.age < 90 else f"[{visit.age}]",
        uid=visit.uid(1, 1),
        date=day(visit.before, form),
        later=day(visit.day, form),
    )


def _kept_word(name: str, medical: bool) -> str:
    # Whether a surname that is a word of anatomy may stay in a text is a person's question: none is asked.
    return "" if medical else name
