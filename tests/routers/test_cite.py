"""How it is cited, over HTTP."""

from datetime import timedelta

import httpx
import orjson
import pytest
import rispy
from pybtex.database import parse_string

from app.citing.formats import FORMATS
from app.models.types import now
from tests.house import OWNER, House, bearer
from tests.instances import ct, part10
from tests.routers.test_dois import local, make, minted

__all__ = ["local"]

PATH = "/api/v1/collections/{}/cite"


async def cited(house: House, slug: str = "chest-ct", accept: str = "*/*", query: str = "") -> httpx.Response:
    return await house.browser.get(PATH.format(slug) + query, headers={**OWNER, "Accept": accept})


async def test_it_says_what_is_to_be_cited(local: House) -> None:
    also = {"text": "Roe R (2025).", "doi": "10.1234/paper"}
    await make(local, sharing_policy="Please *thank* us.", citations=[also])
    await make(local, "nodules", kind="analysis-result", sources=["chest-ct"], licence="CC0-1.0", authors=[])
    found = (await cited(local, "nodules")).json()
    assert [each["slug"] for each in found["works"]] == ["nodules", "chest-ct"]
    assert found["works"][1]["citation"].startswith("Doe, J. (20")
    assert {each["id"]: each["works"] for each in found["licences"]} == {
        "CC0-1.0": ["nodules"],
        "CC-BY-4.0": ["chest-ct"],
    }
    assert found["acknowledgements"] == ["Please thank us."]
    assert found["also"] == [also]
    assert found["dois"] == []


async def test_an_identifier_is_cited_once_it_leads_somewhere(local: House) -> None:
    await make(local)
    await minted(local, "draft")
    assert (await cited(local)).json()["works"][0]["identifier"] is None
    await minted(local)
    assert (await cited(local)).json()["works"][0]["identifier"] == "local:chest-ct"


@pytest.mark.parametrize("name", list(FORMATS))
async def test_every_form_by_name_and_by_accept(local: House, name: str) -> None:
    await make(local)
    kind = FORMATS[name].media_type
    named = await cited(local, query=f"?format={name}")
    assert named.status_code == 200
    assert named.headers["content-type"].partition(";")[0] == kind
    assert "Accept" in named.headers["vary"]
    assert named.headers["link"].startswith('<http://archive.test/collections/chest-ct>; rel="cite-as"')
    if FORMATS[name].negotiated:
        negotiated = await cited(local, accept=f"{kind}; charset=utf-8, text/html;q=0.5")
        assert negotiated.content == named.content
    again = {**OWNER, "If-None-Match": named.headers["etag"]}
    path = f"{PATH.format('chest-ct')}?format={name}"
    assert (await local.browser.get(path, headers=again)).status_code == 304


async def test_others_read_it(local: House) -> None:
    await make(local)
    await make(local, "nodules", kind="analysis-result", sources=["chest-ct"])
    bibtex = (await cited(local, "nodules", "application/x-bibtex")).text
    assert len(parse_string(bibtex, "bibtex").entries) == 2
    ris = (await cited(local, "nodules", "application/x-research-info-systems")).text
    assert [each["authors"] for each in rispy.loads(ris)] == [["Doe, Jane"]] * 2
    csl = await cited(local, "nodules", "application/vnd.citationstyles.csl+json")
    assert [each["type"] for each in orjson.loads(csl.content)] == ["dataset"] * 2
    apa = await cited(local, accept="text/x-bibliography; style=apa; locale=en-US")
    assert apa.text.endswith("http://archive.test/collections/chest-ct")


async def test_what_cannot_be_had_is_told_with_what_can(local: House) -> None:
    await make(local)
    for answer in (await cited(local, accept="text/turtle"), await cited(local, query="?format=docx")):
        assert answer.status_code == 406
        assert len(answer.json()["offered"]) >= 9


async def test_what_is_hidden_is_cited_to_nobody_else(local: House) -> None:
    await make(local, "secret", hidden=True, tier="private", title="Not to be known")
    await make(local)
    await make(local, "nodules", kind="analysis-result", sources=["secret", "chest-ct"])
    token = await local.token(await local.person("mary"))
    mary = bearer(token)
    unknown = await local.browser.get(PATH.format("none"), headers=mary)
    hidden = await local.browser.get(PATH.format("secret"), headers=mary)
    assert (hidden.status_code, hidden.content) == (404, unknown.content)
    for name in ("", *(f"?format={each}" for each in FORMATS)):
        answer = await local.browser.get(PATH.format("nodules") + name, headers=mary)
        assert answer.status_code == 200
        assert "secret" not in answer.text.lower()
        assert "not to be known" not in answer.text.lower()


async def test_versions(local: House) -> None:
    await make(local)
    missing = await local.browser.get("/api/v1/collections/chest-ct/versions/1/cite", headers=OWNER)
    assert missing.status_code == 404


async def test_a_link_to_a_cart_tells_nothing_of_the_rest_of_its_collection(local: House) -> None:
    """Its collection holds MR too, which is in no cart; keywords of citations name it."""
    row = await local.collection("private")
    await local.store("private")
    head = {**OWNER, "Content-Type": "application/dicom"}
    mr = part10(ct("7.7", "7.7.7", "7.7.7.7", Modality="MR"))
    stored = await local.browser.post("/collections/private/dicom-web/studies", content=mr, headers=head)
    assert stored.status_code == 200
    mary = await local.person("mary")
    await local.grant(mary, row, "reader")
    hers = bearer(await local.token(mary))
    new = {"name": "A cart", "studies": ["1.2.3"]}
    made = await local.browser.post("/api/v1/carts", json=new, headers=hers)
    assert made.status_code == 201, made.text
    cart = made.json()["key"]
    wanted = {"cart": cart, "expires_at": (now() + timedelta(days=1)).isoformat()}
    link = await local.browser.post("/api/v1/share-links", json=wanted, headers=OWNER)
    assert link.status_code == 201, link.text
    path = f"/api/v1/carts/{cart}/cite?format=ris"
    reference = await local.browser.get(path, headers=bearer(link.json()["token"]))
    assert reference.status_code == 200
    assert "KW  - MR" not in reference.text
