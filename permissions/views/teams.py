"""A team's people: members, invitations, grants on one mini game."""

from django.core.paginator import Paginator
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from permissions import game_grants, invitations, people, teams
from permissions.access import ConsoleRequest, requires
from permissions.forms import ConfirmForm, GrantForm, InviteForm, RoleForm
from permissions.labels import label_of
from permissions.matrix import Capability
from permissions.models import GameGrant, Invitation, Membership, Team
from permissions.views.dialogs import Dialog, answer, sent
from sasvpay.kit.answers import go_to

PAGE_SIZE = 20


@requires(Capability.MEMBER_VIEW)
def member_list(request: ConsoleRequest, team: Team) -> HttpResponse:
    """Show who belongs to a team, who is invited, and who may do something on one mini game."""
    members = team.memberships.select_related("user").order_by(Lower("user__name"), "pk")
    pending = team.invitations.filter(status=Invitation.Status.PENDING).select_related("invited_by")
    context = {
        "team": team,
        "page": Paginator(members, PAGE_SIZE).get_page(request.GET.get("page")),
        "invitations": pending.order_by("-created_at", "-pk"),
        "grants": _grants(team),
        "has_games": team.games.exists(),
        "now": timezone.now(),
    }
    return render(request, "permissions/member_list.html", context)


@requires(Capability.MEMBER_CHANGE)
def member_invite(request: ConsoleRequest, team: Team) -> HttpResponse:
    """Invite somebody by e-mail."""
    form = InviteForm(sent(request))
    dialog = Dialog(_("Invite a member"), _("Send invitation"), _members(team))
    return answer(
        request,
        form,
        dialog,
        act=lambda: invitations.invite(
            team=team, **form.cleaned_data, by=request.user, at=timezone.now()
        ),
        said=_("The invitation was sent."),
    )


@requires(Capability.MEMBER_CHANGE)
@require_POST
def invitation_revoke(request: ConsoleRequest, team: Team, pk: int) -> HttpResponse:
    """Withdraw an invitation."""
    invitation = get_object_or_404(Invitation, team=team, pk=pk)
    invitations.revoke(invitation=invitation, by=request.user, at=timezone.now())
    return go_to(request, _members(team))


@requires(Capability.MEMBER_CHANGE)
def member_role(request: ConsoleRequest, team: Team, pk: int) -> HttpResponse:
    """Change a member's role."""
    member = _member(team, pk)
    form = RoleForm(sent(request), initial={"role": member.role})
    title = _("Change the role of %(name)s") % {"name": member.user}
    return answer(
        request,
        form,
        Dialog(title, _("Change role"), _members(team), intro=member.user.email),
        act=lambda: teams.set_role(
            membership=member, **form.cleaned_data, by=request.user, at=timezone.now()
        ),
        said=_("The role was changed."),
    )


@requires(Capability.MEMBER_CHANGE)
def member_remove(request: ConsoleRequest, team: Team, pk: int) -> HttpResponse:
    """Take a person out of the team, after asking again."""
    member = _member(team, pk)
    form = ConfirmForm(sent(request))
    return answer(
        request,
        form,
        _removal(team, member),
        act=lambda: teams.remove(membership=member, by=request.user, at=timezone.now()),
        said=_("%(name)s was removed.") % {"name": member.user},
    )


@requires(Capability.MEMBER_CHANGE)
def grant_add(request: ConsoleRequest, team: Team) -> HttpResponse:
    """Let one person do one thing on one mini game."""
    form = GrantForm(sent(request), team=team)
    dialog = Dialog(_("Grant on one mini game"), _("Grant"), _members(team))
    return answer(
        request,
        form,
        dialog,
        act=lambda: _grant(request, form),
        said=_("Granted."),
    )


@requires(Capability.MEMBER_CHANGE)
def grant_withdraw(request: ConsoleRequest, team: Team, pk: int) -> HttpResponse:
    """Take back one grant, after asking again."""
    rows = GameGrant.objects.select_related("user", "content_object__team", "permission")
    grant = get_object_or_404(rows, content_object__team=team, pk=pk)
    form = ConfirmForm(sent(request))
    return answer(
        request,
        form,
        _withdrawal(team, grant),
        act=lambda: _withdraw(request, grant),
        said=_("The grant was withdrawn."),
    )


def _members(team: Team) -> str:
    return reverse("permissions:member-list", args=[team.pk])


def _member(team: Team, pk: int) -> Membership:
    return get_object_or_404(Membership.objects.select_related("user", "team"), team=team, pk=pk)


def _grants(team: Team) -> list[dict[str, object]]:
    rows = GameGrant.objects.filter(content_object__team=team).select_related(
        "user", "content_object", "permission"
    )
    return [
        {
            "pk": grant.pk,
            "user": grant.user,
            "game": grant.content_object,
            "label": label_of(grant.permission.codename),
        }
        for grant in rows.order_by(Lower("user__name"), "content_object__name", "pk")
    ]


def _removal(team: Team, member: Membership) -> Dialog:
    return Dialog(
        title=_("Remove %(name)s?") % {"name": member.user},
        submit=_("Remove"),
        back=_members(team),
        intro=_(
            "%(name)s (%(email)s) is signed out and loses the team “%(team)s”, with every grant "
            "on its mini games. What they did stays in the records."
        )
        % {"name": member.user, "email": member.user.email, "team": team},
        is_danger=True,
    )


def _withdrawal(team: Team, grant: GameGrant) -> Dialog:
    return Dialog(
        title=_("Withdraw this grant?"),
        submit=_("Withdraw"),
        back=_members(team),
        intro=_("%(name)s (%(email)s) on %(game)s — %(what)s.")
        % {
            "name": grant.user,
            "email": grant.user.email,
            "game": grant.content_object,
            "what": label_of(grant.permission.codename),
        },
        is_danger=True,
    )


def _grant(request: ConsoleRequest, form: GrantForm) -> None:
    game_grants.grant_on_game(
        game=form.cleaned_data["game"],
        user=people.find(form.cleaned_data["email"]),
        capability=form.cleaned_data["capability"],
        by=request.user,
        at=timezone.now(),
    )


def _withdraw(request: ConsoleRequest, grant: GameGrant) -> None:
    game_grants.withdraw_on_game(
        game=grant.content_object,
        user=grant.user,
        capability=game_grants.capability_of(grant),
        by=request.user,
        at=timezone.now(),
    )
