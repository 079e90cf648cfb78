"""Parameters and addresses of every malformed kind, on both databases: 4xx or an empty answer, never 5xx."""

from itertools import product

import httpx
import pytest

from soak.odd import BELOW, KEYS, UIDS, VALUES
from tests.bodies import content_type, multipart
from tests.instances import ct, part10
from tests.routers.conftest import client as client
from tests.routers.conftest import settings as settings

SQL = (
    "'",
    "''",
    "\\",
    '"',
    "%",
    "_",
    "%25_%25",
    "' OR '1'='1",
    "'; DROP TABLE instance; --",
    "/*",
    "--",
    "$1",
    ":x",
    "?",
)
LEVELS = ("studies", "series", "instances")
ODD = ("\0", "a\0b", "\ud800", "\udfff", "\U0001f4a9", "\ufeff", "\u202e", "e\u0301", "\x1b[31m")


def escaped(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


async def test_no_parameter_is_our_fault(client: httpx.AsyncClient) -> None:
    await client.post(
        "/dicom-web/studies", content=part10(ct()), headers={"content-type": "application/dicom"}
    )
    pairs = list(product(KEYS, (*VALUES, *map(escaped, (*SQL, *ODD)))))
    for place, (key, value) in enumerate(pairs[::5]):
        level = LEVELS[place % len(LEVELS)]
        answer = await client.get(f"/dicom-web/{level}?{key}={value}".replace("\x7f", "%7F"))
        assert answer.status_code < 500, (level, key, value)


@pytest.mark.parametrize("meta", SQL)
async def test_metacharacters_match_themselves_only(client: httpx.AsyncClient, meta: str) -> None:
    await client.post(
        "/dicom-web/studies",
        content=part10(ct(PatientID="P1")),
        headers={"content-type": "application/dicom"},
    )
    answer = await client.get(f"/dicom-web/studies?AccessionNumber={escaped(meta)}")
    # An unescaped question mark is a wildcard of one letter, and a backslash stands between values.
    assert answer.status_code in (204, 400)
    assert (await client.get("/dicom-web/studies?PatientID=P1")).status_code == 200


@pytest.mark.parametrize("uid", [uid for uid in UIDS if uid])
async def test_no_address_is_our_fault(client: httpx.AsyncClient, uid: str) -> None:
    paths = (f"{uid}/series/1/instances/1", f"1/series/{uid}/instances/1", f"1/series/1/instances/{uid}")
    for path, below in list(product(paths, BELOW))[::4]:
        answer = await client.get(f"/dicom-web/studies/{path}{below}")
        assert 400 <= answer.status_code < 500, (path, below)
    assert (await client.get(f"/collections/{uid}/dicom-web/studies")).status_code < 500


@pytest.mark.parametrize("value", [text for text in ODD if not "\ud800" <= text[0] <= "\udfff"])
async def test_odd_characters_in_values_are_stored_and_found_again(
    client: httpx.AsyncClient, value: str
) -> None:
    dataset = ct(SpecificCharacterSet="ISO_IR 192", PatientName=f"A{value}B", PatientComments=f"A{value}B")
    answer = await client.post(
        "/dicom-web/studies", content=multipart([part10(dataset)]), headers={"content-type": content_type()}
    )
    assert answer.status_code in (200, 202)
    assert (await client.get("/dicom-web/studies?PatientName=A*B&includefield=all")).status_code in (200, 204)
    found = await client.get("/dicom-web/studies/1.2.3/metadata")
    assert found.status_code == 200


async def test_thousands_of_parameters_are_400(client: httpx.AsyncClient) -> None:
    assert (await client.get("/dicom-web/studies?" + "PatientID=1&" * 4000)).status_code == 400
    assert (await client.get("/dicom-web/studies?includefield=" + "a," * 20000)).status_code < 500
