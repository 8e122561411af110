"""Charts: round scales, honest gaps, labels that do not touch."""

import pytest

from sasvpay.kit import charts
from sasvpay.kit.charts import Bar, Point


def _points(*values):
    return [
        Point(value, str(value), f"d{number}", f"day {number}")
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (0, ["400", "300", "200", "100", "0"]),
        (3, ["4", "3", "2", "1", "0"]),
        (4, ["4", "3", "2", "1", "0"]),
        (41, ["80", "60", "40", "20", "0"]),
        (90, ["100", "75", "50", "25", "0"]),
        (7_400, ["8000", "6000", "4000", "2000", "0"]),
    ],
)
def test_bars_stand_on_zero_under_a_round_scale(highest, ticks):
    chart = charts.bars("Sold", _points(highest), lambda value: f"{value:g}")

    assert chart.ticks == ticks
    assert chart.grid == [0, 25, 50, 75, 100]


def test_bars_are_as_high_as_their_values():
    chart = charts.bars("Sold", _points(4, 1, 0), str)

    assert chart.bars == [
        Bar(x=3, y=0, width=4, height=100),
        Bar(x=13, y=75, width=4, height=25),
        Bar(x=23, y=100, width=4, height=0),
    ]
    assert chart.width == 30


@pytest.mark.parametrize(
    ("values", "lowest"), [((1, 0.95), "0.9"), ((0.9, 0.6), "0.5"), ((1, 0.2), "0"), ((), "0")]
)
def test_a_line_of_shares_looks_closely_at_what_is_near_one(values, lowest):
    chart = charts.share_line("Success", _points(*values), lambda value: f"{value:g}")

    assert (chart.ticks[0], chart.ticks[-1]) == ("1", lowest)


def test_a_line_has_a_gap_where_nothing_is_known():
    chart = charts.share_line("Success", _points(0, 1, None, 0.5), str)

    assert chart.line == "M5 100L15 0M35 50"
    assert chart.dots == "M5 100h0 M15 0h0 M35 50h0"


def test_a_sparkline_goes_from_its_lowest_to_its_highest():
    assert charts.sparkline([0, 5, 10]) == "M0 90L50 50L100 10"
    assert charts.sparkline([3, None, 3]) == "M0 50M100 50"
    assert charts.sparkline([3, None]) == ""


@pytest.mark.parametrize(("count", "shown"), [(7, 7), (13, 13), (30, 6)])
def test_the_newest_point_always_has_a_label_and_labels_have_room(count, shown):
    chart = charts.bars("Sold", _points(*range(count)), str)

    texts = [label for label in chart.labels if label.text]
    assert len(texts) == shown
    assert texts[-1] == charts.Label(f"d{count - 1}", is_minor=False)
    assert sum(not label.is_minor for label in texts) == -(-shown // 2)


def test_a_chart_says_in_a_sentence_what_it_shows():
    chart = charts.bars("Sold", _points(1, 9, 2), str)

    assert chart.summary == "Sold, day 0 to day 2; highest 9 (day 1)"
    nothing = charts.share_line("Success", _points(None, None), str)
    assert nothing.summary == "Success: nothing to show"
