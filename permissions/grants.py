"""Grants: what one person may do, as a value. Read with two queries; every question is a look-up."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from permissions.matrix import DEFAULTS, Capability, Role
from permissions.models import GameGrant, MiniGame, Team, TeamGrant, User

if TYPE_CHECKING:
    from django.db.models import QuerySet

_BY_CODENAME: Final = {capability.codename: capability for capability in Capability}
_NONE: Final[frozenset[Capability]] = frozenset()


@dataclass(frozen=True)
class Grants:
    """What is held everywhere (house roles), by team id, and by game id."""

    everywhere: frozenset[Capability]
    by_team: Mapping[int, frozenset[Capability]]
    by_game: Mapping[int, frozenset[Capability]]

    @classmethod
    def read(cls, user: User) -> Self:
        """Read what is granted to a person."""
        return cls(
            everywhere=DEFAULTS[Role(user.house_role)] if user.house_role else _NONE,
            by_team=_grouped(TeamGrant.objects.filter(user=user)),
            by_game=_grouped(GameGrant.objects.filter(user=user)),
        )

    def on_team(self, team: Team) -> frozenset[Capability]:
        """Return what may be done in a team."""
        return self.everywhere | self.by_team.get(team.pk, _NONE)

    def on_game(self, game: MiniGame) -> frozenset[Capability]:
        """Return what may be done on a mini game: a grant on its team counts for it."""
        return (
            self.everywhere
            | self.by_team.get(game.team_id, _NONE)
            | self.by_game.get(game.pk, _NONE)
        )


def _grouped(rows: "QuerySet[Any]") -> dict[int, frozenset[Capability]]:
    found: defaultdict[int, set[Capability]] = defaultdict(set)
    for object_id, codename in rows.values_list("content_object_id", "permission__codename"):
        found[object_id].add(_BY_CODENAME[codename])
    return {object_id: frozenset(held) for object_id, held in found.items()}
