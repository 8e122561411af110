"""What one person may do on one mini game only, beyond any role: an outside studio's exception."""

from collections.abc import Set as AbstractSet
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from permissions import people, teams
from permissions.grants import Grants
from permissions.matrix import GRANTABLE, Capability
from permissions.models import GameGrant, MiniGame, User
from sasvpay.kit import audit
from sasvpay.kit.audit import Event
from sasvpay.kit.errors import DomainError


class NotGrantableError(DomainError):
    """The capability is about a team as a whole, or the superapp's."""

    code = "not_grantable"
    status = 422


class AlreadyGrantedError(DomainError):
    """The person may do this there already."""

    code = "already_granted"


class NotGrantedError(DomainError):
    """There is no such grant to withdraw."""

    code = "not_granted"


def view_of(capability: Capability) -> Capability:
    """Return what shows the pages of the same area: nobody can act on what they cannot see."""
    return Capability(f"{capability.partition('.')[0]}.view")


def capability_of(grant: GameGrant) -> Capability:
    """Return what a stored grant allows."""
    return next(c for c in GRANTABLE if c.codename == grant.permission.codename)


@transaction.atomic
def grant_on_game(
    *, game: MiniGame, user: User, capability: Capability, by: User, at: datetime
) -> None:
    """Let one person do this on one mini game only; seeing what it is about comes with it."""
    _refuse_ungrantable(capability)
    teams.lock(game.team)
    user = people.locked(user)
    if user.house_role:
        raise teams.HousePersonError(
            _("%(name)s holds a house role. House roles and teams exclude each other.")
            % {"name": user}
        )
    held = Grants.read(user).on_game(game)
    if capability in held:
        raise AlreadyGrantedError(
            _("%(name)s may do this on %(game)s already.") % {"name": user, "game": game}
        )
    _store(game, user, {capability, view_of(capability)} - held)
    audit.record(
        Event.GAME_GRANTED,
        by=by,
        target=game,
        at=at,
        email=user.email,
        capability=capability.value,
    )


@transaction.atomic
def withdraw_on_game(
    *, game: MiniGame, user: User, capability: Capability, by: User, at: datetime
) -> None:
    """Take back what was granted on one mini game; with seeing goes all that needs it."""
    teams.lock(game.team)
    granted = GameGrant.objects.filter(user=user, content_object=game)
    lost = {capability}
    if capability == view_of(capability):
        lost = {other for other in GRANTABLE if view_of(other) == capability}
    if not granted.filter(permission__codename=capability.codename).exists():
        raise NotGrantedError(_("This was withdrawn already."))
    granted.filter(permission__codename__in=[other.codename for other in lost]).delete()
    audit.record(
        Event.GAME_GRANT_WITHDRAWN,
        by=by,
        target=game,
        at=at,
        email=user.email,
        capability=capability.value,
    )


def _refuse_ungrantable(capability: Capability) -> None:
    if capability not in GRANTABLE:
        raise NotGrantableError(_("This cannot be granted on one mini game."))


def _store(game: MiniGame, user: User, capabilities: AbstractSet[Capability]) -> None:
    codenames = {capability.codename for capability in capabilities}
    GameGrant.objects.bulk_create(
        GameGrant(user=user, content_object=game, permission=permission)
        for permission in teams.stored_permissions(MiniGame, codenames)
    )
