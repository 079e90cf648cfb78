"""The tools that are compared: ours by its command, the others each in an environment of its own."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from tests.deid.judge.maps import Maps, shown, told

#: What is installed from PyPI, with its version; none of it is among our own dependencies.
PEERS = {"dicom-anonymizer": "2.1.0", "dicognito": "0.19.0", "deid": "0.4.13", "dcmanon": "0.3.1"}
#: Installed with it, so that it can clean pixels that are compressed; the others leave pixels alone.
CODECS = {"deid": ("pylibjpeg", "pylibjpeg-openjpeg", "pyjpegls")}
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "readingroom-bench"
WORKER = Path(__file__).with_name("worker.py")
OURS = "Reading Room"
#: All done, and something needs a person.
_STATUSES = {0, 3}

Pairs = Sequence[tuple[Path, Path]]


@dataclass(frozen=True, slots=True)
class Made:
    """What a tool made: the outputs that are there by input, what went wrong, the maps, seconds of CPU."""

    pairs: dict[Path, Path] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    maps: Maps = field(default_factory=Maps)
    cpu: float = 0.0


@dataclass(frozen=True, slots=True)
class Peer:
    """One of the others."""

    name: str
    python: Path

    @property
    def title(self) -> str:
        """With its version."""
        return f"{self.name} {PEERS[self.name]}"

    def make(self, source: Path, output: Path) -> Made:
        """Every file below the source, one after the other; their pairing is known, so the maps are seen."""
        inputs = sorted(each for each in source.rglob("*") if each.is_file())
        pairs = [(each, output / f"{number:06}.dcm") for number, each in enumerate(inputs)]
        output.mkdir()
        asked = json.dumps([(str(old), str(new)) for old, new in pairs])
        used = _used()
        done = subprocess.run([self.python, WORKER, self.name], input=asked, capture_output=True, text=True)
        cpu = _used() - used
        if done.returncode:
            raise RuntimeError(f"{self.name}: {done.stderr[-2000:]}")
        there = {old: new for old, new in pairs if new.exists()}
        return Made(there, json.loads(done.stdout), cpu=cpu)


@dataclass(frozen=True, slots=True)
class Ours:
    """The command of this project; `pixels`: with the cleaning of pixels, which the others do not have."""

    pixels: bool = True
    name: str = OURS
    title: str = OURS

    def make(self, source: Path, output: Path) -> Made:
        """By the command, in one process; the maps are its crosswalk."""
        key, crosswalk = output.parent / f"{output.name}.key", output.parent / f"{output.name}-crosswalk"
        _command("deid", "key", key)
        used = _used()
        _command("deid", source, output, "--policy", self._policy(output), "--key-file", key,
                 "--crosswalk", crosswalk, "--processes", "1")  # fmt: skip
        cpu = _used() - used
        return Made(maps=told(crosswalk), cpu=cpu)

    def _policy(self, output: Path) -> str:
        if self.pixels:
            return "tcia"
        preset = (files("app.deid") / "policies" / "tcia.yaml").read_text(encoding="utf-8")
        path = output.parent / f"{output.name}.yaml"
        path.write_text(preset.replace("  - clean-pixel-data\n", "").replace("name: tcia", "name: headers"))
        return str(path)


def _command(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "app", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in _STATUSES:
        raise RuntimeError(f"{command}: {done.stdout[-1000:]}{done.stderr[-2000:]}")


def peer(name: str) -> Peer:
    """One of the others, installed where it is not yet. Raises CalledProcessError where it cannot be."""
    place = CACHE / f"{name}-{PEERS[name]}"
    python = place / "bin" / "python"
    if not (place / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"{name}=={PEERS[name]}", *CODECS.get(name, ())], check=True)
        (place / "installed").touch()
    return Peer(name, python)


def seen(made: Made) -> Maps:
    """The maps of what a tool made: its own, or those that its outputs show."""
    return made.maps if made.maps.uids else shown(made.pairs.items())


def _used() -> float:
    """Seconds of CPU of all processes that were waited for so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
