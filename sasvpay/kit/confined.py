"""Work on what strangers sent, in a process of its own: it may take so much, and no more.

The process is a fork, which starts in milliseconds; a new interpreter would take longer than most
of the work. It must not touch the database: the connections that it inherits are its parent's.
"""

import gc
import os
import resource
import signal
import tempfile
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeVar

from django.utils.translation import gettext as _

from sasvpay.kit.errors import DomainError

# Beyond what the libraries have mapped already.
MEMORY_BYTES: Final = 512 * 2**20
CPU_SECONDS: Final = 20
# For the next result, of a busy machine too; a job's lease is longer.
PATIENCE: Final = 50
_MAPPED: Final = Path("/proc/self/statm")
# A child that another thread forks meanwhile would keep our end of the pipe open.
_FORKING: Final = Lock()

T = TypeVar("T")


class OverLimitError(DomainError):
    """The work took more memory or time than it may, or died of it."""

    code = "over_limit"
    status = 422


def results(work: Callable[[], Iterable[T]]) -> Generator[T, None, None]:
    """Yield what `work` yields in its own process; raise what it raises, or OverLimitError.

    What it leaves in temporary files goes with it.
    """
    with tempfile.TemporaryDirectory() as folder:
        child, channel = _start(work, folder)
        try:
            yield from _received(channel)
        finally:
            channel.close()
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _start(work: Callable[[], Iterable[Any]], folder: str) -> tuple[int, Connection]:
    with _FORKING:
        ours, theirs = Pipe(duplex=False)
        child = os.fork()
        if child == 0:  # pragma: no cover -- not the process that is measured
            ours.close()
            _work(work, theirs, folder)
        theirs.close()
    return child, ours


def _work(
    work: Callable[[], Iterable[Any]], channel: Connection, folder: str
) -> None:  # pragma: no cover -- not the process that is measured
    """Send everything, then a last message with the error, if any. Never returns."""
    try:
        # What was garbage before the fork stays: a connection that is finalised here is hung up.
        gc.freeze()
        tempfile.tempdir = folder
        _limit()
        for each in work():
            channel.send((True, each))
        channel.send((False, None))
    except MemoryError:
        pass
    except Exception as error:  # noqa: BLE001 -- raised again by the parent
        error.add_note(traceback.format_exc())
        channel.send((False, error))
    finally:
        # Nothing of the parent's is to be flushed, closed or finalised here.
        os._exit(0)


def _limit() -> None:  # pragma: no cover -- not the process that is measured
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    # Only Linux counts, and keeps, a limit of memory.
    if _MAPPED.exists():
        pages = int(_MAPPED.read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _received(channel: Connection) -> Iterator[Any]:
    while True:
        try:
            if not channel.poll(PATIENCE):
                raise _over_limit()
            goes_on, message = channel.recv()
        except (EOFError, OSError) as error:
            raise _over_limit() from error
        if not goes_on:
            break
        yield message
    if message is not None:
        raise message


def _over_limit() -> OverLimitError:
    return OverLimitError(
        _("The file takes too much memory or time to read. Copy its values into the template.")
    )
