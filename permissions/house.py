"""House roles: held everywhere, and by nobody who belongs to a team."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from permissions import people
from permissions.matrix import HouseRole
from permissions.models import GameGrant, User
from sasvpay.kit import audit, mail
from sasvpay.kit.audit import Event
from sasvpay.kit.errors import DomainError


class UnknownHouseRoleError(DomainError):
    """There is no such role in the house."""

    code = "unknown_role"
    status = 422


class SameHouseRoleError(DomainError):
    """The person holds that role already."""

    code = "same_role"


class OneSuperAdminError(DomainError):
    """There is exactly one super admin."""

    code = "one_super_admin"


class TeamPersonError(DomainError):
    """Somebody with a place in a team cannot hold a house role."""

    code = "team_person"


@transaction.atomic
def set_house_role(*, user: User, role: str, by: User | None, at: datetime) -> User:
    """Give a person a house role, or none (""). The super admin stays what they are."""
    if role and role not in HouseRole:
        raise UnknownHouseRoleError(_("There is no role “%(role)s”.") % {"role": role})
    user = people.locked(user)
    _refuse_to_move_the_super_admin(user, role)
    if user.house_role == role:
        raise SameHouseRoleError(_("%(name)s has this role already.") % {"name": user})
    if role and _belongs_to_a_team(user):
        raise TeamPersonError(
            _("%(name)s has a place in a team. House roles and teams exclude each other.")
            % {"name": user}
        )
    before, user.house_role = user.house_role, role
    user.save(update_fields=["house_role"])
    people.end_sessions(user, by=by)
    audit.record(Event.HOUSE_ROLE_SET, by=by, target=user, at=at, before=before, after=role)
    return user


@transaction.atomic
def add_person(*, email: str, name: str, role: str, by: User, at: datetime) -> User:
    """Make somebody new with a house role; a letter tells them how to set a password."""
    user = people.create(email=email, name=name)
    user = set_house_role(user=user, role=role, by=by, at=at)
    mail.send(
        to=user.email,
        template="permissions/welcome",
        context={
            "name": user.name,
            "by": str(by),
            "role": HouseRole(role).label,
            "link": settings.SITE_URL + reverse("account_reset_password"),
        },
        kind="welcome",
        at=at,
    )
    return user


@transaction.atomic
def create_super_admin(*, email: str, name: str, password: str, at: datetime) -> User:
    """Make the first person. Raises OneSuperAdminError when there is one."""
    user = people.create(email=email, name=name, password=password)
    return set_house_role(user=user, role=HouseRole.SUPER_ADMIN, by=None, at=at)


def _refuse_to_move_the_super_admin(user: User, role: str) -> None:
    if user.house_role == HouseRole.SUPER_ADMIN:
        raise OneSuperAdminError(_("There is always one super admin: this role cannot be changed."))
    if (
        role == HouseRole.SUPER_ADMIN
        and User.objects.filter(house_role=HouseRole.SUPER_ADMIN).exists()
    ):
        raise OneSuperAdminError(_("There is a super admin already, and there can be only one."))


def _belongs_to_a_team(user: User) -> bool:
    return user.memberships.exists() or GameGrant.objects.filter(user=user).exists()
