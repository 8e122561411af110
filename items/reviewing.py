"""What a reviewer looks at: each request beside what is on sale."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db.models import Max

from items import release
from items.bounds import Bound, bound_of
from items.models import ItemVersion, ReleaseRequest
from items.rows import Difference, differences
from permissions.models import MiniGame

if TYPE_CHECKING:
    from django.db.models import QuerySet


@dataclass(frozen=True)
class Change:
    """A requested version, what is on sale now, and what differs."""

    request: ReleaseRequest
    live: ItemVersion | None

    @property
    def version(self) -> ItemVersion:
        """Return what would go on sale."""
        return self.request.version

    @property
    def game(self) -> MiniGame:
        """Return whose item it is."""
        return self.request.version.item.game

    @property
    def differences(self) -> list[Difference]:
        """Return what would change for players; nothing where nothing is on sale."""
        if self.live is None:
            return []
        return [each for each in differences(self.live, self.version) if each.differs]


def changes(requests: Iterable[ReleaseRequest]) -> list[Change]:
    """Return each request beside what is on sale, with one query more."""
    waiting = list(requests)
    live = release.live_beside(waiting)
    for request in waiting:
        if version := live.get(request.version.item_id):
            version.item = request.version.item
    return [Change(request, live.get(request.version.item_id)) for request in waiting]


def waiting(*, team: str, app_id: str) -> "QuerySet[ReleaseRequest]":
    """Return what waits for a team or a game, as the address names them; all without."""
    return within(release.waiting(), "version__item__game", team=team, app_id=app_id)


def bound(requests: "QuerySet[ReleaseRequest]", text: str = "") -> Bound:
    """Return up to which request the reviewer looked: as a page carried it, else the last one."""
    return bound_of(text, kind="items.requests", newest=partial(_newest, requests))


def upto(requests: "QuerySet[ReleaseRequest]", seen: Bound) -> "QuerySet[ReleaseRequest]":
    """Return those at which the reviewer looked. Who changes an item makes a new request of it."""
    return requests.filter(pk__lte=int(seen.upto))


def within(requests: "QuerySet[Any]", game_path: str, *, team: str, app_id: str) -> "QuerySet[Any]":
    """Return the requests of a team or a game, as the address names them; all without."""
    if team:
        # What is no number is no team: it matches nothing, like one for which nothing waits.
        is_key = team.isascii() and team.isdecimal() and len(team) < len(str(2**63))
        requests = requests.filter(**{f"{game_path}__team_id": int(team) if is_key else 0})
    if app_id:
        requests = requests.filter(**{f"{game_path}__app_id": app_id.replace("\0", " ")})
    return requests


def _newest(requests: "QuerySet[ReleaseRequest]") -> str:
    return str(requests.aggregate(last=Max("pk"))["last"] or 0)
