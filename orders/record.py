"""One order as its page tells it: what to look at, what was sent, and what happened when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orders import delivery, envelope, verdicts
from orders.models import (
    ConflictingCallback,
    Delivery,
    DeliveryAct,
    DeliveryAttempt,
    DeliveryConfig,
    DeliveryStatus,
    Env,
    Flag,
    Order,
    Settlement,
    Verdict,
)

# An order is pushed 16 times by plan; more only by hand.
ATTEMPTS_SHOWN: Final = 50
CONFLICTS_SHOWN: Final = 20
ACTS_SHOWN: Final = 50

_FLAGS: Final[Mapping[Flag, tuple[Promise, Promise]]] = {
    Flag.UNKNOWN_ITEM: (
        gettext_lazy("The mini game has no item with this ID."),
        gettext_lazy(
            "Compare the item ID in the mini game's code with the item list, or add the item."
        ),
    ),
    Flag.NOT_ON_SALE: (
        gettext_lazy("The item was not on sale when the player paid."),
        gettext_lazy("Release the item, or stop offering it in the mini game."),
    ),
    Flag.PRICE_DIFFERS: (
        gettext_lazy(
            "The original price is neither the item's price nor its price times the quantity."
        ),
        gettext_lazy("Compare the price in the mini game's code with the released item."),
    ),
    Flag.PAYMENT_NOT_ENABLED: (
        gettext_lazy("Payment was not enabled for this mini game when the player paid."),
        gettext_lazy("Request permission under Enable payment, or ask the superapp."),
    ),
    Flag.PAID_ABOVE_PRICE: (
        gettext_lazy("The player paid more than the original price."),
        gettext_lazy("Ask the superapp how the amount came about before you refund."),
    ),
    Flag.PAID_NOTHING: (
        gettext_lazy("The player paid nothing."),
        gettext_lazy("Check whether a coupon or promotion explains it."),
    ),
}


@dataclass(frozen=True)
class FlagNote:
    """An attention flag in a sentence, with what to do."""

    label: str
    what: str
    advice: str


@dataclass(frozen=True)
class Moment:
    """One thing that happened to an order."""

    at: datetime
    title: str
    message: str
    tone: str
    actor: str = ""
    note: str = ""


@dataclass(frozen=True)
class Attempt:
    """One try with its verdict in a sentence."""

    made: DeliveryAttempt
    sentence: str

    @property
    def is_success(self) -> bool:
        """Say whether the developer's server confirmed it."""
        return self.made.verdict == Verdict.DELIVERED


def flag_notes(order: Order) -> list[FlagNote]:
    """Return an order's attention flags, explained."""
    notes = []
    for word in order.flags.split():
        flag = Flag(word)
        what, advice = _FLAGS[flag]
        notes.append(FlagNote(label=str(flag.label), what=str(what), advice=str(advice)))
    return notes


def attempts_of(order: Order) -> list[Attempt]:
    """Return the newest attempts to deliver an order, the last first."""
    made = DeliveryAttempt.objects.filter(delivery=order.pk).select_related("key")
    return [
        Attempt(made=each, sentence=delivery.explain(each.verdict))
        for each in made.order_by("-number")[:ATTEMPTS_SHOWN]
    ]


def acts_of(order: Order) -> list[DeliveryAct]:
    """Return what people did about an order's delivery, the last first."""
    acts = DeliveryAct.objects.filter(delivery=order.pk).select_related("by")
    return list(acts.order_by("-at", "-pk")[:ACTS_SHOWN])


def conflicts_of(order: Order) -> list[ConflictingCallback]:
    """Return the newest callbacks that used this number for other content."""
    return list(order.conflicts.order_by("-created_at", "-pk")[:CONFLICTS_SHOWN])


def delivery_id_of(order: Order) -> str:
    """Return what the header X-Delivery-Id says in every attempt."""
    return delivery.delivery_id(game_id=order.game_id, env=order.env, number=order.number)


def sent_body(order: Order, signature: str) -> str:
    """Return the body as it was pushed: in all attempts the same but for the signature."""
    sent = envelope.Envelope(
        event_type="event",
        event=envelope.PURCHASE_EVENT,
        pay_model=order.pay_model,
        payload=order.payload,
        pay_event_sig=signature,
    )
    return msgspec.json.encode(sent).decode()


def signed_text(order: Order) -> str:
    """Return the string that is signed: in all attempts the same."""
    return f"{envelope.PURCHASE_EVENT}&{order.payload}"


def pretty(payload: str) -> str:
    """Return a payload indented, with every number, name and escape as it came."""
    try:
        return msgspec.json.format(payload, indent=2)
    except (ValueError, RecursionError):
        return payload


def why_held(order: Order, config: DeliveryConfig | None) -> str:
    """Return why a held order is not pushed; nothing if it is not held."""
    if order.delivery_status != DeliveryStatus.HELD:
        return ""
    if config is None:
        return _("No URL is configured yet: save one under Basic configuration.")
    if not config.is_enabled:
        return _("Delivery notification is switched off.")
    if order.env == Env.TEST and not config.test_url:
        return _("There is no Test URL: test orders are held until one is saved.")
    return _("It came while delivery notification was off. Push it from Basic configuration.")


def timeline(
    order: Order,
    attempts: Sequence[Attempt],
    conflicts: Sequence[ConflictingCallback],
    acts: Sequence[DeliveryAct] = (),
) -> list[Moment]:
    """Return what happened to an order, the newest first."""
    settlement = getattr(order, "settlement", None)
    moments = [
        *([_settlement_moment(order, settlement)] if settlement else []),
        Moment(
            order.created_at,
            _("Order received"),
            _("Request %(id)s") % {"id": order.request_id},
            "info",
        ),
        *(_attempt_moment(each) for each in attempts),
        *(_conflict_moment(each) for each in conflicts),
        *(_act_moment(each) for each in acts),
    ]
    return sorted(moments, key=lambda moment: moment.at, reverse=True)


def next_attempt_at(work: Delivery | None) -> datetime | None:
    """Return when an order is due; nothing unless it waits."""
    return work.due_at if work and work.status == DeliveryStatus.WAITING else None


def _settlement_moment(order: Order, settlement: Settlement) -> Moment:
    return Moment(
        order.settled_at or order.created_at,
        _("Attention flags settled"),
        "",
        "success",
        actor=settlement.settled_by.name,
        note=settlement.note,
    )


def _attempt_moment(attempt: Attempt) -> Moment:
    made = attempt.made
    title = _("Attempt %(number)d: %(verdict)s") % {
        "number": made.number,
        "verdict": made.get_verdict_display(),
    }
    text = verdicts.tell(made.verdict, made.detail)
    return Moment(made.started_at, title, text, "success" if attempt.is_success else "danger")


def _conflict_moment(conflict: ConflictingCallback) -> Moment:
    return Moment(
        conflict.created_at,
        _("Conflicting callback refused"),
        _("Other content in: %(fields)s") % {"fields": ", ".join(conflict.differs.split())},
        "warning",
    )


def _act_moment(act: DeliveryAct) -> Moment:
    tone = "success" if act.kind == DeliveryAct.Kind.SETTLED else "info"
    return Moment(act.at, act.get_kind_display(), "", tone, actor=str(act.by), note=act.reason)
