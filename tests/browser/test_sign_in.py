"""The way in: wrong passwords, the right one, a forgotten one, too many."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from tests.browser.looks import assert_good_in_every_look
from tests.factories import PASSWORD, UserFactory
from tests.permissions import letters

pytestmark = pytest.mark.browser


def _sign_in(page, email, password):
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=False).first.fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_wrong_password_is_told_and_the_right_one_leads_where_one_wanted_to_go(
    transactional_db, open_browser
):
    person = UserFactory(name="Lin Wei")
    page = open_browser()
    page.goto(reverse("profile"))
    expect(page).to_have_title("Sign in · Virtual payment")
    expect(page.get_by_label("E-mail")).to_be_focused()

    _sign_in(page, person.email, "not the password")

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("E-mail")).to_have_value(person.email)
    expect(page.get_by_label("Password", exact=False).first).to_have_value("")
    assert_good_in_every_look(page)

    _sign_in(page, person.email, PASSWORD)

    expect(page).to_have_url(re.compile(r"[0-9]/profile$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Profile")

    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Sign out").click()
    page.goto(reverse("home"))

    expect(page).to_have_title("Sign in · Virtual payment")


def test_forgotten_password_is_replaced_through_the_letter(transactional_db, open_browser):
    person = UserFactory()
    page = open_browser()
    page.goto(reverse("account_login"))
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("E-mail").fill(person.email)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("link", name="Back to sign-in")).to_be_visible()

    page.goto(letters.link(person.email))
    for box in page.locator("input[type=password]").all():
        box.fill("12345678")
    page.get_by_role("main").get_by_role("button").click()

    expect(page.locator("input[aria-invalid=true]").first).to_be_focused()
    assert_good_in_every_look(page)

    for box in page.locator("input[type=password]").all():
        box.fill("quite another password")
    page.get_by_role("main").get_by_role("button").click()
    page.goto(reverse("account_login"))
    _sign_in(page, person.email, "quite another password")

    expect(page.get_by_role("heading", level=1)).to_have_text("Mini games")
    person.refresh_from_db()
    assert person.last_login > timezone.now() - timedelta(minutes=1)


def test_too_many_wrong_passwords_are_told_on_a_proper_page(transactional_db, open_browser):
    person = UserFactory()
    page = open_browser()
    page.goto(reverse("account_login"))

    for _ in range(11):
        _sign_in(page, person.email, "not the password")

    expect(page.get_by_role("heading", level=1)).to_have_text("Too many attempts")
    assert_good_in_every_look(page)
