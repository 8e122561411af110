"""Teams' members: add, set role, remove, and the grants of their roles.

Whoever changes a team's members locks the team's row first, so that two acts queue up; then the
person's, because a house role and a place in a team exclude each other.
"""

from collections.abc import Set as AbstractSet
from datetime import datetime

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from permissions import people
from permissions.matrix import DEFAULTS, Role, TeamRole
from permissions.models import GameGrant, Membership, Team, TeamGrant, User
from sasvpay.kit import audit
from sasvpay.kit.audit import Event
from sasvpay.kit.errors import DomainError


class UnknownRoleError(DomainError):
    """There is no such role in a team."""

    code = "unknown_role"
    status = 422


class SameRoleError(DomainError):
    """The member has that role already."""

    code = "same_role"


class AlreadyMemberError(DomainError):
    """The person belongs to the team already."""

    code = "already_member"


class HousePersonError(DomainError):
    """Somebody with a house role cannot have a place in a team."""

    code = "house_person"


class LastAdministratorError(DomainError):
    """A team keeps at least one administrator."""

    code = "last_administrator"


class GoneError(DomainError):
    """Somebody else was faster: it is not there any more."""

    code = "gone"


def apply_defaults(membership: Membership) -> int:
    """Make what is stored for a member equal to the role's column; return how many changed."""
    wanted = {capability.codename for capability in DEFAULTS[Role(membership.role)]}
    stored = TeamGrant.objects.filter(user=membership.user_id, content_object=membership.team_id)
    held = set(stored.values_list("permission__codename", flat=True))
    missing, surplus = wanted - held, held - wanted
    if missing:
        TeamGrant.objects.bulk_create(
            TeamGrant(
                user_id=membership.user_id,
                content_object_id=membership.team_id,
                permission=permission,
            )
            for permission in stored_permissions(Team, missing)
        )
    if surplus:
        stored.filter(permission__codename__in=surplus).delete()
    return len(missing) + len(surplus)


def stored_permissions(model: type[Model], codenames: AbstractSet[str]) -> list[Permission]:
    """Return the rows that grants point at. Raises ImproperlyConfigured where one is missing."""
    found = Permission.objects.filter(
        content_type=ContentType.objects.get_for_model(model), codename__in=codenames
    ).order_by("codename")
    # `migrate` makes them at its very end: whoever is faster would grant nothing, and not know it.
    if len(found) < len(codenames):
        raise ImproperlyConfigured(
            "The database is not ready: let `manage.py migrate` finish, then try again."
        )
    return list(found)


@transaction.atomic
def sync_grants() -> int:
    """Re-apply the table to every member, after a deployment changed it; return what changed."""
    memberships = Membership.objects.order_by("team_id", "pk")
    changed = sum(apply_defaults(membership) for membership in memberships)
    members = set(memberships.values_list("user_id", "team_id"))
    for user_id, team_id in set(TeamGrant.objects.values_list("user_id", "content_object_id")):
        if (user_id, team_id) not in members:
            strays = TeamGrant.objects.filter(user_id=user_id, content_object_id=team_id)
            changed += strays.delete()[0]
    return changed


def team_role(role: str) -> TeamRole:
    """Return the role of that code. Raises UnknownRoleError."""
    if role not in TeamRole:
        raise UnknownRoleError(_("There is no role “%(role)s”.") % {"role": role})
    return TeamRole(role)


def lock(team: Team) -> None:
    """Have acts on the team's members queue up."""
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)


def has_administrator(team: Team) -> bool:
    """Say whether somebody keeps the team."""
    return team.memberships.filter(role=TeamRole.TEAM_ADMIN).exists()


def refuse_present(*, team: Team, user: User) -> None:
    """Raise when a person cannot be offered a place: they have one, or hold a house role."""
    if user.house_role:
        raise HousePersonError(
            _("%(name)s holds a house role. House roles and teams exclude each other.")
            % {"name": user}
        )
    if team.memberships.filter(user=user).exists():
        raise AlreadyMemberError(_("%(name)s is a member of this team already.") % {"name": user})


@transaction.atomic
def add_member(*, team: Team, user: User, role: str, by: User | None, at: datetime) -> Membership:
    """Give a person a place in a team, with the grants of the role."""
    wanted = team_role(role)
    lock(team)
    user = people.locked(user)
    refuse_present(team=team, user=user)
    membership = Membership.objects.create(team=team, user=user, role=wanted, joined_at=at)
    apply_defaults(membership)
    audit.record(
        Event.MEMBER_JOINED, by=by or user, target=membership, at=at, email=user.email, role=role
    )
    return membership


@transaction.atomic
def set_role(*, membership: Membership, role: str, by: User, at: datetime) -> Membership:
    """Change a member's role, and their grants with it."""
    wanted = team_role(role)
    membership = _locked(membership)
    if membership.role == wanted:
        raise SameRoleError(_("%(name)s has this role already.") % {"name": membership.user})
    _refuse_to_lose_the_last(membership)
    before, membership.role = membership.role, wanted
    membership.save(update_fields=["role"])
    apply_defaults(membership)
    people.end_sessions(membership.user, by=by)
    audit.record(
        Event.MEMBER_ROLE_CHANGED,
        by=by,
        target=membership,
        at=at,
        email=membership.user.email,
        before=before,
        after=role,
    )
    return membership


@transaction.atomic
def remove(*, membership: Membership, by: User, at: datetime) -> None:
    """Take a person out of a team, with all that they were granted in it and on its games."""
    membership = _locked(membership)
    _refuse_to_lose_the_last(membership)
    user, team = membership.user, membership.team
    TeamGrant.objects.filter(user=user, content_object=team).delete()
    GameGrant.objects.filter(user=user, content_object__team=team).delete()
    people.end_sessions(user, by=by)
    Membership.objects.filter(pk=membership.pk).delete()
    audit.record(
        Event.MEMBER_REMOVED,
        by=by,
        target=membership,
        at=at,
        email=user.email,
        role=membership.role,
    )


def _locked(membership: Membership) -> Membership:
    """Lock the team and read the membership again. Raises GoneError when it was removed."""
    lock(membership.team)
    found = Membership.objects.select_related("team", "user").filter(pk=membership.pk).first()
    if found is None:
        raise GoneError(_("This person is not a member of the team any more."))
    return found


def _refuse_to_lose_the_last(membership: Membership) -> None:
    others = membership.team.memberships.filter(role=TeamRole.TEAM_ADMIN).exclude(pk=membership.pk)
    if membership.role == TeamRole.TEAM_ADMIN and not others.exists():
        raise LastAdministratorError(
            _("%(name)s is the team's last administrator: appoint another one first.")
            % {"name": membership.user}
        )
