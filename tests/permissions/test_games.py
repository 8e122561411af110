import re

import pytest

from permissions import games, people
from permissions.models import Invitation, Merchant, MiniGame, Team
from sasvpay.kit.models import AuditEvent
from tests.factories import AT, MiniGameFactory, TeamFactory


def events():
    return list(AuditEvent.objects.order_by("pk").values_list("event", "chain"))


def test_create_team_invites_its_first_administrator(platform_admin):
    team = games.create_team(
        name="  Star  Studio ", administrator="boss@example.com", by=platform_admin, at=AT
    )

    assert team.name == "Star Studio"
    assert Invitation.objects.get(team=team).email == "boss@example.com"
    assert events() == [
        ("team_created", f"team:{team.pk}"),
        ("member_invited", f"team:{team.pk}"),
    ]


def test_create_team_is_refused_as_a_whole(platform_admin):
    TeamFactory(name="Star Studio")

    with pytest.raises(games.NameTakenError):
        games.create_team(name="Star Studio", by=platform_admin, at=AT)
    with pytest.raises(people.UnusableEmailError):
        games.create_team(name="Other", administrator="nobody", by=platform_admin, at=AT)
    with pytest.raises(people.BlankNameError):
        games.create_team(name=" \t ", by=platform_admin, at=AT)

    assert list(Team.objects.values_list("name", flat=True)) == ["Star Studio"]
    assert events() == []


def test_rename_team_keeps_what_it_was_called(platform_admin):
    team, other = TeamFactory(name="Old"), TeamFactory(name="Other")

    games.rename_team(team=team, name="New", by=platform_admin, at=AT)

    assert Team.objects.get(pk=team.pk).name == "New"
    assert AuditEvent.objects.get().facts == {"before": "Old", "after": "New"}
    with pytest.raises(games.NameTakenError):
        games.rename_team(team=team, name=other.name, by=platform_admin, at=AT)
    with pytest.raises(games.SameNameError):
        games.rename_team(team=team, name="New", by=platform_admin, at=AT)


def test_create_game_makes_an_app_id_when_there_is_none(team, platform_admin):
    game = games.create_game(team=team, name="Space", by=platform_admin, at=AT)

    assert re.fullmatch(r"mg_[0-9a-f]{8}", game.app_id)
    assert events() == [("game_created", f"team:{team.pk}")]
    assert AuditEvent.objects.get().game == game.app_id


@pytest.mark.parametrize(
    "app_id", ["a b", "a/b", "ä", "a\n", "\uff41", "a.b", "x" * 65, "a\x00b", "..", "a?b"]
)
def test_create_game_refuses_a_wrong_app_id(team, platform_admin, app_id):
    before = MiniGame.objects.count()

    # Space around it is cut off, as everywhere where people paste.
    if app_id.strip() == "a":
        games.create_game(team=team, name="Space", app_id=app_id, by=platform_admin, at=AT)
        return
    with pytest.raises(games.AppIdError):
        games.create_game(team=team, name="Space", app_id=app_id, by=platform_admin, at=AT)

    assert MiniGame.objects.count() == before


def test_create_game_refuses_a_taken_app_id_and_a_namesake(game, team, platform_admin):
    foreign = MiniGameFactory()

    with pytest.raises(games.AppIdError):
        games.create_game(team=team, name="X", app_id=foreign.app_id, by=platform_admin, at=AT)
    with pytest.raises(games.NameTakenError):
        games.create_game(team=team, name=game.name, by=platform_admin, at=AT)

    assert team.games.count() == 1
    assert events() == []


def test_rename_game_leaves_the_app_id(game, team, platform_admin):
    other = MiniGameFactory(team=team)

    renamed = games.rename_game(game=game, name="New", by=platform_admin, at=AT)

    assert (renamed.name, renamed.app_id) == ("New", game.app_id)
    with pytest.raises(games.NameTakenError):
        games.rename_game(game=game, name=other.name, by=platform_admin, at=AT)
    with pytest.raises(games.SameNameError):
        games.rename_game(game=game, name="New", by=platform_admin, at=AT)


def test_bind_merchant_replaces_what_was_bound(team, platform_admin):
    games.bind_merchant(team=team, merchant_id="m1", name="One", by=platform_admin, at=AT)
    games.bind_merchant(team=team, merchant_id=" m2 ", name="Two", by=platform_admin, at=AT)

    merchant = Merchant.objects.get(team=team)
    assert (merchant.merchant_id, merchant.name) == ("m2", "Two")
    facts = list(AuditEvent.objects.order_by("pk").values_list("facts", flat=True))
    assert facts == [
        {"before": "", "after": "One (m1)"},
        {"before": "One (m1)", "after": "Two (m2)"},
    ]
    for merchant_id in ("m2", " "):
        with pytest.raises(games.MerchantError):
            games.bind_merchant(
                team=team, merchant_id=merchant_id, name="Two", by=platform_admin, at=AT
            )
