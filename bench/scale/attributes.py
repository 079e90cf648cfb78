"""What the source does not tell of a series, made up: as many attributes as a real one has, as distinct.

Each line of the table is an attribute, of what it is one, and how many distinct values there are; `*` stands
for another one each time. A value is a number: that of its patient, study or series, divided by the place of
its line, modulo the count. So a query finds it again in the source (`app` is not asked).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from app.dicom.attributes import find
from app.dicom.description import Json

#: The creator of the private ones.
CREATOR = "RR SCALE"
_TABLE = """
    StudyTime study * | AccessionNumber study * | StudyID study 5000 | ReferringPhysicianName study 2000
    PatientBirthDate patient 25000 | PatientWeight patient 900 | PatientSize patient 60
    EthnicGroup patient 6 | OtherPatientIDs patient * | ClinicalTrialProtocolID collection 200
    ClinicalTrialTimePointID study 12 | PatientIdentityRemoved archive 1
    DeidentificationMethod collection 12 | SeriesTime series * | InstitutionName study 300
    StationName study 900 | DeviceSerialNumber study 1200 | SoftwareVersions study 160
    OperatorsName series 1800 | ProtocolName series 2500 | PatientPosition series 6 | Laterality series 3
    PerformedProcedureStepStartDate study 7000 | PerformedProcedureStepID study *
    FrameOfReferenceUID study * | ContentDate study 7000 | AcquisitionDate study 7000
    AcquisitionTime series * | AcquisitionNumber series 20 | ContentTime series *
    InstanceCreationDate study 7000 | InstanceCreationTime series 80000 | ImageType series 30
    AcquisitionType series 5 | IrradiationEventUID series * | ScanOptions series 25 | KVP series 8
    DataCollectionDiameter series 12 | ReconstructionDiameter series 600
    DistanceSourceToDetector series 30 | DistanceSourceToPatient series 30 | GantryDetectorTilt series 90
    TableHeight series 1400 | RotationDirection series 2 | ExposureTime series 500
    XRayTubeCurrent series 600 | Exposure series 900 | FilterType series 9 | GeneratorPower series 90
    FocalSpots series 5 | ConvolutionKernel series 70 | SliceThickness series 60
    SpacingBetweenSlices series 80 | RepetitionTime series 1500 | EchoTime series 900
    InversionTime series 200 | FlipAngle series 90 | EchoTrainLength series 60
    MagneticFieldStrength study 6 | ImagingFrequency series 5000 | HeartRate study 90
    ImagedNucleus archive 1 | NumberOfAverages series 9 | PixelBandwidth series 400
    SequenceName series 700 | ScanningSequence series 8 | SequenceVariant series 12
    MRAcquisitionType series 2 | BodyPartThickness series 90 | CompressionForce series 120
    ViewPosition series 9 | DetectorType series 4 | DetectorID series 300
    ImageOrientationPatient series 3000 | PixelSpacing series 900 | WindowCenter series 700
    WindowWidth series 900 | RescaleIntercept series 6 | RescaleSlope series 40 | RescaleType series 3
    SamplesPerPixel series 2 | BitsStored series 4 | HighBit series 4 | LossyImageCompression series 2
    BurnedInAnnotation archive 1 | SmallestImagePixelValue series 300 | LargestImagePixelValue series 4000
    AcquisitionMatrix series 60 | ContrastBolusAgent study 40 | ContrastBolusVolume study 60
    ContrastFlowRate study 12 | ContrastBolusRoute study 5 | TriggerTime series 800
    NominalInterval series 300 | CardiacNumberOfImages series 30 | ReceiveCoilName series 60
    TransmitCoilName series 12 | InPlanePhaseEncodingDirection series 2 | PercentSampling series 30
    PercentPhaseFieldOfView series 30 | NumberOfPhaseEncodingSteps series 200 | TemporalResolution series 90
    DiffusionBValue series 40 | Grid series 5 | OrganExposed series 8 | Sensitivity series 90
    DerivationDescription series 50 | SpiralPitchFactor series 30 | TableSpeed series 60
    SingleCollimationWidth series 8 | CTDIvol series 900 | TotalCollimationWidth series 8
    RevolutionTime series 9 | ExposureModulationType series 6 | AnatomicRegionSequence.CodeValue series 900
    AnatomicRegionSequence.CodingSchemeDesignator archive 1 | AnatomicRegionSequence.CodeMeaning series 900
    ProcedureCodeSequence.CodeValue study 700 | ProcedureCodeSequence.CodingSchemeDesignator archive 1
    ProcedureCodeSequence.CodeMeaning study 700 | RequestAttributesSequence.ScheduledProcedureStepID study *
    00191001[RR SCALE] series 20 | 00191002[RR SCALE] series 300 | 00191003[RR SCALE] study 1000
    00191004[RR SCALE] series 12 | 00191005[RR SCALE] series 5000 | 00191006[RR SCALE] patient 50
    00191007[RR SCALE] archive 1 | 00191008[RR SCALE] series 2 | 00191009[RR SCALE] study 40
"""
#: A number has at most so many digits here.
_UNIQUE = 1 << 48
_BEGAN = date(1995, 1, 1)
_FAMILIES = (
    "Abe Bauer Costa Diaz Evans Fischer Garcia Haddad Ito Jansen Khan Larsen Moreau Novak Okafor Petrov"
)
_GIVEN = "Ada Ben Carla Dan Eva Finn Gia Hugo Ines Jon Kim Leo Mia Noah Olga Paul Rosa Sam Tina Uwe Vera Will"
FAMILIES, GIVEN = _FAMILIES.split(), _GIVEN.split()


@dataclass(frozen=True, slots=True)
class Made:
    """An attribute that is made up: where it stands (sequence or none, key), and of what it is one."""

    name: str
    sequence: str
    key: str
    vr: str
    of: str
    place: int
    count: int

    def element(self, seed: int) -> Json:
        """It, in DICOM JSON."""
        number = seed // self.place % self.count
        return (_fresh if self.count == _UNIQUE else _remembered)(self.vr, self.key, number)


def _parsed() -> Iterator[Made]:
    for place, line in enumerate(
        (each for row in _TABLE.split("\n") for each in row.split("|") if each.strip()), 1
    ):
        name, of, count = line.replace("RR SCALE", "RR_SCALE").split()
        name = name.replace("RR_SCALE", CREATOR)
        sequence, _, own = name.rpartition(".")
        private = own[8:9] == "["
        attribute, above = find(own), find(sequence) if sequence else None
        assert private or attribute, name
        vr = "LO" if private or not attribute else attribute.vr.partition(" or ")[0]
        key = own[:8] if private or not attribute else attribute.key
        yield Made(
            name, above.key if above else "", key, vr, of, place, _UNIQUE if count == "*" else int(count)
        )


MADE = tuple(_parsed())
BY_NAME = {made.name: made for made in MADE}
_NESTED = [made for made in MADE if made.sequence]
_PLAIN = {
    of: [made for made in MADE if made.of == of and not made.sequence] for of in {made.of for made in MADE}
}
_CREATOR = {"vr": "LO", "Value": [CREATOR]}


def patient_name(seed: int) -> str:
    """A name, of several thousand that there are."""
    return f"{FAMILIES[seed % len(FAMILIES)]}{seed // 1000 % 200}^{GIVEN[seed // 7 % len(GIVEN)]}"


def made_up(seeds: Mapping[str, int]) -> Json:
    """The attributes of a series, in DICOM JSON. What is alike is the same object: it is made once."""
    attributes: Json = {"00190010": _CREATOR}
    for of, seed in seeds.items():
        attributes |= (_made if of == "series" else _made_before)(of, seed)
    below: dict[str, Json] = {}
    for made in _NESTED:
        below.setdefault(made.sequence, {})[made.key] = made.element(seeds[made.of])
    return attributes | {key: {"vr": "SQ", "Value": [item]} for key, item in below.items()}


def _made(of: str, seed: int) -> Json:
    return {made.key: made.element(seed) for made in _PLAIN[of]}


#: Series of a patient, and of a study, come one after another.
_made_before = lru_cache(64)(_made)


def _fresh(vr: str, key: str, number: int) -> Json:
    return {"vr": vr, "Value": [value(vr, key, number)]}


#: As many as there are of all attributes whose values are not another one each time.
_remembered = lru_cache(1 << 18)(_fresh)


def value(vr: str, key: str, number: int) -> Any:
    """The value of an attribute, in DICOM JSON."""
    match vr:
        case "DA":
            return f"{_BEGAN + timedelta(days=number % 10_000):%Y%m%d}"
        case "TM":
            clock = f"{number % 24:02}{number // 24 % 60:02}{number // 1440 % 60:02}"
            return f"{clock}.{number // 86400 % 1000000:06}"
        case "PN":
            return {"Alphabetic": patient_name(number)}
        case "UI":
            return f"2.25.{number + (1 << 60)}"
        case "AS":
            return f"{number % 100:03}Y"
        case "DS" | "FD" | "FL":
            return number / 10
        case "IS" | "US" | "SS" | "UL":
            return number
        case "SH" | "CS":
            return f"V{number}"
    return f"{key} {number}"
