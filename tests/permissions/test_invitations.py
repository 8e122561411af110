from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress

from permissions import house, invitations, people, teams
from permissions.access import can
from permissions.matrix import Capability, HouseRole, TeamRole
from permissions.models import Invitation, Membership, User
from sasvpay.kit.models import Mail
from sasvpay.kit.state import InvalidTransitionError
from tests.factories import AT, UserFactory
from tests.permissions import letters
from tests.permissions.acts import events, fresh, offer


def test_invite_mails_a_link_and_keeps_only_its_hash(team, team_admin):
    invitation = offer(team, team_admin, " New@Example.com ")

    token = letters.token("new@example.com")
    assert invitation.email == "new@example.com"
    assert invitation.expires_at == AT + timedelta(days=7)
    assert token not in str(Invitation.objects.values().get())
    assert invitations.look_up(token=token, at=AT) == invitation
    assert events() == ["member_invited"]


def test_the_letter_says_who_invites_as_what_and_until_when(team, team_admin):
    offer(team, team_admin, role=TeamRole.SENIOR_DEVELOPER)

    said, _link, until = letters.bodies("new@example.com")[0].partition(
        letters.link("new@example.com")
    )
    assert f'{team_admin} invites you to the team "{team}" as: Senior developer.' in said
    assert "The link works once, until 2026-11-27 09:30 UTC." in until


def test_the_letter_is_in_the_language_of_who_is_invited(team, team_admin):
    UserFactory(email="new@example.com", language="zh-hans")

    offer(team, team_admin, role=TeamRole.SENIOR_DEVELOPER)

    assert "高级开发者" in letters.bodies("new@example.com")[0]


def test_invite_again_replaces_the_pending_one(team, team_admin):
    first = offer(team, team_admin)
    old = letters.token("new@example.com")

    second = offer(team, team_admin, role=TeamRole.OPERATOR)

    first.refresh_from_db()
    assert first.status == Invitation.Status.REVOKED
    assert second.status == Invitation.Status.PENDING
    with pytest.raises(invitations.UsedInvitationError):
        invitations.look_up(token=old, at=AT)


@pytest.mark.parametrize(
    "email",
    [
        "",
        "nobody",
        "a@b.com\r\nBcc: c@d.com",
        "a\n@b.com",
        "\u0430dmin@example.com",
        "admin@ex\u0430mple.com",
        "a@b\u3002com",
        "a@b.com\x00",
        "a" * 250 + "@b.com",
    ],
)
def test_invite_refuses_what_is_no_plain_address(team, team_admin, email):
    with pytest.raises(people.UnusableEmailError):
        offer(team, team_admin, email)

    assert not Invitation.objects.exists()
    assert not Mail.objects.exists()
    assert events() == []


def test_invite_refuses_a_member_a_house_person_and_an_unknown_role(
    team, team_admin, developer, reviewer
):
    with pytest.raises(teams.AlreadyMemberError):
        offer(team, team_admin, developer.email.upper())
    with pytest.raises(teams.HousePersonError):
        offer(team, team_admin, reviewer.email)
    for role in ("super_admin", "reviewer", "", "boss"):
        with pytest.raises(teams.UnknownRoleError):
            offer(team, team_admin, role=role)

    assert not Invitation.objects.exists()
    assert not Mail.objects.exists()


def test_first_administrator_is_invited_only_where_there_is_none(team, platform_admin):
    invitations.add_first_administrator(
        team=team, email="boss@example.com", by=platform_admin, at=AT
    )
    membership = invitations.accept(
        token=letters.token("boss@example.com"), name="Boss", password="x" * 20, at=AT
    )

    assert membership.role == TeamRole.TEAM_ADMIN
    with pytest.raises(invitations.AdministratorPresentError):
        invitations.add_first_administrator(
            team=team, email="other@example.com", by=platform_admin, at=AT
        )
    assert not Invitation.objects.filter(email="other@example.com").exists()


def test_accept_makes_a_new_person_with_the_roles_grants(team, team_admin):
    offer(team, team_admin)

    membership = invitations.accept(
        token=letters.token("new@example.com"), name=" New  Person ", password="x" * 20, at=AT
    )

    person = membership.user
    assert (person.email, person.name) == ("new@example.com", "New Person")
    assert person.check_password("x" * 20)
    assert list(
        EmailAddress.objects.filter(user=person).values_list("email", "verified", "primary")
    ) == [("new@example.com", True, True)]
    assert can(person, Capability.ITEM_EDIT, team)
    assert not can(person, Capability.ITEM_REMOVE, team)
    assert events() == ["member_invited", "member_joined"]


def test_accept_takes_an_existing_person_who_is_signed_in(team, team_admin, outsider):
    offer(team, team_admin, outsider.email)

    membership = invitations.accept(token=letters.token(outsider.email), user=outsider, at=AT)

    assert membership.user == outsider
    assert Membership.objects.filter(user=outsider).count() == 2


def test_accept_refuses_another_person_and_one_who_is_not_signed_in(
    team, team_admin, outsider, developer
):
    invitation = offer(team, team_admin, outsider.email)
    token = letters.token(outsider.email)

    with pytest.raises(invitations.WrongPersonError):
        invitations.accept(token=token, user=developer, at=AT)
    with pytest.raises(invitations.SignInFirstError):
        invitations.accept(token=token, name="X", password="x" * 20, at=AT)

    invitation.refresh_from_db()
    assert invitation.status == Invitation.Status.PENDING
    assert not Membership.objects.filter(team=team, user=outsider).exists()


def test_accept_refuses_a_link_that_is_unknown_used_revoked_or_expired(team, team_admin):
    offer(team, team_admin)
    token = letters.token("new@example.com")
    late = AT + invitations.LIFETIME

    with pytest.raises(invitations.UnknownInvitationError):
        invitations.accept(token="x", name="N", password="x" * 20, at=AT)
    with pytest.raises(invitations.ExpiredInvitationError):
        invitations.accept(token=token, name="N", password="x" * 20, at=late)
    assert not User.objects.filter(email="new@example.com").exists()

    invitations.accept(token=token, name="N", password="x" * 20, at=AT)
    with pytest.raises(invitations.UsedInvitationError):
        invitations.accept(token=token, user=User.objects.get(email="new@example.com"), at=AT)
    assert Membership.objects.filter(user__email="new@example.com").count() == 1


def test_revoke_closes_the_link_once(team, team_admin):
    invitation = offer(team, team_admin)

    invitations.revoke(invitation=invitation, by=team_admin, at=AT)

    with pytest.raises(invitations.UsedInvitationError):
        invitations.look_up(token=letters.token("new@example.com"), at=AT)
    with pytest.raises(InvalidTransitionError):
        invitations.revoke(invitation=invitation, by=team_admin, at=AT)
    assert events() == ["member_invited", "invitation_revoked"]


def test_accept_refuses_who_got_a_house_role_meanwhile(team, team_admin, platform_admin):
    person = UserFactory()
    offer(team, team_admin, person.email)
    house.set_house_role(user=person, role=HouseRole.REVIEWER, by=platform_admin, at=AT)

    with pytest.raises(teams.HousePersonError):
        invitations.accept(token=letters.token(person.email), user=fresh(person), at=AT)

    assert Invitation.objects.get().status == Invitation.Status.PENDING
    assert not person.memberships.exists()
