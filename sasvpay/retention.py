"""How long records are kept (R8), and what goes then: each app knows its own, the order is here.

Numbers of orders and refunds are left before the rows go (`orders.retention`), so that a replay
after the purge makes nothing new (R10). Every step works in batches, beside a console that serves,
and may be stopped and run again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.conf import settings
from django.db import transaction

from aftersales import retention as refunds
from items import retention as imports
from orders import retention as orders
from sasvpay.kit import audit, retention
from sasvpay.kit.audit import Event

log = structlog.get_logger(__name__)
Counts = dict[str, int]
Step = Callable[[], int]


@dataclass
class _Purge:
    """What the audit trail says was acted upon."""

    before: datetime
    pk: str
    audit_team_id: None = None
    audit_game: str = ""

    def __str__(self) -> str:
        return f"records before {self.before:%Y-%m-%d}"


def cutoff(*, at: datetime) -> datetime:
    """Return the moment before which records may go."""
    month = at.year * 12 + at.month - 1 - settings.RETENTION_MONTHS
    # The 28th exists in every month: records are kept a few days longer rather than shorter.
    return at.replace(year=month // 12, month=month % 12 + 1, day=min(at.day, 28))


def count(*, before: datetime) -> Counts:
    """Return how much would go, by kind."""
    kept = refunds.keeps_order(before=before)
    rows = {
        "refunds": refunds.due(before=before),
        "orders": orders.due(before=before, kept=kept),
        "conflicts": orders.old_conflicts(before=before),
        "test notifications": orders.old_test_pushes(before=before),
        "imports": imports.due(before=before),
        "jobs": retention.old_jobs(before=before),
        "letters": retention.old_letters(before=before),
        "heartbeats": retention.old_heartbeats(before=before),
    }
    return {name: query.count() for name, query in rows.items()}


def leave_numbers(*, before: datetime, at: datetime) -> int:
    """Leave the numbers of all refunds and orders that may go, and return how many were left."""
    kept = refunds.keeps_order(before=before)
    return refunds.leave_numbers(before=before, at=at) + orders.leave_numbers(
        before=before, kept=kept, at=at
    )


def remove(*, before: datetime, at: datetime) -> Counts:
    """Delete what is older and whose number was left long enough, and return how much, by kind."""
    kept = refunds.has_refunds()
    clean = retention.delete_in_batches
    steps: dict[str, Step] = {
        "refunds": lambda: refunds.remove_refunds(before=before, at=at),
        "orders": lambda: orders.remove_orders(before=before, kept=kept, at=at),
        "conflicts": lambda: clean(orders.old_conflicts(before=before)),
        "test notifications": lambda: clean(orders.old_test_pushes(before=before)),
        "imports": lambda: imports.remove_imports(before=before),
        "jobs": lambda: retention.delete_jobs(before=before),
        "letters": lambda: clean(retention.old_letters(before=before)),
        "heartbeats": lambda: clean(retention.old_heartbeats(before=before)),
    }
    counts = {name: step() for name, step in steps.items()}
    retention.end_sessions()
    _remember(counts, before=before, at=at)
    return counts


@transaction.atomic
def _remember(counts: Counts, *, before: datetime, at: datetime) -> None:
    log.info("purged", before=before.isoformat(), **counts)
    if any(counts.values()):
        audit.record(
            Event.RECORDS_PURGED,
            by=None,
            target=_Purge(before, before.date().isoformat()),
            at=at,
            **counts,
        )
