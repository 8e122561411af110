"""Races: the same act by many threads that start at one moment."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection


def together(*acts):
    """Run the acts at the same moment, and return each one's answer or the exception it raised."""
    barrier = Barrier(len(acts))

    def run(act):
        try:
            connection.ensure_connection()
            barrier.wait(timeout=20)
            return act()
        except Exception as problem:  # noqa: BLE001 -- what it raised is its answer
            return problem
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))
