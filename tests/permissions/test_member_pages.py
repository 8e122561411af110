import pytest
from django.test import Client

from permissions import game_grants, invitations
from permissions.access import can
from permissions.matrix import Capability, TeamRole
from permissions.models import GameGrant, Invitation, Membership, User
from sasvpay.kit.models import Mail
from tests.factories import (
    AT,
    MembershipFactory,
    MiniGameFactory,
    TeamFactory,
    UserFactory,
)
from tests.permissions.pages import as_, membership, url

HTMX = {"hx-request": "true"}
LONG = "Wolkenkuckucksheimgesellschaft " * 2


def test_members_page_has_buttons_for_who_may_use_them_only(
    game, team, team_admin, developer, platform_admin
):
    invitations.invite(
        team=team, email="new@example.com", role=TeamRole.OPERATOR, by=team_admin, at=AT
    )
    game_grants.grant_on_game(
        game=game, user=UserFactory(), capability=Capability.ITEM_EDIT, by=team_admin, at=AT
    )
    buttons = [
        url("member-invite", team.pk),
        url("member-role", team.pk, membership(developer).pk),
        url("member-remove", team.pk, membership(developer).pk),
        url("invitation-revoke", team.pk, Invitation.objects.get().pk),
        url("grant-add", team.pk),
        url("grant-withdraw", team.pk, GameGrant.objects.order_by("pk")[0].pk),
    ]

    def shown_to(user):
        page = as_(user).get(url("member-list", team.pk)).content.decode()
        assert developer.email in page
        assert "new@example.com" in page
        return [button for button in buttons if button in page]

    assert shown_to(team_admin) == buttons
    assert shown_to(developer) == []
    assert shown_to(platform_admin) == []


def test_members_page_is_closed_to_outsiders_and_the_reviewer(team, outsider, reviewer):
    assert as_(outsider).get(url("member-list", team.pk)).status_code == 404
    assert as_(reviewer).get(url("member-list", team.pk)).status_code == 403
    assert Client().get(url("member-list", team.pk)).status_code == 302


def test_members_page_asks_the_database_as_often_for_many_as_for_one(
    game, team, team_admin, django_assert_max_num_queries
):
    def queries():
        browser = as_(team_admin)
        with django_assert_max_num_queries(40) as asked:
            assert browser.get(url("member-list", team.pk)).status_code == 200
        return len(asked)

    def add(number):
        member = MembershipFactory(team=team, user__name=LONG[:64])
        invitations.invite(
            team=team, email=f"n{number}@example.com", role="operator", by=member.user, at=AT
        )
        game_grants.grant_on_game(
            game=game, user=UserFactory(), capability=Capability.ITEM_VIEW, by=member.user, at=AT
        )

    add(0)
    one = queries()
    for number in range(1, 4):
        add(number)

    assert queries() == one


@pytest.mark.parametrize(
    ("page", "shown"), [("1", 1), ("2", 2), ("-1", 2), ("0", 2), ("1" + "0" * 20, 2), ("abc", 1)]
)
def test_members_page_knows_no_wrong_page(team, team_admin, page, shown):
    MembershipFactory.create_batch(20, team=team)

    answer = as_(team_admin).get(url("member-list", team.pk), {"page": page})

    assert answer.status_code == 200
    assert answer.context["page"].number == shown


def test_members_page_of_a_team_without_anybody(super_admin):
    team = TeamFactory(name=LONG[:60])

    page = as_(super_admin).get(url("member-list", team.pk))

    assert "No members yet" in page.content.decode()


def test_invite_dialog_sends_an_invitation_and_leads_back(team, team_admin):
    browser = as_(team_admin)
    assert browser.get(url("member-invite", team.pk)).status_code == 200

    answer = browser.post(
        url("member-invite", team.pk), {"email": "new@example.com", "role": "operator"}
    )

    assert answer.url == url("member-list", team.pk)
    assert Invitation.objects.get().role == TeamRole.OPERATOR
    again = browser.post(
        url("member-invite", team.pk), {"email": "b@example.com", "role": "operator"}, headers=HTMX
    )
    assert again["HX-Redirect"] == url("member-list", team.pk)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "nobody", "role": "operator"},
        {"email": "new@example.com", "role": "super_admin"},
        {"email": "a@b.com\r\nBcc: c@d.com", "role": "operator"},
        {"email": "\u0430@example.com", "role": "operator"},
        {"email": "a@ex\u0430mple.com", "role": "operator"},
        {"email": "a\x00@example.com", "role": "operator"},
    ],
)
def test_invite_dialog_shows_what_is_wrong_and_keeps_what_was_typed(team, team_admin, body):
    answer = as_(team_admin).post(url("member-invite", team.pk), body)

    assert answer.status_code == 422
    assert answer.context["form"].errors
    assert not Invitation.objects.exists()
    assert not Mail.objects.exists()


def test_invite_dialog_tells_who_is_a_member_already(team, team_admin, developer):
    answer = as_(team_admin).post(
        url("member-invite", team.pk), {"email": developer.email, "role": "operator"}
    )

    assert answer.status_code == 422
    assert "is a member of this team already" in answer.content.decode()


def test_revoking_an_invitation_of_another_team_is_not_found(team, team_admin, outsider):
    foreign = invitations.invite(
        team=membership(outsider).team, email="x@example.com", role="operator", by=outsider, at=AT
    )

    answer = as_(team_admin).post(url("invitation-revoke", team.pk, foreign.pk))

    assert answer.status_code == 404
    foreign.refresh_from_db()
    assert foreign.status == Invitation.Status.PENDING


def test_revoking_an_invitation_closes_it(team, team_admin):
    mine = invitations.invite(
        team=team, email="x@example.com", role="operator", by=team_admin, at=AT
    )

    answer = as_(team_admin).post(url("invitation-revoke", team.pk, mine.pk))

    assert answer.url == url("member-list", team.pk)
    mine.refresh_from_db()
    assert mine.status == Invitation.Status.REVOKED


def test_role_dialog_changes_the_role(team, team_admin, developer):
    answer = as_(team_admin).post(
        url("member-role", team.pk, membership(developer).pk), {"role": "senior_developer"}
    )

    assert answer.url == url("member-list", team.pk)
    assert membership(developer).role == TeamRole.SENIOR_DEVELOPER


def test_nobody_raises_their_own_role(team, developer):
    answer = as_(developer).post(
        url("member-role", team.pk, membership(developer).pk), {"role": "team_admin"}
    )

    assert answer.status_code == 403
    assert membership(developer).role == TeamRole.DEVELOPER


def test_remove_page_names_the_person_and_removes_after_asking(team, team_admin, developer):
    theirs = as_(developer)
    assert theirs.get(url("member-list", team.pk)).status_code == 200
    browser, address = as_(team_admin), url("member-remove", team.pk, membership(developer).pk)

    asked = browser.get(address).content.decode()
    assert developer.name in asked
    assert developer.email in asked
    assert Membership.objects.filter(user=developer).exists()
    answer = browser.post(address)

    assert answer.url == url("member-list", team.pk)
    assert not Membership.objects.filter(user=developer).exists()
    # Their session is over at once.
    assert theirs.get(url("member-list", team.pk)).status_code == 302


def test_remove_page_keeps_the_last_administrator(team, team_admin):
    answer = as_(team_admin).post(url("member-remove", team.pk, membership(team_admin).pk))

    assert answer.status_code == 422
    assert "last administrator" in answer.content.decode()
    assert Membership.objects.filter(user=team_admin).exists()


def test_an_administrator_can_leave_and_stays_signed_in(team, team_admin):
    MembershipFactory(team=team, role=TeamRole.TEAM_ADMIN)
    browser = as_(team_admin)

    answer = browser.post(url("member-remove", team.pk, membership(team_admin).pk))

    assert answer.status_code == 302
    assert browser.get("/profile").status_code == 200
    assert browser.get(url("member-list", team.pk)).status_code == 404


def test_grant_dialog_grants_on_one_of_the_teams_games(game, team, team_admin):
    studio, foreign = UserFactory(), MiniGameFactory()
    browser = as_(team_admin)
    assert browser.get(url("grant-add", team.pk)).status_code == 200
    body = {"email": studio.email.upper(), "game": game.pk, "capability": "item.edit"}

    assert browser.post(url("grant-add", team.pk), {**body, "game": foreign.pk}).status_code == 422
    assert (
        browser.post(url("grant-add", team.pk), {**body, "capability": "member.change"}).status_code
        == 422
    )
    assert (
        browser.post(url("grant-add", team.pk), {**body, "email": "nobody@example.com"}).status_code
        == 422
    )
    assert not GameGrant.objects.exists()
    answer = browser.post(url("grant-add", team.pk), body)

    assert answer.url == url("member-list", team.pk)
    assert can(User.objects.get(pk=studio.pk), Capability.ITEM_EDIT, game)


def test_withdraw_page_takes_the_grant_back(game, team, team_admin):
    studio = UserFactory()
    game_grants.grant_on_game(
        game=game, user=studio, capability=Capability.ITEM_EDIT, by=team_admin, at=AT
    )
    grant = GameGrant.objects.get(permission__codename="item_edit")
    address = url("grant-withdraw", team.pk, grant.pk)
    browser = as_(team_admin)

    assert studio.email in browser.get(address).content.decode()
    assert browser.post(address).status_code == 302

    assert not can(User.objects.get(pk=studio.pk), Capability.ITEM_EDIT, game)
    assert browser.post(address).status_code == 404
