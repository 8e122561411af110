"""Supervisor: starts processes, restarts those that die, and leaves none behind."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

# Stopping takes at most this long: then what is left is killed.
STOP_SECONDS: Final = 8.0
# A process that lived for so long is restarted at once; one that dies young waits ever longer.
STEADY_SECONDS: Final = 10.0
LONGEST_PAUSE_SECONDS: Final = 5.0
_PR_SET_PDEATHSIG: Final = 1


@dataclass
class Child:
    """One process of the product, over all its lives."""

    name: str
    command: Sequence[str]
    running: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    young_deaths: int = 0

    def start(self) -> None:
        """Start it in a group of its own, so that Ctrl-C reaches the supervisor only."""
        self.started_at = time.monotonic()
        self.running = subprocess.Popen(  # noqa: S603 -- the commands are the supervisor's own
            self.command,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 -- the supervisor has one thread
        )

    def has_died(self) -> bool:
        """Say whether it ended by itself."""
        return self.running is not None and self.running.poll() is not None

    def kill_group(self) -> None:
        """Kill what a process may have left behind, and itself."""
        if self.running is not None:
            try:
                os.killpg(self.running.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
            self.running.wait()


@dataclass
class Supervisor:
    """Runs the named commands until it is told to stop by SIGINT or SIGTERM."""

    commands: Mapping[str, Sequence[str]]
    say: Callable[[str], None]
    is_stopping: bool = field(default=False, init=False)

    def run(self, *, on_started: Callable[[], None]) -> None:
        """Start all, call `on_started` once, watch until told to stop, then stop all."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        children = [Child(name, command) for name, command in self.commands.items()]
        try:
            for child in children:
                child.start()
            on_started()
            while not self.is_stopping:
                for child in children:
                    self._watch(child)
                time.sleep(0.1)
        finally:
            self._end(children)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True

    def _watch(self, child: Child) -> None:
        now = time.monotonic()
        if child.has_died() and child.running is not None:
            code = child.running.returncode
            child.kill_group()
            child.running = None
            lived = now - child.started_at
            child.young_deaths = 0 if lived > STEADY_SECONDS else child.young_deaths + 1
            pause = min(0.1 * 2**child.young_deaths, LONGEST_PAUSE_SECONDS)
            child.start_at = now + pause
            self.say(f"[serve] {child.name} ended ({code}); it is started again in {pause:.1f} s")
        if child.running is None and now >= child.start_at:
            child.start()

    def _end(self, children: Sequence[Child]) -> None:
        self.say("[serve] stopping ...")
        deadline = time.monotonic() + STOP_SECONDS
        for child in children:
            if child.running is not None and child.running.poll() is None:
                child.running.terminate()
        for child in children:
            if child.running is not None:
                try:
                    child.running.wait(max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    self.say(f"[serve] {child.name} did not stop in time and is killed")
            child.kill_group()
        self.say("[serve] stopped")


def _die_with_parent() -> None:
    """Have the kernel end the child when the supervisor is killed (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
