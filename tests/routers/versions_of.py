"""A collection that publishes versions, over HTTP."""

from typing import Any

import httpx

from tests.instances import ct, part10

SLUG = "chest"
API = f"/api/v1/collections/{SLUG}"


async def make(client: httpx.AsyncClient, slug: str = SLUG, **values: Any) -> None:
    """Make the collection."""
    new = {"slug": slug, "title": slug, "licence": "CC-BY-4.0", "tier": "private", **values}
    answer = await client.post("/api/v1/collections", json=new)
    assert answer.status_code == 201, answer.text


async def send(client: httpx.AsyncClient, slug: str = SLUG, headers: Any = None, **values: Any) -> str:
    """Store an instance; the key of the submission that it went to, if it did."""
    head = {**(headers or {}), "content-type": "application/dicom"}
    answer = await client.post(
        f"/collections/{slug}/dicom-web/studies", content=part10(ct(**values)), headers=head
    )
    assert answer.status_code == 200, answer.text
    url: str = answer.json()["00081190"]["Value"][0]
    return url.partition("/submissions/")[2].partition("/")[0]


async def publish(client: httpx.AsyncClient, slug: str = SLUG, **values: Any) -> Any:
    """Publish a version; what the archive says of it."""
    answer = await client.post(f"/api/v1/collections/{slug}/versions", json=values)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def held(client: httpx.AsyncClient, root: str, headers: Any = None) -> list[str]:
    """The instances at a DICOMweb root."""
    answer = await client.get(f"{root}/dicom-web/instances", headers=headers or {})
    assert answer.status_code in (200, 204), answer.text
    return sorted(each["00080018"]["Value"][0] for each in answer.json()) if answer.content else []
