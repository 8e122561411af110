"""One console on a PostgreSQL and a Redis that the tests may stop.

Short by itself; `FAULTS=full pytest tests/faults` takes as long as was promised.
"""

import os
from functools import cache

import pytest

from tests.faults.servers import PostgreSQL, Redis
from tests.processes.console import Console


# Before xdist reads the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if "faults" in item.path.parts and "console" in item.fixturenames:
            for marker in ("processes", "postgresql", "redis"):
                item.add_marker(marker)
            item.add_marker(pytest.mark.xdist_group("processes"))


@pytest.fixture(scope="session")
def full():
    return os.environ.get("FAULTS") == "full"


@pytest.fixture(scope="session")
def redis():
    server = Redis()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgresql():
    server = PostgreSQL()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def console(tmp_path_factory, postgresql, redis):
    served = Console(
        tmp_path_factory.mktemp("faults") / "data",
        DATABASE_URL=postgresql.url, REDIS_URL=redis.url,
        DELIVERY_RETRY_SECONDS=",".join(["1"] * 15), DELIVERY_TIMEOUT_SECONDS="3",
    )  # fmt: skip
    served.start()
    # What the demo says does not change, and asking it starts a process each time.
    served.demo = cache(served.demo)  # type: ignore[method-assign]  # -- of this one console
    yield served
    served.end()
