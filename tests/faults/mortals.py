"""Processes that die by `kill -9` at a named point of a callback or a delivery.

Django is loaded once, by `main`; each line on its input asks for one mortal, which is forked, says
a line before it dies (what it was answered, or its process id), and is told of by its last line.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.test import Client

from orders import delivery, endpoint, intake, intake_sql
from orders.dispatcher import Dispatcher
from tests.processes.console import ROOT

KILLED = f"killed by {signal.SIGKILL:d}"


def _die(*_arguments: object, **_more: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _then_die(act: Callable[..., Any]) -> Callable[..., None]:
    return lambda *arguments, **more: _die(act(*arguments, **more))


def _at(place: Any, name: str, act: Callable[..., None]) -> Callable[[], None]:
    return lambda: setattr(place, name, act)


POINTS: dict[str, Callable[[], None]] = {
    "before the insert": _at(intake_sql, "insert", _die),
    "during the insert": lambda: threading.Timer(0.1, _die).start(),
    "after the insert": _at(intake_sql, "insert", _then_die(intake_sql.insert)),
    "before the commit": lambda: setattr(connection, "commit", _die),
    "after the commit": _at(intake._together, "_store", _then_die(intake.store)),
    "before the answer": _at(endpoint, "_answer", _die),
    "after the answer": lambda: None,
    "before the OK is noted": _at(delivery, "note", _die),
    "from outside": lambda: None,
}


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _call(path: str, body: str) -> None:
    sender = Client(raise_request_exception=False, SERVER_NAME="localhost")
    answer = sender.generic("POST", path, body, content_type="application/json")
    _say(answer.json()["returnCode"])
    _die()


def _dispatch() -> None:
    _say(str(os.getpid()))
    asyncio.run(Dispatcher().run())


def main() -> None:
    """Make one mortal for each line."""
    # So that not each of them has to load what a request needs.
    Client(SERVER_NAME="localhost").get("/healthz")
    for line in sys.stdin:
        wish = json.loads(line)
        pid = os.fork()
        if not pid:
            POINTS[wish.pop("point")]()
            (_call if wish else _dispatch)(**wish)
            os._exit(0)
        _pid, status = os.waitpid(pid, 0)
        _say(f"killed by {os.WTERMSIG(status)}")


class Mortals:
    """The test's end."""

    def __init__(self, reading, writing):
        self._reading, self._writing = reading, writing

    def live(self, point, *, on_word=lambda word: None, **wish):
        """Have one live until that point, and return what it said before it was killed."""
        self._writing.write(json.dumps({"point": point, **wish}) + "\n")
        self._writing.flush()
        said = ""
        while (line := self._reading.readline().strip()) != KILLED:
            assert line, "It ended without a word."
            assert not line.startswith("killed"), "It did not die there."
            said = line
            on_word(line)
        return said


@contextmanager
def mortals(database_url: str):
    """Have processes ready that work on that database."""
    process = subprocess.Popen(
        [
            sys.executable, "manage.py", "shell", "--no-imports",
            "-c", "from tests.faults.mortals import main; main()",
        ],
        cwd=ROOT, env={**os.environ, "DATABASE_URL": database_url}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield Mortals(process.stdout, process.stdin)
    finally:
        process.communicate(timeout=30)
