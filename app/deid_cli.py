"""`readingroom deid` and `readingroom analyze`: what a submitter does before sending."""

import csv
import json
import os
import re
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from app.errors import Misconfigured
from app.keyring import KEY_BYTES
from app.settings import Settings
from app.terminal import on_database, progress, said_plainly

if TYPE_CHECKING:
    from app.deid.policy import Policy

#: What stands in both Patient ID and Patient's Name (PS3.5 section 6.2).
_IDENTIFIER = re.compile(r"[^\\^=\x00-\x1f]{1,64}")
#: The command's exit status when something needs a person.
FOR_A_PERSON = 3


class _RunsByDefault(TyperGroup):
    """`deid SRC DST` is `deid run SRC DST`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


deid = typer.Typer(
    help="De-identify by DICOM PS3.15 Annex E: `deid SRC DST --policy P --key-file K`.",
    cls=_RunsByDefault,
    no_args_is_help=True,
)

PolicyOption = Annotated[str, typer.Option("--policy", help="A policy: a YAML file, or one of basic, tcia.")]


@deid.command()
def run(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A folder, or one file.")],
    target: Annotated[Path, typer.Argument(metavar="DST", help="Where the de-identified instances go.")],
    key_file: Annotated[Path, typer.Option("--key-file", help="The key; `deid key FILE` makes one.")],
    policy: PolicyOption = "tcia",
    crosswalk: Annotated[
        Path | None, typer.Option(help="Keep which identifier became which here, for yourself alone.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Log, certificate, quarantine. By default DST with -record behind it.")
    ] = None,
    patients: Annotated[
        Path | None, typer.Option(help="CSV id_old,id_new, for policies that name patients by a table.")
    ] = None,
    processes: Annotated[int, typer.Option(help="By default one for each core.", min=0)] = 0,
) -> None:
    """De-identify SRC into DST. Run again, it goes on where it stopped.

    Exit status 0: all done. 3: something needs a person; DST-record/reasons.csv says what.
    """
    from app.submitter import run as runs

    folder = record or target.with_name(f"{target.name}-record")
    with said_plainly(), progress() as bars:
        asked = runs.Run(
            source, target, folder, load(policy), read_key(key_file), crosswalk, _table(patients), processes
        )
        outcome = runs.run(asked, lambda steps, text, total: bars.track(steps, total, description=text))
    console = Console()
    console.print(
        f"{outcome.written} of {outcome.files} files de-identified into {target}.",
        soft_wrap=True,
        markup=False,
    )
    if outcome.for_a_person:
        where = folder / "reasons.csv"
        console.print(f"{outcome.for_a_person} things need a person: {where}", soft_wrap=True, markup=False)
        raise typer.Exit(FOR_A_PERSON)


@deid.command()
def key(path: Annotated[Path, typer.Argument(metavar="FILE")]) -> None:
    """Make a key. Who has it can tell who is who; without it nobody can go on with the same pseudonyms."""
    with said_plainly():
        make_key(path)


@deid.command()
def export(
    collection: Annotated[str, typer.Argument(metavar="COLLECTION")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where patient.csv and uid.csv go.")],
    data: Annotated[Path | None, typer.Option(help="The archive's folder.")] = None,
    database: Annotated[str | None, typer.Option(help="The archive's database.")] = None,
) -> None:
    """Write which identifier became which in a collection of this archive, for the holder of its key."""
    from app.keyring import Keyring
    from app.services import crosswalks

    with said_plainly():
        settings = Settings.load(data=data, database=database)
        keyring = Keyring(settings.keys or settings.data / "keys")
        written = on_database(settings, lambda opened: crosswalks.export(opened, keyring, collection, folder))
        typer.echo(f"{written['patient']} patients and {written['uid']} UIDs are in {folder}.")


@deid.command()
def forget(
    collection: Annotated[str, typer.Argument(metavar="COLLECTION")],
    data: Annotated[Path | None, typer.Option(help="The archive's folder.")] = None,
    database: Annotated[str | None, typer.Option(help="The archive's database.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete the crosswalk of a collection of this archive: nobody can tell any more who was who."""
    from app.services import crosswalks

    with said_plainly():
        settings = Settings.load(data=data, database=database)
        if not yes:
            typer.confirm(f"Delete the crosswalk of {collection} for ever?", abort=True)
        gone = on_database(settings, lambda opened: crosswalks.forget(opened, collection))
        typer.echo(f"{gone} sealed rows are gone. Delete the key too.")


@deid.command()
def explain(
    policy: Annotated[str, typer.Argument(metavar="POLICY")],
    tag: Annotated[str, typer.Argument(metavar="TAG", help="A keyword, a tag, or gggg00ee[creator].")],
    sop_class: Annotated[str, typer.Option(help="The class of object, where it matters.")] = "",
) -> None:
    """Say what a policy does to an attribute, and which rules speak of it."""
    with said_plainly():
        from app.deid.decisions import Decisions
        from app.dicom import attributes

        found = attributes.find(tag)
        if found is None:
            raise Misconfigured(f"{tag} is no attribute: write a keyword, a tag, or gggg00ee[creator].")
        rules = Decisions(load(policy), sop_class).explained(found)
    table = Table("", "Action", "Rule", box=None)
    for number, rule in enumerate(rules):
        table.add_row("→" if number == 0 else "", rule.action, rule.rule)
    console = Console()
    console.print(found.keyword or found.key, style="bold", markup=False, highlight=False)
    console.print(table)


def analyze(
    source: Annotated[Path, typer.Argument(metavar="DIR", help="A folder, or one file.")],
    policy: PolicyOption = "tcia",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Report on what would be sent: what would go, is unknown, looks like identifiers or is invalid.

    Nothing is written.
    """
    from app.submitter.analysis import analysed, said

    with said_plainly(), progress() as bars:
        chosen = load(policy)
        report = analysed(source, chosen, lambda *step: bars.track(step[0], step[2], description=step[1]))
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        said(report, Console())


def make_key(path: Path) -> None:
    """A new key in a new file. Raises Misconfigured where there is one."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Misconfigured(f"No key was made at {path}: {error.strerror}.") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(token_bytes(KEY_BYTES))


def load(name: str) -> "Policy":
    """A preset, or the policy in a file. Raises InvalidPolicy or Misconfigured."""
    # Not before: `serve` is this command too, and keeps pydicom's decoders out of its process.
    from app.deid import policy as policies

    if name in policies.PRESETS:
        return policies.preset(name)
    try:
        return policies.parse(Path(name).read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(
            f"{name} is no file that can be read, nor one of {', '.join(policies.PRESETS)}."
        ) from None


def read_key(path: Path) -> bytes:
    """The key in a file. Raises Misconfigured where there is none."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured(
            f"No key can be read at {path} ({error.strerror}): make one with `readingroom deid key {path}`."
        ) from None


def _table(path: Path | None) -> dict[str, str] | None:
    if path is None:
        return None
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            pairs = [(row["id_old"].strip(), row["id_new"].strip()) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, KeyError, AttributeError, csv.Error):
        raise Misconfigured(f"{path} is no CSV with the columns id_old and id_new.") from None
    return _one_to_one(pairs, path)


def _one_to_one(pairs: list[tuple[str, str]], path: Path) -> dict[str, str]:
    """Two patients never become one, nor one two: their dates would no longer fit together."""
    named = dict(pairs)
    if not len(set(pairs)) == len(named) == len(set(named.values())):
        raise Misconfigured(f"{path} gives two patients one identifier, or one patient two.")
    if not all(_IDENTIFIER.fullmatch(new) for new in named.values()):
        raise Misconfigured(f"{path} has an id_new that is no identifier: 1 to 64 characters, no \\, ^, =.")
    return named
