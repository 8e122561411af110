"""Times to delivery: kept in steps, merged over days, told as a median."""

from collections import Counter
from datetime import timedelta
from random import Random
from statistics import median

import pytest

from orders import waits


def _steps(seconds):
    day: dict[str, int] = {}
    for each in seconds:
        step = str(waits.step_of(timedelta(seconds=each)))
        day[step] = day.get(step, 0) + 1
    return day


@pytest.mark.parametrize("seed", range(50))
def test_the_median_of_merged_days_is_at_most_one_step_off(seed):
    random = Random(seed)  # noqa: S311 -- the same times in every run
    one, other = (
        [waits.SHORTEST_SECONDS + random.lognormvariate(0, 4) for _order in range(count)]
        for count in (random.randrange(1, 60), random.randrange(60))
    )

    steps: Counter[int] = Counter()
    waits.add(steps, _steps(one))
    waits.add(steps, _steps(other))
    told = waits.median_seconds(steps) or 0

    # With an even number it lies anywhere between the two in the middle.
    every = sorted(one + other)
    low, high = every[(len(every) - 1) // 2], every[len(every) // 2]
    assert low <= median(every) <= high
    assert low / waits.GROWTH <= told * 1.000001
    assert told <= high * waits.GROWTH * 1.000001


def test_nothing_delivered_has_no_median():
    assert waits.median_seconds({}) is None


def test_what_was_faster_than_the_first_step_is_in_it():
    assert waits.step_of(timedelta(0)) == waits.step_of(timedelta(seconds=0.1)) == 0
