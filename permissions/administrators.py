"""Letters to a team's administrators: what they should know though nobody asked them."""

from datetime import datetime
from typing import Any

from permissions.matrix import TeamRole
from permissions.models import MiniGame
from sasvpay.kit import mail


def tell(game: MiniGame, *, template: str, context: dict[str, Any], at: datetime) -> int:
    """Write to each administrator of a mini game's team, in the caller's transaction.

    The one who acted is told as well: it may have been somebody else with their session. Returns
    how many letters that makes.
    """
    admins = game.team.memberships.filter(role=TeamRole.TEAM_ADMIN, user__is_active=True)
    people = [membership.user for membership in admins.select_related("user").order_by("pk")]
    for person in people:
        mail.send(
            to=person.email,
            template=template,
            context={"game": game, "at": at, **context},
            kind=template.rpartition("/")[2],
            at=at,
            language=person.language,
        )
    return len(people)
