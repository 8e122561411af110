"""Find orders by an exact number or OpenId in all the mini games that a person may look into."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Exists, OuterRef, QuerySet

from orders.models import Order
from permissions.access import games_with
from permissions.matrix import Capability
from permissions.models import MiniGame, User
from sasvpay.kit import listing

# More of one number or player than any page should show; the page says when there are more.
SHOWN: Final = 50


@dataclass(frozen=True)
class Found:
    """Orders of that number, and mini games in which the player of that OpenId paid."""

    orders: Sequence[Order]
    games: Sequence[MiniGame]

    @property
    def count(self) -> int:
        """Return how many hits there are."""
        return len(self.orders) + len(self.games)


def find(text: str, *, by: User, at: datetime) -> Found:
    """Look for orders of the last 12 months, in two queries however many mini games there are.

    At most SHOWN + 1 of each kind.
    """
    games = games_with(by, Capability.ORDER_VIEW)
    recent = _recent(at)
    orders = recent.filter(number=text, game__in=games).select_related("game__team", "delivery")
    paid = recent.filter(open_id=text, game=OuterRef("pk"))
    return Found(
        orders=list(orders.order_by("-created_at", "-pk")[: SHOWN + 1]),
        games=list(games.filter(Exists(paid)).order_by("team__name", "name")[: SHOWN + 1]),
    )


def only_order(game: MiniGame, open_id: str, *, at: datetime) -> Order | None:
    """Return the order of a player who paid once in a mini game within the last 12 months."""
    paid = _recent(at).filter(open_id=open_id, game=game).order_by("-created_at", "-pk")[:2]
    return paid[0] if len(paid) == 1 else None


def _recent(at: datetime) -> QuerySet[Order]:
    span = listing.last_year(at=at)
    return Order.objects.filter(created_at__gte=span.since, created_at__lt=span.until)
