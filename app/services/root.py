"""A DICOMweb root as one request sees it, and what its client said about the form of the answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ParamSpec, Self

from app.archive import Archive
from app.errors import NotModified
from app.index.scope import Scope
from app.index.writer import Place
from app.viewer import Capability, Viewer
from app.wire.accept import Offer, choose
from app.wire.conditional import if_none_match

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Root:
    """Which part of the archive, for whom, at what address: `host` and `path`, without a slash at their ends.

    `collection` is the slug of the collection that takes what is stored here, `place` where it goes, once
    that is known (`roots.destination`); with `results_only` only annotations and other results are taken.
    """

    archive: Archive
    scope: Scope
    viewer: Viewer
    host: str
    path: str
    collection: str
    place: Place | None = None
    results_only: bool = False

    def at(self, capability: Capability) -> Self:
        """The root as it is for those who want to do this: it shows only that with which they may."""
        return self if self.viewer.sees_all else replace(self, viewer=self.viewer.at(capability))

    @property
    def url(self) -> str:
        """The absolute address."""
        return self.host + self.path


@dataclass(frozen=True, slots=True)
class Ask:
    """The negotiation headers of one request, to be settled once it is known what can be sent."""

    accept: str | None = None
    query_accept: tuple[str, ...] = ()
    if_none_match: str | None = None

    def choose(self, offers: Sequence[Offer]) -> Offer:
        """The best acceptable form. Raises NotAcceptable."""
        return choose(self.accept, self.query_accept, offers)

    def choose_from(self, offers: Callable[P, Sequence[Offer]], *of: P.args, **named: P.kwargs) -> Offer:
        """The best acceptable of the forms that `offers(*of)` lists, which depend on nothing else.

        Most requests ask for the same as others did: what was chosen for those is remembered. Raises
        NotAcceptable.
        """
        return _chosen(self.accept, self.query_accept, offers, *of, **named)  # type: ignore[arg-type]

    def require_change(self, etag: str) -> None:
        """Raises NotModified when the client already holds what this entity tag names."""
        if if_none_match(self.if_none_match, etag):
            raise NotModified(etag)


@lru_cache(maxsize=256)
def _chosen(
    accept: str | None,
    query_accept: tuple[str, ...],
    offers: Callable[P, Sequence[Offer]],
    *of: P.args,
    **named: P.kwargs,
) -> Offer:
    return choose(accept, query_accept, offers(*of, **named))
