"""Order record: find one order among many, go through the pages, read everything about it."""

import re

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests.browser.looks import NARROW, assert_fits, size

pytestmark = pytest.mark.browser

SHOWN = "tbody tr"


def _list(scene, tail=""):
    return reverse("orders:order-list", args=[scene.selling.app_id]) + tail


def test_an_order_is_found_by_number_with_the_keyboard_alone(scene, open_browser):
    scene.sell(25)
    page = open_browser(scene.people["operator"])
    page.goto(_list(scene))

    page.keyboard.press("/")
    page.keyboard.type("N00003")
    page.keyboard.press("Enter")

    expect(page.locator(SHOWN)).to_have_count(1)
    expect(page).to_have_url(re.compile("number=N00003"))
    page.reload()
    expect(page.locator(SHOWN)).to_have_count(1)
    page.go_back()
    expect(page.locator(SHOWN)).to_have_count(20)

    page.goto(_list(scene, "?number=NOSUCH"))
    expect(page.locator(SHOWN)).to_have_count(0)
    page.get_by_role("main").locator(".empty").get_by_role("link", name="Reset").click()
    expect(page.locator(SHOWN)).to_have_count(20)


def test_older_and_newer_lead_through_all_orders_and_keep_the_filters(scene, open_browser):
    scene.sell(25)
    page = open_browser(scene.people["operator"])
    page.goto(_list(scene))
    page.get_by_label("Delivery state").select_option("waiting")
    expect(page).to_have_url(re.compile("state=waiting"))
    expect(page.locator(SHOWN).first).to_contain_text("N00024")

    page.get_by_role("link", name="Older").click()

    expect(page.locator(SHOWN)).to_have_count(5)
    expect(page.locator(SHOWN).last).to_contain_text("N00000")
    expect(page.get_by_label("Delivery state")).to_have_value("waiting")
    expect(page.get_by_role("link", name="Older")).to_have_count(0)

    page.get_by_role("link", name="Newer").click()

    expect(page.locator(SHOWN).first).to_contain_text("N00024")
    expect(page.get_by_role("link", name="Newer")).to_have_count(0)


def test_details_say_what_was_paid_what_was_tried_and_why_to_look(scene, open_browser):
    order = scene.sell_oddly()
    page = open_browser(scene.people["developer"])
    page.goto(_list(scene))

    page.get_by_role("link", name=order.number).click()

    expect(page.get_by_role("heading", level=1)).to_contain_text(order.number)
    main = page.get_by_role("main")
    for text in ("Unknown item", "Price differs", "Payment not enabled", "ActualPrice Quantity"):
        expect(main).to_contain_text(text)
    attempts = page.get_by_role("region", name="Delivery attempts").locator(SHOWN)
    expect(attempts).to_have_count(2)
    attempts.filter(has_text="HTTP 200").get_by_text("Answer", exact=True).click()
    expect(attempts.filter(has_text="HTTP 200").locator("pre")).to_contain_text("<html>no")
    page.get_by_role("link", name="Order record").first.click()
    expect(page).to_have_url(re.compile(r"/orders$"))


def test_own_dates_begin_with_those_shown_and_wrong_ones_are_told(scene, open_browser):
    scene.sell(3)
    page = open_browser(scene.people["operator"])
    page.goto(_list(scene))

    page.get_by_label("Time range").select_option("custom")

    expect(page.get_by_label("From")).not_to_have_value("")
    expect(page.locator(SHOWN)).to_have_count(3)

    page.get_by_label("From").fill("2001-01-01")
    page.get_by_label("From").press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("12 months")
    expect(page.get_by_label("From")).to_have_value("2001-01-01")
    expect(page.locator(SHOWN)).to_have_count(0)


def test_filters_fold_into_one_button_on_a_narrow_screen(scene, open_browser):
    scene.sell(3)
    page = open_browser(scene.people["operator"])
    size(page, NARROW)
    page.goto(_list(scene, "?state=waiting"))
    button = page.get_by_role("button", name="Filters (1)")
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(page.get_by_label("Delivery state")).to_be_hidden()

    button.click()

    expect(button).to_have_attribute("aria-expanded", "true")
    assert_fits(page)
    page.get_by_label("Delivery state").select_option("failed")

    expect(page.get_by_text("No orders match")).to_be_visible()
    expect(page.get_by_role("button", name="Filters (1)")).to_be_visible()
