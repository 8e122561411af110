"""From "nobody has asked" to a confirmed test notification, by two people in two browsers."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from permissions.models import CallbackKey
from sasvpay.kit import crypto

pytestmark = pytest.mark.browser


def _payment(game):
    return reverse("payment", args=[game.app_id])


def _ask(page, game):
    page.goto(_payment(game))
    opener = page.get_by_role("main").get_by_role("link", name="Request permission").first
    opener.click()
    dialog = page.get_by_role("dialog", name="Request permission")
    message = dialog.get_by_label("Request message")
    expect(message).to_be_focused()

    dialog.get_by_role("button", name="Confirm").click()

    expect(dialog.get_by_role("alert")).to_be_visible()
    expect(message).to_be_focused()
    expect(message).to_have_accessible_description(re.compile("This field is required"))

    message.fill("We sell skins.")
    dialog.get_by_role("button", name="Confirm").click()

    expect(page.get_by_role("status")).to_contain_text("was sent")
    expect(page.get_by_role("main")).to_contain_text("Pending")


def _approve(page, game):
    page.goto(reverse("review-queue"))
    row = page.get_by_role("row").filter(has_text=game.name)
    expect(row).to_contain_text("We sell skins.")
    row.get_by_role("link", name="Approve").click()
    dialog = page.get_by_role("dialog", name="Approve payment")
    dialog.get_by_label("Note").fill("Welcome aboard.")
    dialog.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("main")).to_contain_text("Approved")


def _show_key_once(page, game):
    page.get_by_role("link", name="Callback key").first.click()
    page.get_by_role("button", name="Show key").click()
    key = crypto.decrypt(bytes(CallbackKey.objects.get(game=game).secret_encrypted))
    expect(page.get_by_text(key, exact=True)).to_be_visible()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").first.click()
    expect(page.locator(".toast")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == key

    page.goto(page.url.removesuffix(page.url.partition("/payment/key")[2]))

    expect(page.get_by_text(key)).to_have_count(0)
    expect(page.get_by_role("button", name="Show key")).to_have_count(0)


def _configure(page, game, url):
    page.goto(reverse("orders:config", args=[game.app_id]))
    expect(page.get_by_role("button", name="Switch on")).to_be_disabled()
    opener = page.locator(".pagehead").get_by_role("link", name="Configure")
    opener.click()
    dialog = page.get_by_role("dialog", name="Configure delivery notification")
    box = dialog.get_by_role("textbox", name="URL", exact=True)
    box.fill("ftp://pay.example.com")
    dialog.get_by_role("button", name="Confirm").click()
    expect(box).to_be_focused()
    expect(box).to_have_value("ftp://pay.example.com")
    expect(box).to_have_accessible_description(re.compile("http"))

    page.keyboard.press("Escape")

    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()

    opener.click()
    dialog.get_by_role("textbox", name="URL", exact=True).fill(url)
    dialog.get_by_label("Test URL").fill(url)
    dialog.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_contain_text("The URLs were saved.")


def _switch_on(page):
    page.get_by_role("link", name="Switch on").click()
    page.get_by_role("dialog").get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("link", name="Switch off")).to_be_visible()


def _test(page, receiver):
    verdict = page.get_by_role("region", name="Test notification").locator(".notice")

    page.get_by_role("button", name="Send test notification").click()

    expect(verdict).to_contain_text("Delivered")
    assert receiver.receiver.memory.stats()["distinct"] == 1

    receiver.misbehave(fail_rate=1)
    page.get_by_role("button", name="Send test notification").click()

    expect(verdict).to_contain_text("HTTP status is not 200")
    expect(page.get_by_text("Told to fail.")).to_be_visible()


def test_a_team_asks_the_reviewer_approves_and_the_first_notification_arrives(
    scene, open_browser, receiver
):
    game = scene.new
    team, reviewer = open_browser(scene.admin), open_browser(scene.reviewer)

    _ask(team, game)
    _approve(reviewer, game)
    _show_key_once(reviewer, game)
    _configure(team, game, receiver.url)
    _switch_on(team)
    _test(team, receiver)

    team.goto(_payment(game))
    steps = team.get_by_role("region", name="Before a player can buy")
    expect(steps.get_by_text("done")).to_have_count(3)
    expect(steps.get_by_text("missing")).to_have_count(2)
    expect(team.get_by_role("main")).to_contain_text("Welcome aboard.")
