"""Small synthetic instances for tests that need to choose what is in them."""

from io import BytesIO
from typing import Any

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid


def ct(study: str = "1.2.3", series: str = "1.2.3.4", instance: str | None = None, **values: Any) -> Dataset:
    """A CT slice of 8 × 6 pixels; `values` are attributes by keyword."""
    dataset = Dataset()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = instance or generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.PatientID, dataset.PatientName = "P1", "Doe^Jane"
    dataset.PatientBirthDate, dataset.PatientSex = "19700101", "F"
    dataset.StudyDate, dataset.StudyTime, dataset.AccessionNumber = "20240229", "101530", "A1"
    dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "CT", 2, 1
    dataset.ReferringPhysicianName, dataset.StudyID = "Roe^Richard", "S1"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 6, 8, 1
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation, dataset.PhotometricInterpretation = 0, "MONOCHROME2"
    dataset.PixelData = np.arange(48, dtype="<u2").tobytes()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def part10(dataset: Dataset, transfer_syntax_uid: str = ExplicitVRLittleEndian) -> bytes:
    """The data set in the DICOM file format."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = transfer_syntax_uid
    out = BytesIO()
    dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()
