"""What an event of the trail changed, in words that a person reads."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from permissions.labels import label_of
from permissions.matrix import Capability, Role
from sasvpay.kit.audit import Event
from sasvpay.kit.models import AuditEvent
from sasvpay.kit.templatetags.console import NOTHING, money

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
_FACTS: Final[Mapping[str, Promise]] = {
    "": gettext_lazy("Value"),
    "url": gettext_lazy("URL"),
    "test_url": gettext_lazy("Test URL"),
    "is_enabled": gettext_lazy("Switched on"),
    "payment_enabled": gettext_lazy("Payment enabled"),
    "status": gettext_lazy("Status"),
    "email": gettext_lazy("E-mail"),
    "role": gettext_lazy("Role"),
    "name": gettext_lazy("Name"),
    "price_cents": gettext_lazy("Price"),
    "image": gettext_lazy("Picture (digest)"),
    "version": gettext_lazy("Version"),
    "message": gettext_lazy("Message"),
    "note": gettext_lazy("Note"),
    "because": gettext_lazy("Reason"),
    "means": gettext_lazy("By means of"),
    "factor": gettext_lazy("Second factor"),
    "page": gettext_lazy("Page"),
    "capability": gettext_lazy("Capability"),
    "serial": gettext_lazy("Serial number"),
    "fingerprint": gettext_lazy("SHA-256 fingerprint"),
    "expires_at": gettext_lazy("Certificate valid until"),
    "active_from": gettext_lazy("Signs from"),
    "sent_to": gettext_lazy("Sent to"),
    "overtaken": gettext_lazy("Overtaken keys"),
    "old_key_retires_at": gettext_lazy("Old key verifies until"),
    "pushed": gettext_lazy("Orders pushed"),
    "held": gettext_lazy("Orders held"),
    "released": gettext_lazy("Orders released"),
    "verdict": gettext_lazy("Verdict"),
    "status_code": gettext_lazy("HTTP status"),
    "took_ms": gettext_lazy("Milliseconds"),
    "rows": gettext_lazy("Rows"),
    "new": gettext_lazy("New rows"),
    "changed": gettext_lazy("Changed rows"),
    "unchanged": gettext_lazy("Unchanged rows"),
    "wrong": gettext_lazy("Wrong rows"),
}
_CAPABILITIES: Final = frozenset(capability.value for capability in Capability)
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?\+00:00")


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
        changes=_changes(row.facts),
        facts=[(_label(name), _shown(name, value)) for name, value in others.items()],
    )


def kind_label(name: str) -> str:
    """Return what a kind of object is called."""
    return str(_KINDS.get(name) or _spaced(name))


def _act_label(event: str) -> str:
    return str(Event(event).label) if event in Event else _spaced(event)


def _changes(facts: Mapping[str, Any]) -> list[Change]:
    """Put what was beside what is; what is the same on both sides is left out."""
    if not {"before", "after"} & set(facts):
        return []
    before, after = (_parts(facts.get(side)) for side in ("before", "after"))
    return [
        Change(_label(name), _shown(name, before.get(name)), _shown(name, after.get(name)))
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    ]


def _parts(side: Any) -> dict[str, Any]:
    if isinstance(side, dict):
        return side
    return {} if side in (None, "") else {"": side}


def _label(name: str) -> str:
    return str(_FACTS.get(name) or _spaced(name))


def _shown(name: str, value: Any) -> str:
    if value in (None, "", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, int):
        return money(value) if name.endswith("_cents") else str(value)
    if isinstance(value, list):
        return ", ".join(_shown(name, one) for one in value)
    if isinstance(value, str):
        return _word(value)
    return json.dumps(value, ensure_ascii=False)


def _word(text: str) -> str:
    """Return what a code is called, a moment as people write it, any other text as it is."""
    if text in Role:
        return str(Role(text).label)
    if text in _CAPABILITIES:
        return label_of(text.replace(".", "_"))
    return _MOMENT.sub(r"\1 \2 UTC", text)


def _spaced(name: str) -> str:
    """Return a name of the code as words: what has no label yet is still readable."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name).lower()
    return words[:1].upper() + words[1:]
