"""What shows that something holds: tests by their path, or a sentence where none can."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """A fault or a promise, the tests that show that it is survived or kept, and what they cannot."""

    what: str
    # As pytest takes them, below `tests/`: "orders/test_leases.py::test_a_late_ok_counts".
    tests: tuple[str, ...] = ()
    # What no test shows here, and why, or how it was looked at by hand.
    otherwise: str = ""
