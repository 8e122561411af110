"""Exports: what is downloaded is what the page shows; a large one is made while one goes on."""

import csv
import re
from io import BytesIO
from pathlib import Path

import openpyxl  # noqa: TID251 -- what others read, not we
import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from sasvpay.kit import export_pages, jobs
from sasvpay.kit.models import Job
from tests.browser.looks import NARROW, assert_good_in_every_look, assert_tables_fit, size

pytestmark = pytest.mark.browser


def _open(scene, open_browser):
    page = open_browser(scene.people["operator"])
    page.goto(reverse("orders:order-list", args=[scene.selling.app_id]))
    page.get_by_label("Delivery state").select_option("waiting")
    expect(page).to_have_url(re.compile("state=waiting"))
    expect(page.locator("tbody tr")).to_have_count(5)
    page.get_by_role("main").get_by_role("link", name="Export").click()
    expect(page.get_by_role("dialog")).to_contain_text("5: downloads at once")
    return page


def test_the_downloaded_file_is_what_the_page_shows(scene, open_browser):
    scene.sell(5)
    scene.sell_oddly()
    page = _open(scene, open_browser)
    shown = page.locator("tbody tr td:first-child a").all_inner_texts()

    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name="Export").click()

    book = openpyxl.load_workbook(BytesIO(download.value.path().read_bytes()))
    assert [row[0] for row in book.active.iter_rows(min_row=2, values_only=True)] == shown
    expect(page.get_by_role("dialog")).to_be_hidden()

    page.get_by_role("main").get_by_role("link", name="Export").click()
    page.get_by_role("dialog").get_by_label("CSV").check()
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name="Export").click()

    with Path(download.value.path()).open(encoding="utf-8-sig", newline="") as file:
        assert [row[0] for row in csv.reader(file)][1:] == shown


def test_a_large_export_tells_when_it_is_ready_and_is_fetched_from_the_list(
    scene, open_browser, monkeypatch
):
    monkeypatch.setattr(export_pages, "COUNT_CAP", 4)
    scene.sell(5)
    page = open_browser(scene.people["operator"])
    page.goto(reverse("orders:order-list", args=[scene.selling.app_id]))
    page.get_by_role("main").get_by_role("link", name="Export").click()
    expect(page.get_by_role("dialog")).to_contain_text(
        re.compile(r"About [\d,]+: made in the background")
    )

    page.get_by_role("dialog").get_by_role("button", name="Export").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Exports")
    expect(page.locator("tbody tr")).to_contain_text("In progress")
    page.goto(reverse("orders:order-list", args=[scene.selling.app_id]))
    expect(page.get_by_role("banner")).to_contain_text("Export waits")
    jobs.run(job_id=Job.objects.get().pk)
    page.get_by_role("link", name="Export ready").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    book = openpyxl.load_workbook(BytesIO(download.value.path().read_bytes()))
    assert len(list(book.active.iter_rows(min_row=2))) == 5
    Job.objects.create(
        **Job.objects.values("kind", "subject", "params", "requested_by_id", "created_at").get(),
        status="failed",
        error="Something went wrong. Please try again.",
    )
    page.reload()
    assert_good_in_every_look(page)


def _listed(scene, open_browser, monkeypatch):
    """Open the list of exports with one that is ready."""
    monkeypatch.setattr(export_pages, "COUNT_CAP", 4)
    scene.sell(5)
    page = open_browser(scene.people["operator"])
    page.goto(reverse("orders:order-export", args=[scene.selling.app_id]))
    page.get_by_role("main").get_by_role("button", name="Export").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Exports")
    jobs.run(job_id=Job.objects.get().pk)
    page.reload()
    return page


def test_on_a_narrow_screen_the_download_is_in_sight(scene, open_browser, monkeypatch):
    page = _listed(scene, open_browser, monkeypatch)

    size(page, NARROW)

    assert_tables_fit(page)
    expect(page.get_by_role("link", name="Download")).to_be_in_viewport(ratio=1)


def test_a_file_that_expired_before_the_click_is_told_and_no_page_is_saved_in_its_place(
    scene, open_browser, monkeypatch
):
    page = _listed(scene, open_browser, monkeypatch)
    Job.objects.update(expires_at=timezone.now())

    page.get_by_role("link", name="Download").click()

    expect(page.get_by_role("alert")).to_contain_text("it expired")
    expect(page.get_by_role("button", name="Export again")).to_be_visible()


def test_the_dialog_is_good_in_every_look(scene, open_browser):
    scene.sell(5)
    page = _open(scene, open_browser)
    # What was just put in is still fading in.
    expect(page.locator("[aria-busy]")).to_have_count(0)
    page.wait_for_timeout(300)

    assert_good_in_every_look(page)
