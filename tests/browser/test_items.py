"""Virtual items: added with a picture, imported from Excel, released by the superapp's reviewer."""

import io
import re
from pathlib import Path

import openpyxl  # noqa: TID251 -- corrects what we wrote
import pytest
from django.urls import reverse
from playwright.sync_api import expect

from items.models import ImportBatch, ItemVersion
from sasvpay.kit import jobs
from tests.browser.shelves import Shelves
from tests.items.books import book
from tests.items.pictures import encoded

pytestmark = pytest.mark.browser

SAMPLE = Path("fixtures/items_sample.xlsx")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHOWN = "#results tbody tr"


def _list(scene, tail=""):
    return reverse("items:item-list", args=[scene.selling.app_id]) + tail


def _file(name, content, kind):
    return {"name": name, "mimeType": kind, "buffer": content}


def test_an_item_is_added_with_a_picture(scene, open_browser):
    page = open_browser(scene.people["developer"])
    page.goto(_list(scene))

    page.get_by_role("main").get_by_role("link", name="Add virtual item").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Item ID").fill("no spaces")
    dialog.get_by_label("Name").fill("星光之剑")
    dialog.get_by_label("Price").fill("4.99")
    dialog.get_by_label("Image").set_input_files(_file("a.txt", b"text", "text/plain"))
    expect(dialog).to_contain_text("a.txt")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog.get_by_label("Item ID")).to_be_focused()
    expect(dialog.get_by_label("Name")).to_have_value("星光之剑")
    dialog.get_by_label("Item ID").fill("star_sword")
    dialog.get_by_label("Image").set_input_files(_file("a.png", encoded(), "image/png"))
    dialog.get_by_role("button", name="Save", exact=True).click()

    row = page.locator(SHOWN)
    expect(row).to_have_count(1)
    expect(row).to_contain_text("star_sword")
    expect(row).to_contain_text("4.99")
    expect(row.locator("img")).to_have_js_property("naturalWidth", 40)


def test_a_picture_is_shown_when_it_is_chosen_and_a_wrong_form_keeps_it(scene, open_browser):
    page = open_browser(scene.people["developer"])
    page.goto(_list(scene))
    page.get_by_role("main").get_by_role("link", name="Add virtual item").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Item ID").fill("star_sword")
    dialog.get_by_label("Name").fill("Sword")
    dialog.get_by_label("Image").set_input_files(_file("a.png", encoded(), "image/png"))
    expect(dialog.locator("img")).to_have_js_property("naturalWidth", 40)

    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog.get_by_label("Price")).to_be_focused()
    expect(dialog).to_contain_text("a.png")
    expect(dialog.locator("img")).to_have_js_property("naturalWidth", 40)
    dialog.get_by_label("Price").fill("4.99")
    dialog.get_by_role("button", name="Save", exact=True).click()

    expect(page.locator(SHOWN).locator("img")).to_have_js_property("naturalWidth", 40)


def _upload(page, scene, file):
    """Send a workbook, and do the worker's part."""
    page.goto(reverse("items:import-list", args=[scene.selling.app_id]))
    page.get_by_role("button", name="Workbook").set_input_files(file)
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("main")).to_contain_text("The workbook is being read")
    _work()


def _work():
    jobs.run(job_id=ImportBatch.objects.latest("job_id").job_id)


def test_a_workbook_is_looked_at_imported_and_corrected(scene, open_browser):
    page = open_browser(scene.people["developer"])
    _upload(page, scene, SAMPLE)
    expect(page.get_by_role("button", name="Import the 12 valid rows")).to_be_visible()
    assert not ItemVersion.objects.exists()

    page.get_by_role("button", name="Import the 12 valid rows").click()
    expect(page.get_by_role("main")).to_contain_text("The rows are being imported")
    _work()
    page.get_by_role("link", name="Show the items").click()
    expect(page.locator(SHOWN)).to_have_count(12)

    wrong = book(("moon_shield", "Moon Shield", 5), ("new one", "New", "1,000"))
    _upload(page, scene, _file("prices.xlsx", wrong, XLSX))
    expect(page.get_by_role("main")).to_contain_text("Leave out separators of thousands")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download the wrong rows").click()
    corrected = openpyxl.load_workbook(io.BytesIO(started.value.path().read_bytes()))
    sheet = corrected.worksheets[0]
    sheet["A2"], sheet["C2"] = "new_one", 1000
    written = io.BytesIO()
    corrected.save(written)
    page.get_by_role("button", name="Import the one valid row").click()
    expect(page.get_by_role("main")).to_contain_text("The rows are being imported")
    _work()
    _upload(page, scene, _file("again.xlsx", written.getvalue(), XLSX))
    page.get_by_role("button", name="Import the one valid row").click()
    expect(page.get_by_role("main")).to_contain_text("The rows are being imported")
    _work()
    expect(page.get_by_role("link", name="Show the items")).to_be_visible()

    prices = dict(ItemVersion.objects.values_list("item__item_id", "price_cents"))
    assert (len(prices), prices["moon_shield"], prices["new_one"]) == (13, 500, 100_000)


def test_many_items_are_asked_for_across_pages_and_approved(scene, open_browser):
    shelves = Shelves(scene)
    items = [shelves.add(f"item_{number}") for number in range(25)]
    shelves.put_on_sale(items[0])
    page, theirs = open_browser(scene.people["senior_developer"]), open_browser(scene.reviewer)

    page.goto(_list(scene))
    page.get_by_label("Select all items of this page").check()
    bar = page.get_by_role("group", name="What to do with the selection")
    expect(bar).to_contain_text("20 selected")
    bar.get_by_role("link", name="Select all 25 matching").click()
    expect(bar).to_contain_text("All 25 that match are selected")
    bar.get_by_role("button", name="Request release (24)").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("One is left out")
    dialog.get_by_label("Message").fill("For the spring festival.")
    dialog.locator("footer button").last.click()
    result = page.get_by_role("region", name="What came of each item")
    expect(result.locator("tbody tr")).to_have_count(25)
    expect(result.get_by_text("Sent to the superapp for review.")).to_have_count(24)

    theirs.goto(reverse("review-queue") + "?kind=release")
    theirs.get_by_label("Select all releases of this page").check()
    theirs.get_by_role("link", name=re.compile("Select all 24 matching")).click()
    theirs.get_by_role("button", name="Approve (24)").click()
    theirs.get_by_role("dialog").locator("footer button").last.click()
    told = theirs.get_by_role("region", name="What came of each item")
    expect(told.get_by_text("Released.")).to_have_count(24)

    page.goto(_list(scene, "?status=released"))
    expect(page.get_by_role("link", name="Released 25")).to_be_visible()
    assert set(ItemVersion.objects.values_list("status", flat=True)) == {"released"}
