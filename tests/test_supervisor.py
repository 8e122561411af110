"""The supervisor: restarts what dies, stops what runs, leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest

from sasvpay import supervisor
from sasvpay.supervisor import Supervisor

# Says that it lives, and stays until it is told to stop.
STEADY = "import sys, time; open(sys.argv[1], 'a').write('x'); time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {STEADY}"
SHORT = "import sys; open(sys.argv[1], 'a').write('x')"


@pytest.fixture
def lives(tmp_path):
    return tmp_path / "lives"


@pytest.fixture(autouse=True)
def _own_signals():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _run(program, lives, until, *, kill=None):
    """Supervise one process until that is so, then press Ctrl-C; return what was said."""
    said: list[str] = []
    watched = Supervisor({"part": [sys.executable, "-c", program, str(lives)]}, say=said.append)

    def person():
        deadline = time.monotonic() + 15
        while not until(lives) and time.monotonic() < deadline:
            time.sleep(0.02)
        if kill:
            kill()
        os.kill(os.getpid(), signal.SIGINT)

    thread = Thread(target=person)
    watched.run(on_started=thread.start)
    thread.join()
    return said


def _count(lives: Path) -> int:
    return len(lives.read_text()) if lives.exists() else 0


def _running(lives):
    return subprocess.run(
        ["pgrep", "-f", str(lives)], capture_output=True, text=True, check=False
    ).stdout.split()


def test_a_process_that_ends_is_started_again_after_ever_longer_pauses(lives):
    said = _run(SHORT, lives, lambda lives: _count(lives) >= 3)

    restarts = [line for line in said if "is started again" in line]
    assert restarts[:2] == [
        "[serve] part ended (0); it is started again in 0.2 s",
        "[serve] part ended (0); it is started again in 0.4 s",
    ]


def test_ctrl_c_stops_what_runs_and_leaves_nothing(lives):
    said = _run(STEADY, lives, lambda lives: _count(lives) == 1)

    assert said == ["[serve] stopping ...", "[serve] stopped"]
    assert _running(lives) == []


def test_what_does_not_stop_in_time_is_killed(lives, monkeypatch):
    monkeypatch.setattr(supervisor, "STOP_SECONDS", 0.3)

    said = _run(DEAF, lives, lambda lives: _count(lives) == 1)

    assert "[serve] part did not stop in time and is killed" in said
    assert _running(lives) == []
