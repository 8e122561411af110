"""Invitations: a place in a team, offered by e-mail to one address, once, for seven days."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from permissions import people, teams
from permissions.matrix import TeamRole
from permissions.models import Invitation, Membership, Team, User
from sasvpay.kit import audit, mail
from sasvpay.kit.audit import Event
from sasvpay.kit.errors import DomainError

LIFETIME: Final = timedelta(days=7)
PENDING: Final = Invitation.Status.PENDING


class UnknownInvitationError(DomainError):
    """Nobody sent a link with this token."""

    code = "unknown_invitation"
    status = 404


class UsedInvitationError(DomainError):
    """The link was used, or withdrawn."""

    code = "used_invitation"
    status = 410


class ExpiredInvitationError(DomainError):
    """The link came too late."""

    code = "expired_invitation"
    status = 410


class WrongPersonError(DomainError):
    """The invitation is for another address than the one that is signed in."""

    code = "wrong_person"


class SignInFirstError(DomainError):
    """The address has an account: its owner must sign in to accept."""

    code = "sign_in_first"


class AdministratorPresentError(DomainError):
    """The team has an administrator, who invites whom they like."""

    code = "administrator_present"


@transaction.atomic
def invite(*, team: Team, email: str, role: str, by: User, at: datetime) -> Invitation:
    """Offer a place by e-mail; an earlier offer to the same address ends."""
    email, wanted = people.normal_email(email), teams.team_role(role)
    teams.lock(team)
    known = User.objects.filter(email=email).first()
    if known is not None:
        teams.refuse_present(team=team, user=known)
    replaced = _withdraw_pending(team, email)
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        team=team,
        email=email,
        role=wanted,
        token_hash=_hash(token),
        invited_by=by,
        created_at=at,
        expires_at=at + LIFETIME,
    )
    _mail(invitation, token, language=known.language if known else "", at=at)
    audit.record(
        Event.MEMBER_INVITED, by=by, target=invitation, at=at, role=role, replaced=replaced
    )
    return invitation


@transaction.atomic
def add_first_administrator(*, team: Team, email: str, by: User, at: datetime) -> Invitation:
    """Invite who shall keep a new team; from then on its administrators invite."""
    teams.lock(team)
    if teams.has_administrator(team):
        raise AdministratorPresentError(
            _("%(team)s has an administrator, who invites further ones.") % {"team": team}
        )
    return invite(team=team, email=email, role=TeamRole.TEAM_ADMIN, by=by, at=at)


@transaction.atomic
def revoke(*, invitation: Invitation, by: User, at: datetime) -> None:
    """Withdraw an offer: its link opens nothing any more."""
    invitation = Invitation.objects.select_for_update().get(pk=invitation.pk)
    invitation.move_to(Invitation.Status.REVOKED)
    invitation.save(update_fields=["status"])
    audit.record(Event.INVITATION_REVOKED, by=by, target=invitation, at=at, role=invitation.role)


def look_up(*, token: str, at: datetime) -> Invitation:
    """Return the invitation that a link opens. Raises when it is unknown, used or expired."""
    invitation = (
        Invitation.objects.select_related("team", "invited_by")
        .filter(token_hash=_hash(token))
        .first()
    )
    if invitation is None:
        raise UnknownInvitationError(_("This invitation link is not valid. Ask for a new one."))
    if invitation.status != PENDING:
        raise UsedInvitationError(
            _("This invitation was used or withdrawn already. Ask for a new one.")
        )
    if invitation.expires_at <= at:
        raise ExpiredInvitationError(_("This invitation has expired. Ask for a new one."))
    return invitation


@transaction.atomic
def accept(
    *,
    token: str,
    at: datetime,
    user: User | None = None,
    name: str = "",
    password: str | None = None,
) -> Membership:
    """Join the team, as the person who is signed in or as a new one with name and password.

    Single use: of two at once, one is told that the link was used.
    """
    invitation = look_up(token=token, at=at)
    _refuse_another(invitation, user)
    teams.lock(invitation.team)
    # Compare-and-set instead of move_to: it is what makes two at once differ.
    taken = Invitation.objects.filter(pk=invitation.pk, status=PENDING, expires_at__gt=at)
    if not taken.update(status=Invitation.Status.ACCEPTED):
        raise UsedInvitationError(
            _("This invitation was used or withdrawn already. Ask for a new one.")
        )
    person = user or people.create(email=invitation.email, name=name, password=password)
    return teams.add_member(
        team=invitation.team, user=person, role=invitation.role, by=person, at=at
    )


def _refuse_another(invitation: Invitation, user: User | None) -> None:
    if user is None and User.objects.filter(email=invitation.email).exists():
        raise SignInFirstError(
            _("%(email)s has an account: sign in to accept.") % {"email": invitation.email}
        )
    if user is not None and user.email != invitation.email:
        raise WrongPersonError(
            _("This invitation is for %(invited)s, but you are signed in as %(email)s.")
            % {"invited": invitation.email, "email": user.email}
        )


def _withdraw_pending(team: Team, email: str) -> bool:
    pending = team.invitations.select_for_update().filter(email=email, status=PENDING).first()
    if pending is None:
        return False
    pending.move_to(Invitation.Status.REVOKED)
    pending.save(update_fields=["status"])
    return True


def _mail(invitation: Invitation, token: str, *, language: str, at: datetime) -> None:
    mail.send(
        to=invitation.email,
        template="permissions/invitation",
        context={
            "team": invitation.team.name,
            "by": invitation.invited_by,
            "role": TeamRole(invitation.role).label,
            "link": settings.SITE_URL + reverse("permissions:invitation", args=[token]),
            "expires_at": invitation.expires_at,
        },
        kind="invitation",
        at=at,
        language=language,
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
