"""Export of the order record: exactly the filter's rows, as values that nobody's sheet calculates."""

import csv
import io
from datetime import datetime, timedelta
from io import BytesIO

import openpyxl  # noqa: TID251 -- what others read, not we
import pytest
import time_machine
from django.core.files.storage import default_storage
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.http import urlencode
from python_calamine import CalamineWorkbook

from items.models import ItemVersion
from orders.export import ORDERS
from orders.models import OrderSource
from permissions.models import TeamGrant
from sasvpay.kit import export_pages, export_rows, exporting, jobs
from sasvpay.kit.audit import Event
from sasvpay.kit.export_columns import Format
from sasvpay.kit.exporting import Wanted
from sasvpay.kit.models import AuditEvent, Job
from sasvpay.kit.sheet_streaming import XlsxWriter
from tests.factories import AT, DeliveryFactory, ItemVersionFactory, OrderFactory
from tests.threads import together

pytestmark = pytest.mark.django_db
NOW = AT + timedelta(hours=1)
ALL = [column.name for column in ORDERS.columns()]
EVIL = [
    "=1+1",
    '=HYPERLINK("http://evil.example","click")',
    "+1+1",
    "-2+3",
    "@SUM(A1:A9)",
    "＝1+1",
    "＠SUM(A1:A9)",
    "\t=1+1",
    "\r=1+1",
    '"=1+1',
    "a\x0bb\x01c",
    "<v>&amp;_x000D_\\t",
    ',";\n=1+1 中文 ',
]


@pytest.fixture(autouse=True)
def _today():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def client(operator):
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def _all_large(monkeypatch):
    """Let every export be made in the background."""
    monkeypatch.setattr(export_pages, "COUNT_CAP", -1)


def address(game, **asked):
    return f"{reverse('orders:order-export', args=[game.app_id])}?{urlencode(asked)}"


def export(client, game, form="csv", columns=ALL, **asked):
    return client.post(address(game, **asked), {"format": form, "columns": columns})


def content(response):
    return b"".join(response.streaming_content)


def as_csv(content):
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def as_sheet(content):
    return [
        ["" if cell is None else cell for cell in row]
        for row in openpyxl.load_workbook(BytesIO(content))
        .worksheets[0]
        .iter_rows(values_only=True)
    ]


def wanted(form=Format.CSV, query="", columns=ALL):
    return Wanted(query, columns, form, NOW)


# --- What is in the file ----------------------------------------------------------------------


def _one_of_each(game):
    version = ItemVersionFactory(item__game=game, name="星辰剑", status=ItemVersion.Status.RELEASED)
    order = OrderFactory(
        game=game, number="20261120000000012345", open_id="o_player", item_version=version,
        product_id="gold_100", quantity=3, zone_id="007", orig_price_cents=123456,
        actual_price_cents=5, refunded_cents=1, refund_state="partly", attach="a=1&b=2",
        flags="unknown_item price_differs", delivery_status="delivered",
        created_at=AT + timedelta(microseconds=999_999),
    )  # fmt: skip
    DeliveryFactory(
        order=order, game=game, env=order.env, status="delivered", attempts=2, delivered_at=AT
    )
    OrderFactory(
        game=game, number="T1", env="1", order_source=OrderSource.MARKETPLACE_TEST,
        created_at=AT - timedelta(days=1), actual_price_cents=10**12,
    )  # fmt: skip


ONE = [
    "Live", "o_player", "gold_100", "星辰剑", 3, "007", 1234.56, 0.05, 0.01, "Partly refunded",
    "In game", "test", "Delivered", "Unknown item; Price differs", 0.04, 2,
]  # fmt: skip
TWO = [
    "Test", "o_player", "gold_100", "", 1, "1", 1, 10**10, 0, "Not refunded", "Marketplace test",
    "test", "Waiting", "", 10**10, "",
]  # fmt: skip
REQUEST = "00000000-0000-4000-8000-000000000000"


def test_csv_holds_every_column_as_a_person_reads_it(client, game, settings):
    settings.TIME_ZONE = "Asia/Shanghai"
    _one_of_each(game)

    heading, one, two = as_csv(content(export(client, game)))

    assert heading[:3] == ["Order number", "Received (Asia/Shanghai)", "Environment"]
    assert heading[8:11] == ["Original price (USD)", "Paid (USD)", "Refunded (USD)"]
    # A tab at the end keeps a spreadsheet from reading 2.02611E+19 and 7.
    told = [str(value) for value in ONE]
    told[5] = "007\t"
    assert one == [
        "20261120000000012345\t",
        "2026-11-20 17:30:00",
        *told,
        "2026-11-20 17:30:00",
        "a=1&b=2",
        REQUEST,
    ]
    told = [str(value) for value in TWO]
    told[5:9] = ["1\t", "1.00", "10000000000.00", "0.00"]
    told[14] = "10000000000.00"
    assert two == ["T1", "2026-11-19 17:30:00", *told, "", "", REQUEST]


def test_a_workbook_holds_numbers_as_numbers_dates_as_dates_and_numbers_of_orders_as_text(
    client, game, settings
):
    settings.TIME_ZONE = "Asia/Shanghai"
    _one_of_each(game)

    file = content(export(client, game, "xlsx"))

    one_at, two_at = datetime(2026, 11, 20, 17, 30), datetime(2026, 11, 19, 17, 30)  # noqa: DTZ001 -- a sheet knows no zone
    assert as_sheet(file)[1:] == [
        ["20261120000000012345", one_at, *ONE, one_at, "a=1&b=2", REQUEST],
        ["T1", two_at, *TWO, "", "", REQUEST],
    ]
    cells = CalamineWorkbook.from_filelike(BytesIO(file)).get_sheet_by_index(0).to_python()
    assert cells[1][:2] == ["20261120000000012345", one_at]
    assert [type(cell) for cell in cells[1][6:11]] == [float, str, float, float, float]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_no_text_is_calculated_and_control_characters_leave_a_sign(client, game, form):
    for number, text in enumerate(EVIL):
        OrderFactory(game=game, number=f"T{number:02}", attach=text, open_id=text, pay_model=text)

    file = content(export(client, game, form, ["number", "open_id", "pay_model", "attach"]))

    rows = as_csv(file)[1:] if form == "csv" else as_sheet(file)[1:]
    found = {row[0]: row[1:] for row in rows}
    for number, text in enumerate(EVIL):
        safe = f"'{text}" if text[0] in "=+-@\t\r＝＠" else text
        safe = safe.replace("\x0b", "\ufffd").replace("\x01", "\ufffd")
        if form == "xlsx":
            # Excel reads this escape, and would read a line end without it; openpyxl reads neither.
            safe = safe.replace("_x000D_", "_x005F_x000D_")
        assert found[f"T{number:02}"] == [safe] * 3
    if form == "xlsx":
        book = openpyxl.load_workbook(BytesIO(file))
        assert [cell for row in book.active for cell in row if cell.data_type == "f"] == []


def test_the_columns_are_those_that_were_chosen(client, game):
    OrderFactory(game=game, number="T1")

    assert as_csv(content(export(client, game, columns=["paid", "number"]))) == [
        ["Order number", "Paid (USD)"],
        ["T1", "1.00"],
    ]


def test_the_rows_are_exactly_those_that_the_filters_select(client, game):
    OrderFactory(game=game, number="in", delivery_status="failed")
    OrderFactory(game=game, number="other state", delivery_status="delivered")
    OrderFactory(
        game=game, number="too old", delivery_status="failed", created_at=AT - timedelta(days=9)
    )
    OrderFactory(number="other game", delivery_status="failed")
    OrderFactory(
        game=game, number="later", delivery_status="failed", created_at=NOW + timedelta(minutes=1)
    )

    rows = as_csv(content(export(client, game, columns=["number"], state="failed")))

    assert rows == [["Order number"], ["in"]]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_nothing_selected_is_a_file_with_headings(client, game, form):
    file = content(export(client, game, form, ["number"], number="NOSUCH"))

    assert (as_csv(file) if form == "csv" else as_sheet(file)) == [["Order number"]]


@pytest.mark.parametrize(
    ("size", "lengths"),
    [
        pytest.param(3, [4, 4, 4, 1], id="more rows of one moment than a chunk should hold"),
        pytest.param(4, [4, 4, 4, 1], id="as many"),
        pytest.param(9, [8, 5], id="fewer"),
        pytest.param(13, [13], id="all"),
    ],
)
def test_chunks_hold_each_row_once_whatever_moments_are_equal(game, size, lengths):
    for number in range(13):
        OrderFactory(
            game=game, number=f"T{number:02}", created_at=AT - timedelta(hours=number // 4)
        )
    rows = ORDERS.select(game, QueryDict(""), NOW).rows

    cut = [
        list(chunk.values_list("number", flat=True))
        for chunk in export_rows.chunks(rows, "created_at", size=size)
    ]

    whole = list(rows.order_by("-created_at", "-pk").values_list("number", flat=True))
    assert [len(part) for part in cut] == lengths
    assert [number for part in cut for number in part] == whole


def test_rows_past_the_last_of_a_sheet_go_on_in_the_next(tmp_path):
    columns = [column for column in ORDERS.columns() if column.name in {"number", "quantity"}]
    with (tmp_path / "book.xlsx").open("wb") as file:
        writer = XlsxWriter(file, columns, "Orders", last_row=4)
        writer.write(b"".join(b"T%d\t%d\n" % (number, number) for number in range(5)))
        writer.write(b"T5\t5\nT6\t6\n")
        writer.close()

    book = openpyxl.load_workbook(tmp_path / "book.xlsx")
    heading = ("Order number", "Quantity")
    assert book.sheetnames == ["Orders", "Orders (2)", "Orders (3)"]
    assert [list(sheet.values) for sheet in book] == [
        [heading, ("T0", 0), ("T1", 1), ("T2", 2)],
        [heading, ("T3", 3), ("T4", 4), ("T5", 5)],
        [heading, ("T6", 6)],
    ]


# --- Who may, and what is remembered ----------------------------------------------------------


def test_an_export_at_once_is_remembered_with_what_was_asked(client, game, operator):
    OrderFactory(game=game, delivery_status="failed")

    response = export(client, game, columns=["number"], state="failed", period="30d")

    assert content(response).count(b"\n") == 2
    assert response["Content-Disposition"] == (
        f'attachment; filename="orders_{game.app_id}_20261120-103000.csv"'
    )
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "private, no-store"
    row = AuditEvent.objects.get(event=Event.ORDERS_EXPORTED)
    assert (row.actor, row.game) == (operator.email, game.app_id)
    assert row.facts == {
        "filter": "state=failed&period=30d", "columns": ["number"], "format": "csv", "rows": 1,
    }  # fmt: skip
    assert not Job.objects.exists()


def test_the_dialog_says_rows_range_zone_and_what_can_be_chosen(client, game):
    OrderFactory.create_batch(2, game=game)

    page = client.get(address(game)).content.decode()

    for text in (
        "2: downloads at",
        "2026-11-14 – 2026-11-20",
        "UTC",
        "Excel (.xlsx)",
        "Request ID",
    ):
        assert text in page


@pytest.mark.parametrize(
    ("asked", "chosen", "said"),
    [
        (
            {"period": "custom", "since": "2026-02-02", "until": "2026-01-01"},
            {},
            "before the start",
        ),
        ({"since": "2001-01-01", "until": "2026-01-01"}, {}, "12 months"),
        ({"state": "nonsense"}, {}, "nonsense"),
        ({}, {"columns": []}, "at least one column"),
        ({}, {"columns": ["payload"]}, "payload"),
        ({}, {"format": "exe"}, "exe"),
    ],
)
def test_what_cannot_be_exported_is_told_and_nothing_is_made(client, game, asked, chosen, said):
    response = client.post(
        address(game, **asked), {"format": "csv", "columns": ["number"]} | chosen
    )

    assert response.status_code == 422
    assert said in response.content.decode()
    assert not AuditEvent.objects.exists()
    assert not Job.objects.exists()


# --- In the background ------------------------------------------------------------------------


def files():
    return default_storage.listdir("exports")[1] if default_storage.exists("exports") else []


def made(client, game, form="csv", **asked):
    response = export(client, game, form, ["number", "paid"], **asked)
    assert (response.status_code, response.url) == (302, reverse("export-list"))
    job = Job.objects.latest("pk")
    jobs.run(job_id=job.pk)
    job.refresh_from_db()
    return job


def fetch(client, job):
    return client.get(reverse("export-file", args=[job.pk]))


@pytest.mark.usefixtures("_all_large")
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_large_export_is_made_by_a_job_and_fetched_by_its_link(client, game, operator, form):
    OrderFactory(game=game, number="T1", delivery_status="failed")
    OrderFactory(game=game, number="T2")

    job = made(client, game, form, state="failed")

    assert (job.status, job.total, job.result["rows"]) == ("succeeded", 1, 1)
    assert job.expires_at == NOW + timedelta(days=7)
    [name] = files()
    assert job.result_file.name == f"exports/{name}"
    assert len(name) == 48 + 1 + len(form)
    response = fetch(client, job)
    assert response["Content-Disposition"].startswith('attachment; filename="orders_')
    assert response["Cache-Control"] == "private, no-store"
    file = content(response)
    rows = as_csv(file) if form == "csv" else as_sheet(file)
    assert [row[0] for row in rows] == ["Order number", "T1"]
    row = AuditEvent.objects.get(event=Event.ORDERS_EXPORTED)
    assert (row.actor, row.facts["filter"], row.facts["rows"]) == (
        operator.email,
        "state=failed",
        1,
    )


@pytest.mark.usefixtures("_all_large")
def test_the_list_of_exports_tells_range_and_filters_of_each(client, game):
    OrderFactory(game=game, delivery_status="failed", open_id="o_<1>")
    made(client, game, state="failed", open_id="o_<1>", period="today")
    Job.objects.update(status="failed", error="It failed.", expires_at=None)

    client.post(reverse("export-again", args=[Job.objects.get().pk]))

    page = client.get(reverse("export-list")).content.decode()
    told = "2026-11-20 – 2026-11-20 · Delivery state: Failed · Player (OpenId): o_&lt;1&gt;"
    assert page.count(told) == 2


@pytest.mark.usefixtures("_all_large")
def test_the_range_does_not_slide_while_a_job_waits(client, game):
    OrderFactory(game=game, number="T1")
    export(client, game, columns=["number"], period="today")
    OrderFactory(game=game, number="T2", created_at=NOW + timedelta(hours=30))
    job = Job.objects.get()

    with time_machine.travel(NOW + timedelta(hours=40), tick=False):
        jobs.run(job_id=job.pk)
        client.force_login(job.requested_by)
        file = content(fetch(client, job))

    assert as_csv(file) == [["Order number"], ["T1"]]


@pytest.mark.usefixtures("_all_large")
def test_nobody_else_gets_the_file_whatever_their_role(client, game, team_admin, outsider):
    job = made(client, game)

    for person in (team_admin, outsider):
        other = Client()
        other.force_login(person)
        assert fetch(other, job).status_code == 404
        assert other.post(reverse("export-again", args=[job.pk])).status_code == 404
        assert list(other.get(reverse("export-list")).context["page"]) == []
    assert Client().get(reverse("export-file", args=[job.pk])).status_code == 302


@pytest.mark.usefixtures("_all_large")
def test_whoever_may_export_no_more_does_not_get_the_file(client, game, operator):
    job = made(client, game)
    TeamGrant.objects.filter(user=operator, permission__codename="order_export").delete()

    assert fetch(client, job).status_code == 403
    assert client.post(reverse("export-again", args=[job.pk])).status_code == 403
    assert Job.objects.count() == 1


@pytest.mark.usefixtures("_all_large")
def test_a_file_expires_after_a_week_and_can_be_made_again(client, game):
    job = made(client, game)

    assert exporting.remove_expired(at=job.expires_at - timedelta(seconds=1)) == 0
    with time_machine.travel(job.expires_at, tick=False):
        client.force_login(job.requested_by)
        gone = fetch(client, job)
        assert (gone.status_code, exporting.remove_expired(at=job.expires_at)) == (302, 1)
        page = client.get(reverse("export-list")).content.decode()
        again = client.post(reverse("export-again", args=[job.pk]))

    assert "it expired" in page
    assert "Expired" in page
    assert files() == []
    assert again.status_code == 302
    assert Job.objects.latest("pk").params == job.params


@pytest.mark.usefixtures("_all_large")
@pytest.mark.parametrize("headers", [{}, {"Referer": "http://testserver/profile"}])
def test_a_link_without_a_file_leads_to_the_exports_which_say_why(client, game, headers):
    job = made(client, game)

    with time_machine.travel(job.expires_at, tick=False):
        client.force_login(job.requested_by)
        gone = client.get(reverse("export-file", args=[job.pk]), headers=headers, follow=True)

    assert gone.redirect_chain == [(reverse("export-list"), 302)]
    page = gone.content.decode()
    assert "This file is not there: it expired" in page
    assert reverse("export-again", args=[job.pk]) in page


@pytest.mark.usefixtures("_all_large")
def test_a_second_export_of_the_same_person_waits_for_the_first(client, game, developer):
    export(client, game)

    second = export(client, game)

    assert second.status_code == 422
    assert "previous export" in second.content.decode()
    assert Job.objects.count() == 1
    client.force_login(developer)
    assert export(client, game).status_code == 302


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_of_exports_asked_for_at_once_one_begins(game, operator):
    def ask():
        return exporting.later(ORDERS, place=game, wanted=wanted(), told="", by=operator)

    answers = together(*[ask] * 4)

    assert Job.objects.count() == 1
    assert sorted(type(answer).__name__ for answer in answers) == [
        *["ExportRunningError"] * 3,
        "Job",
    ]


class _KilledError(BaseException):
    pass


@pytest.mark.usefixtures("_all_large")
@pytest.mark.parametrize("moment", ["while it writes", "when the file is there"])
def test_a_killed_worker_leaves_one_file_and_one_event(client, game, monkeypatch, moment):
    OrderFactory(game=game, number="T1")
    export(client, game, columns=["number"])
    job = Job.objects.get()

    def die(*args, **kwargs):
        raise _KilledError

    where = (exporting.Export, "write") if moment == "while it writes" else (exporting, "_keep")
    with monkeypatch.context() as patch:
        patch.setattr(*where, die)
        with pytest.raises(_KilledError):
            jobs.run(job_id=job.pk)
    [lost] = jobs.requeue_lost(at=NOW + jobs.LEASE * 2)

    jobs.run(job_id=lost)

    job.refresh_from_db()
    assert (job.status, job.result["rows"]) == ("succeeded", 1)
    assert [job.result_file.name] == [f"exports/{name}" for name in files()]
    assert as_csv(content(fetch(client, job))) == [["Order number"], ["T1"]]
    assert AuditEvent.objects.filter(event=Event.ORDERS_EXPORTED).count() == 1


@pytest.mark.usefixtures("_all_large")
def test_a_worker_that_was_overtaken_leaves_the_file_of_its_successor(client, game, monkeypatch):
    export(client, game, columns=["number"])
    job = Job.objects.get()
    keep = exporting._keep

    def overtaken(*facts):
        monkeypatch.setattr(exporting, "_keep", keep)
        Job.objects.update(status="queued")
        jobs.run(job_id=job.pk)
        return keep(*facts)

    monkeypatch.setattr(exporting, "_keep", overtaken)
    jobs.run(job_id=job.pk)

    job.refresh_from_db()
    assert [job.result_file.name] == [f"exports/{name}" for name in files()]
    assert as_csv(content(fetch(client, job))) == [["Order number"]]
    assert AuditEvent.objects.filter(event=Event.ORDERS_EXPORTED).count() == 1


@pytest.mark.usefixtures("_all_large")
def test_every_page_tells_how_far_the_export_is_until_its_end_was_told_once(client, game):
    export(client, game)
    job = Job.objects.get()

    waiting = client.get(reverse("export-list")).content.decode()
    Job.objects.filter(pk=job.pk).update(status="running", done=1, total=4)
    running = client.get(reverse("export-latest")).content.decode()
    Job.objects.filter(pk=job.pk).update(status="queued")
    jobs.run(job_id=job.pk)
    ready = client.get(reverse("export-latest")).content.decode()

    assert "Export waits" in waiting
    assert "Export: 25 %" in running
    assert "every 2s" in running
    assert "Export ready" in ready
    assert "every 2s" not in ready
    assert "Export ready" not in client.get(reverse("export-list")).content.decode()


def test_the_list_asks_the_database_as_often_for_three_as_for_one(client, game, operator):
    client.get(reverse("export-list"))
    for count in (1, 3):
        while Job.objects.count() < count:
            exporting.later(ORDERS, place=game, wanted=wanted(), told="", by=operator)
            Job.objects.update(status="failed", error="It failed.")
        with CaptureQueriesContext(connection) as queries:
            page = client.get(reverse("export-list")).content.decode()
        assert page.count("It failed.") == count
        if count == 1:
            asked = len(queries)
        assert len(queries) == asked
