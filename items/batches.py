"""What acts on many items share: the lock, the largest number, and a report per item."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from items.models import Item
from permissions.models import MiniGame
from sasvpay.kit.errors import DomainError

MAX_BATCH: Final = 5_000


class BatchTooLargeError(DomainError):
    """One action has an end: nobody waits for locks for ever."""

    code = "batch_too_large"
    status = 422


@dataclass(frozen=True)
class Outcome:
    """What came of one of many: by the number that was asked for, with a sentence."""

    pk: int
    item_id: str
    ok: bool
    message: str


def distinct(pks: Iterable[int]) -> list[int]:
    """Return the numbers once each, in their order; raise BatchTooLargeError above the limit."""
    found = list(dict.fromkeys(pks))
    if len(found) > MAX_BATCH:
        raise BatchTooLargeError(
            ngettext(
                "At most %(most)d item can be chosen in one action.",
                "At most %(most)d items can be chosen in one action.",
                MAX_BATCH,
            )
            % {"most": MAX_BATCH}
        )
    return found


def locked(pks: Iterable[int], *, game: MiniGame | None = None) -> dict[int, Item]:
    """Lock items in the order of their keys, so that nobody deadlocks, and return what is there.

    Without the key part of the lock: callbacks that refer to a version do not wait for us.
    """
    items = Item.objects.filter(pk__in=pks, deleted_at=None)
    if game is not None:
        items = items.filter(game=game)
    rows = items.select_for_update(of=("self",), no_key=True).select_related("game").order_by("pk")
    return {item.pk: item for item in rows}


def outcomes(
    pks: Iterable[int], items: Mapping[int, Item], refused: Mapping[int, str], done: str
) -> list[Outcome]:
    """Report on each that was asked for: what is missing is not there, or not this game's."""
    gone = _("This item does not exist any more.")
    return [
        Outcome(pk, items[pk].item_id, ok=pk not in refused, message=refused.get(pk, done))
        if pk in items
        else Outcome(pk, "", ok=False, message=gone)
        for pk in pks
    ]
