"""`python -m bench.deid`: ours and four others on the corpus of tests/deid, judged; then their speed.

The others are installed from PyPI into environments of their own below the user's cache folder. Each is
called file by file, so which output is of which input is known; their maps are what their outputs show.
"""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.deid import real, speed, table
from bench.deid.tools import PEERS, Made, Ours, Peer, peer, seen
from tests.deid.corpus.made import PATIENTS, make
from tests.deid.judge.score import Score, score
from tests.deid.key import Key


def main() -> int:
    """Run as the command line says."""
    options = _options()
    tools: list[Ours | Peer] = [Ours()] if options.ours else []
    tools += [peer(name) for name in options.peers]
    written = []
    if options.real:
        written.append(real.report())
    else:
        written.append(table.scores(judged(tools, options.patients)))
        if options.rounds:
            plain = [Ours(pixels=False) if isinstance(tool, Ours) else tool for tool in tools]
            written.append(table.speeds(speed.speeds(plain, options.rounds)))
    print("\n".join(written))
    if options.markdown:
        options.markdown.write_text("\n".join(written))
    return 0


def judged(tools: list[Ours | Peer], patients: int) -> dict[str, Score]:
    """The score of each tool, by its title."""
    with TemporaryDirectory(prefix="bench-deid-") as folder:
        source = Path(folder, "source")
        key = make(source, patients=patients)
        found = {}
        for tool in tools:
            print(f"{tool.title} ...", file=sys.stderr)
            output = Path(folder, tool.name.replace(" ", "-"))
            made = tool.make(source, output)
            _tell(made)
            found[tool.title] = score(source, output, key, seen(made), paired=_paired(made, source, key))
        return found


def _paired(made: Made, source: Path, key: Key) -> dict[str, Path] | None:
    if not made.pairs:
        return None
    of = {source / name: uid for uid, name in key.files.items()}
    return {of[old]: new for old, new in made.pairs.items()}


def _tell(made: Made) -> None:
    for told in sorted(set(made.wrong.values())):
        print(f"  {sum(each == told for each in made.wrong.values())} x {told}", file=sys.stderr)


def _options() -> Namespace:
    parser = ArgumentParser(prog="bench.deid", description=__doc__)
    parser.add_argument("--patients", type=int, default=PATIENTS, help="in the corpus")
    parser.add_argument("--rounds", type=int, default=5, help="of the speed measurement; 0 for none")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=list(PEERS), help="the others")
    parser.add_argument("--no-ours", dest="ours", action="store_false", help="only the others")
    parser.add_argument(
        "--real", action="store_true", help="instead: ours on the real files of three packages"
    )
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
