"""Versions of collections, what changed between them, and the feed of changes."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from app.errors import InvalidRequest
from app.index.changes import START, Change, Counts, Cursor
from app.registry.versions import Version, Withdrawal
from app.routers.addresses import public_url
from app.routers.api import PREFIX, After, Limit, Page, problems
from app.routers.dependencies import ACaller, AnArchive
from app.routers.representations import send
from app.routers.words import Uid
from app.services import purges, versions
from app.services.versions import Step
from app.wire import csv_out

router = APIRouter(prefix=PREFIX, tags=["versions"])

_UNSAID = Field(default="", examples=[""])
#: A UID, or the empty text for all of what is above it.
_Part = Annotated[str, Field(pattern=r"^([0-9]+(\.[0-9]+)*)?$", max_length=64)]
Note = Annotated[str, Field(max_length=3_000, pattern=r"^[^\x00]*$")]
Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="The number of the version", examples=[1])]
_Since = Annotated[int, Query(alias="from", ge=0, le=2**31 - 1, description="0: before the first version")]
_Until = Annotated[int | None, Query(alias="to", ge=0, le=2**31 - 1, description="The latest by default")]


class AWithdrawal(BaseModel):
    """What is to be withdrawn: a study, a series of it, or an instance."""

    model_config = ConfigDict(extra="forbid")

    study: Uid = Field(examples=["1.2.3"])
    series: _Part = Field(default="", examples=["1.2.3.4"])
    instance: _Part = Field(default="", examples=[""])
    reason: Annotated[str, Field(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")] = Field(
        examples=["Consent was withdrawn"]
    )

    def said(self) -> Withdrawal:
        """As the registry has it. Raises InvalidRequest for an instance of no series."""
        if self.instance and not self.series:
            raise InvalidRequest("An instance is named with its series.")
        return Withdrawal(self.study, self.series, self.instance, self.reason)


class NewVersion(BaseModel):
    """A version to be published."""

    model_config = ConfigDict(extra="forbid")

    note: Note = Field(default="", description="What its people say of it", examples=["Two series corrected"])
    submissions: (
        Annotated[list[Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]], Field(max_length=1_000)] | None
    ) = Field(
        default=None,
        description="Those to publish; by default all that are approved",
        examples=[["5f0c8a1e9b7d4c2f5f0c8a1e9b7d4c2f"]],
    )
    withdraw: Annotated[list[AWithdrawal], Field(max_length=10_000)] = []


class CountsOut(BaseModel):
    """How many series changed, and how many instances and bytes there are more (or fewer)."""

    series_added: int = Field(examples=[2])
    series_replaced: int = Field(examples=[1])
    series_withdrawn: int = Field(examples=[0])
    instances: int = Field(examples=[120])
    bytes: int = Field(examples=[63000000])


class VersionOut(BaseModel):
    """A version: what the collection held when it was published. It never changes."""

    collection: str = Field(examples=["chest-ct"])
    version: int = Field(examples=[2])
    note: str = Field(examples=["Two series corrected"])
    doi: str | None = Field(examples=["10.1234/abcd-1234"])
    published_at: datetime
    changes: CountsOut = Field(description="Of what you may find, since the version before")
    dicom_web: str = Field(examples=["https://archive.example.org/collections/chest-ct/versions/2/dicom-web"])


class ChangeOut(BaseModel):
    """A series that differs between two versions."""

    change: Literal["added", "replaced", "withdrawn"] = Field(examples=["replaced"])
    study: str = Field(examples=["1.2.3"])
    series: str = Field(examples=["1.2.3.4"])
    modality: str = Field(examples=["CT"])
    instances_before: int = Field(examples=[120])
    instances_after: int = Field(examples=[121])
    bytes_before: int = Field(examples=[63000000])
    bytes_after: int = Field(examples=[63500000])


class FedOut(ChangeOut):
    """The same, and by which version it came."""

    collection: str = Field(examples=["chest-ct"])
    version: int = Field(examples=[2])
    published_at: datetime


class AttributeOut(BaseModel):
    """An attribute that differs in replaced instances, with the values of one of them."""

    path: str = Field(examples=["00081030"])
    before: str = Field(examples=['["CHEST"]'])
    after: str = Field(examples=['["THORAX"]'])
    instances: int = Field(examples=[120])


class InstancesOut(ChangeOut):
    """The same, by instances, and what differs in those that were replaced."""

    added: list[str] = Field(examples=[["1.2.3.4.121"]])
    replaced: list[str] = Field(examples=[["1.2.3.4.7"]])
    withdrawn: list[str] = Field(examples=[[]])
    attributes: list[AttributeOut]


@router.post(
    "/collections/{collection}/versions", status_code=201, responses=problems(400, 401, 403, 404, 409)
)
async def publish_version(
    request: Request,
    response: Response,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    new: NewVersion,
) -> VersionOut:
    """Publish what was approved as the next version; for those who curate or own the whole collection."""
    leaving = [each.said() for each in new.withdraw]
    made = await versions.publish_version(archive, caller, collection, new.note, new.submissions, leaving)
    _, counts = await versions.one(archive, caller, collection, made.number)
    host = public_url(request, archive)
    address = f"{host}{PREFIX}/collections/{quote(collection, safe='')}/versions/{made.number}"
    response.headers["Location"] = address
    return _version(host, collection, made, counts)


@router.get(
    "/collections/{collection}/versions", response_model=Page[VersionOut], responses=problems(400, 401, 404)
)
async def list_versions(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    after: After = "0",
    limit: Limit = 100,
) -> Response:
    """List the versions of a collection, the first one first."""
    found = await versions.page(archive, caller, collection, _number(after), limit + 1)
    host = public_url(request, archive)
    items = [_version(host, collection, *each) for each in found[:limit]]
    following = str(items[-1].version) if len(found) > limit else None
    return send(request, Page[VersionOut](items=items, next=following))


@router.get(
    "/collections/{collection}/versions/{version}",
    response_model=VersionOut,
    responses=problems(400, 401, 404),
)
async def get_version(
    request: Request, archive: AnArchive, caller: ACaller, collection: str, version: Number
) -> Response:
    """Describe a version, and count what it changed."""
    found = await versions.one(archive, caller, collection, version)
    return send(request, _version(public_url(request, archive), collection, *found))


@router.get(
    "/collections/{collection}/versions/{version}/changes",
    response_model=Page[ChangeOut],
    responses=problems(400, 401, 404),
)
async def version_changes(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    version: Number,
    after: After = "",
    limit: Limit = 100,
) -> Response:
    """List the series that a version added, replaced or withdrew, of those that you may find."""
    return send(request, await _changes(archive, caller, collection, version - 1, version, after, limit))


@router.get(
    "/collections/{collection}/versions/{version}/changes/{series}",
    response_model=Page[InstancesOut],
    responses=problems(400, 401, 404),
)
async def series_changes(
    request: Request, archive: AnArchive, caller: ACaller, collection: str, version: Number, series: str
) -> Response:
    """Tell what became of each instance of a series, and which attributes of replaced ones differ."""
    span = version - 1, version
    found = await versions.of_series(archive, caller, collection, *span, series.replace("\0", "?"))
    return send(request, Page[InstancesOut](items=[_instances(*each) for each in found]))


@router.get(
    "/collections/{collection}/diff", response_model=Page[ChangeOut], responses=problems(400, 401, 404)
)
async def diff(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    since: _Since,
    until: _Until = None,
    after: After = "",
    limit: Limit = 100,
) -> Response:
    """List the series that differ between two versions, of those that you may find."""
    return send(request, await _changes(archive, caller, collection, since, until, after, limit))


@router.get(
    "/collections/{collection}/diff.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}, **problems(400, 401, 404)},
)
async def diff_manifest(
    request: Request,
    archive: AnArchive,
    caller: ACaller,
    collection: str,
    since: _Since,
    until: _Until = None,
) -> Response:
    """Tell what to fetch and what to delete to get from one version to another, of what you may download."""
    steps = await versions.manifest(archive, caller, collection, since, until)
    version = f"/versions/{until}" if until else ""
    root = f"{public_url(request, archive)}/collections/{quote(collection, safe='')}{version}/dicom-web"
    name = f'attachment; filename="{collection}-from-{since}.csv"'
    head = {"Content-Disposition": name, "Cache-Control": "private, no-cache"}
    return StreamingResponse(_lines(root, steps), media_type="text/csv; charset=utf-8", headers=head)


class PurgedOut(BaseModel):
    """How much was destroyed."""

    instances: int = Field(examples=[1])
    bytes: int = Field(examples=[526000])


@router.post("/collections/{collection}/purges", responses=problems(400, 401, 403, 404))
async def purge(archive: AnArchive, caller: ACaller, collection: str, wanted: AWithdrawal) -> PurgedOut:
    """Destroy a study, a series or an instance for good, in all versions, carts and drafts; owners only."""
    found = await purges.purge(archive, caller, collection, wanted.said())
    return PurgedOut(instances=found.instances, bytes=found.bytes)


@router.get("/changes", response_model=Page[FedOut], responses=problems(400, 401))
async def feed(
    request: Request, archive: AnArchive, caller: ACaller, after: After = "", limit: Limit = 100
) -> Response:
    """List what each published version changed of what you may find, in the order of publication.

    `next` is there as long as anything is listed: keep it, and ask with it for what came since.
    """
    found = await versions.feed(archive, caller, _place(after), limit)
    items = [
        FedOut(
            **_change(change).model_dump(),
            collection=known.slug,
            version=version.number,
            published_at=version.published_at,
        )
        for known, version, change in found
    ]
    following = after or None
    if found:
        _, version, change = found[-1]
        following = f"{version.id}/{change.series}/{change.unit}"
    return send(request, Page[FedOut](items=items, next=following))


async def _changes(
    archive: AnArchive, caller: ACaller, slug: str, since: int, until: int | None, after: str, limit: int
) -> Page[ChangeOut]:
    found = await versions.differences(archive, caller, slug, since, until, _cursor(after), limit + 1)
    more = len(found) > limit
    following = f"{found[limit - 1].series}/{found[limit - 1].unit}" if more else None
    return Page[ChangeOut](items=[_change(each) for each in found[:limit]], next=following)


def _version(host: str, slug: str, version: Version, counts: Counts) -> VersionOut:
    return VersionOut(
        collection=slug,
        version=version.number,
        note=version.note,
        doi=version.doi or None,
        published_at=version.published_at,
        changes=CountsOut(
            series_added=counts.added,
            series_replaced=counts.replaced,
            series_withdrawn=counts.withdrawn,
            instances=counts.instances,
            bytes=counts.bytes,
        ),
        dicom_web=f"{host}/collections/{quote(slug, safe='')}/versions/{version.number}/dicom-web",
    )


def _change(change: Change) -> ChangeOut:
    told = {name: getattr(change, name) for name in ChangeOut.model_fields if name != "change"}
    return ChangeOut(change=change.kind, **told)


def _instances(change: Change, found: versions.Instances) -> InstancesOut:
    names = "path", "before", "after", "instances"
    return InstancesOut(
        **_change(change).model_dump(),
        added=list(found.added),
        replaced=list(found.replaced),
        withdrawn=list(found.withdrawn),
        attributes=[AttributeOut(**dict(zip(names, each, strict=True))) for each in found.attributes],
    )


async def _lines(root: str, steps: AsyncIterator[list[Step]]) -> AsyncIterator[bytes]:
    yield csv_out.lines([("action", "study", "series", "instance", "sha256", "bytes", "url")])
    async for found in steps:
        yield csv_out.lines(_line(root, each) for each in found)


def _line(root: str, step: Step) -> tuple[str | int, ...]:
    address = f"{root}/studies/{step.study}/series/{step.series}/instances/{step.instance}"
    named = step.act, step.study, step.series, step.instance, step.sha256, step.size
    return (*named, address if step.act == "fetch" else "")


def _number(after: str) -> int:
    if not (after.isascii() and after.isdigit() and len(after) < 10):
        raise InvalidRequest("The parameter after takes what `next` gave.")
    return int(after)


def _cursor(after: str) -> Cursor:
    series, _, unit = after.rpartition("/")
    if not after:
        return START
    if not (unit.isascii() and unit.isdigit() and len(unit) < 19) or "\0" in after:
        raise InvalidRequest("The parameter after takes what `next` gave.")
    return series, int(unit)


def _place(after: str) -> tuple[int, Cursor]:
    version, _, rest = after.partition("/")
    if not after:
        return 0, START
    if not (version.isascii() and version.isdigit() and len(version) < 19):
        raise InvalidRequest("The parameter after takes what `next` gave.")
    return int(version), _cursor(rest)
