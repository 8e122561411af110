"""Charts as SVG that a server draws: bars, lines, sparklines, without scripts or inline styles.

Shapes are drawn in a box of their own units and stretched to whatever room the page has; words stand
beside it as text, so that they keep their size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any, Final, Literal

from django.utils.translation import gettext as _

HEIGHT: Final = 100
STEP: Final = 10
_NICE: Final = (1, 2, 2.5, 5, 10)
_TICKS: Final = 4
# More labels than this along the bottom would touch one another; on a narrow screen half of them.
_LABELS: Final = 7


@dataclass(frozen=True)
class Point:
    """One value with its words: the short label stands under the plot, the long one in the table."""

    value: float | None
    text: str
    label: str
    long_label: str


@dataclass(frozen=True)
class Label:
    """What stands under one point; a minor one is left out where there is little room."""

    text: str
    is_minor: bool


@dataclass(frozen=True)
class Bar:
    """One bar, in the units of the box."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Chart:
    """A plot that is ready to be shown by `_chart.html`."""

    kind: Literal["bars", "line"]
    title: str
    points: Sequence[Point]
    # From top to bottom: what the grid's lines say, and where they are.
    ticks: Sequence[str]
    grid: Sequence[float]
    labels: Sequence[Label]
    bars: Sequence[Bar] = ()
    line: str = ""
    dots: str = ""

    @property
    def width(self) -> int:
        """Return the width of the box."""
        return STEP * len(self.points)

    @property
    def summary(self) -> str:
        """Return the plot in a sentence, for those who do not see it."""
        known = [point for point in self.points if point.value is not None]
        if not known:
            return _("%(title)s: nothing to show") % {"title": self.title}
        highest = max(known, key=lambda point: point.value or 0)
        return _("%(title)s, %(first)s to %(last)s; highest %(value)s (%(day)s)") % {
            "title": self.title,
            "first": self.points[0].long_label,
            "last": self.points[-1].long_label,
            "value": highest.text,
            "day": highest.long_label,
        }


def bars(title: str, points: Sequence[Point], tick: Callable[[float], str]) -> Chart:
    """Draw bars that stand on zero."""
    scale = _nice_scale(max((point.value or 0 for point in points), default=0))
    width = STEP * (0.4 if len(points) <= _LABELS else 0.6)
    drawn = [
        Bar(
            x=round(STEP * (number + 0.5) - width / 2, 2),
            y=_height(point.value or 0, scale),
            width=width,
            height=round(HEIGHT - _height(point.value or 0, scale), 2),
        )
        for number, point in enumerate(points)
    ]
    return Chart(kind="bars", title=title, points=points, bars=drawn, **_axes(points, scale, tick))


def share_line(title: str, points: Sequence[Point], tick: Callable[[float], str]) -> Chart:
    """Draw shares of one; what is near one is looked at closely. A gap is where nothing is known."""
    known = [point.value for point in points if point.value is not None]
    low = next((low for low in (0.9, 0.5) if known and min(known) >= low), 0.0)
    scale = [low + (1 - low) * number / _TICKS for number in range(_TICKS + 1)]
    places = [
        None if point.value is None else (STEP * (number + 0.5), _height(point.value, scale))
        for number, point in enumerate(points)
    ]
    dots = " ".join(f"M{x:g} {y:g}h0" for x, y in filter(None, places))
    axes = _axes(points, scale, tick)
    return Chart(kind="line", title=title, points=points, line=_path(places), dots=dots, **axes)


def sparkline(values: Sequence[float | None]) -> str:
    """Return the path of a small line in a box of 100 x 100, from its lowest to its highest."""
    known = [value for value in values if value is not None]
    if len(known) < 2:  # noqa: PLR2004 -- a line has two ends
        return ""
    low, span = min(known), max(known) - min(known)
    step = 100 / (len(values) - 1)
    return _path(
        [
            None
            if value is None
            else (
                round(step * number, 1),
                round(90 - 80 * (value - low) / span, 1) if span else 50.0,
            )
            for number, value in enumerate(values)
        ]
    )


def _nice_scale(highest: float) -> list[float]:
    """Return round numbers from zero to at least the highest, evenly apart."""
    # Where there is nothing, a scale of single cents would look like something.
    raw = highest / _TICKS or 100
    magnitude = 10.0 ** floor(log10(raw))
    step = next(nice * magnitude for nice in _NICE if raw <= nice * magnitude)
    return [step * number for number in range(_TICKS + 1)]


def _height(value: float, scale: Sequence[float]) -> float:
    return round(HEIGHT * (1 - (value - scale[0]) / (scale[-1] - scale[0])), 2)


def _path(places: Sequence[tuple[float, float] | None]) -> str:
    parts = []
    is_new = True
    for place in places:
        if place is not None:
            parts.append(f"{'M' if is_new else 'L'}{place[0]:g} {place[1]:g}")
        is_new = place is None
    return "".join(parts)


def _axes(
    points: Sequence[Point], scale: Sequence[float], tick: Callable[[float], str]
) -> dict[str, Any]:
    every = -(-len(points) // _LABELS) if len(points) > 2 * _LABELS else 1
    return {
        "ticks": [tick(value) for value in reversed(scale)],
        "grid": [_height(value, scale) for value in reversed(scale)],
        # Counted from the end: the newest always has one.
        "labels": [
            Label(
                point.label if (len(points) - 1 - number) % every == 0 else "",
                (len(points) - 1 - number) // every % 2 == 1,
            )
            for number, point in enumerate(points)
        ],
    }
