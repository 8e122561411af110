"""Times to delivery in steps that grow by a half: days of them add up, and tell a median."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from math import floor, log
from typing import Final

SHORTEST_SECONDS: Final = 0.1
GROWTH: Final = 1.5


def step_of(wait: timedelta) -> int:
    """Return the step in which a time lies; `orders.rollup` says the same in SQL."""
    seconds = max(wait.total_seconds(), SHORTEST_SECONDS)
    return floor(log(seconds / SHORTEST_SECONDS) / log(GROWTH))


def add(steps: Counter[int], day: Mapping[str, int]) -> None:
    """Take in the steps of a day, as they are kept."""
    for step, count in day.items():
        steps[int(step)] += count


def median_seconds(steps: Mapping[int, int]) -> float | None:
    """Return the time within which half of the orders were delivered; None if none was."""
    half = sum(steps.values()) / 2
    passed = 0
    for step, count in sorted(steps.items()):
        if count and passed + count >= half:
            return float(SHORTEST_SECONDS * GROWTH ** (step + (half - passed) / count))
        passed += count
    return None
