"""The frame of every page: theme, language, keyboard, menus, the narrow screen."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.browser.looks import NARROW, assert_fits, size

pytestmark = pytest.mark.browser


def _config(scene):
    return reverse("orders:config", args=[scene.selling.app_id])


def _background(page):
    return page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")


def test_theme_is_kept_and_comes_with_the_page_itself(scene, open_browser):
    page = open_browser(scene.admin, color_scheme="light")
    page.goto(reverse("home"))
    light = _background(page)

    with page.expect_response(lambda answer: "preferences" in answer.url):
        page.get_by_role("button", name="Switch between light and dark").click()

    assert _background(page) != light
    # What the server sent is dark already: nothing has to be repainted.
    source = page.request.get(reverse("home")).text()
    assert re.search(r'<html[^>]*data-theme="dark"', source)
    elsewhere = open_browser(scene.admin, color_scheme="light")
    elsewhere.goto(reverse("profile"))
    expect(elsewhere.locator("html")).to_have_attribute("data-theme", "dark")


def test_theme_and_language_can_be_chosen_before_signing_in(transactional_db, open_browser):
    page = open_browser(color_scheme="light")
    page.goto(reverse("account_login"))

    with page.expect_response(lambda answer: "preferences" in answer.url):
        page.get_by_role("button", name="Switch between light and dark").click()
    page.get_by_role("button", name="中文").click()

    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_density_makes_rows_lower_and_is_kept(scene, open_browser):
    page = open_browser(scene.admin)
    page.goto(reverse("home"))
    row = page.locator("tbody tr").first
    height = row.bounding_box()["height"]

    with page.expect_response(lambda answer: "preferences" in answer.url):
        page.get_by_role("button", name="Switch between normal and compact rows").click()
    page.reload()

    assert row.bounding_box()["height"] < height


def test_the_first_tab_leads_to_the_content(scene, open_browser):
    page = open_browser(scene.admin)
    page.goto(reverse("home"))

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_menus_open_and_close_by_keyboard(scene, open_browser):
    page = open_browser(scene.admin)
    page.goto(reverse("home"))
    opener = page.get_by_role("button", name="Switch mini game")
    menu = page.get_by_role("navigation", name="Mini games")

    opener.focus()
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(opener).to_be_focused()

    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#games') !== null")
    menu.get_by_role("link", name=scene.waiting.name).press("Enter")

    expect(page).to_have_url(re.compile(f"/games/{scene.waiting.app_id}/"))
    expect(opener).to_contain_text(scene.waiting.name)


def test_a_dialog_holds_the_focus_and_gives_it_back(scene, open_browser):
    page = open_browser(scene.admin)
    page.goto(_config(scene))
    opener = page.locator(".pagehead").get_by_role("link", name="Configure")
    opener.focus()

    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("textbox", name="URL", exact=True)).to_be_focused()

    for _ in range(12):
        page.keyboard.press("Tab")
        # Between its last and its first element the focus is with the browser, never behind.
        assert page.evaluate(
            "document.activeElement === document.body ||"
            " document.activeElement.closest('dialog') !== null"
        )
    page.keyboard.press("Escape")

    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def test_every_dialog_is_a_page_of_its_own_without_scripts(scene, open_browser):
    page = open_browser(scene.admin, java_script_enabled=False)
    page.goto(_config(scene))

    page.locator(".pagehead").get_by_role("link", name="Configure").click()
    page.get_by_role("textbox", name="URL", exact=True).fill("ftp://pay.example.com")
    page.get_by_role("button", name="Confirm").click()

    expect(page.get_by_role("textbox", name="URL", exact=True)).to_have_value(
        "ftp://pay.example.com"
    )
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("textbox", name="URL", exact=True).fill("http://127.0.0.1:9/notify")
    page.get_by_role("button", name="Confirm").click()
    expect(page).to_have_url(re.compile(r"/config$"))
    expect(page.get_by_role("status")).to_contain_text("The URLs were saved.")


def test_the_menu_is_a_drawer_on_a_narrow_screen(scene, open_browser):
    page = open_browser(scene.admin)
    size(page, NARROW)
    page.goto(reverse("payment", args=[scene.new.app_id]))
    menu = page.get_by_role("navigation", name="Main")
    expect(menu).to_be_hidden()

    page.get_by_role("button", name="Menu").click()
    expect(menu).to_be_visible()
    assert_fits(page)
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(page.get_by_role("button", name="Menu")).to_be_focused()

    page.get_by_role("button", name="Menu").click()
    menu.get_by_role("link", name="Order record").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Order record")
    expect(menu).to_be_hidden()


def test_a_failed_request_is_told_and_the_page_stays(scene, open_browser, complaints):
    page = open_browser(scene.admin)
    page.goto(_config(scene))
    page.route("**/config/urls", lambda route: route.abort())

    page.locator(".pagehead").get_by_role("link", name="Configure").click()

    expect(page.locator(".toast.danger")).to_contain_text("did not work")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert all("ERR_FAILED" in complaint or "htmx" in complaint for complaint in complaints)
    complaints.clear()
