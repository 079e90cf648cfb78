"""The capabilities description of PS3.18 Annex H: what a DICOMweb root offers, as WADL or as JSON."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from app.routers.routes import Route

_NAMESPACE = "http://wadl.dev.java.net/2009/02"


def below(path: str, routes: Iterable[Route]) -> list[Route]:
    """The routes of the resource at a path under the root, and of those under it; empty where it is none."""
    return [route for route in routes if _leads(_segments(path), _segments(route.path))]


def methods(path: str, routes: Iterable[Route]) -> list[str]:
    """The methods that the resource at a path answers, as Allow lists them."""
    own = [route for route in below(path, routes) if len(_segments(route.path)) <= len(_segments(path))]
    # The root itself has no route of its own here; it is read to be told what there is.
    found = {method for route in own for method in route.methods} or {"GET"}
    return sorted({*found, "OPTIONS"} | ({"HEAD"} if "GET" in found else set()))


def to_json(base: str, routes: Sequence[Route]) -> dict[str, Any]:
    """The description as JSON: one object for each method of each resource."""
    return {"base": base, "methods": [_described(route, method) for route, method in _methods(routes)]}


def to_xml(base: str, routes: Sequence[Route]) -> bytes:
    """The description as a WADL document in UTF-8; `base` is the root's absolute address."""
    tree = "".join(_resources([(_segments(route.path), route) for route in routes]))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<application xmlns="{_NAMESPACE}"><resources base={quoteattr(base)}>{tree}</resources>'
        "</application>\n"
    ).encode()


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


def _leads(asked: Sequence[str], template: Sequence[str]) -> bool:
    if template[-1:] == ["{path}"]:
        asked = asked[: len(template)]
    pairs = zip(asked, template, strict=False)
    return len(asked) <= len(template) and all(own.startswith("{") or own == each for each, own in pairs)


def _methods(routes: Iterable[Route]) -> Iterator[tuple[Route, str]]:
    return ((route, method) for route in routes for method in route.methods)


def _described(route: Route, method: str) -> dict[str, Any]:
    return {
        "method": method,
        "path": route.path,
        "id": route.name,
        "what": route.what,
        "parameters": list(route.parameters),
        "takes": list(route.takes),
        "gives": list(route.gives),
        "statuses": list(route.statuses),
    }


def _resources(found: list[tuple[list[str], Route]]) -> Iterator[str]:
    """The tree of resources: those that share a first segment lie in one element."""
    for segment, group in groupby(sorted(found, key=lambda pair: pair[0]), key=lambda pair: pair[0][0]):
        members = list(group)
        yield f"<resource path={quoteattr(segment)}>"
        if segment.startswith("{"):
            yield f'<param name={quoteattr(segment.strip("{}"))} style="template" required="true"/>'
        yield from (_method(*each) for each in _methods(route for path, route in members if not path[1:]))
        yield from _resources([(path[1:], route) for path, route in members if path[1:]])
        yield "</resource>"


def _method(route: Route, method: str) -> str:
    asked = [f'<param name={quoteattr(name)} style="query"/>' for name in route.parameters]
    options = "".join(f"<option value={quoteattr(name)}/>" for name in route.gives)
    accept = [f'<param name="Accept" style="header">{options}</param>'] if options else []
    bad = " ".join(str(status) for status in route.statuses if status >= 300)
    good = " ".join(str(status) for status in route.statuses if status < 300)
    return (
        f"<method name={quoteattr(method)} id={quoteattr(route.name)}><doc>{escape(route.what)}</doc>"
        f"<request>{''.join((*accept, *asked, *_representations(route.takes)))}</request>"
        f'<response status="{good}">{"".join(_representations(route.gives))}</response>'
        f'<response status="{bad}"/></method>'
    )


def _representations(media_types: Iterable[str]) -> list[str]:
    return [f"<representation mediaType={quoteattr(name)}/>" for name in media_types]
