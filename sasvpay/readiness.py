"""What is still missing before a player can buy: it looks across items and orders."""

from dataclasses import dataclass
from typing import Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from items.models import ItemVersion
from orders.models import DeliveryConfig, DeliveryKey, TestPush, Verdict
from permissions.access import can
from permissions.matrix import Capability
from permissions.models import MiniGame, User

Words = str | Promise

# What is to be met, what it takes, and the words of the link, in the order to take them.
_STEPS: Final[tuple[tuple[Words, Words, Words], ...]] = (
    (
        _("Delivery URL saved"),
        _("The URL of the developer's server, which hands over what was bought."),
        _("Configure"),
    ),
    (
        _("Certificate and delivery key issued"),
        _("They are issued and e-mailed when the URL is saved for the first time."),
        _("Configure"),
    ),
    (
        _("Delivery notification on"),
        _("While it is off, paid orders are kept and wait."),
        _("Switch on"),
    ),
    (
        _("Test notification passed"),
        _("The latest one that was sent to the Test URL has to succeed."),
        _("Send a test"),
    ),
    (
        _("At least one item released"),
        _("Players can buy released items only."),
        _("Virtual item management"),
    ),
)


@dataclass(frozen=True)
class Step:
    """One precondition: whether it is met, what it takes, and where, for whoever may do it."""

    label: Words
    hint: Words
    done: bool
    url: str
    action: Words


def readiness(game: MiniGame, *, by: User) -> list[Step]:
    """Return the steps from an approved request to the first sale."""
    config = DeliveryConfig.objects.filter(game=game).first()
    met = (
        config is not None,
        DeliveryKey.objects.filter(game=game).exists(),
        config is not None and config.is_enabled,
        _latest_test_passed(game),
        ItemVersion.objects.filter(item__game=game, status=ItemVersion.Status.RELEASED).exists(),
    )
    there = _url(game, by, Capability.DELIVERY_CONFIG_CHANGE, "orders:config")
    urls = (there, there, there, there, _url(game, by, Capability.ITEM_EDIT, "items:item-list"))
    return [
        Step(label, hint, done=done, url=url, action=action)
        for (label, hint, action), done, url in zip(_STEPS, met, urls, strict=True)
    ]


def _url(game: MiniGame, by: User, capability: Capability, route: str) -> str:
    return reverse(route, args=[game.app_id]) if can(by, capability, game) else ""


def _latest_test_passed(game: MiniGame) -> bool:
    latest = TestPush.objects.filter(game=game).order_by("-sent_at", "-pk").first()
    return latest is not None and latest.verdict == Verdict.DELIVERED
