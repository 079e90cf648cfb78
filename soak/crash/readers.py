"""Retrieving in every form: an answer that claims to be whole must be, and hold what was acknowledged."""

import asyncio
import zipfile
from collections.abc import Awaitable, Callable
from hashlib import sha256
from io import BytesIO
from random import Random

import httpx

from soak.crash.clients import Run, told
from soak.crash.servers import Server

AS_STORED = {"accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
ONE = {"accept": "application/dicom; transfer-syntax=*"}
JSON = {"accept": "application/dicom+json"}
Ask = tuple[str, dict[str, str]]
#: Who reads does not do so without a pause: storing is to get on, too.
PAUSE = 0.02


async def retrieving(run: Run, who: str) -> None:
    """Retrieve what was acknowledged, until the run is over."""
    dice = run.dice(who)
    while not run.over:
        await asyncio.sleep(PAUSE)
        if run.ledger.by_series:
            await dice.choice(WAYS)(run, dice.choice(run.servers), dice)


async def _instance(run: Run, server: Server, dice: Random) -> None:
    uid = dice.choice(sorted(run.ledger.acknowledged))
    answer = await _ask(run, server, run.ledger.paths[uid], ONE)
    if answer is not None and sha256(answer.content).digest() != run.ledger.sent[uid]:
        run.ledger.wrong.append(f"{uid}: {len(answer.content)} other bytes, told as whole")


async def _series(run: Run, server: Server, dice: Random) -> None:
    series, known = _known(run, dice)
    answer = await _ask(run, server, series, AS_STORED)
    if answer is not None:
        _judge(run, f"{series} in parts", _parts(answer), known)


async def _zip(run: Run, server: Server, dice: Random) -> None:
    series, known = _known(run, dice)
    answer = await _ask(run, server, series, {"accept": "application/zip"})
    if answer is not None:
        with zipfile.ZipFile(BytesIO(answer.content)) as archive:
            members = [archive.read(name) for name in archive.namelist()]
        _judge(run, f"{series} as ZIP", members, known, alone=False)


async def _metadata(run: Run, server: Server, dice: Random) -> None:
    series, known = _known(run, dice)
    answer = await _ask(run, server, f"{series}/metadata", JSON)
    if answer is not None:
        _judge_uids(run, f"{series}/metadata", answer, known)


async def _search(run: Run, server: Server, dice: Random) -> None:
    series, known = _known(run, dice)
    answer = await _ask(run, server, f"{series}/instances?limit=5000", JSON)
    if answer is not None:
        _judge_uids(run, f"{series}/instances", answer, known)
        if int(answer.headers["x-total-count"]) != len(answer.json()):
            run.ledger.wrong.append(f"{series}: a total that is not that of the rows")


WAYS: tuple[Callable[[Run, Server, Random], Awaitable[None]], ...] = (
    _instance,
    _instance,
    _series,
    _zip,
    _metadata,
    _search,
)


async def _ask(run: Run, server: Server, path: str, headers: dict[str, str]) -> httpx.Response | None:
    with server.doing("retrievals"):
        answer = await told(run, "retrievals", lambda: server.client.get(path, headers=headers))
    if answer is not None and answer.status_code != 200:
        run.ledger.wrong.append(f"{path}: {answer.status_code} for what was acknowledged")
        return None
    return answer


def _known(run: Run, dice: Random) -> tuple[str, set[str]]:
    """A series' address, and which of its instances were acknowledged before anything is asked."""
    study, series = dice.choice(sorted(run.ledger.by_series))
    return f"studies/{study}/series/{series}", set(run.ledger.by_series[study, series])


def _parts(answer: httpx.Response) -> list[bytes]:
    """The bodies of a multipart answer, none where its end is missing."""
    boundary = answer.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    pieces = (b"\r\n" + answer.content).split(b"\r\n--" + boundary)
    whole = pieces[-1].startswith(b"--")
    return [each.partition(b"\r\n\r\n")[2] for each in pieces[1:-1]] if whole else []


def _judge(run: Run, what: str, parts: list[bytes], known: set[str], *, alone: bool = True) -> None:
    """Whether these are instances that were sent, whole, with all that are known among them."""
    digests = {sha256(each).digest() for each in parts}
    lost = {uid for uid in known if run.ledger.sent[uid] not in digests}
    foreign = digests - set(run.ledger.sent.values()) if alone else set()
    if lost or foreign:
        run.ledger.wrong.append(f"{what}: {len(lost)} lost, {len(foreign)} foreign")


def _judge_uids(run: Run, what: str, answer: httpx.Response, known: set[str]) -> None:
    found = {each["00080018"]["Value"][0] for each in answer.json()}
    if known - found or found - run.ledger.sent.keys():
        run.ledger.wrong.append(
            f"{what}: {len(known - found)} lost, {len(found - run.ledger.sent.keys())} foreign"
        )
