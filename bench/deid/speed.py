"""CPU time for a CT: 512 by 512, 175 elements, headers only, one process."""

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from pydicom import dcmread

from bench.ct import Instance
from bench.deid.tools import Ours, Peer

ELEMENTS = 175
#: Instances in a small and in a large run: the difference leaves out what starting costs.
FEW, MANY = 5, 405


def speeds(tools: Sequence[Ours | Peer], rounds: int, many: int = MANY) -> dict[str, float]:
    """Seconds of CPU for one instance, by the title of the tool: medians of rounds in turns."""
    small: dict[str, list[float]] = {tool.title: [] for tool in tools}
    large: dict[str, list[float]] = {tool.title: [] for tool in tools}
    with TemporaryDirectory(prefix="bench-deid-") as name:
        folder = Path(name)
        _fill(folder / "few", FEW)
        _fill(folder / "many", many)
        for number in range(rounds):
            for tool in tools if number % 2 == 0 else reversed(tools):
                small[tool.title].append(_cpu(tool, folder / "few"))
                large[tool.title].append(_cpu(tool, folder / "many"))
    return {title: (median(large[title]) - median(small[title])) / (many - FEW) for title in small}


def _cpu(tool: Ours | Peer, source: Path) -> float:
    with TemporaryDirectory(dir=source.parent) as folder:
        made = tool.make(source, Path(folder, "made"))
    if made.wrong:
        raise RuntimeError(f"{tool.name}: {next(iter(made.wrong.values()))}")
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
