"""The audit trail remembers what its list says: nothing is forgotten, nothing is listed in vain."""

import re
from pathlib import Path

import pytest

from sasvpay.kit.audit import Event

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("sasvpay", "permissions", "items", "orders", "aftersales")


def _text(*folders):
    return "\n".join(
        path.read_text("utf-8")
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if path != Path(__file__).resolve() and path.name != "audit.py"
    )


CODE, TESTS = _text(*ROOMS), _text("tests")


@pytest.mark.parametrize("event", Event, ids=lambda event: event.value)
def test_every_event_is_recorded_somewhere_and_expected_by_a_test(event):
    assert re.search(rf"Event\.{event.name}\b", CODE), "no code records it"
    assert re.search(rf"Event\.{event.name}\b|\"{event.value}\"", TESTS), "no test expects it"
