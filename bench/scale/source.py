"""The series of NCI Imaging Data Commons, as PyPI has them: real names, real sizes, real dirt.

The wheel `idc-index-data` (MIT) is fetched by pip into a cache folder, once, and taken only if it is the very
one. A sample is whole studies, the same ones each time; the study with the most series is always among them.
"""

import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import duckdb
from filelock import FileLock

REQUIREMENT = "idc-index-data==25.0.5"
WHEEL = "idc_index_data-25.0.5-py3-none-any.whl"
SHA256 = "1ea4ec812688759b71798249b6488eb2bce7178aabb3dccb00366b7a555de25c"
#: The study of 235 series.
LARGEST = "1.2.840.113619.2.340.3.1930077730.508.1439460703.156"
#: Instance rows of the whole: of so many series, chosen by their UIDs, up to MOST each.
INSTANCES, MOST = 5_000_000, 64
#: Collections that are for members alone.
RESTRICTED = 0.05


class WrongWheelError(Exception):
    """What was downloaded is not what this benchmark is about."""


def fetch(cache: Path) -> Path:
    """The parquet of the series, downloaded where it is not in the cache yet."""
    cache.mkdir(parents=True, exist_ok=True)
    # Runs beside this one may do the same.
    with FileLock(cache / ".fetching"):
        return _fetched(cache)


def _fetched(cache: Path) -> Path:
    wheel, parquet = cache / WHEEL, cache / "idc_index_data" / "idc_index.parquet"
    if not wheel.exists():
        options = ["--no-deps", "--quiet", "--disable-pip-version-check", "--dest", str(cache)]
        subprocess.run([sys.executable, "-m", "pip", "download", *options, REQUIREMENT], check=True)
    if sha256(wheel.read_bytes()).hexdigest() != SHA256:
        raise WrongWheelError(f"{wheel} is not the file that this benchmark is about")
    if not parquet.exists():
        with zipfile.ZipFile(wheel) as archive:
            archive.extract("idc_index_data/idc_index.parquet", cache)
    return parquet


def opened(parquet: Path, fraction: float) -> duckdb.DuckDBPyConnection:
    """DuckDB with the table `source`: the sample's series in the order in which they are loaded.

    `patient`, `study` and `series` are the seeds of what is made up; `told` says whether a series' instances
    get rows; `restricted` whether its collection is.
    """
    duck = duckdb.connect(config={"threads": 2})
    duck.execute(_SOURCE, {"parquet": str(parquet), "fraction": fraction, "largest": LARGEST})
    duck.execute(_TOLD, {"share": INSTANCES, "most": MOST, "parquet": str(parquet)})
    duck.execute(_STUDIES)
    return duck


def _seed(of: str) -> str:
    return f"('0x' || substr(md5({of}), 1, 12))::BIGINT"


_SHARE = f"{_seed('StudyInstanceUID')} / 281474976710656.0"
_RESTRICTED = f"{_seed('collection_id')} / 281474976710656.0 < {RESTRICTED}"

_SOURCE = f"""
    CREATE TABLE source AS
    SELECT row_number() OVER (ORDER BY collection_id, StudyInstanceUID, SeriesInstanceUID) AS place,
        *, {_seed("collection_id || '/' || PatientID")} AS patient, {_seed("StudyInstanceUID")} AS study,
        {_seed("SeriesInstanceUID")} AS series, {_RESTRICTED} AS restricted
    FROM read_parquet($parquet)
    WHERE {_SHARE} < $fraction OR StudyInstanceUID = $largest
    ORDER BY place
"""
#: Of so many series that all of them would have about INSTANCES.
_TOLD = """
    CREATE TABLE shown AS
    SELECT place, series / 281474976710656.0 < $share / (
        SELECT sum(least(instanceCount, $most)) FROM read_parquet($parquet)
    ) AS told FROM source
"""
#: What a study says: what the first of its series says that is stored.
_STUDIES = """
    CREATE TABLE studies AS
    SELECT collection_id, StudyInstanceUID, restricted, study,
        arg_min_null(coalesce(PatientID, ''), place) AS PatientID,
        arg_min_null(patient, place) AS patient,
        arg_min_null(coalesce(replace(StudyDate, '-', ''), ''), place) AS StudyDate,
        arg_min_null(trim(coalesce(StudyDescription, '')), place) AS StudyDescription,
        printf(
            '%02d%02d%02d.%06d', study % 24, study // 24 % 60, study // 1440 % 60, study // 86400 % 1000000
        ) AS StudyTime,
        list_sort(list_distinct(list(Modality))) AS modalities,
        count(*) AS series, sum(instanceCount)::BIGINT AS instances
    FROM source GROUP BY ALL
"""
