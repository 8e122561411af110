import pytest
from django.db import IntegrityError, transaction

from permissions import game_grants, house, people
from permissions.access import can
from permissions.matrix import Capability, HouseRole
from tests.factories import AT, UserFactory
from tests.permissions import letters
from tests.permissions.acts import events, fresh


def test_house_role_refuses_people_of_teams_and_of_games(game, team_admin, developer, super_admin):
    studio = UserFactory()
    game_grants.grant_on_game(
        game=game, user=studio, capability=Capability.ITEM_EDIT, by=team_admin, at=AT
    )

    for person in (developer, studio):
        with pytest.raises(house.TeamPersonError):
            house.set_house_role(user=person, role=HouseRole.REVIEWER, by=super_admin, at=AT)
        assert fresh(person).house_role == ""


def test_house_role_is_given_and_taken_with_its_capabilities(super_admin):
    person = UserFactory()

    house.set_house_role(user=person, role=HouseRole.REVIEWER, by=super_admin, at=AT)
    assert can(fresh(person), Capability.PAYMENT_DECIDE)

    house.set_house_role(user=person, role="", by=super_admin, at=AT)
    assert not can(fresh(person), Capability.PAYMENT_DECIDE)
    assert events() == ["house_role_set", "house_role_set"]
    with pytest.raises(house.SameHouseRoleError):
        house.set_house_role(user=person, role="", by=super_admin, at=AT)
    with pytest.raises(house.UnknownHouseRoleError):
        house.set_house_role(user=person, role="team_admin", by=super_admin, at=AT)


def test_there_is_one_super_admin_who_stays(super_admin, platform_admin):
    with pytest.raises(house.OneSuperAdminError):
        house.set_house_role(user=platform_admin, role=HouseRole.SUPER_ADMIN, by=super_admin, at=AT)
    with pytest.raises(house.OneSuperAdminError):
        house.set_house_role(user=super_admin, role="", by=super_admin, at=AT)

    assert fresh(super_admin).house_role == HouseRole.SUPER_ADMIN
    with pytest.raises(IntegrityError), transaction.atomic():
        UserFactory(house_role=HouseRole.SUPER_ADMIN)


def test_add_person_mails_how_to_set_a_password(super_admin):
    person = house.add_person(
        email="Reviewer@Example.com", name="R", role=HouseRole.REVIEWER, by=super_admin, at=AT
    )

    assert not person.has_usable_password()
    assert letters.link("reviewer@example.com") == "/account/password/reset"
    with pytest.raises(people.EmailTakenError):
        house.add_person(
            email="reviewer@example.com", name="R", role=HouseRole.REVIEWER, by=super_admin, at=AT
        )
