"""A DOI is registered once, though the server is killed between asking for it and hearing the answer."""

from pathlib import Path

import httpx

from tests.datacite_server import PASSWORD, PREFIX, REPOSITORY, datacite
from tests.house import OWNER, OWNERS
from tests.live import Process, wait_until

NEW = {
    "slug": "chest-ct",
    "title": "Chest CT",
    "licence": "CC-BY-4.0",
    "authors": [{"name": "Doe, Jane"}],
    "tier": "open",
    "hidden": False,
}


def test_who_is_killed_before_the_answer_goes_on_where_they_were(tmp_path: Path) -> None:
    with datacite() as fake:
        chosen = {
            "READINGROOM_OWNER_TOKEN": OWNERS,
            "READINGROOM_PUBLIC_URL": "https://archive.test",
            "READINGROOM_DATACITE_URL": fake.url,
            "READINGROOM_DATACITE_REPOSITORY": REPOSITORY,
            "READINGROOM_DATACITE_PASSWORD": PASSWORD,
            "READINGROOM_DATACITE_PREFIX": PREFIX,
        }
        server = Process(tmp_path / "data", module="tests.short_leases", **chosen)
        server.start()
        path = "/api/v1/collections"
        fake.silent_after = "PUT"
        with httpx.Client(base_url=server.url, headers=OWNER) as client:
            assert client.post(path, json=NEW).status_code == 201
            answer = client.post(f"{path}/chest-ct/doi", json={"state": "findable"})
            doi = answer.json()["identifier"]
            wait_until(lambda: fake.dois, 30)
            server.kill()
        assert fake.dois[doi]["state"] == "findable"
        fake.silent_after = ""
        server.start()
        with httpx.Client(base_url=server.url, headers=OWNER) as client:

            def state() -> str | None:
                found: str | None = client.get(f"{path}/chest-ct/doi").json()["state"]
                return found

            assert state() is None
            # Until the lease of who was killed has ended: `test_workers_killed` waits for one as it is.
            wait_until(lambda: state() == "findable", 90)
            assert client.get(f"{path}/chest-ct").json()["doi"] == doi
        assert list(fake.dois) == [doi]
        events = [body["data"]["attributes"].get("event") for method, _, body in fake.sent if method == "PUT"]
        assert [each for each in events if each] == ["publish"]
        server.stop()
        log = (tmp_path / "data.log").read_text()
        assert PASSWORD not in log
