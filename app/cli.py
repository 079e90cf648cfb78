"""The `readingroom` command."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from app.database import Database
from app.database import migrate as migrate_database
from app.deid_cli import analyze, deid
from app.keep_cli import keep
from app.settings import Settings
from app.terminal import on_database, said_plainly

T = TypeVar("T")

app = typer.Typer(
    help="Reading Room, an open imaging archive. For research, not for diagnosis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

people = typer.Typer(help="Who may sign in.", no_args_is_help=True)
app.add_typer(people, name="people")
app.add_typer(deid, name="deid")
app.command()(analyze)
app.add_typer(keep)


def _option(name: str) -> Any:
    # The help of an option is the setting's own docstring, so that each is explained once.
    described = Settings.model_fields[name].description or ""
    return typer.Option(f"--{name}", help=f"{' '.join(described.split())} (READINGROOM_{name.upper()})")


Data = Annotated[Path | None, _option("data")]
Host = Annotated[str | None, _option("host")]
Port = Annotated[int | None, _option("port")]
Workers = Annotated[int | None, _option("workers")]
Viewer = Annotated[Path | None, _option("viewer")]
DatabaseUrl = Annotated[str | None, _option("database")]
StoreUrl = Annotated[str | None, _option("store")]
PersonOption = Annotated[int, typer.Argument(help="Their number, as `people list` has it.", min=1)]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"readingroom {version('readingroom')}")
        raise typer.Exit


@app.callback()
def main(
    wanted: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Reading Room, an open imaging archive. For research, not for diagnosis."""


@app.command()
def serve(
    data: Data = None,
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    database: DatabaseUrl = None,
    store: StoreUrl = None,
    viewer: Viewer = None,
) -> None:
    """Start the archive."""
    from app.server import serve as run

    with said_plainly():
        settings = Settings.load(
            data=data,
            host=host,
            port=port,
            workers=workers,
            database=database,
            store=store,
            viewer=viewer,
        )
        run(settings, Console())


@app.command()
def work(data: Data = None, database: DatabaseUrl = None, store: StoreUrl = None) -> None:
    """Do what is to be done in the background, and answer nobody: for servers with READINGROOM_JOBS=false."""
    from app.labour import work as run

    with said_plainly():
        run(Settings.load(data=data, database=database, store=store), Console())


@app.command()
def migrate(data: Data = None, database: DatabaseUrl = None) -> None:
    """Bring the database to this version's schema; `serve` does so itself."""
    with said_plainly():
        asyncio.run(migrate_database(Settings.load(data=data, database=database).database_url))
        Console().print("The database is at this version's schema.")


@app.command()
def viewer(viewer: Viewer = None) -> None:
    """Fetch the OHIF viewer with npm, for `serve` to show at /viewer."""
    from app.ohif.package import VERSION, fetch

    with said_plainly():
        folder = Settings.load(viewer=viewer).viewer
        console = Console()
        if fetch(folder):
            console.print(f"OHIF {VERSION} is in {folder}; the archive shows it at /viewer.", soft_wrap=True)


@app.command()
def demo(
    url: Annotated[str, typer.Option(help="The archive's address.")] = "http://127.0.0.1:8080",
    token: Annotated[
        str | None,
        typer.Option(help="The owner's token.", envvar="READINGROOM_OWNER_TOKEN", show_envvar=True),
    ] = None,
) -> None:
    """Fill a running archive with the real studies of the packages pydicom and pydicom-data."""
    from app.demo import fill

    with said_plainly():
        fill(url.rstrip("/"), token, Console())


@people.command()
def add(
    name: Annotated[str, typer.Argument(help="What they sign in with.")],
    admin: Annotated[bool, typer.Option("--admin", help="They administer the archive.")] = False,
    auditor: Annotated[bool, typer.Option("--auditor", help="They read the audit.")] = False,
    pipeline: Annotated[bool, typer.Option("--pipeline", help="It has no password, only tokens.")] = False,
    data: Data = None,
    database: DatabaseUrl = None,
) -> None:
    """Make an account, and print its number; asks for its password."""
    from app.services import people

    given = None if pipeline else _ask_password()
    rights = {"admin": admin, "auditor": auditor}
    typer.echo(_on(data, database, lambda opened: people.add(opened, name, given, people.OPERATOR, **rights)))


@people.command("list")
def list_people(data: Data = None, database: DatabaseUrl = None) -> None:
    """List everybody: number, name, and what they are."""
    from app.services import people

    for each in _on(data, database, people.everybody):
        roles = [role for role in ("admin", "auditor", "disabled") if getattr(each, role)]
        typer.echo("\t".join([str(each.id), each.subject, each.issuer or "here", " ".join(roles)]))


@people.command()
def disable(person: PersonOption, data: Data = None, database: DatabaseUrl = None) -> None:
    """Let somebody in no more, whatever they send."""
    _change(person, data, database, disabled=True)


@people.command()
def enable(person: PersonOption, data: Data = None, database: DatabaseUrl = None) -> None:
    """Let somebody in again."""
    _change(person, data, database, disabled=False)


@people.command()
def change(
    person: PersonOption,
    admin: Annotated[bool | None, typer.Option(help="They administer the archive.")] = None,
    auditor: Annotated[bool | None, typer.Option(help="They read the audit.")] = None,
    data: Data = None,
    database: DatabaseUrl = None,
) -> None:
    """Make somebody an administrator or auditor, or no longer."""
    given = {"admin": admin, "auditor": auditor}
    _change(person, data, database, **{role: each for role, each in given.items() if each is not None})


@people.command()
def password(person: PersonOption, data: Data = None, database: DatabaseUrl = None) -> None:
    """Give somebody another password; wherever they are signed in, that ends."""
    from app.services import people

    given = _ask_password()
    _on(data, database, lambda opened: people.set_password(opened, person, given, people.OPERATOR))


@people.command()
def token(
    person: PersonOption,
    days: Annotated[int, typer.Option(min=1, max=366, help="After how many days it ends.")] = 90,
    data: Data = None,
    database: DatabaseUrl = None,
) -> None:
    """Make a token for somebody, such as a pipeline, and print it."""
    from app.services import people

    typer.echo(_on(data, database, lambda opened: people.give_token(opened, person, days, people.OPERATOR)))


def _change(person: int, data: Path | None, database: str | None, **values: bool) -> None:
    from app.services import people

    _on(data, database, lambda opened: people.change(opened, person, people.OPERATOR, **values))


def _ask_password() -> str:
    given: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return given


def _on(data: Path | None, database: str | None, work: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
    with said_plainly():
        return on_database(Settings.load(data=data, database=database), work)


@app.command()
def conformance() -> None:
    """Print the conformance statement (docs/conformance.md), made from the code's own tables."""
    from app.conformance import statement

    typer.echo(statement(), nl=False)


audit = typer.Typer(
    help="What was done, by whom: make sure of it, or take its anchors away.", no_args_is_help=True
)
app.add_typer(audit, name="audit")
Kept = Annotated[
    Path | None, typer.Option("--anchors", help="Compare with what `audit anchors` wrote earlier.")
]


@audit.command("verify")
def audit_verify(data: Data = None, database: DatabaseUrl = None, anchors: Kept = None) -> None:
    """Find entries that were changed, taken away or put elsewhere; 1 is the exit code where there are any."""
    from app.services import audit_check

    console = Console()
    with said_plainly(), Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Reading the audit", total=None)
        kept = audit_check.kept(anchors) if anchors else []
        found = on_database(
            Settings.load(data=data, database=database),
            lambda opened: audit_check.verify(
                opened, kept, lambda done, total: bar.update(task, completed=done, total=total)
            ),
        )
    for each in found:
        console.print(f"[red]{each.kind}[/red]: {escape(each.where)} ({each.said})", soft_wrap=True)
    if found:
        raise typer.Exit(1)
    console.print("The audit is as it was written.")


@audit.command("anchors")
def audit_anchors(data: Data = None, database: DatabaseUrl = None) -> None:
    """Print the anchors, a JSON object in each line, to be kept where nobody here can change them."""
    from app.services import audit_check

    with said_plainly():
        for each in on_database(Settings.load(data=data, database=database), audit_check.anchors):
            typer.echo(json.dumps(each))
