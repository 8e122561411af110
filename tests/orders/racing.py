"""Races of more threads than the connection pool has connections, as web servers have."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection


def at_once(*acts):
    """Run the acts at the same moment; return each one's answer or the exception it raised."""
    barrier = Barrier(len(acts))

    def run(act):
        barrier.wait(timeout=20)
        try:
            return act()
        except Exception as problem:  # noqa: BLE001 -- what it raised is its answer
            return problem
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))
