"""One refund as its page tells it: what to look at, what the superapp said, and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from aftersales.models import Refund, RefundEvent, RefundFlag, RefundStatus
from orders.envelope import REFUND_EVENT
from orders.models import ConflictingCallback
from orders.record import CONFLICTS_SHOWN, FlagNote, Moment, pretty

TONES: Final[Mapping[str, str]] = {
    RefundStatus.PROCESSING: "info",
    RefundStatus.SUCCEEDED: "success",
    RefundStatus.FAILED: "danger",
}

_FLAGS: Final[Mapping[RefundFlag, tuple[Promise, Promise]]] = {
    RefundFlag.EXCEEDS_PAID: (
        gettext_lazy(
            "Together with the refunds before it, it is more than the player paid, so it is not"
            " counted as refunded."
        ),
        gettext_lazy("Ask the superapp whether the money went out, and which refund is right."),
    ),
    RefundFlag.OTHER_PLAYER: (
        gettext_lazy(
            "It names another player than the order does. It is counted all the same: it is money"
            " of this order."
        ),
        gettext_lazy("Ask the superapp who got the money before you take back any item."),
    ),
}


@dataclass(frozen=True)
class Told:
    """An event with its payload made readable."""

    event: RefundEvent
    pretty: str


def flag_notes(refund: Refund) -> list[FlagNote]:
    """Return a refund's attention flags, explained."""
    notes = []
    for word in refund.flags.split():
        flag = RefundFlag(word)
        what, advice = _FLAGS[flag]
        notes.append(FlagNote(label=str(flag.label), what=str(what), advice=str(advice)))
    return notes


def events_of(refund: Refund) -> list[Told]:
    """Return what the superapp told of a refund, in the order in which it came."""
    return [Told(event, pretty(event.payload)) for event in refund.events.order_by("pk")]


def conflicts_of(refund: Refund) -> list[ConflictingCallback]:
    """Return the newest callbacks that used this number for other content."""
    found = ConflictingCallback.objects.filter(
        game=refund.game_id, event=REFUND_EVENT, env=refund.env, number=refund.number
    )
    return list(found.order_by("-created_at", "-pk")[:CONFLICTS_SHOWN])


def timeline(
    refund: Refund, told: Sequence[Told], conflicts: Sequence[ConflictingCallback]
) -> list[Moment]:
    """Return what happened to a refund, the newest first."""
    moments = [
        Moment(refund.initiated_at, _("The player asked for it"), "", "neutral"),
        *([_end(refund)] if refund.finished_at else []),
        *(_heard(each.event) for each in told),
        *(_refused(each) for each in conflicts),
    ]
    return sorted(moments, key=lambda moment: moment.at, reverse=True)


def _end(refund: Refund) -> Moment:
    at = refund.finished_at or refund.changed_at
    return Moment(at, str(refund.get_status_display()), "", TONES[refund.status])


def _heard(event: RefundEvent) -> Moment:
    title = _("The superapp told us: %(status)s") % {"status": event.get_status_display()}
    return Moment(event.created_at, title, _("Request %(id)s") % {"id": event.request_id}, "info")


def _refused(conflict: ConflictingCallback) -> Moment:
    return Moment(
        conflict.created_at,
        _("Conflicting callback refused"),
        _("Other content in: %(fields)s") % {"fields": ", ".join(conflict.differs.split())},
        "warning",
    )
