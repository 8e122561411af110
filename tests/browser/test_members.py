"""A member's life in a team: invited by letter, given another role, removed."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from permissions.models import Membership
from tests.permissions import letters

pytestmark = pytest.mark.browser

NEWCOMER = "maya@studio.example"


def _invite(page):
    page.keyboard.press("n")
    dialog = page.get_by_role("dialog", name="Invite")
    dialog.get_by_label("E-mail").fill("maya@")
    dialog.get_by_label("Role").select_option("operator")
    dialog.locator("footer button").click()
    expect(dialog.get_by_label("E-mail")).to_be_focused()
    expect(dialog.get_by_label("Role")).to_have_value("operator")
    dialog.get_by_label("E-mail").fill(NEWCOMER)
    dialog.locator("footer button").click()
    expect(page.get_by_role("region", name="Open invitations")).to_contain_text(NEWCOMER)


def _accept(page):
    page.goto(letters.link(NEWCOMER))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Realm Studio")
    page.get_by_label("Your name").fill("Maya Chen")
    page.get_by_label("Password").fill("123")
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_label("Your name")).to_have_value("Maya Chen")
    expect(page.get_by_label("Password")).to_be_focused()
    page.get_by_label("Password").fill("a really long password")
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_role("main")).to_contain_text("Realm of Stars")


def test_a_member_is_invited_joins_changes_role_and_is_removed(scene, open_browser):
    page, theirs = open_browser(scene.admin), open_browser()
    members = reverse("permissions:member-list", args=[scene.team.pk])
    page.goto(members)

    _invite(page)
    _accept(theirs)

    theirs.goto(members)
    expect(theirs.get_by_role("main").get_by_role("link", name="Remove")).to_have_count(0)
    page.goto(members)
    page.get_by_role("link", name="Change the role of Maya Chen").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Role")).to_have_value("operator")
    dialog.get_by_label("Role").select_option("developer")
    dialog.locator("footer button").click()
    expect(page.get_by_role("row").filter(has_text="Maya Chen")).to_contain_text("Developer")

    remove = page.get_by_role("link", name="Remove Maya Chen")
    remove.click()
    expect(page.get_by_role("dialog")).to_contain_text("Maya Chen")
    page.get_by_role("dialog").get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert Membership.objects.filter(user__email=NEWCOMER).exists()

    remove.click()
    page.get_by_role("dialog").locator("footer button").click()
    expect(page.get_by_role("row").filter(has_text="Maya Chen")).to_have_count(0)
    assert not Membership.objects.filter(user__email=NEWCOMER).exists()
    theirs.goto(members)
    expect(theirs).to_have_title("Sign in · Virtual payment")
