"""The page to look through the collections: with words, and with facets that are links."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from app.dicom.modalities import in_words
from app.errors import Fact
from app.registry.record import folded
from app.routers.api import After, problems
from app.routers.collection_models import item_out
from app.routers.dependencies import AnArchive, get_ask, get_caller
from app.routers.pages import KINDS, PAGE, TIERS, home_of, refused, send_page, way_to_sign_in
from app.services import browse
from app.services.browse import Browsed, Value
from app.services.collections import Shown
from app.threads import in_thread

router = APIRouter(tags=["pages"])

AT_ONCE = 25
#: Values of a facet that are shown at once.
SHOWN = 8
LABELS = {
    "kind": "Kind",
    "cancer_type": "Cancer type",
    "location": "Location",
    "modality": "Modality",
    "licence": "Licence",
    "tier": "Access",
    "program": "Program",
    "status": "Status",
}
_WORDS = {"kind": KINDS, "tier": TIERS}
_Value = Annotated[str, Query(max_length=300, description="A value of this facet, as the page links it")]


@router.get("/collections", response_class=HTMLResponse, responses=problems(400, 401))
async def collections_page(
    request: Request,
    archive: AnArchive,
    *,
    text: Annotated[str, Query(max_length=300, description="Words of the title or summary")] = "",
    kind: _Value = "",
    cancer_type: _Value = "",
    location: _Value = "",
    modality: _Value = "",
    licence: _Value = "",
    tier: _Value = "",
    program: _Value = "",
    status: _Value = "",
    after: After = "",
) -> Response:
    """Look through the collections that you may know of."""
    asked = (kind, cancer_type, location, modality, licence, tier, program, status)
    chosen = {name: _whole(value) for name, value in zip(LABELS, asked, strict=True) if value}
    words = _whole(text)
    try:
        get_ask(request).choose((PAGE,))
        caller = await get_caller(request)
        found = await browse.browse(archive, caller, words, chosen, after.partition("\0")[0], AT_ONCE)
        shown = found.items[:AT_ONCE]
        items = await in_thread(lambda: [_item(each, found) for each in shown])
        path = f"{home_of(request, archive)}/collections"
        query = ({"text": words} if words else {}) | chosen
        more = {**query, "after": shown[-1].entry.slug} if len(found.items) > AT_ONCE else None
        return send_page(
            request,
            archive,
            "collections.html",
            {},
            items=items,
            total=found.total,
            next=f"{path}?{urlencode(more)}" if more else "",
            text=words,
            chosen=chosen,
            facets=[_facet(name, values, path, query) for name, values in found.facets.items()],
            shown=SHOWN,
            sign_in="" if caller.signed_in else way_to_sign_in(request, archive),
        )
    except Fact as fact:
        return refused(request, archive, fact)


def _whole(text: str) -> str:
    """The same without what no text here holds: NUL, and halves of characters."""
    return text.replace("\0", " ").encode(errors="replace").decode()


def _item(shown: Shown, found: Browsed) -> dict[str, Any]:
    out, entry = item_out(shown), shown.entry
    patients, studies = found.people.get(entry.id, (0, 0))
    modalities = sorted(name for name, holding in found.modalities.items() if entry.id in holding)
    about = [
        KINDS[out.kind],
        ", ".join(each.text for each in out.cancer_types),
        ", ".join(each.text for each in out.locations),
        ", ".join(modalities),
        f"{patients:,} patients" if patients else "",
        f"{studies:,} studies" if studies else "",
        out.licence,
        ", ".join(TIERS[each] for each in out.tiers),
        out.status,
        f"updated {entry.changed_at.date()}",
    ]
    named = {name: getattr(out, name) for name in ("slug", "title", "summary_html")}
    return {**named, "about": [each for each in about if each]}


def _facet(name: str, values: list[Value], path: str, query: Mapping[str, str]) -> dict[str, Any]:
    chosen = folded(query.get(name, ""))
    # What was chosen can be taken back, also where nothing has it.
    missing = [] if chosen in {"", *(folded(each.value) for each in values)} else [Value(query[name], 0)]
    told = [_choice(name, each, folded(each.value) == chosen, path, query) for each in (*missing, *values)]
    return {"name": name, "label": LABELS[name], "choices": sorted(told, key=lambda each: not each["chosen"])}


def _choice(name: str, value: Value, chosen: bool, path: str, query: Mapping[str, str]) -> dict[str, Any]:
    others = {key: said for key, said in query.items() if key != name}
    href = _address(path, others if chosen else {**others, name: value.value})
    return {"label": _label(name, value.value), "count": value.count, "chosen": chosen, "href": href}


def _address(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _label(name: str, value: str) -> str:
    if name == "modality":
        words = in_words(value)
        return value if words == value else f"{words} ({value})"
    words = _WORDS.get(name, {}).get(value, value)
    return words[:1].upper() + words[1:] if name in ("tier", "status") else words
