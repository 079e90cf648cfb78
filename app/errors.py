"""Facts that can go wrong, said without HTTP: one table at the edge gives each its status code.

Raise the most exact fact; `detail` is a sentence for the person who sent the request. It says what to do next
and never repeats a patient's values.
"""

from typing import NamedTuple


class Fact(Exception):  # noqa: N818 (it states a fact)
    """Anything this project raises on purpose. `more` are members of the problem that the caller is told."""

    def __init__(self, detail: str = "", **more: object) -> None:
        super().__init__(detail)
        self.detail = detail or (self.__doc__ or "").strip().splitlines()[0]
        self.more = more


class NotFound(Fact):
    """No such resource, or none that you may see."""


class Gone(Fact):
    """It is not there any more."""


class InvalidRequest(Fact):
    """The request cannot be understood."""


class InvalidQuery(InvalidRequest):
    """The search parameters cannot be understood."""


class MalformedMultipart(InvalidRequest):
    """The multipart body cannot be read."""


class NotModified(Fact):
    """The client holds this resource as it is."""

    def __init__(self, etag: str) -> None:
        super().__init__()
        self.etag = etag


class NotAcceptable(Fact):
    """None of the media types in Accept can be sent for this resource."""

    def __init__(self, detail: str = "", offered: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.offered = offered


class UnsupportedMediaType(Fact):
    """The body's media type is not one this resource takes."""


class TooLarge(Fact):
    """The body is larger than this archive takes."""


class TooMuchToConvert(TooLarge):
    """One request would have too much converted: ask for less of it, or as stored with transfer-syntax=*."""


class RangeNotSatisfiable(Fact):
    """The requested byte range lies outside the resource."""

    def __init__(self, size: int) -> None:
        super().__init__(f"The resource has {size} bytes; ask for a range within them.")
        self.size = size


class NotSignedIn(Fact):
    """This archive needs sign-in: send 'Authorization: Bearer' with a token."""


class Allowance(NamedTuple):
    """How often one may try: `most` times in so many seconds; `left` times now, more in `wait` seconds."""

    policy: str
    most: int
    seconds: int
    left: int
    wait: int


class InvalidToken(NotSignedIn):
    """What you sent to sign in is not known here, has ended, or was taken back."""

    def __init__(self, detail: str = "", allowance: Allowance | None = None) -> None:
        super().__init__(detail)
        self.allowance = allowance


class Forbidden(Fact):
    """You may not do this."""


class Conflict(Fact):
    """It was changed since you read it, or there is one already."""


class PreconditionFailed(Fact):
    """It was changed since you read it: read it again, and repeat the change."""


class TooMany(Fact):
    """Too many requests in too short a time: wait, and try again."""

    def __init__(self, allowance: Allowance) -> None:
        super().__init__()
        self.allowance = allowance


class InvalidInstance(Fact):
    """The bytes are not a DICOM Part 10 instance that can be kept."""


class InvalidPolicy(Fact):
    """The policy of de-identification cannot be followed as it stands."""


class CannotDecode(Fact):
    """The pixel data cannot be decoded: no codec for it, or a damaged code stream."""


class CodecFailed(CannotDecode):
    """A codec crashed, or took too long or too much memory: perhaps not because of what it was given."""


class CannotEncode(Fact):
    """These pixel data cannot be sent in that transfer syntax: ask for another, or as stored."""


class ObjectNotFound(Fact):
    """The store has no object of this key."""


class ObjectExists(Fact):
    """The store already has an object of this key."""


class ObjectTruncated(Fact):
    """The stored object is shorter than the index says."""


class InvalidKey(Fact):
    """This is not the key of an object."""


class StoreUnavailable(Fact):
    """The object store does not answer; try again later."""


class DatabaseUnavailable(Fact):
    """The database does not answer; try again later."""


class KeyUnavailable(Fact):
    """The key with which this collection de-identifies is not there, or is another one."""


class ProviderUnavailable(Fact):
    """The OpenID provider does not answer; try again later."""


class RemoteRefused(Fact):
    """Another service will not do what it was asked, however often it is asked."""


class RemoteUnavailable(Fact):
    """Another service does not answer, or asks to be asked later."""

    def __init__(self, detail: str = "", seconds: float = 0) -> None:
        super().__init__(detail)
        self.seconds = seconds


class FetchFailed(Fact):
    """What was to be fetched was not to be had, or is not what it should be."""


class Misconfigured(Fact):
    """A setting is missing or contradicts another."""
