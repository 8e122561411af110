"""How many callbacks were refused, by code: counted in each process, written every few seconds.

A flood of junk must not cost a write each. The first refusal after a pause is written at once, the
others of the next seconds with the next one; what a process counted and did not write yet is lost
when it ends.
"""

import threading
import time
from collections import Counter
from typing import Final

import structlog
from django.db import DatabaseError, transaction
from django.db.models import F

from orders.models import RefusedCallback

WRITTEN_EVERY_SECONDS: Final = 5.0
# All that the endpoint can refuse with.
CODES: Final = (
    "40001", "40002", "40101", "40401", "40501", "40901", "41101", "41301", "41501", "42901",
    "50001", "50301",
)  # fmt: skip

log = structlog.get_logger(__name__)
_lock = threading.Lock()
_counted: Counter[str] = Counter()
_next_write = 0.0


def count(code: str, *, writes: bool = True) -> None:
    """Count one refusal, and write what was counted if it is time and the database is there."""
    global _next_write  # noqa: PLW0603 -- one clock per process
    with _lock:
        _counted[code] += 1
        now = time.monotonic()
        if now < _next_write or not writes:
            return
        _next_write = now + WRITTEN_EVERY_SECONDS
    write()


def write() -> None:
    """Add what this process counted to what is stored; keep it while the database is away."""
    with _lock:
        taken = dict(_counted)
        _counted.clear()
    if not taken:
        return
    try:
        _add(taken)
    except DatabaseError:
        log.warning("refusals_not_written")
        with _lock:
            _counted.update(taken)


def counts() -> dict[str, int]:
    """Return for each code how many there were, with what this process just counted.

    A code that was never answered counts 0: of a series that begins with its first refusal,
    `increase` in an alert rule would not see that one.
    """
    write()
    stored = RefusedCallback.objects.order_by("code").values_list("code", "number")
    return dict.fromkeys(CODES, 0) | dict(stored)


def forget_all() -> None:
    """Empty what this process counted and did not write."""
    global _next_write  # noqa: PLW0603 -- one clock per process
    with _lock:
        _counted.clear()
        _next_write = 0.0


@transaction.atomic
def _add(taken: dict[str, int]) -> None:
    # Sorted: two processes that write the same codes never wait for each other in a circle.
    for code in sorted(taken):
        RefusedCallback.objects.bulk_create([RefusedCallback(code=code)], ignore_conflicts=True)
        RefusedCallback.objects.filter(pk=code).update(number=F("number") + taken[code])
