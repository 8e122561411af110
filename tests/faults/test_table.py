"""The tables of faults and promises are whole, and every test that they name is there."""

import ast

import pytest

from tests.faults.faults import FAULTS
from tests.faults.promises import PROMISES
from tests.processes.console import ROOT


def _tests_of(file):
    """Return the names of a file's tests."""
    tree = ast.parse((ROOT / "tests" / file).read_text())
    return {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}


def test_every_fault_and_every_promise_is_there():
    letters = {"R": 11, "D": 12, "C": 10, "F": 4, "O": 5}

    assert list(FAULTS) == list(range(1, 37))
    assert list(PROMISES) == [
        f"{letter}{n + 1}" for letter in letters for n in range(letters[letter])
    ]


@pytest.mark.parametrize(
    "shown", [*FAULTS.items(), *PROMISES.items()], ids=lambda pair: str(pair[0])
)
def test_what_is_said_to_be_shown_is_shown(shown):
    _number, row = shown

    assert row.tests or row.otherwise
    for named in row.tests:
        file, _, name = named.partition("::")
        assert name in _tests_of(file), named
