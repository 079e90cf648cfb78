"""What the errors of a store over HTTP mean. Their own texts hold addresses and answers, and go nowhere."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError

from app.errors import Fact, ObjectExists, ObjectNotFound, StoreUnavailable

#: All that obstore raises: a missing object is Python's own FileNotFoundError.
ERRORS = (BaseError, OSError)
_STATUS = re.compile(r"status code: ([0-9]{3})")
#: What S3, Ceph, GCS and Azure say where the bucket is missing, with the status of a missing object.
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "bucket does not exist", "container does not exist")
#: What is made of servers that answer such a range otherwise than with 416, as Azurite does.
_BEYOND = ("Wanted range starting at", 'CONTENT_RANGE header: "bytes 0--1/0"')
#: RFC 4918 section 11.5, and the codes of servers that answer 403 or 500 where there is no room.
_FULL = ("status code: 507", "QuotaExceeded", "InsufficientStorage", "StorageFull", "InsufficientCapacity")


@contextmanager
def facts() -> Iterator[None]:
    """Raise ObjectNotFound, ObjectExists or StoreUnavailable for every error of the store inside."""
    try:
        yield
    except ERRORS as error:
        # Not chained: a traceback in the log would tell what the server said, perhaps of our credentials.
        raise fact(error) from None


def fact(error: Exception) -> Fact:
    """What an error means, in a sentence that names no address."""
    said = str(error)
    if any(sign in said for sign in _NO_BUCKET):
        return StoreUnavailable("The bucket of the object store is not there.")
    if isinstance(error, FileNotFoundError):
        return ObjectNotFound()
    if isinstance(error, AlreadyExistsError):
        return ObjectExists()
    if any(sign in said for sign in _FULL):
        return StoreUnavailable("The object store is full; free some space, then try again.")
    if isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError):
        return StoreUnavailable("The object store refuses the archive's credentials.")
    return StoreUnavailable()


def beyond_the_end(error: Exception) -> bool:
    """Whether the object has no byte at the beginning of the range that was asked for."""
    said = str(error)
    status = _STATUS.search(said)
    return (status is not None and status[1] == "416") or any(sign in said for sign in _BEYOND)
