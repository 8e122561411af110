"""Teams, mini games and merchants, as the platform keeps them."""

import secrets
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from permissions import invitations, people, teams
from permissions.models import Merchant, MiniGame, Team, User
from sasvpay.kit import audit
from sasvpay.kit.audit import Event
from sasvpay.kit.errors import DomainError


class NameTakenError(DomainError):
    """Another one is called the same."""

    code = "name_taken"


class SameNameError(DomainError):
    """It is called so already."""

    code = "same_name"


class AppIdError(DomainError):
    """The app ID has a wrong form, or is taken."""

    code = "app_id"
    status = 422


class MerchantError(DomainError):
    """The merchant is incomplete, or bound already."""

    code = "merchant"
    status = 422


@transaction.atomic
def create_team(*, name: str, by: User, at: datetime, administrator: str = "") -> Team:
    """Add a team, and invite its first administrator by e-mail if an address is given."""
    name = people.normal_name(name)
    try:
        with transaction.atomic():
            team = Team.objects.create(name=name, created_at=at)
    except IntegrityError:
        raise _name_taken(name) from None
    audit.record(Event.TEAM_CREATED, by=by, target=team, at=at, name=name)
    if administrator:
        invitations.add_first_administrator(team=team, email=administrator, by=by, at=at)
    return team


@transaction.atomic
def rename_team(*, team: Team, name: str, by: User, at: datetime) -> Team:
    """Call a team something else."""
    name = people.normal_name(name)
    team = Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    before = team.name
    _refuse_same(before, name)
    team.name = name
    try:
        with transaction.atomic():
            team.save(update_fields=["name"])
    except IntegrityError:
        raise _name_taken(name) from None
    audit.record(Event.TEAM_RENAMED, by=by, target=team, at=at, before=before, after=name)
    return team


@transaction.atomic
def create_game(*, team: Team, name: str, by: User, at: datetime, app_id: str = "") -> MiniGame:
    """Add a mini game to a team; without an app ID it gets one."""
    name = people.normal_name(name)
    app_id = app_id.strip() or f"mg_{secrets.token_hex(4)}"
    try:
        MiniGame._meta.get_field("app_id").run_validators(app_id)
    except ValidationError as problem:
        raise AppIdError(" ".join(problem.messages)) from None
    teams.lock(team)
    _refuse_second(team, name)
    try:
        with transaction.atomic():
            game = MiniGame.objects.create(team=team, app_id=app_id, name=name, created_at=at)
    except IntegrityError:
        raise AppIdError(_("The app ID “%(id)s” is taken.") % {"id": app_id}) from None
    audit.record(Event.GAME_CREATED, by=by, target=game, at=at, name=name)
    return game


@transaction.atomic
def rename_game(*, game: MiniGame, name: str, by: User, at: datetime) -> MiniGame:
    """Call a mini game something else; its app ID stays for good."""
    name = people.normal_name(name)
    teams.lock(game.team)
    game = MiniGame.objects.select_for_update(no_key=True).get(pk=game.pk)
    before = game.name
    _refuse_same(before, name)
    _refuse_second(game.team, name)
    game.name = name
    game.save(update_fields=["name"])
    audit.record(Event.GAME_RENAMED, by=by, target=game, at=at, before=before, after=name)
    return game


@transaction.atomic
def bind_merchant(*, team: Team, merchant_id: str, name: str, by: User, at: datetime) -> Merchant:
    """Say who receives a team's money; a merchant that was bound before is replaced."""
    merchant_id, name = merchant_id.strip(), people.normal_name(name)
    if not merchant_id:
        raise MerchantError(_("Enter the merchant ID."))
    teams.lock(team)
    bound = Merchant.objects.filter(team=team).first()
    if bound and (bound.merchant_id, bound.name) == (merchant_id, name):
        raise MerchantError(_("This merchant is bound already."))
    merchant, _created = Merchant.objects.update_or_create(
        team=team, defaults={"merchant_id": merchant_id, "name": name, "bound_at": at}
    )
    audit.record(
        Event.MERCHANT_BOUND,
        by=by,
        target=merchant,
        at=at,
        before=str(bound) if bound else "",
        after=str(merchant),
    )
    return merchant


def _refuse_same(before: str, name: str) -> None:
    if before == name:
        raise SameNameError(_("It is called “%(name)s” already.") % {"name": name})


def _refuse_second(team: Team, name: str) -> None:
    """Refuse a namesake in the team: nobody could tell them apart, and a double click makes one."""
    if team.games.filter(name=name).exists():
        raise _name_taken(name)


def _name_taken(name: str) -> NameTakenError:
    return NameTakenError(_("The name “%(name)s” is taken.") % {"name": name})
