"""Arguments of the simulator and the demo receiver: numbers that make sense, or a usage error."""

from argparse import ArgumentTypeError


def at_least_one(text: str) -> int:
    """Return a whole number from 1 up."""
    return int(_within(int(text), 1, None))


def not_negative(text: str) -> float:
    """Return a number from 0 up."""
    return _within(float(text), 0, None)


def share(text: str) -> float:
    """Return a number from 0 to 1."""
    return _within(float(text), 0, 1)


def _within(number: float, least: float, most: float | None) -> float:
    if not (number >= least and (most is None or number <= most)):
        bounds = f"at least {least}" if most is None else f"between {least} and {most}"
        raise ArgumentTypeError(f"must be {bounds}")
    return number
