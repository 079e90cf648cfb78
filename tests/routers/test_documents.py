"""Answers that are made while they are sent."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from app.routers.documents import DocumentStream
from app.wire.enclosure import array


@pytest.mark.parametrize(("gone", "batches_read"), [(True, 1), (False, 9)])
async def test_documents_are_read_for_those_who_listen(gone: bool, batches_read: int) -> None:
    """As with uvicorn: what is sent to a client that has left is passed over in silence."""
    read: list[int] = []
    closed: list[bool] = []
    sent: list[Any] = []

    async def batches() -> AsyncGenerator[list[bytes]]:
        try:
            for number in range(9):
                read.append(number)
                yield [b"{}"]
        finally:
            closed.append(True)

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect" if gone else "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    answer = DocumentStream(batches(), array("application/json"), "", "identity")
    await answer({"type": "http", "method": "GET"}, receive, send)
    assert (len(read), closed) == (batches_read, [True])
    assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
