import gzip
import os
import stat
from base64 import b64encode
from hashlib import sha512
from pathlib import Path

import pytest

from app.errors import FetchFailed, Misconfigured
from app.ohif import package
from app.ohif.contents import installed
from app.ohif.package import VERSION, fetch, unpack
from tests.ohif.packed import FILES, tarball

SERVED = {
    *("LICENSE", "index.html", "app.bundle.0123456789abcdef.js", "12.bundle.fedcba9876543210.js"),
    *("0123456789abcdef.wasm", "app.bundle.css", "manifest.json", "assets/a.png"),
}


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An npm that packs the small package, whose integrity is as expected; it notes its calls."""
    packed = tarball(tmp_path / "packed.tgz")
    digest = b64encode(sha512(packed.read_bytes()).digest()).decode()
    monkeypatch.setattr(package, "INTEGRITY", f"sha512-{digest}")
    return command(tmp_path, monkeypatch, f'echo "$@" >> {tmp_path}/called; cp {packed} ./ohif-app.tgz')


def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "called"


def test_it_is_fetched_once(npm: Path, tmp_path: Path) -> None:
    folder = tmp_path / "below" / "viewer"
    assert [fetch(folder), fetch(folder)] == [True, False]
    assert len(npm.read_text().splitlines()) == 1
    assert f"pack @ohif/app@{VERSION} --ignore-scripts" in npm.read_text()
    found = installed(folder)
    assert found
    assert (found.version, set(found.assets)) == (VERSION, SERVED)
    assert [path.name for path in folder.parent.iterdir()] == ["viewer"]


def test_another_version_takes_the_place_of_the_old_one(
    npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "viewer"
    fetch(folder)
    (folder / "of the old one").touch()
    monkeypatch.setattr(package, "VERSION", "99.0.0")
    assert fetch(folder)
    found = installed(folder)
    assert found
    assert found.version == "99.0.0"
    assert not (folder / "of the old one").exists()


def test_what_is_left_out_is_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "viewer"
    unpack(tarball(tmp_path / "a.tgz"), folder)
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {name for name in found if not name.endswith(".gz")} == SERVED | {"contents.json"}
    assert not list(tmp_path.rglob("escaped.js"))


def test_no_address_begins_at_the_root(tmp_path: Path) -> None:
    unpack(tarball(tmp_path / "a.tgz"), tmp_path / "viewer")
    read = {
        name: (tmp_path / "viewer" / name).read_text()
        for name in SERVED
        if name.endswith((".html", ".js", ".css"))
    }
    assert '__webpack_require__.p = "/"' not in read["app.bundle.0123456789abcdef.js"]
    assert "__webpack_require__.p = self.PUBLIC_URL ||" in read["app.bundle.0123456789abcdef.js"]
    assert read["app.bundle.css"] == "@font-face{src:url(0123456789abcdef.woff2)}"
    assert '="/' not in read["index.html"]
    assert "<script>" not in read["index.html"]
    assert read["index.html"].count('="@/') == 3
    assert (tmp_path / "viewer/manifest.json").read_text() == '{"icons": [{"src": "assets/a.png"}]}'


def test_only_what_never_changes_is_lasting(tmp_path: Path) -> None:
    assets = unpack(tarball(tmp_path / "a.tgz"), tmp_path / "viewer").assets
    assert {name for name, asset in assets.items() if asset.lasting} == {
        "12.bundle.fedcba9876543210.js",
        "0123456789abcdef.wasm",
    }


def test_what_is_worth_it_lies_compressed_too(tmp_path: Path) -> None:
    assets = unpack(tarball(tmp_path / "a.tgz"), tmp_path / "viewer").assets
    compressed = {name for name, asset in assets.items() if asset.gzip}
    assert compressed == {name for name in SERVED if len(FILES.get(f"package/dist/{name}", b"")) > 4000}
    for name in compressed:
        path = tmp_path / "viewer" / name
        assert gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes()) == path.read_bytes()


def test_other_bytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(tmp_path, monkeypatch, f"cp {tarball(tmp_path / 'packed.tgz')} ./ohif-app.tgz")
    with pytest.raises(FetchFailed, match="its SHA-512 differs"):
        fetch(tmp_path / "viewer")
    assert not (tmp_path / "viewer").exists()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'npm error code ENOTFOUND' >&2; exit 1", "npm error code ENOTFOUND"),
        ("exit 0", "it says nothing"),
        ("exit 1", "it says nothing"),
    ],
)
def test_what_npm_says_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    command(tmp_path, monkeypatch, script)
    with pytest.raises(FetchFailed, match=said):
        fetch(tmp_path / "viewer")
    assert not (tmp_path / "viewer").exists()


def test_an_npm_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(package, "SECONDS_TO_FETCH", 0.2)
    with pytest.raises(FetchFailed, match="did not fetch"):
        fetch(tmp_path / "viewer")


def test_without_npm_it_says_what_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Misconfigured, match="npm is not here, so /viewer is left out"):
        fetch(tmp_path / "viewer")


def test_a_folder_of_something_else_is_left_alone(npm: Path, tmp_path: Path) -> None:
    (tmp_path / "viewer").mkdir()
    (tmp_path / "viewer" / "thesis.txt").touch()
    with pytest.raises(Misconfigured, match="holds something other than the viewer"):
        fetch(tmp_path / "viewer")
    assert [path.name for path in (tmp_path / "viewer").iterdir()] == ["thesis.txt"]
    assert not npm.exists()
