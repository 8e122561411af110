"""A developer's server that fails: when its URL is paused, who is told, and how it comes back.

A URL is that of one environment. The statements that claim and write back keep the row; nothing
that waits is dropped, and while it is paused no order uses up attempts of the plan.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import transaction

from orders import verdicts
from orders.models import Delivery, DeliveryConfig, DeliveryStatus, Env, Receiver
from permissions.matrix import TeamRole
from permissions.models import MiniGame, User
from sasvpay.kit import listing, mail

# Both together pause a URL: so many failures in a row, over so long.
PAUSED_AFTER: Final = 20
PATIENCE: Final = timedelta(minutes=10)
PROBE_EVERY: Final = timedelta(minutes=5)
# What waited during a pause goes out at DELIVERY_DRAIN_A_SECOND, whatever number of processes there
# are; more than this at once is not sent to make up for time lost.
BURST: Final = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Trouble:
    """A URL that is paused, or that catches up after a pause, as the banner tells it."""

    receiver: Receiver
    url: str
    reason: str
    waiting: int

    @property
    def is_paused(self) -> bool:
        """Say whether only probes go there."""
        return self.receiver.paused_at is not None


def troubles(game: MiniGame) -> list[Trouble]:
    """Return what is wrong with a mini game's URLs, live first."""
    slow = list(Receiver.objects.filter(game=game, next_at__isnull=False).order_by("env"))
    if not slow:
        return []
    config = DeliveryConfig.objects.get(game=game)
    return [_trouble(receiver, config) for receiver in slow]


def paused_envs(game: MiniGame) -> list[str]:
    """Return the environments whose URL is paused: what waits there is due when it answers again."""
    paused = Receiver.objects.filter(game=game, paused_at__isnull=False)
    return list(paused.values_list("env", flat=True))


def _trouble(receiver: Receiver, config: DeliveryConfig) -> Trouble:
    owed = Delivery.objects.filter(
        game=receiver.game_id, env=receiver.env, status=DeliveryStatus.WAITING
    )
    return Trouble(
        receiver=receiver,
        url=config.test_url if receiver.env == Env.TEST else config.url,
        reason=verdicts.tell(receiver.last_verdict, receiver.last_detail),
        waiting=listing.capped_count(owed),
    )


def pace() -> timedelta:
    """Return the distance in which what waited during a pause goes out."""
    return timedelta(seconds=1 / settings.DELIVERY_DRAIN_A_SECOND)


def forget(game_id: int, envs: Iterable[str]) -> None:
    """Begin anew, because the URL changed or notification was switched: this ends a pause."""
    Receiver.objects.filter(game=game_id, env__in=list(envs)).delete()


def tell_paused(*, at: datetime) -> int:
    """Write to the administrators of each team whose URL was paused, once a pause; return how many pauses."""
    untold = Receiver.objects.filter(paused_at__isnull=False, told_at=None)
    return sum(_tell(pk, at=at) for pk in list(untold.values_list("pk", flat=True)))


@transaction.atomic
def _tell(pk: int, *, at: datetime) -> bool:
    # Compare and set: another sweep may tell at this moment.
    mine = Receiver.objects.filter(pk=pk, paused_at__isnull=False, told_at=None).update(told_at=at)
    if not mine:
        return False
    receiver = Receiver.objects.select_related("game__team").get(pk=pk)
    config = DeliveryConfig.objects.get(game=receiver.game_id)
    log.error("delivery_paused", game=receiver.game.app_id, env=receiver.env)
    for administrator in _administrators(receiver.game):
        mail.send(
            to=administrator.email,
            template="orders/delivery_failing",
            context={"game": receiver.game, "trouble": _trouble(receiver, config)},
            kind="delivery_failing",
            at=at,
            language=administrator.language,
        )
    return True


def _administrators(game: MiniGame) -> Iterable[User]:
    held = {"memberships__team": game.team_id, "memberships__role": TeamRole.TEAM_ADMIN}
    return User.objects.filter(is_active=True, **held).order_by("pk")
