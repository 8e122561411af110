"""Work in a process of its own: it answers, breaks, or is stopped; this process never suffers."""

import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

from sasvpay.kit import confined
from sasvpay.kit.confined import OverLimitError
from sasvpay.kit.sheet_parts import SheetError


def _children():
    tasks = Path("/proc/self/task")
    return "".join((task / "children").read_text() for task in tasks.iterdir()).split()


def _counted(*, then=lambda: None):
    yield from range(3)
    then()


def _refuse():
    raise SheetError("Row 7 is wrong.")


def _hoard():
    # Much more than is allowed: what the fork had mapped and not used counts for nothing.
    return [bytearray(2**20) for _each in range(2000)]


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def _sleep():
    time.sleep(60)


def _spin():
    while True:
        pass


def test_it_yields_what_another_process_makes():
    before = _children()

    assert list(confined.results(lambda: [os.getpid()])) != [os.getpid()]
    assert list(confined.results(_counted)) == [0, 1, 2]
    assert _children() == before


def test_it_raises_what_the_work_raises_after_what_came_before():
    found = confined.results(lambda: _counted(then=_refuse))

    assert [next(found) for _each in range(3)] == [0, 1, 2]
    with pytest.raises(SheetError, match=r"Row 7 is wrong\."):
        next(found)


@pytest.mark.parametrize("breach", [_hoard, _spin, _sleep, _die])
def test_what_takes_too_much_is_stopped_and_told(monkeypatch, breach):
    monkeypatch.setattr(confined, "CPU_SECONDS", 1)
    monkeypatch.setattr(confined, "PATIENCE", 0.5 if breach is _sleep else 20)
    before = _children()

    with pytest.raises(OverLimitError, match="too much memory or time"):
        list(confined.results(lambda: _counted(then=breach)))

    assert _children() == before


def test_whoever_takes_the_results_may_be_slow(monkeypatch):
    monkeypatch.setattr(confined, "PATIENCE", 0.5)

    for _each in confined.results(_counted):
        time.sleep(0.3)


def test_nobody_waits_for_what_is_not_asked_for():
    before = _children()
    found = confined.results(lambda: _counted(then=_spin))

    assert next(found) == 0
    found.close()

    assert _children() == before


def test_temporary_files_go_with_it():
    def leave():
        file = tempfile.NamedTemporaryFile(delete=False)  # noqa: SIM115 -- left behind on purpose
        yield file.name
        _die()

    found = confined.results(leave)
    left = Path(next(found))

    assert left.exists()
    found.close()
    assert not left.exists()
