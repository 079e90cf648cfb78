"""Pages for people, made from templates."""

from pathlib import Path
from typing import Any

from fastapi import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

#: Nothing comes from elsewhere, and nothing runs.
POLICY = "; ".join(
    (
        *("default-src 'none'", "style-src 'unsafe-inline'", "img-src 'self' data:", "base-uri 'none'"),
        *("form-action 'self'", "frame-ancestors 'none'"),
    )
)
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)


def page(template: str, status: int = 200, headers: dict[str, str] | None = None, **values: Any) -> Response:
    """A page, which nobody keeps: it is of one person at one moment."""
    head = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", **(headers or {})}
    body = _TEMPLATES.get_template(template).render(values)
    return Response(body, status, head, media_type="text/html; charset=utf-8")
