"""The tables of faults and promises are whole, and every test that they name is there."""

import ast
from functools import cache

from tests.faults.faults import FAULTS
from tests.faults.promises import PROMISES
from tests.processes.console import ROOT


@cache
def _tests_of(file):
    """Return the names of a file's tests."""
    path = ROOT / "tests" / file
    tree = ast.parse(path.read_text() if path.exists() else "")
    return {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}


def test_every_fault_and_every_promise_is_there():
    letters = {"R": 11, "D": 12, "C": 10, "F": 4, "O": 5}

    assert list(FAULTS) == list(range(1, 37))
    assert list(PROMISES) == [
        f"{letter}{n + 1}" for letter in letters for n in range(letters[letter])
    ]


def test_what_is_said_to_be_shown_is_shown():
    shown = [*FAULTS.values(), *PROMISES.values()]

    assert [row.what for row in shown if not (row.tests or row.otherwise)] == []
    named = [each.partition("::") for row in shown for each in row.tests]
    assert [(file, name) for file, _, name in named if name not in _tests_of(file)] == []
