"""Modalities in words (PS3.3 section C.7.3.1.1.1), as a catalogue of what there is says them."""

MODALITIES = {
    "ANN": "Annotation",
    "AR": "Autorefraction",
    "AU": "Audio",
    "BI": "Biomagnetic imaging",
    "BMD": "Bone densitometry",
    "CR": "Computed radiography",
    "CT": "Computed tomography",
    "DG": "Diaphanography",
    "DOC": "Document",
    "DX": "Digital radiography",
    "ECG": "Electrocardiography",
    "EEG": "Electroencephalography",
    "ES": "Endoscopy",
    "GM": "General microscopy",
    "IO": "Intra-oral radiography",
    "IVOCT": "Intravascular optical coherence tomography",
    "IVUS": "Intravascular ultrasound",
    "KO": "Key object selection",
    "M3D": "Model for 3D manufacturing",
    "MG": "Mammography",
    "MR": "Magnetic resonance",
    "NM": "Nuclear medicine",
    "OCT": "Optical coherence tomography",
    "OP": "Ophthalmic photography",
    "OPT": "Ophthalmic tomography",
    "PR": "Presentation state",
    "PT": "Positron emission tomography",
    "PX": "Panoramic X-ray",
    "REG": "Registration",
    "RF": "Radio fluoroscopy",
    "RG": "Radiographic imaging",
    "RTDOSE": "Radiotherapy dose",
    "RTIMAGE": "Radiotherapy image",
    "RTPLAN": "Radiotherapy plan",
    "RTRECORD": "Radiotherapy treatment record",
    "RTSTRUCT": "Radiotherapy structure set",
    "RWV": "Real world value map",
    "SC": "Secondary capture",
    "SEG": "Segmentation",
    "SM": "Slide microscopy",
    "SMR": "Stereometric relationship",
    "SR": "Structured report",
    "TG": "Thermography",
    "US": "Ultrasound",
    "VA": "Visual acuity",
    "XA": "X-ray angiography",
    "XC": "External-camera photography",
}
#: Those whose series hold no pictures, or none that tell anything alone.
UNSEEN = frozenset(
    {
        *("ANN", "AR", "AU", "DOC", "ECG", "EEG", "KO", "M3D", "PLAN", "PR", "REG", "RTDOSE", "RTPLAN"),
        *("RTRECORD", "RTSTRUCT", "RWV", "SEG", "SMR", "SR", "VA"),
    }
)


def in_words(modality: str) -> str:
    """The modality in words; a code that is not known here stands for itself."""
    return MODALITIES.get(modality, modality)
