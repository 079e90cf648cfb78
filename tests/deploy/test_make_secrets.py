"""deploy/make-secrets: every secret new, for nobody else to read, and never overwritten."""

import configparser
import json
import shutil
import subprocess
from pathlib import Path

from cryptography import x509

from tests.deploy.proxied import ROOT


def make(folder: Path) -> str:
    """Run it in a copy of its folder."""
    (folder / "deploy").mkdir(exist_ok=True)
    script = shutil.copy(ROOT / "deploy" / "make-secrets", folder / "deploy")
    done = subprocess.run([script, "archive.test"], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (folder / "deploy" / "secrets").iterdir()}


def test_each_is_new_and_stays(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    told, _ = make(tmp_path / "one"), make(tmp_path / "two")
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert one.keys() == two.keys()
    assert not set(one.values()) & set(two.values())
    assert len(set(one.values())) == len(one)
    assert all(len(text.strip()) > 60 for text in one.values())
    assert not any(line in told for text in one.values() for line in text.splitlines() if len(line) > 20)
    make(tmp_path / "one")
    assert contents(tmp_path / "one") == one


def test_what_belongs_together_fits(secrets: Path) -> None:
    assert f":{(secrets / 'database_password').read_text().strip()}@" in (secrets / "database").read_text()
    credentials = configparser.ConfigParser(interpolation=None)
    credentials.read(secrets / "s3_credentials")
    (identity,) = json.loads((secrets / "s3_identities").read_text())["identities"]
    (keys,) = identity["credentials"]
    assert keys["accessKey"] == credentials["default"]["aws_access_key_id"]
    assert keys["secretKey"] == credentials["default"]["aws_secret_access_key"]
    certificate = x509.load_pem_x509_certificate((secrets / "tls_certificate").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["archive.test"]


def test_nobody_else_reads_them(secrets: Path) -> None:
    """The folder keeps them out: in a container each is read by a user of its own."""
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in secrets.iterdir()} == {0o444}
