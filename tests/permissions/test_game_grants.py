import pytest

from permissions import game_grants, teams
from permissions.access import can
from permissions.matrix import Capability
from permissions.models import GameGrant
from sasvpay.kit.models import AuditEvent
from tests.factories import AT, MiniGameFactory
from tests.permissions.acts import events, fresh


def test_a_grant_on_one_game_opens_that_game_only(game, team, team_admin, outsider):
    sibling = MiniGameFactory(team=team)

    game_grants.grant_on_game(
        game=game, user=outsider, capability=Capability.ITEM_EDIT, by=team_admin, at=AT
    )

    person = fresh(outsider)
    assert can(person, Capability.ITEM_EDIT, game)
    assert can(person, Capability.ITEM_VIEW, game)
    assert not can(person, Capability.ITEM_REMOVE, game)
    assert not can(person, Capability.ITEM_VIEW, sibling)
    assert not can(person, Capability.ITEM_VIEW, team)
    assert AuditEvent.objects.get().facts == {"email": person.email, "capability": "item.edit"}


def test_withdrawing_what_shows_the_pages_takes_what_needs_them(game, team_admin, outsider):
    for capability in (Capability.ITEM_EDIT, Capability.ITEM_REMOVE, Capability.ORDER_VIEW):
        game_grants.grant_on_game(
            game=game, user=outsider, capability=capability, by=team_admin, at=AT
        )

    game_grants.withdraw_on_game(
        game=game, user=outsider, capability=Capability.ITEM_REMOVE, by=team_admin, at=AT
    )
    assert can(fresh(outsider), Capability.ITEM_EDIT, game)

    game_grants.withdraw_on_game(
        game=game, user=outsider, capability=Capability.ITEM_VIEW, by=team_admin, at=AT
    )
    assert list(GameGrant.objects.values_list("permission__codename", flat=True)) == ["order_view"]
    with pytest.raises(game_grants.NotGrantedError):
        game_grants.withdraw_on_game(
            game=game, user=outsider, capability=Capability.ITEM_VIEW, by=team_admin, at=AT
        )


@pytest.mark.parametrize(
    "capability",
    [
        Capability.MEMBER_CHANGE,
        Capability.AUDIT_VIEW,
        Capability.PAYMENT_DECIDE,
        Capability.TEAM_KEEP,
    ],
)
def test_what_is_about_the_team_or_the_house_cannot_be_granted(
    game, team_admin, outsider, capability
):
    with pytest.raises(game_grants.NotGrantableError):
        game_grants.grant_on_game(
            game=game, user=outsider, capability=capability, by=team_admin, at=AT
        )

    assert not GameGrant.objects.exists()


def test_grant_refuses_house_people_and_what_is_held_already(game, team_admin, developer, reviewer):
    with pytest.raises(teams.HousePersonError):
        game_grants.grant_on_game(
            game=game, user=reviewer, capability=Capability.ITEM_EDIT, by=team_admin, at=AT
        )
    with pytest.raises(game_grants.AlreadyGrantedError):
        game_grants.grant_on_game(
            game=game, user=developer, capability=Capability.ITEM_EDIT, by=team_admin, at=AT
        )

    assert not GameGrant.objects.exists()
    assert events() == []
