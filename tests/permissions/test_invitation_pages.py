import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from permissions import house, invitations, people
from permissions.matrix import HouseRole, TeamRole
from permissions.models import Membership, User
from sasvpay.kit.models import AuditEvent
from tests.factories import (
    AT,
    PASSWORD,
    UserFactory,
)
from tests.permissions import letters
from tests.permissions.pages import as_, membership, url

HTMX = {"hx-request": "true"}
LONG = "Wolkenkuckucksheimgesellschaft " * 2


@pytest.fixture(autouse=True)
def _database(db):
    """Every page asks it."""


@pytest.fixture
def link(team, team_admin):
    def invite(email):
        invitations.invite(
            team=team, email=email, role=TeamRole.DEVELOPER, by=team_admin, at=timezone.now()
        )
        return letters.link(email)

    return invite


def test_a_newcomer_joins_and_is_signed_in(client, team, link):
    address = link("new@example.com")
    assert client.get(address).status_code == 200

    answer = client.post(address, {"name": "New", "password": "correct horse battery"})

    assert answer.url == "/"
    assert client.get(url("member-list", team.pk)).status_code == 200
    assert Client().login(email="new@example.com", password="correct horse battery")
    assert client.get(address).status_code == 410
    assert set(AuditEvent.objects.values_list("event", flat=True)) == {
        "member_invited",
        "member_joined",
        "signed_in",
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "New", "password": "short"},
        {"name": "New", "password": "password"},
        {"name": "New", "password": "new@example.com"},
        {"name": " ", "password": "correct horse battery"},
        {"name": "x" * 65, "password": "correct horse battery"},
        {"name": "N\x00", "password": "correct horse battery"},
    ],
)
def test_a_newcomer_is_told_what_is_wrong(client, link, body):
    answer = client.post(link("new@example.com"), body)

    assert answer.status_code == 422
    assert answer.context["form"].errors
    assert not User.objects.filter(email="new@example.com").exists()


def test_a_known_person_signs_in_and_accepts(client, team, link):
    person = people.create(email="ada@example.com", name="Ada", password=PASSWORD)
    address = link(person.email)

    page = client.get(address)
    assert "Sign in to accept" in page.content.decode()
    assert (
        client.post(address, {"name": "X", "password": "correct horse battery"}).status_code == 200
    )
    assert not person.memberships.exists()
    signed = client.post(
        f"{reverse('account_login')}?next={address}",
        {"login": person.email, "password": PASSWORD},
    )
    assert signed.url == address
    assert client.post(address).url == "/"

    assert membership(person).team == team


def test_another_person_is_told_whose_invitation_it_is(team, link, outsider):
    browser, address = as_(outsider), link("new@example.com")

    page = browser.get(address)

    assert page.status_code == 200
    assert outsider.email in page.content.decode()
    assert "new@example.com" in page.content.decode()
    browser.post(address)
    assert not Membership.objects.filter(team=team, user=outsider).exists()


@pytest.mark.parametrize("token", ["x", "%00", "ä", "x" * 3000])
def test_an_unknown_link_is_told(client, db, token):
    answer = client.get(f"/invitations/{token}")

    assert answer.status_code == 404
    assert "not valid" in answer.content.decode()


def test_who_got_a_house_role_meanwhile_is_told_so(link, super_admin):
    person = UserFactory()
    address = link(person.email)
    house.set_house_role(user=person, role=HouseRole.REVIEWER, by=super_admin, at=AT)

    answer = as_(person).post(address)

    assert answer.status_code == 422
    assert "exclude each other" in answer.content.decode()
    assert not person.memberships.exists()
