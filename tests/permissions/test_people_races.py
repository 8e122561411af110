import pytest
from django.utils import timezone

from permissions import house, invitations, teams
from permissions.matrix import HouseRole, TeamRole
from permissions.models import Membership
from tests.factories import AT, MembershipFactory, TeamFactory, UserFactory
from tests.permissions import letters
from tests.permissions.acts import at_once, fresh, offer


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_administrators_who_remove_each_other_leave_one():
    for _round in range(5):
        team = TeamFactory()
        one = MembershipFactory(team=team, role=TeamRole.TEAM_ADMIN)
        two = MembershipFactory(team=team, role=TeamRole.TEAM_ADMIN)

        raised = at_once(
            lambda one=one, two=two: teams.remove(membership=one, by=two.user, at=AT),
            lambda one=one, two=two: teams.remove(membership=two, by=one.user, at=AT),
        )

        assert sorted(raised, key=str) == [teams.LastAdministratorError, None]
        assert team.memberships.filter(role=TeamRole.TEAM_ADMIN).count() == 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_an_invitation_accepted_twice_at_once_makes_one_member():
    admin = MembershipFactory(role=TeamRole.TEAM_ADMIN)
    for number in range(5):
        email = f"new{number}@example.com"
        offer(admin.team, admin.user, email, at=timezone.now())
        token = letters.token(email)

        raised = at_once(
            *[
                lambda token=token: invitations.accept(
                    token=token, name="N", password="x" * 20, at=timezone.now()
                )
            ]
            * 4
        )

        assert raised.count(None) == 1
        assert set(raised) <= {
            None,
            invitations.UsedInvitationError,
            invitations.SignInFirstError,
        }
        assert Membership.objects.filter(user__email=email).count() == 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_house_role_and_a_place_in_a_team_at_once_leave_one_of_them():
    super_admin = UserFactory(house_role=HouseRole.SUPER_ADMIN)
    team = TeamFactory()
    for _round in range(5):
        person = UserFactory()

        raised = at_once(
            lambda person=person: house.set_house_role(
                user=person, role=HouseRole.REVIEWER, by=super_admin, at=AT
            ),
            lambda person=person: teams.add_member(
                team=team, user=person, role=TeamRole.DEVELOPER, by=None, at=AT
            ),
        )

        assert raised.count(None) == 1
        assert bool(fresh(person).house_role) != person.memberships.exists()
