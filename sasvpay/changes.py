"""What an event of the trail changed, in words that a person reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from permissions.matrix import Role
from sasvpay import fact_words
from sasvpay.fact_words import spaced
from sasvpay.kit.audit import Event
from sasvpay.kit.models import AuditEvent

_KINDS: Final[Mapping[str, Promise]] = {
    "User": gettext_lazy("Person"),
    "Team": gettext_lazy("Team"),
    "MiniGame": gettext_lazy("Mini game"),
    "Merchant": gettext_lazy("Merchant"),
    "Membership": gettext_lazy("Member"),
    "Invitation": gettext_lazy("Invitation"),
    "PaymentRequest": gettext_lazy("Payment request"),
    "CallbackKey": gettext_lazy("Callback key"),
    "DeliveryConfig": gettext_lazy("Delivery configuration"),
    "DeliveryKey": gettext_lazy("Delivery key"),
    "TestPush": gettext_lazy("Test notification"),
    "Order": gettext_lazy("Order"),
    "ConflictingCallback": gettext_lazy("Conflicting callback"),
    "Refund": gettext_lazy("Refund"),
    "Item": gettext_lazy("Virtual item"),
    "ReleaseRequest": gettext_lazy("Release request"),
    "ExemptionRequest": gettext_lazy("Exemption request"),
    "ImportBatch": gettext_lazy("Import"),
}


@dataclass(frozen=True)
class Change:
    """One thing that was another before."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Told:
    """One event, ready to be shown."""

    row: AuditEvent
    act: str
    kind: str
    role: str
    changes: list[Change]
    facts: list[tuple[str, str]]


def told(row: AuditEvent) -> Told:
    """Return an event in words: what it was before and after, and what else is remembered."""
    others = {k: value for k, value in row.facts.items() if k not in {"before", "after"}}
    return Told(
        row=row,
        act=_act_label(row.event),
        kind=kind_label(row.object_type),
        role=str(Role(row.role).label) if row.role in Role else row.role,
        changes=_changes(row.event, row.facts),
        facts=[
            (fact_words.label(name), fact_words.shown(row.event, name, value))
            for name, value in others.items()
        ],
    )


def kind_label(name: str) -> str:
    """Return what a kind of object is called."""
    return str(_KINDS.get(name) or spaced(name))


def _act_label(event: str) -> str:
    return str(Event(event).label) if event in Event else spaced(event)


def _changes(event: str, facts: Mapping[str, Any]) -> list[Change]:
    """Put what was beside what is; what is the same on both sides is left out."""
    if not {"before", "after"} & set(facts):
        return []
    before, after = (_parts(facts.get(side)) for side in ("before", "after"))
    return [
        Change(
            fact_words.label(name),
            fact_words.shown(event, name, before.get(name)),
            fact_words.shown(event, name, after.get(name)),
        )
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    ]


def _parts(side: Any) -> dict[str, Any]:
    if isinstance(side, dict):
        return side
    return {} if side in (None, "") else {"": side}
