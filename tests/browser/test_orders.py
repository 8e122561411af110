"""Order record: find one order among many, go through the pages, read everything about it."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from tests import factories
from tests.browser.looks import NARROW, WIDE, assert_fits, assert_good_in_every_look, size

pytestmark = pytest.mark.browser

SHOWN = "tbody tr"


def _list(scene, tail=""):
    return reverse("orders:order-list", args=[scene.selling.app_id]) + tail


def test_an_order_is_reached_from_any_page_with_the_keyboard_alone(scene, open_browser):
    scene.sell(25)
    page = open_browser(scene.people["operator"])
    page.goto(reverse("home"))

    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Find an order")).to_be_focused()
    page.keyboard.type("N00003")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_contain_text("N00003")

    page.keyboard.press("/")
    page.keyboard.type("o_player")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile("open_id=o_player&period=12m"))
    expect(page.locator(SHOWN)).to_have_count(20)
    expect(page.get_by_label("Player (OpenId)")).to_have_value("o_player")

    page.keyboard.press("/")
    page.keyboard.type("nobody")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Nothing found")).to_be_visible()
    expect(page.get_by_label("Order number or OpenId").last).to_have_value("nobody")


def test_several_hits_are_offered_on_a_narrow_screen_too(scene, open_browser):
    for game in (scene.selling, scene.new):
        factories.DeliveryFactory(order__game=game, order__number="TWICE")
    page = open_browser(scene.people["operator"])
    size(page, NARROW)
    page.goto(reverse("home"))

    page.get_by_role("link", name="Find an order").click()
    page.get_by_label("Order number or OpenId").last.fill("TWICE")
    page.keyboard.press("Enter")

    hits = page.get_by_role("region", name="Orders of this number")
    expect(hits.locator(SHOWN)).to_have_count(2)
    assert_good_in_every_look(page)
    hits.get_by_role("link", name="TWICE").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("TWICE")


def test_an_order_is_found_by_its_exact_number_in_the_list(scene, open_browser):
    scene.sell(25)
    page = open_browser(scene.people["operator"])
    page.goto(_list(scene))

    page.get_by_label("Order number", exact=True).fill("N00003")
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


def test_rarer_filters_open_stay_open_and_are_counted(scene, open_browser):
    scene.sell(3)
    scene.sell_oddly()
    page = open_browser(scene.people["operator"])
    page.goto(_list(scene))
    expect(page.get_by_label("Refund state")).to_be_hidden()

    page.get_by_text("More filters").click()
    page.get_by_label("Item ID").fill("gold_100")
    page.keyboard.press("Enter")

    expect(page.locator(SHOWN)).to_have_count(3)
    expect(page.get_by_text("More filters (1)")).to_be_visible()
    expect(page.get_by_label("Refund state")).to_be_visible()
    expect(page.locator(".totals")).to_contain_text("$3.00")

    page.get_by_label("Refund state").select_option("fully")
    expect(page.get_by_text("No orders match")).to_be_visible()
    expect(page.get_by_text("More filters (2)")).to_be_visible()


def test_numbers_are_copied_with_one_click(scene, open_browser):
    scene.sell(1)
    page = open_browser(scene.people["operator"], permissions=["clipboard-read", "clipboard-write"])
    page.goto(_list(scene))

    for name, text in (("Copy N00000", "N00000"), ("Copy o_player", "o_player")):
        page.get_by_role("button", name=name).click()
        expect(page.locator("#toasts")).to_contain_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == text


def test_flags_are_settled_in_a_dialog_and_leave_the_list_of_open_ones(scene, open_browser):
    order = scene.sell_oddly()
    page = open_browser(scene.people["senior_developer"])
    page.goto(_list(scene, "?attention=open"))
    page.get_by_role("link", name=order.number).click()

    page.get_by_role("link", name="Settle").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Settle").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    assert_good_in_every_look(page)
    size(page, WIDE)
    dialog.get_by_label("Note").fill("A coupon.\nThe price was right.")
    dialog.get_by_role("button", name="Settle").click()

    expect(page.get_by_role("main")).to_contain_text("A coupon.")
    expect(page.get_by_role("link", name="Settle")).to_have_count(0)
    page.goto(_list(scene, "?attention=open"))
    expect(page.get_by_text("No orders match")).to_be_visible()


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


@pytest.fixture
def dated(scene, open_browser):
    """A list with own dates, its cursor in the first of them, and the searches asked for since."""
    page = open_browser(scene.people["operator"])
    page.goto(_list(scene, "?period=custom"))
    searches = []

    def note(request):
        if "since=" in request.url:
            searches.append(request.url)

    page.on("request", note)
    page.get_by_label("From").focus()
    return page, searches


def _type(page, day):
    # Key by key and no faster than a person: a browser calls every part of a date a change.
    page.keyboard.type(f"{day:%m%d%Y}", delay=50)


def _tab_on(page):
    # After its last part a date has a stop of its own, its calendar.
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")


def test_dates_can_be_typed_and_both_are_searched_with_one_search(scene, dated):
    page, searches = dated
    first, last = (scene.at.date() - timedelta(days=days) for days in (40, 20))

    _type(page, first)
    _tab_on(page)
    _type(page, last)

    expect(page.get_by_label("From")).to_have_value(f"{first}")
    expect(page.get_by_label("To")).to_have_value(f"{last}")
    assert searches == []

    _tab_on(page)

    expect(page).to_have_url(re.compile(f"since={first}&until={last}"))
    expect(page.get_by_label("From")).to_have_value(f"{first}")
    expect(page.get_by_label("To")).to_have_value(f"{last}")
    expect(page.get_by_label("Delivery state")).to_be_focused()
    assert len(searches) == 1


@pytest.mark.parametrize("way", ["Enter", "Search", "elsewhere"])
def test_a_typed_date_is_searched_once_however_it_is_finished(scene, dated, way):
    page, searches = dated
    first = scene.at.date() - timedelta(days=40)

    _type(page, first)
    if way == "Enter":
        page.keyboard.press("Enter")
    elif way == "Search":
        page.get_by_role("button", name="Search", exact=True).click()
    else:
        page.get_by_role("heading", level=1).click()

    expect(page).to_have_url(re.compile(f"since={first}"))
    page.get_by_role("heading", level=1).click()
    page.wait_for_load_state("networkidle")
    assert len(searches) == 1


def test_a_date_picked_from_the_calendar_is_searched_at_once(scene, dated):
    page, searches = dated
    first = scene.at.date() - timedelta(days=40)
    _type(page, first)
    box = page.get_by_label("From").bounding_box()

    page.mouse.click(box["x"] + box["width"] - 18, box["y"] + box["height"] / 2)
    # These keys are the calendar's: the page does not see them.
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(f"since={first - timedelta(days=1)}"))
    assert len(searches) == 1


def test_filters_fold_into_one_button_on_a_narrow_screen(scene, open_browser):
    scene.sell(3)
    page = open_browser(scene.people["operator"])
    size(page, NARROW)
    page.goto(_list(scene, "?state=waiting"))
    button = page.get_by_role("button", name="Filters (1)")
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(page.get_by_label("Delivery state")).to_be_hidden()
    expect(page.get_by_text("times in UTC")).to_be_visible()

    button.click()

    expect(button).to_have_attribute("aria-expanded", "true")
    assert_fits(page)
    page.get_by_label("Delivery state").select_option("failed")

    expect(page.get_by_text("No orders match")).to_be_visible()
    expect(page.get_by_role("button", name="Filters (1)")).to_be_visible()
