"""What came of each item of an act on many, kept for a day for whoever acted."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from django.core.cache import cache

from items.batches import Outcome
from permissions.models import User

_KEPT_SECONDS: Final = 24 * 60 * 60


@dataclass(frozen=True)
class Report:
    """An act's title, what came of each item, and where the person was."""

    title: str
    lines: list[tuple[str, bool, str]]
    back: str

    @property
    def done(self) -> list[tuple[str, bool, str]]:
        """Return what was done."""
        return [line for line in self.lines if line[1]]

    @property
    def skipped(self) -> list[tuple[str, bool, str]]:
        """Return what was not, each with its reason."""
        return [line for line in self.lines if not line[1]]

    def shown(self, which: str) -> list[tuple[str, bool, str]]:
        """Return the lines of a tab: what was done, what was skipped, or all."""
        return {"done": self.done, "skipped": self.skipped}.get(which, self.lines)


def keep(title: str, outcomes: Iterable[Outcome], *, back: str, by: User) -> str:
    """Keep what came of an act and return the token that shows it."""
    token = secrets.token_urlsafe(16)
    lines = [(outcome.item_id, outcome.ok, str(outcome.message)) for outcome in outcomes]
    cache.set(_key(token, by), (title, lines, back), _KEPT_SECONDS)
    return token


def read(token: str, *, by: User) -> Report | None:
    """Return what is kept under a token for that person."""
    kept = cache.get(_key(token, by))
    return Report(*kept) if kept else None


def _key(token: str, by: User) -> str:
    # A digest: an address may hold what no cache takes as a key.
    return f"items:outcomes:{by.pk}:{sha256(token.encode()).hexdigest()}"
