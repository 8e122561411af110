import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from permissions import people
from permissions.models import User
from sasvpay.kit.models import AuditEvent
from tests.factories import (
    PASSWORD,
)
from tests.permissions.pages import as_

HTMX = {"hx-request": "true"}
LONG = "Wolkenkuckucksheimgesellschaft " * 2


@pytest.fixture(autouse=True)
def _database(db):
    """Every page asks it."""


# --- Oneself ---------------------------------------------------------------------------------------


def test_profile_keeps_name_language_and_look(developer):
    browser = as_(developer)
    assert browser.get("/profile").status_code == 200

    answer = browser.post(
        "/profile", {"name": " Dev  El ", "language": "zh-hans", "theme": "dark", "density": ""}
    )

    developer.refresh_from_db()
    assert answer.url == "/profile"
    assert (developer.name, developer.language, developer.theme) == ("Dev El", "zh-hans", "dark")
    assert answer.cookies["django_language"].value == "zh-hans"
    assert answer.cookies["theme"].value == "dark"
    assert browser.post("/profile", {"name": "", "theme": "pink"}).status_code == 422


def test_preferences_keep_only_what_was_sent(developer):
    developer.density = "compact"
    developer.save()

    answer = as_(developer).post("/preferences", {"theme": "dark", "house_role": "super_admin"})

    developer.refresh_from_db()
    assert answer.status_code == 204
    assert (developer.theme, developer.density, developer.house_role) == ("dark", "compact", "")


def test_preferences_of_nobody_are_a_cookie(client, db):
    answer = client.post("/preferences", {"language": "zh-hans", "next": "/account/login"})

    assert answer.url == "/account/login"
    assert answer.cookies["django_language"].value == "zh-hans"
    assert client.post("/preferences", {"theme": "pink"}).status_code == 422
    assert (
        client.post("/preferences", {"theme": "dark", "next": "https://evil.example"}).status_code
        == 204
    )
    assert client.get("/preferences").status_code == 405


def test_a_new_browser_speaks_the_persons_language(client, db):
    person = people.create(email="ada@example.com", name="Ada", password=PASSWORD)
    people.set_preferences(user=person, language="zh-hans")

    answer = client.post(reverse("account_login"), {"login": person.email, "password": PASSWORD})

    assert answer.cookies["django_language"].value == "zh-hans"


# --- The first person ------------------------------------------------------------------------------


def test_create_super_admin_makes_one_and_prints_the_password(client, db, capsys):
    call_command("create_super_admin", "Boss@Example.com")

    said = capsys.readouterr().out
    password = said.rpartition("Password: ")[2].strip()
    user = User.objects.get()
    assert (user.email, user.name, user.house_role) == ("boss@example.com", "Boss", "super_admin")
    assert user.check_password(password)
    assert AuditEvent.objects.get().actor == "console"


def test_create_super_admin_refuses_a_second_one_and_nonsense(db, super_admin):
    for email in ("second@example.com", "nonsense"):
        with pytest.raises(CommandError):
            call_command("create_super_admin", email)

    assert User.objects.count() == 1


def test_create_super_admin_takes_a_typed_password_if_it_is_good(db, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "password")
    with pytest.raises(CommandError):
        call_command("create_super_admin", "boss@example.com")
    assert not User.objects.exists()

    monkeypatch.setattr("getpass.getpass", lambda prompt: PASSWORD)
    call_command("create_super_admin", "boss@example.com", name="The Boss")

    assert "Password" not in capsys.readouterr().out
    assert User.objects.get(name="The Boss").check_password(PASSWORD)
