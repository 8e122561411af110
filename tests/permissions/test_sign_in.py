import re

import pytest
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse

from permissions import people
from sasvpay.kit.models import AuditEvent, Mail
from tests.factories import PASSWORD
from tests.permissions import letters
from tests.permissions.pages import place

WRONG = "wrong password"
NEW_PASSWORD = "another long enough password"
LOGIN = "/account/login"


@pytest.fixture(autouse=True)
def _database(db):
    """Every page asks it."""


@pytest.fixture
def person(db):
    return people.create(email="ada@example.com", name="Ada", password=PASSWORD)


@pytest.fixture
def signed_in(client, person):
    client.post(LOGIN, {"login": person.email, "password": PASSWORD})
    return client


def events():
    return list(AuditEvent.objects.order_by("pk").values_list("event", "chain"))


# --- Password --------------------------------------------------------------------------------------


def test_sign_in_by_e_mail_in_any_case_leads_home_and_is_remembered(client, person):
    answer = client.post(LOGIN, {"login": " ADA@Example.com", "password": PASSWORD})

    assert (answer.status_code, place(answer)) == (302, "/")
    assert events() == [("signed_in", "house")]
    event = AuditEvent.objects.get()
    assert (event.actor, event.facts) == (person.email, {"means": ["password"]})
    assert UserSession.objects.filter(user=person).count() == 1


def test_sign_in_leads_back_to_the_page_asked_for_but_never_elsewhere(client, person):
    asked = client.get("/profile")
    assert place(asked) == f"{LOGIN}?next=/profile"

    inside = client.post(place(asked), {"login": person.email, "password": PASSWORD})
    outside = Client().post(
        f"{LOGIN}?next=https://evil.example/", {"login": person.email, "password": PASSWORD}
    )

    assert place(inside) == "/profile"
    assert place(outside) == "/"


def test_a_wrong_password_and_an_unknown_person_get_the_same_answer(client, person):
    def text(login):
        page = client.post(LOGIN, {"login": login, "password": WRONG})
        assert page.status_code == 200
        return re.sub(r"\b\w{64}\b", "", page.content.decode()).replace(login, "")

    assert text(person.email) == text("bob@example.com")
    assert events() == []


def test_ten_wrong_passwords_lock_the_account_only_whatever_the_headers_say(
    client, person, settings
):
    settings.ALLOWED_HOSTS = ["testserver", "localhost"]

    def attempt(number, login=person.email, password=WRONG):
        return client.post(
            LOGIN,
            {"login": login, "password": password},
            headers={
                "x-forwarded-for": f"10.0.0.{number}",
                "host": f"localhost:{8000 + number}",
            },
            REMOTE_ADDR=f"192.0.{number}.1",
        ).status_code

    statuses = [attempt(number) for number in range(12)]

    assert statuses == [200] * 10 + [429] * 2
    assert attempt(50, password=PASSWORD) == 429
    people.create(email="bob@example.com", name="Bob", password=PASSWORD)
    assert attempt(51, login="bob@example.com", password=PASSWORD) == 302


def test_too_many_attempts_say_when_to_try_again(client, person):
    for _attempt in range(10):
        client.post(LOGIN, {"login": person.email, "password": WRONG})

    answer = client.post(LOGIN, {"login": person.email, "password": PASSWORD})

    assert answer.status_code == 429
    assert answer["Retry-After"] == "900"
    assert "_auth_user_id" not in client.session


def test_an_inactive_person_cannot_sign_in(client, person):
    person.is_active = False
    person.save()

    answer = client.post(LOGIN, {"login": person.email, "password": PASSWORD})

    assert place(answer) == reverse("account_inactive")
    assert client.get(place(answer)).status_code == 200
    assert events() == []


def test_sign_out_ends_the_session_and_is_remembered(signed_in):
    assert signed_in.get(reverse("account_logout")).status_code == 200

    signed_in.post(reverse("account_logout"))

    assert signed_in.get("/profile").status_code == 302
    assert events()[-1] == ("signed_out", "house")


def test_nobody_signs_up(client):
    page = client.post(
        reverse("account_signup"),
        {"email": "eve@example.com", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
    )

    assert page.status_code == 200
    assert page.templates[0].name == "account/signup_closed.html"
    assert not EmailAddress.objects.exists()


def test_change_password_keeps_this_session_and_ends_the_others(signed_in, person):
    other = Client()
    other.post(LOGIN, {"login": person.email, "password": PASSWORD})

    answer = signed_in.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
    )

    assert answer.status_code == 302
    assert signed_in.get("/profile").status_code == 200
    assert other.get("/profile").status_code == 302
    assert events()[-1] == ("password_changed", "house")
    assert "Your password was changed." in letters.bodies(person.email)[-1]


# --- Reset by mail ---------------------------------------------------------------------------------


@pytest.mark.parametrize("has_address_row", [True, False])
def test_reset_by_mail_sets_a_new_password_once(client, person, settings, has_address_row):
    settings.SITE_URL = "https://console.example"
    if not has_address_row:
        EmailAddress.objects.all().delete()

    sent = client.post(
        reverse("account_reset_password"),
        {"email": "Ada@Example.com"},
        headers={"host": "localhost"},
    )
    assert place(sent) == reverse("account_reset_password_done")
    assert client.get(place(sent)).status_code == 200
    assert "https://console.example/account/password/reset/" in letters.bodies(person.email)[-1]
    link = letters.link(person.email)
    form = client.get(link, follow=True)
    assert form.status_code == 200
    done = client.post(
        form.request["PATH_INFO"], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    )

    assert place(done) == reverse("account_reset_password_from_key_done")
    assert client.get(place(done)).status_code == 200
    person.refresh_from_db()
    assert person.check_password(NEW_PASSWORD)
    event = AuditEvent.objects.get()
    assert (event.event, event.facts) == (
        "password_changed",
        {"page": "account_reset_password_from_key"},
    )
    assert "token_fail" in Client().get(link, follow=True).context


def test_reset_answers_the_same_for_unknown_people_and_tells_them_by_mail(client, person):
    known = client.post(reverse("account_reset_password"), {"email": person.email})
    unknown = client.post(reverse("account_reset_password"), {"email": "bob@example.com"})

    assert (known.status_code, place(known)) == (unknown.status_code, place(unknown))
    assert "no account for this address" in letters.bodies("bob@example.com")[0]
    assert "/account/password/reset/" not in letters.bodies("bob@example.com")[0]


def test_reset_is_written_in_the_persons_language(client, person):
    person.language = "zh-hans"
    person.save()

    client.post(reverse("account_reset_password"), {"email": person.email})

    assert Mail.objects.get().kind == "password_reset"


# --- Who is not signed in --------------------------------------------------------------------------


def test_htmx_without_a_session_is_sent_to_sign_in_as_a_whole_page(client):
    answer = client.get(
        "/profile",
        headers={"hx-request": "true", "hx-current-url": "http://testserver/games/x/orders?page=2"},
    )

    assert answer.status_code == 200
    assert answer["HX-Redirect"] == f"{LOGIN}?next=/games/x/orders%3Fpage%3D2"


@pytest.mark.parametrize("referer", ["", "https://evil.example/profile"])
def test_what_was_posted_without_a_session_leads_home_afterwards(client, referer):
    answer = client.post("/platform/teams/add", headers={"referer": referer})

    assert (answer.status_code, place(answer)) == (302, f"{LOGIN}?next=/")
