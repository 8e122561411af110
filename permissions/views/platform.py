"""What the platform keeps: teams, their mini games and merchants, their first administrators."""

from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from permissions import games, invitations
from permissions.access import ConsoleRequest, requires
from permissions.forms import (
    AdministratorForm,
    GameForm,
    MerchantForm,
    NameForm,
    SearchForm,
    TeamForm,
)
from permissions.matrix import Capability, TeamRole
from permissions.models import Invitation, Merchant, MiniGame, Team
from permissions.views.dialogs import Dialog, answer, sent

PAGE_SIZE = 20


@requires(Capability.TEAM_KEEP)
def team_list(request: ConsoleRequest) -> HttpResponse:
    """Show all teams, searched by name, app ID or merchant."""
    form = SearchForm(request.GET)
    rows = _found(form.cleaned_data["q"]) if form.is_valid() else Team.objects.none()
    context = {
        "form": form,
        "query": request.GET.get("q", "") if form.is_valid() else "",
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "has_teams": Team.objects.exists(),
    }
    return render(request, "permissions/team_list.html", context)


@requires(Capability.TEAM_KEEP)
def team_add(request: ConsoleRequest) -> HttpResponse:
    """Add a team, and invite its first administrator."""
    form = TeamForm(sent(request))
    dialog = Dialog(_("Create a team"), _("Create team"), reverse("permissions:team-list"))
    return answer(
        request,
        form,
        dialog,
        act=lambda: games.create_team(**form.cleaned_data, by=request.user, at=timezone.now()),
        said=_("The team was created."),
    )


@requires(Capability.TEAM_KEEP)
def team_detail(request: ConsoleRequest, team: Team) -> HttpResponse:
    """Show what the platform keeps of one team."""
    admins = team.memberships.filter(role=TeamRole.TEAM_ADMIN).select_related("user")
    invited = team.invitations.filter(
        status=Invitation.Status.PENDING, role=TeamRole.TEAM_ADMIN, expires_at__gt=timezone.now()
    )
    context = {
        "team": team,
        "merchant": Merchant.objects.filter(team=team).first(),
        "games": team.games.order_by(Lower("name"), "pk"),
        "administrators": admins.order_by(Lower("user__name"), "pk"),
        "invited": invited.order_by("pk"),
    }
    return render(request, "permissions/team_detail.html", context)


@requires(Capability.TEAM_KEEP)
def team_rename(request: ConsoleRequest, team: Team) -> HttpResponse:
    """Call a team something else."""
    form = NameForm(sent(request), initial={"name": team.name})
    return answer(
        request,
        form,
        Dialog(_("Rename the team"), _("Rename"), _detail(team)),
        act=lambda: games.rename_team(
            team=team, **form.cleaned_data, by=request.user, at=timezone.now()
        ),
        said=_("The team was renamed."),
    )


@requires(Capability.TEAM_KEEP)
def team_merchant(request: ConsoleRequest, team: Team) -> HttpResponse:
    """Bind the merchant that receives a team's money."""
    bound = Merchant.objects.filter(team=team).first()
    initial = {"merchant_id": bound.merchant_id, "name": bound.name} if bound else {}
    form = MerchantForm(sent(request), initial=initial)
    return answer(
        request,
        form,
        Dialog(_("Bind a merchant"), _("Bind"), _detail(team)),
        act=lambda: games.bind_merchant(
            team=team, **form.cleaned_data, by=request.user, at=timezone.now()
        ),
        said=_("The merchant was bound."),
    )


@requires(Capability.TEAM_KEEP)
def team_administrator(request: ConsoleRequest, team: Team) -> HttpResponse:
    """Invite the first administrator of a team that has none."""
    form = AdministratorForm(sent(request))
    return answer(
        request,
        form,
        Dialog(_("Invite the first administrator"), _("Send invitation"), _detail(team)),
        act=lambda: invitations.add_first_administrator(
            team=team, **form.cleaned_data, by=request.user, at=timezone.now()
        ),
        said=_("The invitation was sent."),
    )


@requires(Capability.TEAM_KEEP)
def game_add(request: ConsoleRequest, team: Team) -> HttpResponse:
    """Add a mini game to a team."""
    form = GameForm(sent(request))
    return answer(
        request,
        form,
        Dialog(_("Create a mini game"), _("Create mini game"), _detail(team)),
        act=lambda: games.create_game(
            team=team, **form.cleaned_data, by=request.user, at=timezone.now()
        ),
        said=_("The mini game was created."),
    )


@requires(Capability.TEAM_KEEP)
def game_rename(request: ConsoleRequest, team: Team, pk: int) -> HttpResponse:
    """Call a mini game something else."""
    game = get_object_or_404(MiniGame.objects.select_related("team"), team=team, pk=pk)
    form = NameForm(sent(request), initial={"name": game.name})
    return answer(
        request,
        form,
        Dialog(_("Rename the mini game"), _("Rename"), _detail(team), intro=game.app_id),
        act=lambda: games.rename_game(
            game=game, **form.cleaned_data, by=request.user, at=timezone.now()
        ),
        said=_("The mini game was renamed."),
    )


def _detail(team: Team) -> str:
    return reverse("permissions:team-detail", args=[team.pk])


def _found(text: str) -> QuerySet[Team]:
    rows = Team.objects.select_related("merchant").annotate(
        game_count=Count("games", distinct=True), member_count=Count("memberships", distinct=True)
    )
    if text:
        by_game = MiniGame.objects.filter(Q(app_id=text) | Q(name__icontains=text))
        rows = rows.filter(
            Q(name__icontains=text)
            | Q(merchant__merchant_id=text)
            | Q(pk__in=by_game.values("team_id"))
        )
    return rows.order_by(Lower("name"), "pk")
