import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ImproperlyConfigured

from permissions import game_grants, teams
from permissions.access import can
from permissions.matrix import Capability, TeamRole
from permissions.models import GameGrant, Membership, TeamGrant
from sasvpay.kit.models import AuditEvent
from tests.factories import AT, MembershipFactory, MiniGameFactory, UserFactory
from tests.permissions.acts import events, fresh


def test_set_role_changes_the_grants_with_it(team, team_admin, developer):
    membership = Membership.objects.get(user=developer)

    teams.set_role(membership=membership, role=TeamRole.OPERATOR, by=team_admin, at=AT)

    assert not can(fresh(developer), Capability.ITEM_EDIT, team)
    assert can(fresh(developer), Capability.ORDER_VIEW, team)
    event = AuditEvent.objects.get()
    assert event.facts == {"email": developer.email, "before": "developer", "after": "operator"}
    with pytest.raises(teams.SameRoleError):
        teams.set_role(membership=membership, role=TeamRole.OPERATOR, by=team_admin, at=AT)
    with pytest.raises(teams.UnknownRoleError):
        teams.set_role(membership=membership, role="super_admin", by=team_admin, at=AT)


def test_the_last_administrator_is_neither_demoted_nor_removed(team, team_admin, developer):
    membership = Membership.objects.get(user=team_admin)
    MembershipFactory(role=TeamRole.TEAM_ADMIN)  # of another team: does not count

    with pytest.raises(teams.LastAdministratorError):
        teams.set_role(membership=membership, role=TeamRole.DEVELOPER, by=team_admin, at=AT)
    with pytest.raises(teams.LastAdministratorError):
        teams.remove(membership=membership, by=team_admin, at=AT)

    membership.refresh_from_db()
    assert membership.role == TeamRole.TEAM_ADMIN
    assert can(fresh(team_admin), Capability.MEMBER_CHANGE, team)
    assert events() == []


def test_remove_takes_every_grant_in_the_team_and_on_its_games(
    game, team, team_admin, operator, client
):
    elsewhere = MiniGameFactory()
    game_grants.grant_on_game(
        game=game, user=operator, capability=Capability.ITEM_EDIT, by=team_admin, at=AT
    )
    game_grants.grant_on_game(
        game=elsewhere, user=operator, capability=Capability.ITEM_VIEW, by=team_admin, at=AT
    )

    teams.remove(membership=Membership.objects.get(user=operator), by=team_admin, at=AT)

    assert not Membership.objects.filter(user=operator).exists()
    assert not TeamGrant.objects.filter(user=operator).exists()
    assert list(
        GameGrant.objects.filter(user=operator).values_list("content_object", flat=True)
    ) == [elsewhere.pk]
    assert events()[-1] == "member_removed"


def test_remove_twice_is_told(team, team_admin, developer):
    membership = Membership.objects.get(user=developer)
    teams.remove(membership=membership, by=team_admin, at=AT)
    again = Membership(pk=membership.pk or 1, team=team, user=developer, role=membership.role)

    with pytest.raises(teams.GoneError):
        teams.remove(membership=again, by=team_admin, at=AT)


def test_nobody_joins_with_fewer_grants_than_the_role_has(team, developer):
    Permission.objects.filter(codename="item_edit", content_type__model="team").delete()
    newcomer = UserFactory()

    with pytest.raises(ImproperlyConfigured, match="migrate"):
        teams.add_member(team=team, user=newcomer, role=TeamRole.DEVELOPER, by=None, at=AT)

    assert not Membership.objects.filter(user=newcomer).exists()
    assert not TeamGrant.objects.filter(user=newcomer).exists()
