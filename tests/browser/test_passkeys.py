"""A passkey, made and used in Chromium with a virtual authenticator."""

import re

import pytest
from allauth.mfa.models import Authenticator
from django.urls import reverse
from playwright.sync_api import expect

from permissions import people
from sasvpay.kit.models import AuditEvent
from tests.browser.looks import assert_good_in_every_look
from tests.factories import PASSWORD

pytestmark = pytest.mark.browser


@pytest.fixture
def site(live_server, settings):
    """Passkeys belong to a host name, which an address is not."""
    settings.SITE_URL = live_server.url.replace("127.0.0.1", "localhost")
    return settings.SITE_URL


def _with_authenticator(page):
    """Give the browser a built-in authenticator whose owner is always there."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    return page


def _sign_in(page, email):
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=False).first.fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_a_reviewer_adds_the_passkey_that_is_required_and_signs_in_with_it_alone(
    transactional_db, open_browser, settings
):
    settings.REQUIRE_MFA = True
    person = people.create(email="rui@example.com", name="Rui", password=PASSWORD)
    person.house_role = "reviewer"
    person.save()
    page = _with_authenticator(open_browser())

    page.goto(reverse("review-queue"))
    _sign_in(page, person.email)
    expect(page.get_by_role("heading", level=1)).to_have_text("A second factor is needed")
    assert_good_in_every_look(page)
    page.set_viewport_size({"width": 1280, "height": 900})

    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Password", exact=False).first.fill(PASSWORD)
    page.get_by_role("main").get_by_role("button").first.click()
    page.get_by_label("Name", exact=False).fill("Rui's laptop")
    page.get_by_label("passwordless", exact=False).check()
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Recovery codes")
    page.get_by_role("link", name="Go on").click()
    expect(page).to_have_url(re.compile("/review$"))

    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto(reverse("account_login"))
    page.get_by_role("button", name=re.compile("passkey", re.IGNORECASE)).click()

    expect(page.get_by_role("button", name="Your account")).to_be_visible()
    assert Authenticator.objects.get(user=person, type="webauthn").data
    signed_in = AuditEvent.objects.filter(event="signed_in", actor=person.email).latest("number")
    assert signed_in.facts == {"means": ["mfa"]}
