"""Pages for people, made from templates in one style: nothing comes from elsewhere, and nothing runs."""

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

from fastapi import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

HTML = "text/html; charset=utf-8"
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _style() -> str:
    """The style sheet as the layout includes it, by its digest: the pages' one source of style."""
    text = TEMPLATES.get_template("style.css").render()
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src {_style()}",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


def render(template: str, **values: Any) -> bytes:
    """A page's bytes. `home` is the path of the archive, without a slash at its end."""
    return TEMPLATES.get_template(template).render(values).encode()


def page(template: str, status: int = 200, headers: dict[str, str] | None = None, **values: Any) -> Response:
    """A page, which nobody keeps: it is of one person at one moment."""
    head = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", **(headers or {})}
    return Response(render(template, **values), status, head, media_type=HTML)
