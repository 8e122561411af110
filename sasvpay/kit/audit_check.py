"""Whether the trail still says what was written: every chain is walked, and held against anchors.

An anchor is a line that names where each chain ended. It leaves the machine once a day: whoever
rewrites a whole chain, or cuts its end, cannot rewrite what lies in a mailbox.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.utils.translation import gettext as _

from sasvpay.kit.audit import digest
from sasvpay.kit.models import AuditEvent, AuditHead

CHUNK: Final = 2000
_MARK: Final = "audit_heads"

# For each chain what anchors say: an event's number, and its hash.
Anchors = Mapping[str, Mapping[int, str]]


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a chain, and where."""

    chain: str
    number: int
    problem: str

    def __str__(self) -> str:
        return f"{self.chain} #{self.number}: {self.problem}"


def anchor(at: datetime) -> str:
    """Return the line that says where every chain ends."""
    rows = AuditHead.objects.order_by("chain").values_list("chain", "number", "hash")
    heads = {chain: [number, digest_] for chain, number, digest_ in rows}
    return json.dumps({_MARK: heads, "at": at.astimezone(UTC).isoformat(timespec="seconds")})


def read_anchors(lines: Iterable[str]) -> Anchors:
    """Return what the anchors among some lines say; other lines, as in letters, are passed over."""
    found: defaultdict[str, dict[int, str]] = defaultdict(dict)
    for line in lines:
        if _MARK not in line:
            continue
        with suppress(ValueError, TypeError, KeyError):
            for chain, (number, hash_) in json.loads(line)[_MARK].items():
                found[chain][int(number)] = str(hash_)
    return found


def chains(anchors: Anchors) -> list[str]:
    """Return every chain that has a head, an event or an anchor."""
    of_events = AuditEvent.objects.order_by().values_list("chain", flat=True).distinct()
    of_heads = AuditHead.objects.values_list("chain", flat=True)
    return sorted({*of_events, *of_heads, *anchors})


def faults(chain: str, anchored: Mapping[int, str]) -> Iterator[Fault]:
    """Walk one chain while it may grow, in constant memory, and yield what is wrong."""
    # Read first: what it names is there, whatever is added meanwhile.
    head = AuditHead.objects.filter(pk=chain).first() or AuditHead(chain=chain)
    last = _Walk(chain)
    for row in AuditEvent.objects.filter(chain=chain).order_by("number").iterator(CHUNK):
        yield from last.step(row)
        if row.number == head.number and row.hash != head.hash:
            yield Fault(chain, row.number, _("its hash is not the one that the head keeps."))
        if anchored.get(row.number, row.hash) != row.hash:
            yield Fault(chain, row.number, _("its hash is not the one that an anchor keeps."))
    yield from _cut(last, head, anchored)


def _cut(last: "_Walk", head: AuditHead, anchored: Mapping[int, str]) -> Iterator[Fault]:
    """Yield what should lie behind the last event, or should not."""
    if head.number > last.number:
        yield Fault(
            last.chain,
            last.number + 1,
            _("the end is cut off: the head counts %(count)s events.") % {"count": head.number},
        )
    newest = max(anchored, default=0)
    if newest > max(last.number, head.number):
        yield Fault(
            last.chain,
            last.number + 1,
            _("the end is cut off: an anchor counts %(count)s events.") % {"count": newest},
        )
    now = AuditHead.objects.filter(pk=last.chain).values_list("number", flat=True).first() or 0
    if last.number > now:
        yield Fault(last.chain, now + 1, _("the head does not know of it: it was added by hand."))


class _Walk:
    """Where a walk along a chain has come to."""

    def __init__(self, chain: str) -> None:
        self.chain = chain
        self.number = 0
        # None behind a gap: what follows it cannot be checked against what is missing.
        self._hash: str | None = ""

    def step(self, row: AuditEvent) -> Iterator[Fault]:
        """Take the next event, and yield what is wrong with it."""
        missing = row.number - self.number - 1
        if row.number < 1:
            yield Fault(self.chain, row.number, _("it was added by hand: the first is #1."))
            return
        if missing:
            self._hash = None
            yield Fault(
                self.chain,
                self.number + 1,
                _("missing: %(count)s in a row, before #%(next)s.")
                % {"count": missing, "next": row.number},
            )
        if self._hash is not None and digest(self._hash, row) != row.hash:
            yield Fault(
                self.chain,
                row.number,
                _("does not match its hash: it, or the one before it, was changed."),
            )
        self.number, self._hash = row.number, row.hash
