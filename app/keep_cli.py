"""`readingroom check`, `sweep`, `backup` and `restore`: what keeps an archive."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import Progress, TaskID
from rich.table import Table

from app.settings import Settings
from app.terminal import on_archive, progress, said_plainly

if TYPE_CHECKING:
    from app.archive import Archive
    from app.index.derived import Finding
    from app.services.backup_folders import Manifest

keep = typer.Typer()
Data = Annotated[Path | None, typer.Option(help="The archive's folder. (READINGROOM_DATA)")]
DatabaseUrl = Annotated[str | None, typer.Option(help="The archive's database. (READINGROOM_DATABASE)")]
StoreUrl = Annotated[str | None, typer.Option(help="Where its objects lie. (READINGROOM_STORE)")]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The backup's folder.")]
#: Findings that the table has; those beyond are counted.
SHOWN = 1000
#: Characters of a line of the table that is no terminal's.
WIDE = 160


class _Bars:
    """A bar for each thing that is done, one below the other."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._bars: dict[str, TaskID] = {}

    def told(self, what: str, done: int, total: int | None) -> None:
        if what not in self._bars:
            self._bars[what] = self._shown.add_task(what, total=total)
        self._shown.update(self._bars[what], completed=done, total=total)

    def waiting(self, holder: str) -> None:
        self.told(f"Waiting for a {holder or 'lease'} to end", 0, None)


class _Report:
    """What a check finds: told line by line as JSON, or gathered for a table."""

    def __init__(self, *, as_json: bool) -> None:
        self._json = as_json
        self._shown: list[Finding] = []
        self.counts: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()

    def take(self, finding: "Finding") -> None:
        self.counts[finding.kind] += 1
        self.wrong[finding.kind] += not finding.repaired
        if self._json:
            told = {name: getattr(finding, name) for name in ("kind", "where", "said", "repaired")}
            typer.echo(json.dumps(told))
        elif len(self._shown) < SHOWN:
            self._shown.append(finding)

    def end(self) -> None:
        if self._json:
            counts = {"wrong": self.wrong.total(), "found": dict(sorted(self.counts.items()))}
            typer.echo(json.dumps({**counts, "advice": self._advice()}))
        elif self._shown:
            # What goes into a file is cut nowhere.
            console = Console()
            (console if console.is_terminal else Console(width=WIDE)).print(self._table())
        if not self._json:
            typer.echo(self._sentence())
            for kind, advice in self._advice().items():
                typer.echo(f"{kind}: {advice}.")

    def _advice(self) -> dict[str, str]:
        from app.services.checks import ADVICE

        return {kind: ADVICE[kind] for kind in sorted(+self.wrong)}

    def _table(self) -> Table:
        table = Table("What", "Where", "How", "Repaired")
        for each in self._shown:
            table.add_row(each.kind, each.where, each.said, "yes" if each.repaired else "no")
        return table

    def _sentence(self) -> str:
        found = sum(self.counts.values())
        if not found:
            return "Rows, objects and indexes agree."
        more = f", of which {found - len(self._shown)} are not shown" if found > len(self._shown) else ""
        wrong = self.wrong.total()
        return f"{found} findings{more}: {found - wrong} repaired, {wrong} wrong."


@keep.command()
def check(
    deep: Annotated[bool, typer.Option("--deep", help="Read every object, for its SHA-256.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Tell counts, attributes and tag values anew.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object in each line.")] = False,
    data: Data = None,
    database: DatabaseUrl = None,
    store: StoreUrl = None,
) -> None:
    """Compare rows, objects and indexes; 1 is the exit code where something is wrong and was not repaired."""
    from app.services import checks

    report = _Report(as_json=as_json)
    with said_plainly(), progress() as shown:
        bars = _Bars(shown)

        async def work(archive: "Archive") -> None:
            async for finding in checks.check(archive, bars.told, deep=deep, repair=repair):
                report.take(finding)

        on_archive(Settings.load(data=data, database=database, store=store), work)
    report.end()
    if report.wrong.total():
        raise typer.Exit(1)


@keep.command()
def sweep(data: Data = None, database: DatabaseUrl = None, store: StoreUrl = None) -> None:
    """Delete the objects that no row named in two runs of this command, a day apart or more."""
    from app.services import sweeps

    with said_plainly(), progress() as shown:
        bars = _Bars(shown)
        swept = on_archive(
            Settings.load(data=data, database=database, store=store),
            lambda archive: sweeps.sweep(archive, bars.told, bars.waiting),
        )
    typer.echo(f"{swept.removed} objects were deleted, {decimal(swept.bytes)}.")
    if swept.waiting:
        typer.echo(
            f"{swept.waiting} are unreferenced: they are deleted by a run in a day, if they still are."
        )


@keep.command()
def backup(
    folder: Folder,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read the earlier backup's copies, and renew what rotted.")
    ] = False,
    data: Data = None,
    database: DatabaseUrl = None,
    store: StoreUrl = None,
) -> None:
    """Copy the database, then the objects that it names; over an earlier backup, only what is new."""
    from app.services import backups

    with said_plainly(), progress() as shown:
        bars = _Bars(shown)
        made = on_archive(
            Settings.load(data=data, database=database, store=store),
            lambda archive: backups.backup(archive, folder, bars.told, bars.waiting, deep=deep),
        )
    said = made.manifest
    typer.echo(f"{folder} holds {said.objects} objects, {decimal(said.bytes)}: {made.copied} are new.")
    _say_left_out(said)
    if said.missing:
        typer.echo(f"{said.missing} objects are missing or damaged: `readingroom check --deep` names them.")
        raise typer.Exit(1)


def _say_left_out(said: "Manifest") -> None:
    for need in said.needs:
        typer.echo(f"Not in it, keep it elsewhere: {need.name} ({need.purpose}).")
    if said.webhooks:
        typer.echo(f"Not in it, as they are secrets: {said.webhooks} webhooks.")


@keep.command()
def restore(
    folder: Folder,
    damaged: Annotated[
        bool, typer.Option("--damaged", help="Also where the backup has lost objects since.")
    ] = False,
    data: Data = None,
    database: DatabaseUrl = None,
    store: StoreUrl = None,
) -> None:
    """Make the archive of a backup in an empty place, and verify it."""
    from app.services import restores

    with said_plainly(), progress() as shown:
        settings = Settings.load(data=data, database=database, store=store)
        done = asyncio.run(restores.restore(settings, folder, _Bars(shown).told, damaged=damaged))
    said = done.manifest
    typer.echo(f"The archive is as it was at {said.at}: {said.objects} objects, {decimal(said.bytes)}.")
    for need in done.needs:
        typer.echo(f"It needs {need.name}, so that {need.purpose}.")
    if said.webhooks:
        typer.echo(f"{said.webhooks} webhooks are to be made anew: their secrets are in no backup.")
    if done.missing:
        typer.echo(f"{done.missing} objects are missing: `readingroom check` names them.")
        raise typer.Exit(1)
