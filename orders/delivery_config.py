"""Where notifications go, and the switch: the only writer of the configuration.

The switch moves the orders that nobody holds at that moment: off makes waiting ones held, on makes
held ones waiting again where the person chose so. Orders without a URL to go to stay held.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from orders import credentials, receivers
from orders.delivery_copy import copy_to
from orders.models import (
    Delivery,
    DeliveryConfig,
    DeliveryState,
    DeliveryStatus,
    Env,
    Order,
)
from permissions import administrators
from permissions.models import MiniGame, User
from sasvpay.kit import audit, listing
from sasvpay.kit.audit import Event
from sasvpay.kit.errors import DomainError
from sasvpay.kit.outbound import check_url

# Every move that this subject's statements make; a test holds it against the table.
MOVES: Final = frozenset(
    {
        (DeliveryStatus.HELD, DeliveryStatus.WAITING),
        (DeliveryStatus.WAITING, DeliveryStatus.HELD),
    }
)

# What the order of a waiting delivery says.
_WAITS: Final = [DeliveryState.WAITING, DeliveryState.RETRYING]
# A race leaves a few; whoever finds more takes them in turns.
STRAYS_AT_ONCE: Final = 500


class NotConfiguredError(DomainError):
    """Nothing can be sent without a URL."""

    code = "not_configured"


class AlreadySwitchedError(DomainError):
    """The switch is in that position, and no order is held that could be pushed."""

    code = "already_switched"


@dataclass(frozen=True)
class Backlog:
    """How many orders wait for the switch or for a URL; counted up to 10,001 each."""

    live: int
    test: int
    has_test_url: bool

    @property
    def pushable(self) -> int:
        """Return how many would go out if the person chose so."""
        return self.live + (self.test if self.has_test_url else 0)

    @property
    def stuck(self) -> int:
        """Return how many test orders have no URL to go to."""
        return 0 if self.has_test_url else self.test


def backlog(game: MiniGame, config: DeliveryConfig | None) -> Backlog:
    """Return what waits: the held orders, and while the switch is off all that are due."""
    waiting = [DeliveryState.HELD]
    if config is None or not config.is_enabled:
        waiting += _WAITS
    orders = Order.objects.filter(game=game, delivery_status__in=waiting)
    return Backlog(
        live=listing.capped_count(orders.filter(env=Env.LIVE)),
        test=listing.capped_count(orders.filter(env=Env.TEST)),
        has_test_url=bool(config and config.test_url),
    )


@transaction.atomic
def save(*, game: MiniGame, url: str, test_url: str, by: User, at: datetime) -> DeliveryConfig:
    """Keep the URLs. The first save issues key and certificate and mails them, once.

    Raises UnsafeUrlError for a URL that may not be called. Both URLs may be equal.
    """
    check_url(url)
    if test_url:
        check_url(test_url)
    game = _locked(game)
    config = DeliveryConfig.objects.select_for_update().filter(game=game).first()
    before = _urls(config)
    if config is None:
        config = DeliveryConfig(game=game, first_saved_by=by, first_saved_at=at)
    config.url, config.test_url = url, test_url
    config.changed_by, config.changed_at = by, at
    config.save()
    credentials.issue(game=game, by=by, at=at, active_from=at)
    if before != _urls(config):
        told = {"by": by, "before": before or {}, "after": _urls(config)}
        administrators.tell(game, template="orders/delivery_url_changed", context=told, at=at)
    receivers.forget(game.pk, _changed_envs(before, config))
    moved = _follow_test_url(config, had_one=bool(before and before["test_url"]), at=at)
    audit.record(
        Event.DELIVERY_CONFIGURED,
        by=by,
        target=config,
        at=at,
        before=before,
        after=_urls(config),
        **moved,
    )
    return config


@transaction.atomic
def switch_on(*, game: MiniGame, push_waiting: bool, by: User, at: datetime) -> int:
    """Deliver from now on, and return how many waiting orders are pushed as well.

    While it is on already it pushes what is held. Raises NotConfiguredError without a URL,
    AlreadySwitchedError when there is nothing to do.
    """
    config = _locked_config(game)
    was_on = config.is_enabled
    if not was_on:
        # What came back from a push while it was off is part of what the person decides on.
        _move(config, DeliveryStatus.HELD, envs=Env.values, at=at)
    pushed = 0
    if push_waiting:
        pushed = _move(config, DeliveryStatus.WAITING, envs=_envs_with_url(config), at=at)
    if was_on and not pushed:
        raise AlreadySwitchedError(_("Delivery notification is on already. Nothing was changed."))
    config.kept_before = None if push_waiting else at
    _set(config, is_enabled=True, by=by, at=at)
    audit.record(
        Event.NOTIFICATION_ENABLED,
        by=by,
        target=config,
        at=at,
        before={"is_enabled": was_on},
        after={"is_enabled": True},
        pushed=pushed,
    )
    return pushed


@transaction.atomic
def switch_off(*, game: MiniGame, by: User, at: datetime) -> int:
    """Deliver nothing more, and return how many orders are held from now on.

    What is being pushed at this moment is finished. Raises NotConfiguredError without a URL,
    AlreadySwitchedError while it is off.
    """
    config = _locked_config(game)
    if not config.is_enabled:
        raise AlreadySwitchedError(_("Delivery notification is off already. Nothing was changed."))
    held = _move(config, DeliveryStatus.HELD, envs=Env.values, at=at)
    _set(config, is_enabled=False, by=by, at=at)
    audit.record(
        Event.NOTIFICATION_DISABLED,
        by=by,
        target=config,
        at=at,
        before={"is_enabled": True},
        after={"is_enabled": False},
        held=held,
    )
    return held


def follow_switch(*, at: datetime) -> int:
    """Move the orders that came at the very moment of a switch to its side; return how many.

    A callback stores what the switch said when its statement began: an order may be held though
    the switch is on by now, or waiting though it is off. A sweep calls this.
    """
    is_on = Q(game__delivery_config__is_enabled=True)
    has_url = Q(env=Env.LIVE) | ~Q(game__delivery_config__test_url="")
    kept_before = F("game__delivery_config__kept_before")
    is_new = Q(game__delivery_config__kept_before=None) | Q(due_at__gte=kept_before)
    held = Delivery.objects.filter(is_on, has_url, is_new, status=DeliveryStatus.HELD)
    waiting = Delivery.objects.filter(
        game__delivery_config__is_enabled=False, status=DeliveryStatus.WAITING
    )
    return _move_strays(held, DeliveryStatus.WAITING, at=at) + _move_strays(
        waiting, DeliveryStatus.HELD, at=at
    )


@transaction.atomic
def _move_strays(strays: "QuerySet[Delivery]", status: DeliveryStatus, *, at: datetime) -> int:
    found = list(strays.order_by("pk").values_list("pk", "status")[:STRAYS_AT_ONCE])
    moved = 0
    for pk, before in found:
        # Compare and set: a dispatcher or a person may have been faster.
        is_ours = Delivery.objects.filter(pk=pk, status=before).update(status=status, due_at=at)
        if is_ours:
            moved += copy_to(Order.objects.filter(pk=pk))
    return moved


def _locked(game: MiniGame) -> MiniGame:
    # Without the key part of the lock: callbacks that refer to the game do not wait for us.
    return MiniGame.objects.select_for_update(no_key=True).get(pk=game.pk)


def _locked_config(game: MiniGame) -> DeliveryConfig:
    config = DeliveryConfig.objects.select_for_update().filter(game=_locked(game)).first()
    if config is None:
        raise NotConfiguredError(_("Save a URL first: notifications would have nowhere to go."))
    return config


def _urls(config: DeliveryConfig | None) -> dict[str, str] | None:
    return {"url": config.url, "test_url": config.test_url} if config else None


def _changed_envs(before: dict[str, str] | None, config: DeliveryConfig) -> list[str]:
    """Return the environments whose orders go to another URL than before."""
    urls = {Env.LIVE.value: "url", Env.TEST.value: "test_url"}
    return [env for env, name in urls.items() if before and before[name] != getattr(config, name)]


def _set(config: DeliveryConfig, *, is_enabled: bool, by: User, at: datetime) -> None:
    if config.is_enabled != is_enabled:
        receivers.forget(config.game_id, Env.values)
    config.is_enabled = is_enabled
    config.changed_by, config.changed_at = by, at
    config.save(update_fields=["is_enabled", "kept_before", "changed_by", "changed_at"])


def _envs_with_url(config: DeliveryConfig) -> list[str]:
    return [Env.LIVE.value, Env.TEST.value] if config.test_url else [Env.LIVE.value]


def _follow_test_url(config: DeliveryConfig, *, had_one: bool, at: datetime) -> dict[str, Any]:
    """Let test orders go, or hold them, when the URL they go to comes or goes."""
    if not config.is_enabled or had_one == bool(config.test_url):
        return {}
    status = DeliveryStatus.WAITING if config.test_url else DeliveryStatus.HELD
    moved = _move(config, status, envs=[Env.TEST.value], at=at)
    return {"released" if config.test_url else "held": moved}


def _move(
    config: DeliveryConfig, status: DeliveryStatus, *, envs: Iterable[str], at: datetime
) -> int:
    """Make held deliveries waiting and due, or waiting ones held, and copy that to their orders."""
    before = DeliveryStatus.HELD if status == DeliveryStatus.WAITING else DeliveryStatus.WAITING
    ours = {"game_id": config.game_id, "env__in": list(envs)}
    moved = Delivery.objects.filter(**ours, status=before).update(status=status, due_at=at)
    # By what the deliveries say now: an order that comes between the two statements is in neither.
    copied = Delivery.objects.filter(**ours, status=status).values("pk")
    orders = Order.objects.filter(**ours, pk__in=copied)
    stale = [DeliveryState.HELD] if status == DeliveryStatus.WAITING else _WAITS
    copy_to(orders.filter(delivery_status__in=stale))
    return moved
