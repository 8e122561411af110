import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import hotp_value, yield_hotp_counters_from_time
from django.test import Client
from django.urls import reverse

from permissions import people
from sasvpay.kit.models import AuditEvent
from tests.factories import PASSWORD
from tests.permissions import letters
from tests.permissions.pages import facts, place

WRONG = "wrong password"
NEW_PASSWORD = "another long enough password"
LOGIN = "/account/login"
# allauth tells of a second factor when the transaction is over.
AFTER_COMMIT = pytest.mark.django_db(transaction=True)


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


def confirm_sign_in(client):
    return client.post(reverse("account_reauthenticate"), {"password": PASSWORD})


def current_code(secret):
    counters = list(yield_hotp_counters_from_time())
    return f"{hotp_value(secret, counters[len(counters) // 2]):06}"


def add_totp(client):
    """Add an authenticator app; return its secret."""
    confirm_sign_in(client)
    page = client.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    answer = client.post(reverse("mfa_activate_totp"), {"code": current_code(secret)})
    assert answer.status_code == 302
    return secret


def test_second_factor_asks_to_confirm_the_sign_in_first(signed_in):
    answer = signed_in.get(reverse("mfa_activate_totp"))

    assert answer.status_code == 302
    assert place(answer).startswith(reverse("account_reauthenticate"))
    assert signed_in.get(place(answer)).status_code == 200
    assert place(signed_in.post(place(answer), {"password": PASSWORD})) == reverse(
        "mfa_activate_totp"
    )


@AFTER_COMMIT
def test_totp_is_stored_encrypted_gives_recovery_codes_and_is_remembered(signed_in, person):
    secret = add_totp(signed_in)

    totp = Authenticator.objects.get(user=person, type="totp")
    assert secret not in str(totp.data)
    codes_page = signed_in.get(reverse("mfa_view_recovery_codes"))
    codes = Authenticator.objects.get(user=person, type="recovery_codes").wrap()
    assert codes_page.status_code == 200
    assert len(codes.get_unused_codes()) == 10
    assert codes.get_unused_codes()[0] in codes_page.content.decode()
    assert AuditEvent.objects.get(event="second_factor_added").facts == {"factor": "totp"}
    assert "An authenticator app was added" in letters.bodies(person.email)[-1]
    for name in ("mfa_index", "mfa_generate_recovery_codes", "mfa_deactivate_totp"):
        assert signed_in.get(reverse(name)).status_code == 200


@AFTER_COMMIT
def test_sign_in_with_totp_takes_two_steps(signed_in, person, settings):
    secret = add_totp(signed_in)
    # A code counts once: the cache that remembers it is another one from here.
    later = {"KEY_PREFIX": "later"}
    settings.CACHES = {name: {**cache, **later} for name, cache in settings.CACHES.items()}
    browser = Client()

    first = browser.post(LOGIN, {"login": person.email, "password": PASSWORD})
    assert place(first) == reverse("mfa_authenticate")
    assert browser.get(place(first)).status_code == 200
    assert browser.get("/profile").status_code == 302
    assert browser.post(place(first), {"code": "000000"}).status_code == 200
    assert browser.get("/profile").status_code == 302
    second = browser.post(place(first), {"code": current_code(secret)})

    assert place(second) == "/"
    assert browser.get("/profile").status_code == 200
    assert facts("signed_in") == {"means": ["password", "mfa"]}


@AFTER_COMMIT
def test_the_second_step_can_be_given_up(signed_in, person):
    add_totp(signed_in)
    browser = Client()
    browser.post(LOGIN, {"login": person.email, "password": PASSWORD})

    browser.post(reverse("account_logout"), {"next": LOGIN})

    assert place(browser.get(reverse("mfa_authenticate"))) == LOGIN


@AFTER_COMMIT
def test_a_recovery_code_opens_once(signed_in, person):
    add_totp(signed_in)
    code = (
        Authenticator.objects.get(user=person, type="recovery_codes").wrap().get_unused_codes()[0]
    )

    def attempt():
        browser = Client()
        browser.post(LOGIN, {"login": person.email, "password": PASSWORD})
        return browser.post(reverse("mfa_authenticate"), {"code": code}).status_code

    assert attempt() == 302
    assert attempt() == 200


@AFTER_COMMIT
def test_totp_is_removed_with_its_recovery_codes_and_remembered(signed_in, person):
    add_totp(signed_in)

    signed_in.post(reverse("mfa_deactivate_totp"))

    assert not Authenticator.objects.filter(user=person).exists()
    assert AuditEvent.objects.get(event="second_factor_removed").facts == {"factor": "totp"}


@AFTER_COMMIT
def test_recovery_codes_are_made_anew(signed_in, person):
    add_totp(signed_in)
    before = Authenticator.objects.get(user=person, type="recovery_codes").data

    signed_in.post(reverse("mfa_generate_recovery_codes"))

    assert Authenticator.objects.get(user=person, type="recovery_codes").data != before
    assert facts("second_factor_added") == {"factor": "recovery_codes"}
    download = signed_in.get(reverse("mfa_download_recovery_codes"))
    assert download["Content-Disposition"].startswith("attachment")


def test_passkey_pages_open(signed_in, client):
    confirm_sign_in(signed_in)

    assert signed_in.get(reverse("mfa_list_webauthn")).status_code == 200
    page = signed_in.get(reverse("mfa_add_webauthn"))
    assert page.status_code == 200
    assert page.context["js_data"]["creation_options"]["publicKey"]["user"]["name"] == (
        "ada@example.com"
    )
    options = Client().get(reverse("mfa_login_webauthn"), headers={"accept": "application/json"})
    assert "challenge" in options.json()["request_options"]["publicKey"]


def test_sessions_page_ends_the_other_sessions(signed_in, person):
    other = Client()
    other.post(LOGIN, {"login": person.email, "password": PASSWORD})
    assert len(signed_in.get(reverse("usersessions_list")).context["sessions"]) == 2

    signed_in.post(reverse("usersessions_list"))

    assert other.get("/profile").status_code == 302
    assert signed_in.get("/profile").status_code == 200
