from collections.abc import Callable

import pytest
from obstore import exceptions

from app.errors import Fact, ObjectExists, ObjectNotFound, StoreUnavailable
from app.storage.refusals import beyond_the_end, fact, facts

SAID = "Error performing GET https://host/bucket/key - Server returned non-2xx status code: "


@pytest.mark.parametrize(
    ("error", "kind", "word"),
    [
        (FileNotFoundError(f"{SAID}404 Not Found: <Code>NoSuchKey</Code>"), ObjectNotFound, ""),
        (FileNotFoundError(f"{SAID}404 Not Found: <Code>NoSuchBucket</Code>"), StoreUnavailable, "bucket"),
        (FileNotFoundError(f"{SAID}404: The specified bucket does not exist."), StoreUnavailable, "bucket"),
        (FileNotFoundError(f"{SAID}404: <Code>ContainerNotFound</Code>"), StoreUnavailable, "bucket"),
        (exceptions.AlreadyExistsError("key"), ObjectExists, ""),
        (exceptions.PermissionDeniedError(f"{SAID}403"), StoreUnavailable, "credentials"),
        (exceptions.UnauthenticatedError(f"{SAID}401"), StoreUnavailable, "credentials"),
        (exceptions.PermissionDeniedError(f"{SAID}403: QuotaExceeded"), StoreUnavailable, "full"),
        (exceptions.GenericError(f"{SAID}507"), StoreUnavailable, "full"),
        (exceptions.GenericError(f"{SAID}500"), StoreUnavailable, "answer"),
        (ConnectionResetError(), StoreUnavailable, "answer"),
    ],
)
def test_what_an_error_means(error: Exception, kind: type[Fact], word: str) -> None:
    found = fact(error)
    assert type(found) is kind
    assert word in found.detail
    assert "host" not in found.detail

    def fail() -> None:
        with facts():
            raise error

    with pytest.raises(kind) as raised:
        fail()
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize("kind", [KeyError, RuntimeError, ObjectExists])
def test_what_is_no_error_of_the_store_passes(kind: Callable[[], Exception]) -> None:
    with pytest.raises(kind), facts():  # type: ignore[call-overload]
        raise kind()


def test_a_range_beyond_the_end() -> None:
    assert beyond_the_end(exceptions.GenericError(f"{SAID}416 Range Not Satisfiable: 404"))
    assert beyond_the_end(exceptions.GenericError('CONTENT_RANGE header: "bytes 0--1/0"'))
    assert beyond_the_end(exceptions.GenericError("Wanted range starting at 10, but object was only 10 long"))
    assert not beyond_the_end(exceptions.GenericError('CONTENT_RANGE header: "bytes 0-9/10"'))
    assert not beyond_the_end(exceptions.GenericError(f"{SAID}404: 416"))
    assert not beyond_the_end(exceptions.GenericError("status code: "))
