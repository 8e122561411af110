"""The audit trail: all that can be remembered, and the only writer.

Each chain (a team's, or the house's) is numbered without gaps, and every row's hash covers its
predecessor's, so that an edited, deleted or swapped row is found. The head of a chain is locked
last and heads in sorted order: concurrent acts neither fork a chain nor deadlock.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import structlog
from django.db import connection, models, transaction
from django.utils.translation import gettext_lazy as _

from sasvpay.kit.models import AuditEvent, AuditHead

HOUSE: Final = "house"


class Event(models.TextChoices):
    """Everything that can be remembered."""

    SIGNED_IN = "signed_in", _("Signed in")
    SIGNED_OUT = "signed_out", _("Signed out")
    PASSWORD_CHANGED = "password_changed", _("Password changed")
    SECOND_FACTOR_ADDED = "second_factor_added", _("Second factor added")
    SECOND_FACTOR_REMOVED = "second_factor_removed", _("Second factor removed")
    HOUSE_ROLE_SET = "house_role_set", _("House role set")
    TEAM_CREATED = "team_created", _("Team created")
    TEAM_RENAMED = "team_renamed", _("Team renamed")
    MERCHANT_BOUND = "merchant_bound", _("Merchant bound")
    GAME_CREATED = "game_created", _("Mini game created")
    GAME_RENAMED = "game_renamed", _("Mini game renamed")
    MEMBER_INVITED = "member_invited", _("Member invited")
    INVITATION_REVOKED = "invitation_revoked", _("Invitation revoked")
    MEMBER_JOINED = "member_joined", _("Member joined")
    MEMBER_ROLE_CHANGED = "member_role_changed", _("Member's role changed")
    MEMBER_REMOVED = "member_removed", _("Member removed")
    GAME_GRANTED = "game_granted", _("Capability on one mini game granted")
    GAME_GRANT_WITHDRAWN = "game_grant_withdrawn", _("Capability on one mini game withdrawn")
    PAYMENT_REQUESTED = "payment_requested", _("Payment requested")
    PAYMENT_APPROVED = "payment_approved", _("Payment approved")
    PAYMENT_REJECTED = "payment_rejected", _("Payment rejected")
    PAYMENT_DISABLED = "payment_disabled", _("Payment disabled")
    CALLBACK_KEY_ISSUED = "callback_key_issued", _("Callback key issued")
    CALLBACK_KEY_SHOWN = "callback_key_shown", _("Callback key shown")
    CALLBACK_KEY_ROTATED = "callback_key_rotated", _("Callback key rotated")
    DELIVERY_CONFIGURED = "delivery_configured", _("Delivery notification configured")
    DELIVERY_KEY_ISSUED = "delivery_key_issued", _("Certificate and delivery key issued")
    DELIVERY_KEY_ROTATED = "delivery_key_rotated", _("Certificate and delivery key rotated")
    NOTIFICATION_ENABLED = "notification_enabled", _("Delivery notification switched on")
    NOTIFICATION_DISABLED = "notification_disabled", _("Delivery notification switched off")
    TEST_PUSH_SENT = "test_push_sent", _("Test notification sent")
    ORDER_SETTLED = "order_settled", _("Attention flags of an order settled")
    SIGNATURE_CHECKED = "signature_checked", _("Signature checked")
    DELIVERY_RESENT = "delivery_resent", _("Delivery sent again")
    DELIVERY_SETTLED = "delivery_settled", _("Marked as delivered by hand")
    ITEM_ADDED = "item_added", _("Item added")
    ITEM_EDITED = "item_edited", _("Item edited")
    DRAFT_DISCARDED = "draft_discarded", _("Draft discarded")
    ITEM_DELETED = "item_deleted", _("Item deleted")
    ITEM_REMOVED = "item_removed", _("Item taken off sale")
    ITEMS_IMPORTED = "items_imported", _("Items imported")
    RELEASE_REQUESTED = "release_requested", _("Release requested")
    RELEASE_WITHDRAWN = "release_withdrawn", _("Release request withdrawn")
    RELEASE_APPROVED = "release_approved", _("Release approved")
    RELEASE_REJECTED = "release_rejected", _("Release rejected")
    EXEMPTION_REQUESTED = "exemption_requested", _("Approval exemption requested")
    EXEMPTION_APPROVED = "exemption_approved", _("Approval exemption approved")
    EXEMPTION_REJECTED = "exemption_rejected", _("Approval exemption rejected")
    EXEMPTION_REVOKED = "exemption_revoked", _("Approval exemption revoked")
    ORDERS_EXPORTED = "orders_exported", _("Orders exported")
    RECORDS_PURGED = "records_purged", _("Old records purged")
    REFUNDS_EXPORTED = "refunds_exported", _("Refunds exported")
    AUDIT_EXPORTED = "audit_exported", _("Audit log exported")


class Actor(Protocol):
    """Who can act: a person, who says in which role towards a team."""

    pk: Any
    email: str

    def role_in(self, team_id: int | None) -> str:
        """Return the code of the role held there."""
        ...


class Subject(Protocol):
    """What can be acted upon: it knows its team and mini game."""

    pk: Any

    @property
    def audit_team_id(self) -> int | None:
        """Return the team whose chain remembers it; None for the house's."""
        ...

    @property
    def audit_game(self) -> str:
        """Return the app_id, or nothing."""
        ...


def chain_of(team_id: int | None) -> str:
    """Return the name of a team's chain, or of the house's."""
    return HOUSE if team_id is None else f"team:{team_id}"


@dataclass(frozen=True)
class Entry:
    """One event that is to be recorded. `by` is None when the console itself acts."""

    event: Event
    by: Actor | None
    target: Subject
    at: datetime
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def chain(self) -> str:
        """Return the name of the chain it belongs to."""
        return chain_of(self.target.audit_team_id)

    def row(self, number: int, role: str) -> AuditEvent:
        """Return the row, not yet hashed."""
        return AuditEvent(
            chain=self.chain,
            number=number,
            event=self.event.value,
            at=self.at.astimezone(UTC),
            actor_id=self.by.pk if self.by else None,
            actor=self.by.email if self.by else "console",
            role=role,
            team_id=self.target.audit_team_id,
            game=self.target.audit_game,
            # Not its type: a request's user is a proxy of one.
            object_type=self.target.__class__.__name__,
            object_id=str(self.target.pk),
            object_label=str(self.target)[:200],
            facts=dict(self.facts),
            request_id=str(structlog.contextvars.get_contextvars().get("request_id", ""))[:36],
        )


def record(event: Event, *, by: Actor | None, target: Subject, at: datetime, **facts: Any) -> None:
    """Remember one event in the caller's transaction. Call it last: it locks the chain's head.

    Raises TransactionManagementError outside a transaction.
    """
    record_many([Entry(event=event, by=by, target=target, at=at, facts=facts)])


def record_many(entries: Iterable[Entry]) -> None:
    """Remember a batch: each chain's numbers are reserved once."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "An audit event is recorded in the transaction of the act that it remembers."
        )
    by_chain: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_chain[entry.chain].append(entry)
    for chain in sorted(by_chain):
        _append(chain, by_chain[chain])


def _append(chain: str, entries: list[Entry]) -> None:
    AuditHead.objects.bulk_create([AuditHead(chain=chain)], ignore_conflicts=True)
    head = AuditHead.objects.select_for_update().get(pk=chain)
    rows = []
    # A chain is of one team: the role is the same in all that one person does in a batch.
    roles: dict[Any, str] = {}
    for entry in entries:
        head.number += 1
        by = entry.by
        if by and by.pk not in roles:
            roles[by.pk] = by.role_in(entry.target.audit_team_id)
        row = entry.row(head.number, roles[by.pk] if by else "")
        row.hash = head.hash = digest(head.hash, row)
        rows.append(row)
    AuditEvent.objects.bulk_create(rows)
    head.save(update_fields=["number", "hash"])


def digest(previous: str, row: AuditEvent) -> str:
    """Return the SHA-256 (hex) that binds a row to its predecessor's."""
    content = {
        name: getattr(row, name)
        for name in (
            "chain", "number", "event", "actor_id", "actor", "role", "team_id", "game",
            "object_type", "object_id", "object_label", "facts", "request_id",
        )
    }  # fmt: skip
    content["at"] = row.at.astimezone(UTC).isoformat(timespec="microseconds")
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(f"{previous}{text}".encode()).hexdigest()
