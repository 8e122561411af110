"""What arrives while something is being stored waits, and is stored together by one statement.

There is no timer: whoever comes first goes at once. Everybody is answered only after the commit.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from threading import Condition
from typing import Generic, TypeVar

from sasvpay.kit.errors import DATABASE_AWAY

Told = TypeVar("Told")
Answer = TypeVar("Answer")


class MicroBatch(Generic[Told, Answer]):
    """Lets one thread of this process store at a time: its own, and what waits beside it."""

    def __init__(self, store: Callable[..., Sequence[Answer]]) -> None:
        self._store = store
        self._changed = Condition()
        self._is_storing = False
        self._waiting: list[tuple[Told, datetime, Future[Answer]]] = []

    def store(self, told: Told, *, at: datetime) -> Answer:
        """Return what became of one, or raise what storing it raised.

        That the database is away is raised by all that went together or wait by then.
        """
        answer: Future[Answer] = Future()
        with self._changed:
            self._waiting.append((told, at, answer))
            self._changed.wait_for(lambda: answer.done() or not self._is_storing)
            if answer.done():
                return answer.result()
            batch = self._take()
            self._is_storing = True
        try:
            self._answer(batch)
        finally:
            with self._changed:
                self._is_storing = False
                self._changed.notify_all()
        return answer.result()

    def _take(self) -> list[tuple[Told, datetime, Future[Answer]]]:
        with self._changed:
            taken, self._waiting = self._waiting, []
        return taken

    def _answer(self, batch: Sequence[tuple[Told, datetime, Future[Answer]]]) -> None:
        try:
            stored = self._store([told for told, _at, _answer in batch], at=batch[-1][1])
        except BaseException as problem:  # noqa: BLE001 -- it is raised in the threads that wait
            if isinstance(problem, DATABASE_AWAY):
                # Who came meanwhile would only wait for the same again.
                batch = [*batch, *self._take()]
            elif len(batch) > 1:
                # It may be the fault of one: it is not to be the others' too.
                for each in batch:
                    self._answer([each])
                return
            for _told, _at, answer in batch:
                answer.set_exception(problem)
        else:
            for (_told, _at, answer), outcome in zip(batch, stored, strict=True):
                answer.set_result(outcome)
