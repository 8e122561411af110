"""The words of the audit log: what a fact is called, and what the codes in it mean."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from items import exemption
from orders.choices import DeliveryStatus, Flag, Verdict
from orders.resending import LeftOut
from permissions import enablement
from permissions.labels import label_of
from permissions.matrix import Role
from sasvpay.kit import exporting
from sasvpay.kit.audit import Event
from sasvpay.kit.export_columns import Format
from sasvpay.kit.templatetags.console import NOTHING, money

FACTS: Final[Mapping[str, Promise]] = {
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
    "reason": gettext_lazy("Reason"),
    "flags": gettext_lazy("Attention"),
    "filter": gettext_lazy("Filters"),
    "columns": gettext_lazy("Columns"),
    "format": gettext_lazy("Format"),
    "left_out": gettext_lazy("Left out"),
    "count": gettext_lazy("Orders sent again"),
    "job": gettext_lazy("Job number"),
    "replaced": gettext_lazy("Invitations replaced"),
    "exemption": gettext_lazy("Exemption request"),
    "removed": gettext_lazy("Items taken off sale"),
    "sha256": gettext_lazy("Signed text (SHA-256)"),
    "is_equal": gettext_lazy("Signatures are equal"),
    # What a purge deletes.
    "orders": gettext_lazy("Orders"),
    "refunds": gettext_lazy("Refunds"),
    "conflicts": gettext_lazy("Conflicting callbacks"),
    "test notifications": gettext_lazy("Test notifications"),
    "imports": gettext_lazy("Imports"),
    "jobs": gettext_lazy("Jobs"),
    "letters": gettext_lazy("Letters"),
    "heartbeats": gettext_lazy("Heartbeats"),
}
# What a code means where it is the value of that fact.
_CODES: Final[Mapping[str, Mapping[str, Any]]] = {
    # Of a person: their role alone is before and after.
    "": dict(Role.choices),
    "role": dict(Role.choices),
    "status": dict([*DeliveryStatus.choices, *exemption.State.choices, *enablement.State.choices]),
    "verdict": dict(Verdict.choices),
    "flags": dict(Flag.choices),
    "left_out": dict(LeftOut.choices),
    "format": dict(Format.choices),
    "because": {
        "edited": Event.ITEM_EDITED.label,
        "discarded": Event.DRAFT_DISCARDED.label,
        "deleted": Event.ITEM_DELETED.label,
        "imported": Event.ITEMS_IMPORTED.label,
        "removed": Event.ITEM_REMOVED.label,
        "withdrawn": Event.RELEASE_WITHDRAWN.label,
        "exemption revoked": Event.EXEMPTION_REVOKED.label,
    },
    "means": {"password": gettext_lazy("Password"), "mfa": gettext_lazy("Second factor")},
    "factor": {
        "totp": gettext_lazy("Authenticator app"),
        "passkey": gettext_lazy("Passkey"),
        "recovery_codes": gettext_lazy("Recovery codes"),
    },
    "page": {
        "account_change_password": gettext_lazy("Password"),
        "account_set_password": gettext_lazy("Set a password"),
        "account_reset_password_from_key": gettext_lazy("Forgot your password?"),
    },
}
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?\+00:00")


def label(name: str) -> str:
    """Return what a fact is called."""
    return str(FACTS.get(name) or spaced(name))


def shown(event: str, name: str, value: Any) -> str:
    """Return a fact's value as a person reads it."""
    if value in (None, "", [], {}):
        return NOTHING
    if isinstance(value, list):
        return ", ".join(shown(event, name, one) for one in value)
    if isinstance(value, str):
        return _word(event, name, value)
    if isinstance(value, dict) and name in _CODES:
        return " ".join(f"{_word(event, name, code)} ({count})" for code, count in value.items())
    return _figure(name, value)


def _figure(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, int):
        return money(value) if name.endswith("_cents") else str(value)
    return json.dumps(value, ensure_ascii=False)


def spaced(name: str) -> str:
    """Return a name of the code as words: what has no label yet is still readable."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name).lower()
    return words[:1].upper() + words[1:]


def _word(event: str, name: str, text: str) -> str:
    """Return what a code is called, a moment as people write it, any other text as it is."""
    if name == "capability":
        return label_of(text.replace(".", "_"))
    codes = exporting.columns_of(event) if name == "columns" else _CODES.get(name, {})
    return str(codes[text]) if text in codes else _MOMENT.sub(r"\1 \2 UTC", text)
