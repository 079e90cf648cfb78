"""CPU time for a CT: 512 by 512, 175 elements, headers only, one process."""

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from shutil import rmtree
from statistics import median
from tempfile import TemporaryDirectory

from pydicom import dcmread

from bench.ct import Instance
from bench.deid.tools import Ours, Peer

ELEMENTS = 175
#: So many instances in a small and in a large run: the difference leaves out what starting costs.
FEW, MANY = 5, 105


def speeds(tools: Sequence[Ours | Peer], rounds: int, many: int = MANY) -> dict[str, float]:
    """Seconds of CPU for one instance, by the title of the tool: medians of rounds in turns."""
    found: dict[str, list[float]] = {tool.title: [] for tool in tools}
    with TemporaryDirectory(prefix="bench-deid-") as folder:
        few, all_ = Path(folder, "few"), Path(folder, "many")
        _fill(few, FEW)
        _fill(all_, many)
        for number in range(rounds):
            for tool in tools if number % 2 == 0 else reversed(tools):
                small, large = (_cpu(tool, source, Path(folder)) for source in (few, all_))
                found[tool.title].append((large - small) / (many - FEW))
    return {title: median(costs) for title, costs in found.items()}


def _cpu(tool: Ours | Peer, source: Path, folder: Path) -> float:
    made = tool.make(source, folder / "made")
    if made.wrong:
        raise RuntimeError(f"{tool.name}: {next(iter(made.wrong.values()))}")
    for each in folder.glob("made*"):
        rmtree(each) if each.is_dir() else each.unlink()
    return made.cpu


def _fill(folder: Path, count: int) -> None:
    folder.mkdir()
    for number, data in enumerate(_instances(count)):
        (folder / f"{number:04}.dcm").write_bytes(data)


def _instances(count: int) -> Iterator[bytes]:
    """Of one series."""
    for number in range(1, count + 1):
        dataset = dcmread(BytesIO(Instance(1, 1, number).encoded()))
        missing = ELEMENTS - sum(1 for _ in dataset.iterall())
        block = dataset.private_block(0x0019, "GEMS_ACQU_01", create=True)
        for element in range(missing - 1):
            block.add_new(0x23 + element, "DS", str(element))
        target = BytesIO()
        dataset.save_as(target)
        yield target.getvalue()
