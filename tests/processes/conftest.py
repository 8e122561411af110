"""The product's own processes, on the database that the suite was given."""

import os
import uuid
from contextlib import contextmanager

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from tests.processes.console import Console


# Before xdist reads the groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if "processes" in item.path.parts:
            item.add_marker(pytest.mark.processes)
            # One console at a time: they compete for two cores.
            item.add_marker(pytest.mark.xdist_group("processes"))


@contextmanager
def _own_database():
    """A database of its own where the suite runs on PostgreSQL; else SQLite in the data folder."""
    if connection.vendor != "postgresql":
        yield {}
        return
    given = settings.DATABASES["default"]
    name = f"processes_{uuid.uuid4().hex[:12]}"
    where = {
        "host": given["HOST"], "port": given["PORT"] or 5432,
        "user": given["USER"], "password": given["PASSWORD"],
    }  # fmt: skip
    with psycopg.connect(**where, dbname="postgres", autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    url = f"postgres://{where['user']}:{where['password']}@{where['host']}:{where['port']}/{name}"
    yield {"DATABASE_URL": url.replace(":@", "@")}
    with psycopg.connect(**where, dbname="postgres", autocommit=True) as admin:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def _own_console(folder, redis_database):
    redis = os.environ.get("REDIS_URL", "").rpartition("/")[0]
    with _own_database() as database:
        console = Console(
            folder,
            DELIVERY_RETRY_SECONDS=",".join(["1"] * 15),
            REDIS_URL=f"{redis}/{redis_database}" if redis else "",
            **database,
        )
        try:
            yield console
        finally:
            console.end()


@pytest.fixture
def unstarted_console(tmp_path):
    """A console that a test starts and stops by itself."""
    with _own_console(tmp_path / "data", 6) as console:
        yield console


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    """A console that serves the demo; shared by the tests of one file."""
    with _own_console(tmp_path_factory.mktemp("console") / "data", 7) as served:
        served.start()
        yield served
