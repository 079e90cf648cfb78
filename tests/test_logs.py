import json
import subprocess
import sys

import pytest

from app.logs import told, without_values

PATIENT = "DOE^JANE"

PROGRAM = f"""
import asyncio, logging, logging.config, structlog, gc
from app import logs
logging.config.dictConfig(logs.configuration(LEVEL, FORM))
log = structlog.get_logger("readingroom")

def parse(name):
    raise ValueError(name)

def fail():
    try:
        parse("{PATIENT}")
    except ValueError as error:
        raise RuntimeError("{PATIENT}") from error

structlog.contextvars.bind_contextvars(request_id="r1")
log.debug("quiet")
log.info("request", status=200, odd=object())
try:
    fail()
except RuntimeError:
    log.error("request failed", exc_info=True)
    logging.getLogger("uvicorn.error").error("Exception in application", exc_info=True)
logging.getLogger("some.library").info("chatter")
logging.getLogger("some.library").warning("look\\n%s", "{PATIENT}")
logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)

async def forgotten():
    raise KeyError("{PATIENT}")

async def main():
    task = asyncio.ensure_future(forgotten())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()

asyncio.run(main())
"""


def said(level: str = "info", form: str = "json") -> str:
    program = PROGRAM.replace("LEVEL", repr(level)).replace("FORM", repr(form))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


def test_one_json_object_a_line() -> None:
    events = [json.loads(line) for line in said().splitlines()]
    assert [event["event"] for event in events] == [
        "request",
        "request failed",
        "Exception in application",
        "look",
        "Started server process [7]",
        "Task exception was never retrieved",
    ]
    assert events[0]["request_id"] == "r1"
    assert events[0]["level"] == "info"
    assert events[0]["status"] == 200
    assert events[0]["timestamp"].endswith("Z")
    assert events[4]["logger"] == "uvicorn.error"


def test_an_exception_is_its_types_and_places() -> None:
    events = [json.loads(line) for line in said().splitlines()]
    for event in events[1:3]:
        assert event["error"] == "RuntimeError < ValueError"
        assert event["trace"][-1].endswith(" fail")
    assert events[5]["error"] == "KeyError"


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_value_is_logged(form: str) -> None:
    text = said("debug", form)
    assert "quiet" in text
    assert PATIENT not in text
    assert "JANE" not in text


def test_levels() -> None:
    assert "request failed" in said("error")
    assert '"request"' not in said("error")
    assert "Started server" not in said("warning")


def test_groups_and_rings_of_causes_end() -> None:
    first, second = ValueError(PATIENT), KeyError(PATIENT)
    first.__context__, second.__context__ = second, first
    event = without_values(None, "error", {"exc_info": ExceptionGroup(PATIENT, [first, OSError(PATIENT)])})
    assert event["error"] == "ExceptionGroup[ValueError < KeyError][OSError]"
    assert event["trace"] == []


def test_a_ring_through_a_group_ends() -> None:
    member = ValueError(PATIENT)
    group = ExceptionGroup(PATIENT, [member])
    member.__context__ = group
    assert told(member)["error"] == "ValueError < ExceptionGroup"


def test_a_deep_chain_is_told() -> None:
    error: Exception = ValueError(PATIENT)
    for _ in range(5000):
        following = KeyError(PATIENT)
        following.__cause__ = error
        error = following
    assert told(error)["error"].endswith("< ValueError")
