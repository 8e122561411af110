"""What somebody should look at now: few orders among many, each kind found by an index of its own."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from orders.filters import Environment, Period
from orders.models import DeliveryStatus, Env, Order, OrderSource
from orders.templatetags.delivery_state import capped
from permissions.models import MiniGame, Team
from sasvpay.kit import listing

Words = str | Promise


@dataclass(frozen=True)
class Kind:
    """One reason to look at orders: which ones, in which words, and how the order record asks."""

    name: str
    tone: str
    label: Words
    text: Any
    rows: Q
    query: str


KINDS: Final = (
    Kind(
        "failed",
        "danger",
        _("Delivery"),
        ngettext_lazy(
            "%(shown)s order could not be delivered",
            "%(shown)s orders could not be delivered",
            "count",
        ),
        Q(delivery_status=DeliveryStatus.FAILED),
        "&state=failed",
    ),
    Kind(
        "flagged",
        "warning",
        _("Flags"),
        ngettext_lazy(
            "%(shown)s order has attention flags", "%(shown)s orders have attention flags", "count"
        ),
        ~Q(flags="") & Q(settled_at=None),
        "&attention=open",
    ),
    Kind(
        "held",
        "info",
        _("Held"),
        ngettext_lazy("%(shown)s order is held back", "%(shown)s orders are held back", "count"),
        Q(delivery_status=DeliveryStatus.HELD),
        "&state=held",
    ),
)


@dataclass(frozen=True)
class Concern:
    """Something to look at, and where."""

    kind: Kind
    text: str
    url: str


@dataclass(frozen=True)
class Waiting:
    """A mini game in which something waits, and the kinds of it."""

    game: MiniGame
    kinds: list[Kind]


def of_game(game: MiniGame, *, at: datetime) -> list[Concern]:
    """Return what waits in a mini game, counted up to 10,000 each."""
    url = reverse("orders:order-list", args=[game.app_id])
    asked = f"{url}?period={Period.YEAR}&env={Environment.LIVE}"
    concerns = []
    for kind in KINDS:
        count = listing.capped_count(_rows(kind, at).filter(game=game))
        if count:
            text = kind.text % {"count": count, "shown": capped(count)}
            concerns.append(Concern(kind=kind, text=text, url=asked + kind.query))
    return concerns


def of_team(team: Team, *, at: datetime) -> list[Waiting]:
    """Return the mini games of a team in which something waits; one query."""
    found = {
        f"is_{kind.name}": Exists(_rows(kind, at).filter(game=OuterRef("pk"))) for kind in KINDS
    }
    games = MiniGame.objects.filter(team=team).annotate(**found).order_by("name")
    waiting = [
        Waiting(game, [kind for kind in KINDS if getattr(game, f"is_{kind.name}")])
        for game in games
    ]
    return [each for each in waiting if each.kinds]


def _rows(kind: Kind, at: datetime) -> "QuerySet[Order]":
    """Return the live orders of the last 12 months: what the order record shows behind the link."""
    return Order.objects.filter(
        kind.rows, created_at__gte=listing.last_year(at=at).since, env=Env.LIVE
    ).exclude(order_source=OrderSource.MARKETPLACE_TEST)
