"""People (one per role), a game, and what this machine lacks: skipped by name, with the reason."""

import os
import shutil
import uuid
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import translation

from permissions.matrix import HouseRole, TeamRole
from tests.factories import MembershipFactory, MiniGameFactory, UserFactory

CHROMIUM = Path("/usr/bin/chromium")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    # Playwright leaves an event loop running in its thread: what calls asyncio.run goes before.
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
    if connection.vendor == "postgresql":
        # No skip, which would ask for a machine that has it: there is nothing to try here.
        items[:] = [item for item in items if not item.get_closest_marker("sqlite")]
    lacks = {
        "postgresql": (
            "" if connection.vendor == "postgresql" else "DATABASE_URL names no PostgreSQL"
        ),
        "redis": ("" if settings.REDIS_URL else "REDIS_URL names no Redis"),
        "node": "" if shutil.which("node") else "Node.js is not on the PATH",
        "browser": ("" if CHROMIUM.exists() else f"Chromium is not at {CHROMIUM}"),
    }
    for item in items:
        for marker, reason in lacks.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """After a test with transactions of its own Django empties all tables, which the trail forbids."""
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute("ALTER TABLE kit_auditevent DISABLE TRIGGER kit_audit_not_emptied")


# playwright runs its own event loop in this thread; Django would refuse the database there.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture(autouse=True)
def _own_data_dir(settings, tmp_path):
    """Keep what a test writes out of the developer's folder."""
    settings.DATA_DIR = tmp_path
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture(autouse=True)
def _own_cache(settings):
    """Keep what a test counts from other tests: in Redis no transaction takes it back."""
    own = {"KEY_PREFIX": uuid.uuid4().hex}
    settings.CACHES = {name: {**cache, **own} for name, cache in settings.CACHES.items()}


@pytest.fixture(autouse=True)
def _own_language():
    """Keep the language of a test's last request out of the next test."""
    translation.deactivate()


@pytest.fixture
def game(db):
    return MiniGameFactory()


@pytest.fixture
def team(game):
    return game.team


def _member(team, role):
    return MembershipFactory(team=team, role=role).user


@pytest.fixture
def team_admin(team):
    return _member(team, TeamRole.TEAM_ADMIN)


@pytest.fixture
def senior_developer(team):
    return _member(team, TeamRole.SENIOR_DEVELOPER)


@pytest.fixture
def developer(team):
    return _member(team, TeamRole.DEVELOPER)


@pytest.fixture
def operator(team):
    return _member(team, TeamRole.OPERATOR)


@pytest.fixture
def super_admin(db):
    return UserFactory(house_role=HouseRole.SUPER_ADMIN)


@pytest.fixture
def platform_admin(db):
    return UserFactory(house_role=HouseRole.PLATFORM_ADMIN)


@pytest.fixture
def reviewer(db):
    return UserFactory(house_role=HouseRole.REVIEWER)


@pytest.fixture
def outsider(db):
    """An administrator, but of another team."""
    return MembershipFactory(role=TeamRole.TEAM_ADMIN).user
