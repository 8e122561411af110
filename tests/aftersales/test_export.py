"""Export of the after-sales record: its columns, its filter, its event."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from aftersales.export import REFUNDS
from orders.models import OrderSource
from sasvpay.kit.audit import Event
from sasvpay.kit.models import AuditEvent
from tests.factories import AT, OrderFactory, RefundFactory
from tests.orders.test_export import as_csv, as_sheet, content

pytestmark = pytest.mark.django_db
ALL = [column.name for column in REFUNDS.columns()]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_refunds_are_exported_as_their_filter_selects_them(game, operator, form):
    order = OrderFactory(game=game, number="T1", actual_price_cents=1999)
    RefundFactory(order=order, number="R1", amount_cents=1205, reason="=1+1")
    RefundFactory(
        order=None, game=game, env="0", order_number="T2", open_id="o_1", is_test=False,
        number="R2", status="processing", finished_at=None, initiated_at=AT - timedelta(hours=1),
    )  # fmt: skip
    RefundFactory(order=order, number="R3", initiated_at=AT - timedelta(days=9))
    RefundFactory(number="another game's")
    tried = OrderFactory(game=game, number="T3", order_source=OrderSource.MARKETPLACE_TEST)
    RefundFactory(order=tried, number="R4", is_test=True, initiated_at=AT - timedelta(hours=2))
    client = Client()
    client.force_login(operator)
    url = reverse("aftersales:refund-export", args=[game.app_id])

    with time_machine.travel(AT + timedelta(hours=1), tick=False):
        client.force_login(operator)
        page = client.get(url).content.decode()
        file = content(client.post(f"{url}?env=live", {"format": form, "columns": ALL}))

        tests = content(client.post(f"{url}?env=test", {"format": form, "columns": ALL}))

    assert "3: downloads at" in page
    heading, one, two = as_csv(file) if form == "csv" else as_sheet(file)
    assert heading[5] == "Amount (USD)"
    told = {name: str(value) for name, value in zip(ALL, one, strict=True)}
    assert (told["number"], told["order"], told["reason"]) == ("R1", "T1", "'=1+1")
    assert (told["amount"], told["paid"], told["status"]) == ("12.05", "19.99", "Succeeded")
    assert told["initiated"] == "2026-11-20 09:30:00"
    told = {name: str(value) for name, value in zip(ALL, two, strict=True)}
    assert (told["number"], told["paid"], told["finished"]) == ("R2", "", "")
    [_heading, three] = as_csv(tests) if form == "csv" else as_sheet(tests)
    environment = ALL.index("env")
    assert [row[environment] for row in (one, two, three)] == ["Live", "Live", "Test"]
    row = AuditEvent.objects.filter(event=Event.REFUNDS_EXPORTED).earliest("pk")
    assert (row.facts["filter"], row.facts["rows"]) == ("env=live", 2)
