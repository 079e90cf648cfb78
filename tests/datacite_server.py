"""DataCite's REST API as far as it is used, as strict as the real one, on a port of this machine."""

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

from datacite import schema45

MEDIA_TYPE = "application/vnd.api+json"
PREFIX, REPOSITORY, PASSWORD = "10.5072", "TEST.ARCHIVE", "the-password-of-datacite"
DOMAIN = "archive.test"
#: From which states an event leads to which.
EVENTS = {
    "register": ({"draft"}, "registered"),
    "publish": ({"draft", "registered"}, "findable"),
    "hide": ({"findable"}, "registered"),
}
_NOT_METADATA = {"url", "event", "prefix", "suffix"}


@dataclass
class Fake:
    """What it holds, what it was sent, and how it behaves. `answers` are statuses to give before its own."""

    url: str = ""
    dois: dict[str, dict[str, Any]] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    sent: list[tuple[str, str, Any]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    seconds: float = 0
    #: What is asked by this method is done, and never answered.
    silent_after: str = ""

    def handle(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, Any, dict[str, str]]:
        doi = unquote(path.removeprefix("/dois").strip("/")).lower()
        self.sent.append((method, doi, json.loads(body) if body else None))
        if self.answers:
            status, more = self.answers.pop(0)
            return status, _errors("busy", "try later"), more
        basic = b64encode(f"{REPOSITORY}:{PASSWORD}".encode()).decode()
        if headers.get("Authorization") != f"Basic {basic}":
            return 401, _errors("account", "Bad credentials."), {}
        if body and headers.get("Content-Type") != MEDIA_TYPE:
            return 415, _errors("body", "The media type is not supported."), {}
        if method == "GET":
            return (200, self._told(doi), {}) if doi in self.dois else (404, _errors("doi", "Unknown."), {})
        if method == "DELETE":
            return self._delete(doi)
        try:
            attributes = json.loads(body)["data"]["attributes"]
        except (ValueError, LookupError, TypeError):
            return 400, _errors("body", "Malformed."), {}
        return self._write(method, doi or attributes.get("doi", "").lower(), attributes)

    def _delete(self, doi: str) -> tuple[int, Any, dict[str, str]]:
        if doi not in self.dois:
            return 404, _errors("doi", "Unknown."), {}
        if self.dois[doi]["state"] != "draft":
            return 405, _errors("doi", "Only drafts can be deleted."), {}
        del self.dois[doi]
        return 204, None, {}

    def _write(self, method: str, doi: str, attributes: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        if not doi.startswith(f"{PREFIX}/") or doi in self.others:
            return 403, _errors("doi", "You are not authorized."), {}
        if method == "POST" and doi in self.dois:
            return 422, _errors("doi", "This DOI has already been taken"), {}
        held = self.dois.get(doi, {"state": "draft", "url": None})
        new = {**held, **{name: value for name, value in attributes.items() if name != "event"}}
        if problem := self._problem(held["state"], new, attributes.get("event")):
            return 422, _errors(*problem), {}
        if event := attributes.get("event"):
            new["state"] = EVENTS[event][1]
        created = doi not in self.dois
        self.dois[doi] = new
        return 201 if created else 200, self._told(doi), {}

    def _problem(self, state: str, new: dict[str, Any], event: str | None) -> tuple[str, str] | None:
        if event is not None and (event not in EVENTS or state not in EVENTS[event][0]):
            return "event", "This transition is not allowed."
        if new.get("url") and urlsplit(new["url"]).hostname != DOMAIN:
            return "url", "The URL's domain is not allowed by the repository."
        if (EVENTS[event][1] if event else state) == "draft":
            return None
        if not new.get("url"):
            return "url", "Can't be blank."
        metadata = {name: value for name, value in new.items() if name not in {*_NOT_METADATA, "state"}}
        error = next(schema45.validator.iter_errors(metadata), None)
        return ("/".join(map(str, error.absolute_path)) or "metadata", error.validator) if error else None

    def _told(self, doi: str) -> dict[str, Any]:
        return {"data": {"id": doi, "type": "dois", "attributes": self.dois[doi]}}


def _errors(source: str, title: str) -> dict[str, Any]:
    return {"errors": [{"source": source, "title": title}]}


@contextmanager
def datacite(port: int = 0) -> Iterator[Fake]:
    """Serve it until the end of the block."""
    fake = Fake()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            time.sleep(fake.seconds)
            status, told, more = fake.handle(self.command, urlsplit(self.path).path, self.headers, body)
            if self.command == fake.silent_after:
                time.sleep(600)
            data = json.dumps(told).encode() if told is not None else b""
            self.send_response(status)
            for name, value in {**more, "Content-Type": MEDIA_TYPE, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    for method in ("GET", "POST", "PUT", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._answer)
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    fake.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
