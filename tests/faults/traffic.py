"""A superapp that keeps on buying: each purchase is sent again until it is answered "0"."""

import itertools
import threading
import time

from tests.processes.purchases import purchase, send


class Traffic:
    """Use it as `with Traffic(console, "R7", senders=4) as traffic`; afterwards all were accepted."""

    def __init__(self, console, prefix, *, senders=4, pause=0.02):
        self.demo, self.prefix, self.pause = console.demo(), prefix, pause
        self.numbers = itertools.count()
        # When it was answered, HTTP status, code, and the seconds it took.
        self.answers = []
        self.accepted = []
        self._is_over = threading.Event()
        self._senders = [threading.Thread(target=self._buy) for _ in range(senders)]

    def __enter__(self):
        for sender in self._senders:
            sender.start()
        return self

    def __exit__(self, *problem):
        self._is_over.set()
        for sender in self._senders:
            sender.join(60)

    def _buy(self):
        while not self._is_over.is_set():
            number = f"{self.prefix}-{next(self.numbers)}"
            body = purchase(self.demo, number)
            deadline = time.monotonic() + 50
            while not (is_stored := self._sent(body) == "0") and time.monotonic() < deadline:
                time.sleep(0.1)
            if is_stored:
                self.accepted.append(number)
            time.sleep(self.pause)

    def _sent(self, body):
        started = time.monotonic()
        status, code = send(self.demo["callback_url"], body)
        self.answers.append((time.monotonic(), status, code, time.monotonic() - started))
        return code

    @property
    def codes(self):
        """Return what was ever answered; "" is a connection that was cut."""
        return {code for _at, _status, code, _took in self.answers}

    @property
    def slowest(self):
        return max(took for _at, _status, _code, took in self.answers)

    def first_accepted_after(self, moment):
        """Return the seconds from a moment to the next purchase that was accepted."""
        return (
            min(at for at, _s, code, took in self.answers if code == "0" and at - took > moment)
            - moment
        )
