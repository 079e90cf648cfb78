"""What every instance says of its patient, study, series and device, after literal tables."""

from pydicom import Dataset

from tests.deid.corpus.people import Person
from tests.deid.corpus.place import Place
from tests.deid.corpus.texts import filled, texts
from tests.deid.corpus.visit import Visit
from tests.deid.key import Action, Key

#: Emptied or removed: all of it goes.
GOES = {
    "InstitutionName": "{hospital} General Hospital",
    "InstitutionAddress": "{street}, {city}",
    "InstitutionalDepartmentName": "{hospital} Imaging",
    "StationName": "CTSTATION{number}XQ",
    "ReferringPhysicianName": "{referring}^{called}",
    "PerformingPhysicianName": "{performing}^Adalbertus",
    "OperatorsName": "{operator}^Leopoldine",
    "AccessionNumber": "{accession}",
    "StudyID": "STY{id}",
    "OtherPatientIDs": "{other_id}",
    "PatientBirthName": "{maiden}^{given}",
    "PatientAddress": "{street} {city}",
    "PatientTelephoneNumbers": "{phone}",
    "PatientMotherBirthName": "{maiden}^Henriettina",
    "IssuerOfPatientID": "{hospital} MPI",
    "DeviceSerialNumber": "SNR{number}7741093",
    "PlateID": "PLT{number}88120",
    "PatientComments": "Wife {called} waits outside, {phone}",
    "ImageComments": "{family} moved, {operator} repeats",
    "Occupation": "Glassblower",
    "PatientReligiousPreference": "Zoroastrianism",
    "CountryOfResidence": "Ruritanialand",
    "MedicalRecordLocator": "{other_id}/77",
    "AdmissionID": "ADM{other_id}",
    "CurrentPatientLocation": "Ward {hospital} 7",
    "PerformedProcedureStepID": "PPS{other_id}",
    "RequestingPhysician": "{referring}^{called}",
    "NameOfPhysiciansReadingStudy": "{performing}^Adalbertus",
    "PhysiciansOfRecord": "{referring}^{called}",
    "PerformedStationAETitle": "AEQX{number}KESTR",
    "RetrieveAETitle": "AERETR{number}QX",
    "DerivationDescription": "Made for {family} at {hospital}",
    "RequestingService": "{hospital} Clinic",
    "ClinicalTrialSiteName": "{hospital} Trials",
    "PatientTelecomInformation": "mailto:{email}",
    "OtherPatientNames": "{family}^{called}",
}
#: What of these is searched for afterwards, in every file of the patient.
SEARCHED = (
    "{given}", "{id}", "{other_id}", "{phone}", "{email}", "{street}", "{city}", "{hospital}", "{referring}",
    "{performing}", "{operator}", "{called}", "{maiden}", "{accession}", "CTSTATION{number}XQ",
    "SNR{number}7741093", "PLT{number}88120", "AEQX{number}KESTR", "AERETR{number}QX", "Adalbertus",
    "Leopoldine", "Henriettina", "Zoroastrianism", "Ruritanialand", "{family}",
)  # fmt: skip
STAYS = {
    "Manufacturer": "SIEMENS",
    "ManufacturerModelName": "SOMATOM Definition AS+",
    "SoftwareVersions": ["syngo CT 2012B", "VA44A"],
    "PatientSize": "1.71",
    "PatientWeight": "71.5",
    "EthnicGroup": "Northern",
    "SmokingStatus": "NO",
    "PositionReferenceIndicator": "XY",
    "InstanceNumber": "{instance}",
    "SeriesNumber": "{series}",
}
TIMES = ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime", "PerformedProcedureStepStartTime")
DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "InstanceCreationDate",
         "PerformedProcedureStepStartDate")  # fmt: skip
_FRACTIONS = ("{da}{time}", "{da}{time}+0100", "{da}101530.123456-0500", "{da}1015", "{da}")


def header(visit: Visit, key: Key, sop_class: str, modality: str) -> Place:
    """A data set with all that is not of its modality."""
    place = Place(Dataset(), visit.person, key, visit.instance_uid, why="header")
    if visit.person.charset is not None:
        place.put("SpecificCharacterSet", visit.person.charset)
    key.patients[visit.instance_uid] = visit.person.id
    place.days([visit.person.born])
    _identity(place, visit, sop_class, modality)
    _removed(place, visit)
    _retained(place, visit)
    _moved(place, visit)
    _typed(place, visit)
    return place


def _identity(place: Place, visit: Visit, sop_class: str, modality: str) -> None:
    place.puts(SOPClassUID=sop_class)
    place.stays("Modality", modality)
    place.uid("SOPInstanceUID", visit.instance_uid)
    place.uid("StudyInstanceUID", visit.study_uid)
    place.uid("SeriesInstanceUID", visit.series_uid)
    path = place.put("PatientID", visit.person.id)
    place.check(Action.PATID_CONSISTENT, path, visit.person.id)
    place.check(Action.TEXT_REMOVED, path, visit.person.id)
    place.goes("PatientName", visit.person.name, *_parts(visit.person))
    place.goes("PatientBirthDate", f"{visit.person.born:%Y%m%d}")


def _parts(person: Person) -> list[str]:
    """Every component of every group of the name."""
    groups = person.groups.split("=")[1:]
    return [part for group in groups for part in (*group.split("^"), group.replace("^", ""))]


def _removed(place: Place, visit: Visit) -> None:
    for keyword, template in GOES.items():
        place.goes(keyword, _personal(template, visit))
    place.canary(*(_personal(template, visit) for template in SEARCHED))


def _personal(template: str, visit: Visit) -> str:
    person = visit.person
    values = {name: getattr(person, name) for name in Person.__slots__}
    return template.format(**values, accession=person.accession)


def _retained(place: Place, visit: Visit) -> None:
    for keyword, value in STAYS.items():
        told = value.format(instance=visit.number, series=visit.series) if isinstance(value, str) else value
        place.stays(keyword, told)
    place.stays("PatientSex", visit.person.sex)
    if visit.age < 90:
        place.stays("PatientAge", f"{visit.age:03}Y")
    else:
        place.about("age over 89").goes("PatientAge", f"{visit.age:03}Y")
    for keyword in TIMES:
        place.about("times stay").stays(keyword, visit.time)


def _moved(place: Place, visit: Visit) -> None:
    for keyword in DATES:
        place.date(keyword, visit.da)
    form = _FRACTIONS[(visit.number + visit.series) % len(_FRACTIONS)]
    place.about("DT fraction and zone").date("AcquisitionDateTime", form.format(da=visit.da, time=visit.time))
    place.uid("DeviceUID", visit.uid(5, visit.series))


def _typed(place: Place, visit: Visit) -> None:
    typed = place.about("free text")
    for number, keyword in enumerate(_TYPED):
        turn = visit.person.number + visit.study + visit.series + visit.number + number
        choices = texts(keyword)
        typed.text(keyword, filled(choices[turn % len(choices)], visit, turn))


_TYPED = (
    "StudyDescription", "SeriesDescription", "ProtocolName", "AdmittingDiagnosesDescription",
    "AdditionalPatientHistory", "RequestedProcedureDescription", "PerformedProcedureStepDescription",
    "MedicalAlerts", "ReasonForStudy", "AcquisitionComments",
)  # fmt: skip
