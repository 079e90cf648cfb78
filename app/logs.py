"""What is logged, and how: one line an event, and never a value that came with a request or an instance.

An exception is logged as its type and the lines of code it passed through. Its message, and the values of
variables, may hold a patient's and are left out.
"""

import logging
import os
import sys
from collections.abc import Iterator, MutableMapping
from traceback import extract_tb
from typing import Any

import orjson
import structlog

Event = MutableMapping[str, Any]

FRAMES = 12
#: Their messages are their own words. Others keep their first line: asyncio's next ones show results.
TRUSTED = ("uvicorn", "alembic")


def configuration(level: str, form: str) -> dict[str, Any]:
    """For `logging.config.dictConfig`, in each process: our events and the libraries', to stderr.

    `form` is `json` or `console`. Libraries below WARNING are silent, but for uvicorn's own news.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"all": {"()": "app.logs.handler", "threshold": level.upper(), "form": form}},
        "root": {"handlers": ["all"], "level": "WARNING"},
        "loggers": {"uvicorn": {"level": "INFO" if level in {"debug", "info"} else level.upper()}},
    }


def handler(threshold: str, form: str) -> logging.Handler:
    """The handler of every library's log; setting it up sets up our own logger alike."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_values,
    ]
    render: Any = structlog.dev.ConsoleRenderer() if form == "console" else _json
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[threshold]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    libraries = logging.StreamHandler(sys.stderr)
    libraries.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _own_words, render],
        )
    )
    return libraries


def without_values(_: Any, __: str, event: Event) -> Event:
    """Replace `exc_info` by the types of the exception and its causes, and where it was raised."""
    error, _ = event.pop("exc_info", None), event.pop("stack_info", None)
    error = error[1] if isinstance(error, tuple) else sys.exc_info()[1] if error is True else error
    if isinstance(error, BaseException):
        event.update(told(error))
    return event


def told(error: BaseException) -> dict[str, Any]:
    """What may be said of an exception: its type and those of its causes, and the lines it passed through."""
    frames = extract_tb(error.__traceback__)[-FRAMES:]
    places = [f"{_place(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
    return {"error": " < ".join(_types(error)), "trace": places}


def _types(error: BaseException, seen: set[int] | None = None) -> Iterator[str]:
    # Causes may run in rings, also through a group and its members.
    seen = set() if seen is None else seen
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        inner = following.exceptions if isinstance(following, BaseExceptionGroup) else ()
        members = [" < ".join(_types(each, seen)) for each in inner]
        yield type(following).__name__ + "".join(f"[{member}]" for member in members if member)
        following = following.__cause__ or following.__context__


def _place(path: str) -> str:
    return os.sep.join(path.split(os.sep)[-3:])


def _own_words(_: Any, __: str, event: Event) -> Event:
    if not str(event.get("logger", "")).startswith(TRUSTED):
        event["event"] = str(event["event"]).partition("\n")[0]
    return event


def _json(_: Any, __: str, event: Event) -> str:
    return orjson.dumps(event, default=lambda value: type(value).__name__).decode()
