"""A team with a game in which every page has something to show, and nine kinds of people."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import transaction

from permissions.matrix import HouseRole, TeamRole
from tests import factories

PEOPLE = (
    "super_admin",
    "platform_admin",
    "team_admin",
    "senior_developer",
    "developer",
    "operator",
    "reviewer",
    "outsider",
    "anonymous",
)
# What changes by being looked at: sessions and who was seen when.
NOT_CONTENT = {"sessions.Session", "usersessions.UserSession", "contenttypes.ContentType"}


@dataclass
class World:
    """One team, its game, and somebody of each kind."""

    people: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.game = factories.MiniGameFactory(app_id="mg_world")
        self.team = self.game.team
        factories.MerchantFactory(team=self.team)
        for role in TeamRole:
            self.people[role] = factories.MembershipFactory(team=self.team, role=role).user
        for house_role in HouseRole:
            self.people[house_role] = factories.UserFactory(house_role=house_role)
        self.people["outsider"] = factories.MembershipFactory(role=TeamRole.TEAM_ADMIN).user
        self.people["anonymous"] = None

    def member(self, role: TeamRole = TeamRole.DEVELOPER) -> Any:
        """Add one more member."""
        return factories.MembershipFactory(team=self.team, role=role)


def snapshot() -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table, so that "nothing changed" can be asserted."""
    return {
        model._meta.label: sorted(
            tuple(repr(value) for value in row) for row in model._default_manager.values_list()
        )
        for model in apps.get_models(include_auto_created=True)
        if model._meta.label not in NOT_CONTENT
    }


@contextmanager
def taken_back() -> Iterator[None]:
    """Have every request begin with the same world."""
    point = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(point)
