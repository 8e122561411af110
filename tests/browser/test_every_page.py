"""Every page and dialog, in light and dark, wide and narrow: nothing for axe, nothing sideways."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.browser.looks import (
    NARROW,
    assert_accessible,
    assert_good_in_every_look,
    assert_tables_fit,
    size,
)
from tests.browser.words import LONG

pytestmark = pytest.mark.browser

ANYTHING = re.compile(r"\S")


def _payment(s, game):
    return reverse("payment", args=[game.app_id])


def _of_game(name, *, game="selling", tail=""):
    return lambda s: reverse(f"orders:{name}", args=[getattr(s, game).app_id]) + tail


def _refunds(*, game="selling", tail=""):
    return lambda s: reverse("aftersales:refund-list", args=[getattr(s, game).app_id]) + tail


def _of_team(name):
    return lambda s: reverse(f"permissions:{name}", args=[s.team.pk])


def _items(name, *, game="selling", tail=""):
    return lambda s: reverse(f"items:{name}", args=[getattr(s, game).app_id]) + tail


def _item(name, item_id):
    return lambda s: reverse(f"items:{name}", args=[s.selling.app_id, item_id])


def _import(name, tail=""):
    def where(s):
        batch = s.shelves.batches[name]
        return reverse("items:import-detail", args=[s.selling.app_id, batch.pk]) + tail

    return where


def _plain(name):
    return lambda s: reverse(name)


PAGES = {
    "dashboard": ("operator", lambda s: reverse("dashboard", args=[s.selling.app_id])),
    "dashboard, 30 days": (
        "operator",
        lambda s: reverse("dashboard", args=[s.selling.app_id]) + "?period=30d",
    ),
    "dashboard, empty": ("operator", lambda s: reverse("dashboard", args=[s.new.app_id])),
    "team dashboard": ("team_admin", lambda s: reverse("team-dashboard", args=[s.team.pk])),
    "home": ("team_admin", _plain("home")),
    "home, empty": ("guest", _plain("home")),
    "payment, approved": ("team_admin", lambda s: _payment(s, s.selling)),
    "payment, pending": ("reviewer", lambda s: _payment(s, s.waiting)),
    "payment, new": ("team_admin", lambda s: _payment(s, s.new)),
    "callback key": (
        "reviewer",
        lambda s: reverse("permissions:callback-key", args=[s.selling.app_id]),
    ),
    "configuration": ("team_admin", _of_game("config")),
    "configuration, empty": ("operator", _of_game("config", game="new")),
    "orders": ("operator", _of_game("order-list")),
    "orders, own dates": ("operator", _of_game("order-list", tail="?period=custom")),
    "orders, all filters": (
        "operator",
        _of_game("order-list", tail="?env=live&source=1&attention=any&refund=none&period=12m"),
    ),
    "find orders": ("platform_admin", lambda s: reverse("orders:search") + "?q=o_player"),
    "find orders, nothing": ("operator", lambda s: reverse("orders:search") + "?q=nobody"),
    "find orders, too long": (
        "operator",
        lambda s: reverse("orders:search") + "?q=" + "nobody" * 30,
    ),
    "orders, none found": ("operator", _of_game("order-list", tail="?number=NOSUCH")),
    "orders, wrong dates": (
        "operator",
        _of_game("order-list", tail="?period=custom&since=2026-02-02&until=2026-01-01"),
    ),
    "orders, empty": ("developer", _of_game("order-list", game="new")),
    "order": (
        "developer",
        lambda s: reverse("orders:order-detail", args=[s.selling.app_id, s.odd.pk]),
    ),
    "refunds": ("operator", _refunds()),
    "refunds, wrong dates": (
        "operator",
        _refunds(tail="?period=custom&since=2026-02-02&until=2026-01-01"),
    ),
    "refunds, none found": ("operator", _refunds(tail="?number=NOSUCH")),
    "refunds, empty": ("developer", _refunds(game="new")),
    "refund": (
        "developer",
        lambda s: reverse("aftersales:refund-detail", args=[s.selling.app_id, s.odd_refund.pk]),
    ),
    "audit log": ("team_admin", lambda s: reverse("game-audit", args=[s.selling.app_id])),
    "audit log, own dates": (
        "team_admin",
        lambda s: reverse("game-audit", args=[s.selling.app_id]) + "?period=custom&person=x",
    ),
    "audit log, wrong dates": (
        "team_admin",
        lambda s: (
            reverse("game-audit", args=[s.selling.app_id]) + "?since=2026-02-02&until=2026-01-01"
        ),
    ),
    "audit log of a team": ("team_admin", lambda s: reverse("team-audit", args=[s.team.pk])),
    "audit log, empty": ("super_admin", _plain("house-audit")),
    "second factor needed": ("reviewer", _plain("second_factor_required")),
    "delivery log": ("team_admin", _of_game("delivery-list")),
    "delivery log, empty": ("operator", _of_game("delivery-list", game="new")),
    "delivery log, none found": ("operator", _of_game("delivery-list", tail="?verdict=tls")),
    "delivery": (
        "team_admin",
        lambda s: reverse("orders:delivery-detail", args=[s.selling.app_id, s.odd.pk]),
    ),
    "attempt": (
        "team_admin",
        lambda s: reverse("orders:attempt-detail", args=[s.selling.app_id, s.odd.pk, 2]),
    ),
    "protocol": ("operator", _of_game("protocol")),
    "signature helper": ("team_admin", _of_game("signature")),
    "items": ("team_admin", _items("item-list")),
    "items, all selected": ("team_admin", _items("item-list", tail="?all=1")),
    "items, none found": ("developer", _items("item-list", tail="?q=nosuch")),
    "items, wrong search": ("developer", _items("item-list", tail="?least=abc")),
    "items, rejected": ("senior_developer", _items("item-list", tail="?status=rejected")),
    "items, empty": ("developer", _items("item-list", game="new")),
    "items, read only": ("reviewer", _items("item-list")),
    "new item": ("developer", _items("item-add")),
    "item with a draft beside it": ("developer", _item("item-edit", "beside")),
    "item, compared": ("team_admin", _item("item-detail", "beside")),
    "item, rejected": ("developer", _item("item-detail", "rejected")),
    "release of many": ("senior_developer", _items("release-request", tail="?all=1")),
    "removal of many": ("team_admin", _items("item-remove", tail="?all=1")),
    "removal of none": ("team_admin", _items("item-remove")),
    "result": ("developer", lambda s: s.shelves.result()),
    "result, not kept": (
        "developer",
        lambda s: reverse("items:act-result", args=[s.selling.app_id, "gone"]),
    ),
    "imports": ("developer", _items("import-list")),
    "imports, none": ("developer", _items("import-list", game="new")),
    "import, wrong rows": ("developer", _import("Spring prices")),
    "import, changed rows": ("developer", _import("Spring prices", "?kind=changed")),
    "import, long name": ("developer", _import(LONG)),
    "import, refused": ("developer", _import("refused")),
    "import, discarded": ("developer", _import("nothing")),
    "import, done": ("developer", _import("done")),
    "import, being read": ("developer", _import("busy")),
    "exemption, rejected": ("senior_developer", _items("exemption")),
    "exemption, pending": ("reviewer", _items("exemption", game="waiting")),
    "approval of many": ("reviewer", lambda s: reverse("items:release-approve") + "?all=1"),
    "review queue, all selected": (
        "reviewer",
        lambda s: reverse("review-queue") + "?kind=release&all=1",
    ),
    "members": ("team_admin", _of_team("member-list")),
    "review queue": ("reviewer", _plain("review-queue")),
    "review queue, none of that team": ("reviewer", lambda s: reverse("review-queue") + "?team=0"),
    "teams": ("platform_admin", _plain("permissions:team-list")),
    "teams, none found": (
        "platform_admin",
        lambda s: reverse("permissions:team-list") + "?q=nosuch",
    ),
    "team": ("platform_admin", _of_team("team-detail")),
    "house roles": ("super_admin", _plain("permissions:house-list")),
    "profile": ("developer", _plain("profile")),
    "password": ("developer", _plain("account_change_password")),
    "second factor": ("developer", _plain("mfa_index")),
    "authenticator app": ("developer", _plain("mfa_activate_totp")),
    "passkeys": ("developer", _plain("mfa_list_webauthn")),
    "sessions": ("developer", _plain("usersessions_list")),
    "sign-out": ("developer", _plain("account_logout")),
    "not for you": ("operator", _plain("review-queue")),
    "nothing here": ("operator", lambda s: "/nothing/here"),
    "sign-in": ("", _plain("account_login")),
    "forgotten password": ("", _plain("account_reset_password")),
    "letter sent": ("", _plain("account_reset_password_done")),
    "wrong reset link": ("", lambda s: "/account/password/reset/1-wrong"),
    "no sign-up": ("", _plain("account_signup")),
    "wrong invitation": ("", lambda s: reverse("permissions:invitation", args=["wrong"])),
}
# Who, where, what opens the dialog, what to type into it, and the button that sends it.
DIALOGS = {
    "request payment": ("team_admin", lambda s: _payment(s, s.new), "Request permission", {}),
    "approve": ("reviewer", lambda s: _payment(s, s.waiting), "Approve", None),
    "reject": ("reviewer", lambda s: _payment(s, s.waiting), "Reject", {}),
    "disable": ("reviewer", lambda s: _payment(s, s.selling), "Disable payment", {}),
    "URLs": ("team_admin", _of_game("config"), "Configure", {"URL": "ftp://example.com"}),
    "resend": ("team_admin", _of_game("delivery-list"), "Resend all 26 that match", None),
    "settle": (
        "team_admin",
        lambda s: reverse("orders:delivery-detail", args=[s.selling.app_id, s.odd.pk]),
        "Mark as delivered by hand",
        {},
    ),
    "switch off": ("team_admin", _of_game("config"), "Switch off", None),
    "new item": ("developer", _items("item-list"), "Add virtual item", {"Item ID": "no spaces"}),
    "release again": (
        "senior_developer",
        _items("item-list", tail="?status=removed"),
        "Release Season Pass again",
        None,
    ),
    "request exemption": ("senior_developer", _items("exemption"), "Request exemption", {}),
    "reject exemption": ("reviewer", _items("exemption", game="waiting"), "Reject", {}),
    "invite": ("team_admin", _of_team("member-list"), "Invite a member", {"E-mail": "wrong"}),
    "grant": ("team_admin", _of_team("member-list"), "Grant on one mini game", {}),
    "new team": ("platform_admin", _plain("permissions:team-list"), "Create a team", {}),
    "new game": (
        "platform_admin",
        _of_team("team-detail"),
        "Create a mini game",
        {"App ID": "no spaces"},
    ),
    "merchant": ("platform_admin", _of_team("team-detail"), "Change", {"Merchant ID": ""}),
    "house person": ("super_admin", _plain("permissions:house-list"), "Add a person", {}),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_in_every_look(scene, open_browser, name):
    who, where = PAGES[name]
    page = open_browser(scene.fill().people.get(who))

    page.goto(where(scene))

    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert_good_in_every_look(page)


@pytest.mark.parametrize("name", ["orders", "refunds", "delivery log", "items", "review queue"])
def test_on_a_narrow_screen_a_long_list_hides_nothing_to_the_side(scene, open_browser, name):
    who, where = PAGES[name]
    page = open_browser(scene.fill().people[who])
    size(page, NARROW)

    page.goto(where(scene))

    assert_tables_fit(page)


@pytest.mark.parametrize("name", DIALOGS)
def test_a_dialog_with_errors_is_accessible_in_every_look(scene, open_browser, name):
    who, where, opener, typed = DIALOGS[name]
    page = open_browser(scene.fill().people[who])
    page.goto(where(scene))

    page.get_by_role("main").get_by_role("link", name=opener, exact=True).first.click()

    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    if typed is not None:
        for label, text in typed.items():
            dialog.get_by_label(label, exact=False).first.fill(text)
        dialog.locator("footer button").click()
        expect(dialog.get_by_role("alert")).to_be_visible()
        wrong = dialog.locator("[aria-invalid=true]").first
        expect(wrong).to_be_focused()
        expect(wrong).to_have_accessible_description(ANYTHING)
    assert_good_in_every_look(page)


def test_every_page_is_accessible_in_chinese(scene, open_browser):
    scene.fill()
    for who in {who for who, _ in PAGES.values()}:
        person = scene.people.get(who)
        page = open_browser(person, locale="zh-CN")
        for owner, where in PAGES.values():
            if owner == who:
                page.goto(where(scene))

                expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
                assert_accessible(page)
