"""What waits for the superapp, of all kinds: it looks across payment, exemption and items."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db import models
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.utils.translation import gettext_lazy as _

from items import reviewing
from items.models import ExemptionRequest, ReleaseRequest
from items.reviewing import Change
from permissions.models import MiniGame, PaymentRequest, Team
from sasvpay.kit import listing

if TYPE_CHECKING:
    from django.core.paginator import Page, Paginator

PER_PAGE: Final = 20
PENDING: Final = "pending"


class Kind(models.TextChoices):
    """The three kinds of request."""

    PAYMENT = "payment", _("Enable payment")
    EXEMPTION = "exemption", _("Exemption")
    RELEASE = "release", _("Release")


_GAME_OF: Final = {
    Kind.PAYMENT: "game",
    Kind.EXEMPTION: "game",
    Kind.RELEASE: "version__item__game",
}
_MODEL_OF: Final[dict[Kind, Any]] = {
    Kind.PAYMENT: PaymentRequest,
    Kind.EXEMPTION: ExemptionRequest,
    Kind.RELEASE: ReleaseRequest,
}
_READ_WITH: Final = {
    Kind.PAYMENT: ("game__team__merchant", "requested_by"),
    Kind.EXEMPTION: ("game__team__merchant", "requested_by"),
    Kind.RELEASE: ("version__item__game__team", "requested_by"),
}


@dataclass(frozen=True)
class Asked:
    """What the queue is to show, as the address says it."""

    kind: str = ""
    team: str = ""
    game: str = ""

    @property
    def is_filtered(self) -> bool:
        """Say whether it is less than everything."""
        return bool(self.kind or self.team or self.game)


@dataclass(frozen=True)
class Entry:
    """One request: its kind, its game, and for a release what it would change."""

    kind: Kind
    request: Any
    game: MiniGame
    change: Change | None = None


def queue(asked: Asked) -> "Paginator[Any]":
    """Return the requests of all kinds that wait, the oldest first: when, which, of what kind."""
    first, *others = [_keys(kind, asked) for kind in Kind]
    rows = first.union(*others, all=True).order_by("requested_at", "kind", "id")
    return listing.numbered_pages(rows, size=PER_PAGE, length=sum(counts(asked).values()))


def counts(asked: Asked) -> dict[Kind, int]:
    """Count what waits, by kind."""
    return {kind: _keys(kind, asked).count() for kind in Kind}


def count() -> int:
    """Count what waits, for the menu."""
    return sum(counts(Asked()).values())


def games() -> list[MiniGame]:
    """Return the mini games for which something waits."""
    waits = Q()
    for kind in Kind:
        waits |= Q(Exists(_pending(kind).filter(**{_GAME_OF[kind]: OuterRef("pk")})))
    return list(MiniGame.objects.filter(waits).select_related("team").order_by("name", "pk"))


def teams(of: Sequence[MiniGame]) -> list[Team]:
    """Return the teams of games, by name."""
    return sorted({game.team for game in of}, key=lambda team: (team.name, team.pk))


def entries(page: "Page[Any]") -> list[Entry]:
    """Read the requests of a page: a query for each kind, and one for what is on sale."""
    wanted: dict[Kind, list[int]] = defaultdict(list)
    order = [(Kind(kind), pk) for _at, pk, kind in page.object_list]
    for kind, pk in order:
        wanted[kind].append(pk)
    found: dict[tuple[Kind, int], Entry] = {}
    for kind, pks in wanted.items():
        rows = _MODEL_OF[kind].objects.filter(pk__in=pks).select_related(*_READ_WITH[kind])
        for entry in _entries(kind, list(rows)):
            found[kind, entry.request.pk] = entry
    return [found[key] for key in order if key in found]


def _entries(kind: Kind, requests: list[Any]) -> list[Entry]:
    if kind == Kind.RELEASE:
        return [
            Entry(kind, change.request, change.game, change)
            for change in reviewing.changes(requests)
        ]
    return [Entry(kind, request, request.game) for request in requests]


def _pending(kind: Kind) -> "QuerySet[Any]":
    pending: QuerySet[Any] = _MODEL_OF[kind].objects.filter(status=PENDING).order_by()
    return pending


def _keys(kind: Kind, asked: Asked) -> "QuerySet[Any, Any]":
    """Return when, which and of what kind, for all kinds alike."""
    pending = _pending(kind) if asked.kind in ("", kind.value) else _pending(kind).none()
    requests = reviewing.within(pending, _GAME_OF[kind], team=asked.team, app_id=asked.game)
    named = requests.annotate(kind=Value(kind.value, output_field=CharField()))
    rows: QuerySet[Any, Any] = named.values_list("requested_at", "id", "kind")
    return rows
