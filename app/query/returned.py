"""The attributes that are kept for a search to return, and those that it returns unasked, as tables.

An instance keeps its whole DICOM JSON. A study and a series keep what belongs to their own level: the
attributes of the modules that PS3.3 section A.1.4 places there. Bulk data are never among them.
"""

from collections.abc import Collection, Iterable
from typing import Any

from app.dicom.attributes import Attribute, creators, find, private_key
from app.dicom.description import Json
from app.query.ast import Level, Query
from app.query.conditions import attributes as constrained


def _keys(keywords: str) -> tuple[str, ...]:
    return tuple(sorted(_key(keyword) for keyword in keywords.split()))


def _key(keyword: str) -> str:
    attribute = find(keyword)
    assert attribute, f"{keyword} is not in the standard's dictionary"
    return attribute.key


#: General Study, Patient, Clinical Trial Subject, Patient Study and Clinical Trial Study modules.
STUDY_ATTRIBUTES: tuple[str, ...] = _keys("""
    SpecificCharacterSet TimezoneOffsetFromUTC StudyInstanceUID StudyDate StudyTime StudyID
    StudyDescription AccessionNumber IssuerOfAccessionNumberSequence ReferringPhysicianName
    ReferringPhysicianIdentificationSequence ConsultingPhysicianName
    ConsultingPhysicianIdentificationSequence PhysiciansOfRecord
    PhysiciansOfRecordIdentificationSequence NameOfPhysiciansReadingStudy
    PhysiciansReadingStudyIdentificationSequence RequestingPhysician RequestingService
    RequestingServiceCodeSequence RequestedProcedureDescription RequestedProcedureCodeSequence
    ProcedureCodeSequence ReferencedStudySequence ReasonForPerformedProcedureCodeSequence ReasonForVisit
    ReasonForVisitCodeSequence PatientName PatientID IssuerOfPatientID
    IssuerOfPatientIDQualifiersSequence TypeOfPatientID SourcePatientGroupIdentificationSequence
    GroupOfPatientsIdentificationSequence PatientBirthDate PatientBirthTime
    PatientBirthDateInAlternativeCalendar PatientAlternativeCalendar
    PatientDeathDateInAlternativeCalendar PatientSex QualityControlSubject ReferencedPatientSequence
    OtherPatientIDs OtherPatientIDsSequence OtherPatientNames PatientBirthName PatientMotherBirthName
    EthnicGroup EthnicGroupCodeSequence PatientComments PatientSpeciesDescription
    PatientSpeciesCodeSequence PatientBreedDescription PatientBreedCodeSequence
    BreedRegistrationSequence StrainDescription StrainNomenclature StrainCodeSequence
    StrainAdditionalInformation StrainStockSequence GeneticModificationsSequence ResponsiblePerson
    ResponsiblePersonRole ResponsibleOrganization PatientIdentityRemoved DeidentificationMethod
    DeidentificationMethodCodeSequence ClinicalTrialSponsorName ClinicalTrialProtocolID
    ClinicalTrialProtocolName ClinicalTrialSiteID ClinicalTrialSiteName ClinicalTrialSubjectID
    ClinicalTrialSubjectReadingID ClinicalTrialProtocolEthicsCommitteeName
    ClinicalTrialProtocolEthicsCommitteeApprovalNumber ClinicalTrialTimePointID
    ClinicalTrialTimePointDescription ClinicalTrialTimePointTypeCodeSequence
    LongitudinalTemporalOffsetFromEvent LongitudinalTemporalEventType ConsentForClinicalTrialUseSequence
    AdmittingDiagnosesDescription AdmittingDiagnosesCodeSequence PatientAge PatientSize
    PatientSizeCodeSequence PatientWeight PatientBodyMassIndex MeasuredAPDimension
    MeasuredLateralDimension MedicalAlerts Allergies SmokingStatus PregnancyStatus LastMenstrualDate
    PatientState AdditionalPatientHistory Occupation PatientSexNeutered AdmissionID
    IssuerOfAdmissionIDSequence ServiceEpisodeID ServiceEpisodeDescription
    IssuerOfServiceEpisodeIDSequence
""")

#: General Series, Clinical Trial Series, General Equipment and Frame of Reference modules.
SERIES_ATTRIBUTES: tuple[str, ...] = _keys("""
    SpecificCharacterSet TimezoneOffsetFromUTC SeriesInstanceUID SeriesNumber SeriesDate SeriesTime
    SeriesDescription SeriesDescriptionCodeSequence Modality Laterality BodyPartExamined
    AnatomicRegionSequence AnatomicalOrientationType ProtocolName PresentationIntentType PatientPosition
    TreatmentSessionUID SmallestPixelValueInSeries LargestPixelValueInSeries PerformingPhysicianName
    PerformingPhysicianIdentificationSequence OperatorsName OperatorIdentificationSequence
    ReferencedPerformedProcedureStepSequence RelatedSeriesSequence ReferencedDefinedProtocolSequence
    ReferencedPerformedProtocolSequence RequestAttributesSequence PerformedProcedureStepID
    PerformedProcedureStepStartDate PerformedProcedureStepStartTime PerformedProcedureStepEndDate
    PerformedProcedureStepEndTime PerformedProcedureStepDescription PerformedProtocolCodeSequence
    CommentsOnThePerformedProcedureStep Manufacturer ManufacturerModelName InstitutionName
    InstitutionAddress InstitutionalDepartmentName InstitutionalDepartmentTypeCodeSequence StationName
    DeviceSerialNumber DeviceUID UDISequence GantryID SoftwareVersions SpatialResolution
    DateOfManufacture DateOfInstallation DateOfLastCalibration TimeOfLastCalibration FrameOfReferenceUID
    PositionReferenceIndicator ClinicalTrialCoordinatingCenterName ClinicalTrialSeriesID
    ClinicalTrialSeriesDescription
""")

#: Made for each answer: they depend on the caller, on the address that was asked, or on the row itself.
STUDY_COUNTS = _keys("ModalitiesInStudy NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances")
COMPUTED: dict[Level, tuple[str, ...]] = {
    Level.STUDY: (*STUDY_COUNTS, *_keys("InstanceAvailability RetrieveURL")),
    Level.SERIES: _keys("InstanceAvailability RetrieveURL StudyInstanceUID NumberOfSeriesRelatedInstances"),
    Level.INSTANCE: _keys("""
        InstanceAvailability RetrieveURL StudyInstanceUID SeriesInstanceUID AvailableTransferSyntaxUID
    """),
}

#: The columns of an instance row that can be returned without its DICOM JSON.
INSTANCE_COLUMNS = _keys("""
    SOPClassUID SOPInstanceUID InstanceNumber NumberOfFrames Rows Columns BitsAllocated
""")

#: Returned unasked (PS3.18 Tables 10.6.3-3 to 10.6.3-5), with a few more that clients look for.
DEFAULT: dict[Level, tuple[str, ...]] = {
    Level.STUDY: _keys("""
        StudyDate StudyTime AccessionNumber InstanceAvailability ModalitiesInStudy ReferringPhysicianName
        StudyDescription RetrieveURL PatientName PatientID PatientBirthDate PatientSex StudyInstanceUID
        StudyID NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances
    """),
    Level.SERIES: _keys("""
        Modality SeriesDate SeriesDescription RetrieveURL StudyInstanceUID SeriesInstanceUID SeriesNumber
        NumberOfSeriesRelatedInstances PerformedProcedureStepStartDate PerformedProcedureStepStartTime
        RequestAttributesSequence
    """),
    Level.INSTANCE: (
        *INSTANCE_COLUMNS,
        *_keys("InstanceAvailability RetrieveURL StudyInstanceUID SeriesInstanceUID"),
    ),
}

#: Returned wherever they have a value: they say how the others are to be read.
WHERE_PRESENT = _keys("SpecificCharacterSet TimezoneOffsetFromUTC")

#: What an answer takes of each row where nothing else is asked for. Rows are stored with these first
#: (`app.index.stored_form`): another set of them needs a migration that stores all rows anew.
UNASKED: dict[Level, frozenset[str]] = {
    level: frozenset((*keys, *WHERE_PRESENT)) for level, keys in DEFAULT.items()
}

_MADE = frozenset(key for keys in COMPUTED.values() for key in keys) - set(
    _keys("StudyInstanceUID SeriesInstanceUID")
)
_BULK = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))
_KEPT: dict[Level, frozenset[str]] = {
    Level.STUDY: frozenset(STUDY_ATTRIBUTES),
    Level.SERIES: frozenset(SERIES_ATTRIBUTES),
}


def returnable(attribute: Attribute, level: Level) -> bool:
    """Whether a search at the level can return the attribute, or the sequence in which it lies."""
    key = outermost(attribute)
    if any(key in COMPUTED[above] or key in _KEPT.get(above, ()) for above in Level if above <= level):
        return True
    return not is_made(attribute) and not _BULK.intersection(attribute.vr.split(" or "))


def is_made(attribute: Attribute) -> bool:
    """Whether the attribute is made for each answer, and never a stored one that says so."""
    return attribute.key in _MADE


def outermost(attribute: Attribute) -> str:
    """The key of the attribute, or of the sequence in which it lies."""
    return attribute.steps[0]


def levels(query: Query) -> tuple[Level, ...]:
    """The levels whose default attributes are returned: the query's, and those its address leaves open."""
    opened = {Level.STUDY: query.resource.study, Level.SERIES: query.resource.series}
    above = (level for level in Level if level < query.level and opened[level] is None)
    return (*above, query.level)


def wanted(query: Query) -> tuple[str, ...]:
    """The keys of the attributes to return, ascending: default ones, matched ones, those of includefield."""
    matched = (outermost(each) for found in query.conditions for each in constrained(found))
    default = (key for level in levels(query) for key in DEFAULT[level])
    return tuple(sorted({*default, *matched, *query.fields.keys}))


def sources(query: Query) -> frozenset[Level]:
    """The levels whose kept attributes the answer is made from."""
    keys = set(wanted(query)).difference(*(COMPUTED[level] for level in Level if level <= query.level))
    if query.level == Level.INSTANCE:
        keys -= set(INSTANCE_COLUMNS)
    needed = {query.level} if query.fields.all or query.level < Level.INSTANCE else set()
    for level, kept_keys in _KEPT.items():
        if level <= query.level and keys & kept_keys:
            needed.add(level)
            keys -= kept_keys
    return frozenset(needed | {query.level} if keys else needed)


def is_whole(query: Query, level: Level) -> bool:
    """Whether the answer takes more of the level's rows than what is returned unasked."""
    return query.fields.all or not _KEPT[level].intersection(wanted(query)) <= UNASKED[level]


def beyond(query: Query) -> tuple[str, ...]:
    """The keys to return that neither study nor series rows keep: their instances have them."""
    if query.level == Level.INSTANCE:
        return ()
    above = [level for level in Level if level <= query.level]
    found = set(wanted(query)).difference(*(COMPUTED[level] for level in above))
    return tuple(sorted(found.difference(*(_KEPT[level] for level in above))))


def kept_by_series(keys: Collection[str]) -> bool:
    """Whether series rows keep all of these attributes."""
    return _KEPT[Level.SERIES].issuperset(keys)


def picked(attributes: Json, keys: Iterable[str]) -> Json:
    """Those of an instance's attributes that `keys` name, a private one together with its creator's."""
    found: Json = {}
    for key in keys:
        for tag in (key,) if "[" not in key else _private(attributes, key):
            if tag in attributes:
                found[tag] = attributes[tag]
    return found


def _private(attributes: Json, key: str) -> tuple[str, ...]:
    """The tags of the creator and of the private attribute in this instance."""
    for tag, creator in creators(attributes):
        if private_key(f"{tag[:4]}{tag[6:]}{key[6:8]}", creator) == key:
            return tag, f"{tag[:4]}{tag[6:]}{key[6:8]}"
    return ()


def kept(attributes: Json, keys: tuple[str, ...]) -> Json:
    """Those of an instance's attributes that `keys` name, without bulk data."""
    return without_bulkdata({key: attributes[key] for key in keys if key in attributes})


def without_bulkdata(attributes: Json) -> Json:
    """The attributes without bulk data, at any depth."""
    return {key: _element(element) for key, element in attributes.items() if "BulkDataURI" not in element}


def _element(element: Json) -> Json:
    if element.get("vr") != "SQ" or "Value" not in element:
        return element
    items: list[Any] = element["Value"]
    return {"vr": "SQ", "Value": [without_bulkdata(item or {}) for item in items]}
