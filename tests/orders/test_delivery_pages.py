"""Delivery log, resend and protocol pages: what they find, show and refuse."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from orders import vectors
from orders.models import Delivery, DeliveryAct, DeliveryStatus, Env, Receiver, TestPush
from sasvpay.kit import jobs
from sasvpay.kit.models import Job
from tests.architecture.world import snapshot
from tests.factories import (
    DELIVERY_SECRET,
    DeliveryAttemptFactory,
    DeliveryConfigFactory,
    DeliveryFactory,
    DeliveryKeyFactory,
    OrderFactory,
)

pytestmark = pytest.mark.django_db


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def client(senior_developer):
    return signed_in(senior_developer)


@pytest.fixture
def config(game):
    DeliveryKeyFactory(game=game)
    return DeliveryConfigFactory(game=game, test_url="")


def work(game, status=DeliveryStatus.FAILED, number="T1", **facts):
    return DeliveryFactory(
        order__game=game, order__number=number, order__created_at=timezone.now(),
        status=status, **facts,
    )  # fmt: skip


def get(client, game, name="delivery-list", *args, **asked):
    return client.get(reverse(f"orders:{name}", args=[game.app_id, *args]), asked)


def post(client, game, name, *args, **body):
    return client.post(reverse(f"orders:{name}", args=[game.app_id, *args]), body)


def shown(response):
    assert response.status_code == 200
    return [order.number for order, _sentence in response.context.get("orders", [])]


# --- The log ----------------------------------------------------------------------------------


@pytest.fixture
def each_state(game, config):
    work(game, DeliveryStatus.HELD, "HELD")
    work(game, DeliveryStatus.WAITING, "WAITING")
    work(game, DeliveryStatus.WAITING, "RETRYING", attempts=2, last_verdict="timeout")
    work(game, DeliveryStatus.SENDING, "SENDING", attempts=1)
    work(game, DeliveryStatus.DELIVERED, "DELIVERED", attempts=1, last_verdict="delivered")
    work(game, DeliveryStatus.FAILED, "FAILED", attempts=16, last_verdict="timeout")
    work(DeliveryConfigFactory().game, DeliveryStatus.FAILED, "OTHERS")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, "FAILED DELIVERED SENDING RETRYING WAITING HELD"),
        ({"state": "retrying"}, "RETRYING"),
        ({"state": "failed"}, "FAILED"),
        ({"verdict": "timeout"}, "FAILED RETRYING"),
        ({"verdict": "timeout", "state": "failed"}, "FAILED"),
        ({"verdict": "tls"}, ""),
        ({"number": "HELD"}, "HELD"),
        ({"number": "hel"}, ""),
        ({"period": "today", "env": "test"}, ""),
    ],
)
def test_the_log_finds_by_state_time_number_and_answer(client, game, each_state, asked, expected):
    assert shown(get(client, game, **asked)) == expected.split()


@pytest.mark.parametrize(
    "asked",
    [
        {"state": "nonsense"},
        {"verdict": "nonsense"},
        {"period": "custom", "since": "2001-01-01", "until": "2001-02-01"},
        {"period": "custom", "since": "2026-02-30"},
        {"number": "x" * 65},
        {"before": "forged"},
    ],
)
def test_a_wrong_search_is_refused_with_a_sentence(client, game, each_state, asked):
    response = get(client, game, **asked)

    assert response.status_code == 422
    assert "Nothing is shown" in response.content.decode()


def test_each_state_says_what_one_needs_to_know(client, game, each_state):
    page = get(client, game).content.decode()

    retrying = Delivery.objects.get(order__number="RETRYING")
    assert f"{retrying.due_at:%Y-%m-%d %H:%M:%S}" in page
    assert "There was no complete answer within the time allowed." in page


def test_a_number_that_is_cut_is_copied_whole(client, game, config):
    work(game, number="N" * 64)

    assert f'data-copy="{"N" * 64}"' in get(client, game).content.decode()


def test_many_rows_cost_no_more_queries_and_are_paged(client, game, config):
    work(game)
    get(client, game)
    with CaptureQueriesContext(connection) as few:
        get(client, game)
    for number in range(24):
        work(game, number=f"N{number}")

    with CaptureQueriesContext(connection) as many:
        first = get(client, game)

    assert len(many) == len(few)
    assert len(shown(first)) == 20
    older = client.get(first.context["pager"]["older_url"])
    assert len(shown(older)) == 5


def test_people_who_may_not_resend_see_no_way_to(game, config, operator):
    row = work(game)
    client = signed_in(operator)

    for page in (get(client, game), get(client, game, "delivery-detail", row.pk)):
        assert page.status_code == 200
        assert "resend" not in page.content.decode().lower().replace("data-", "")


@pytest.mark.parametrize(
    ("has_config", "words"),
    [(False, "There is no URL yet."), (True, "Delivery notification is off.")],
)
def test_orders_that_came_before_are_counted_on_the_pages(client, game, has_config, words):
    if has_config:
        DeliveryConfigFactory(game=game, is_enabled=False)
    for number in range(3):
        work(game, DeliveryStatus.HELD, f"N{number}")
    work(game, DeliveryStatus.HELD, "TEST", order__env=Env.TEST)

    log, page = (get(client, game, name).content.decode() for name in ("delivery-list", "config"))

    assert words in log
    assert "3 live" in " ".join(log.split())
    assert "1 test" in " ".join(log.split())
    assert "Orders that wait:" in page or "Waiting orders" in page


def test_switching_on_warns_when_no_test_notification_passed(client, game):
    DeliveryConfigFactory(game=game, is_enabled=False)
    warning = "No test notification was confirmed yet"
    assert warning in get(client, game, "config-on").content.decode()

    TestPush.objects.create(
        game=game, sent_by=DeliveryConfigFactory().first_saved_by, sent_at=timezone.now(),
        url="x", body="", signed_text="", signature="", took_ms=1, verdict="delivered",
    )  # fmt: skip

    assert warning not in get(client, game, "config-on").content.decode()


@pytest.mark.parametrize("name", ["delivery-list", "order-list", "config"])
def test_a_paused_url_is_told_on_the_games_pages(client, game, config, name):
    assert "pushing is paused" not in get(client, game, name).content.decode()
    now = timezone.now()
    receiver = Receiver.objects.create(
        game=game, env="0", failures=31, failing_since=now - timedelta(hours=1),
        last_verdict="http_status", last_detail="HTTP 502", paused_at=now, next_at=now,
    )  # fmt: skip
    work(game, DeliveryStatus.WAITING)

    page = get(client, game, name).content.decode()

    for words in ("The URL fails: pushing is paused.", config.url, "HTTP 502", "31 times"):
        assert words in page
    assert f"{receiver.failing_since:%Y-%m-%d %H:%M}" in page
    assert "One order waits" in page

    Receiver.objects.update(paused_at=None)
    assert "answers again" in get(client, game, name).content.decode()


def test_what_waits_for_a_paused_url_names_no_moment_of_its_plan(client, game, config):
    now = timezone.now()
    due = {"due_at": now - timedelta(minutes=3), "attempts": 1, "last_verdict": "timeout"}
    live = work(game, DeliveryStatus.WAITING, "LIVE", **due)
    work(game, DeliveryStatus.WAITING, "TEST", order__env=Env.TEST, **due)
    Receiver.objects.create(
        game=game, env="0", failures=31, failing_since=now, last_verdict="timeout",
        paused_at=now, next_at=now,
    )  # fmt: skip

    log = " ".join(get(client, game).content.decode().split())
    pages = [
        get(client, game, name, live.pk).content.decode()
        for name in ("delivery-detail", "order-detail")
    ]

    moment = f"{live.due_at:%Y-%m-%d %H:%M:%S}</time>"
    assert log.count("the URL is paused") == 1
    assert log.count(moment) == 1  # of the order whose URL is not
    for page in pages:
        assert "When the URL answers again: pushing is paused." in page
        assert moment not in page


# --- One delivery -----------------------------------------------------------------------------


def test_an_attempt_is_shown_in_full(client, game, config):
    row = work(game, order__payload='{"Attach":"<b>中文"}', attempts=1)
    DeliveryAttemptFactory(delivery=row, answer="<i>no")

    page = get(client, game, "attempt-detail", row.pk, 1)

    told = page.content.decode()
    for words in ("HTTP 502", "The HTTP status must be 200", "a" * 64, "&lt;i&gt;no", "12 ms"):
        assert words in told
    assert page.context["signed_text"].endswith('&{"Attach":"<b>中文"}')
    assert "<b>" not in told
    assert get(client, game, "attempt-detail", row.pk, 2).status_code == 404
    assert get(client, game, "delivery-detail", row.pk).status_code == 200


def test_a_delivery_of_another_game_is_not_found(client, game, config):
    other = DeliveryAttemptFactory().delivery

    for name, args in (
        ("delivery-detail", [other.pk]),
        ("attempt-detail", [other.pk, 1]),
        ("delivery-settle", [other.pk]),
    ):
        assert get(client, game, name, *args).status_code == 404


def test_marking_by_hand_asks_why_and_the_order_tells_of_it(client, game, config):
    row = work(game)
    before = snapshot()
    assert post(client, game, "delivery-settle", row.pk, reason=" ").status_code == 422
    assert snapshot() == before

    response = post(client, game, "delivery-settle", row.pk, reason="Sent by mail.")

    assert response.url == reverse("orders:delivery-detail", args=[game.app_id, row.pk])
    for name in ("delivery-detail", "order-detail"):
        page = get(client, game, name, row.pk).content.decode()
        assert "Marked as delivered by hand" in page
        assert "Sent by mail." in page
    assert "by hand" in get(client, game).content.decode()
    again = post(client, game, "delivery-settle", row.pk, reason="Again.")
    assert again.status_code == 422
    assert "It is delivered already" in again.content.decode()


# --- Resend -----------------------------------------------------------------------------------


def test_a_selection_is_counted_confirmed_and_sent_again(client, game, config):
    rows = [work(game, number=f"N{number}") for number in range(3)]
    held = work(game, DeliveryStatus.HELD, "HELD")
    chosen = [str(row.pk) for row in (*rows[:2], held)]

    dialog = get(client, game, "delivery-resend", order=chosen, state="failed")

    assert (dialog.context["fit"], dialog.context["total"]) == (2, 3)
    assert "It is held" in dialog.content.decode()
    assert not DeliveryAct.objects.exists()
    done = post(client, game, "delivery-resend", order=chosen, state="failed")
    assert done.url == reverse("orders:delivery-list", args=[game.app_id]) + "?state=failed"
    assert DeliveryAct.objects.count() == 2
    page = client.get(done.url).content.decode()
    assert "2 orders are being sent again." in page
    assert "It is held" in page


def test_whoever_sends_a_selection_again_sees_the_same_search_afterwards(client, game, config):
    rows = [work(game, number=f"N{number}") for number in range(3)]
    page = get(client, game, state="failed", period="today").content.decode()
    form = page[page.index("data-marked") : page.index("</form>", page.index("data-marked"))]
    asked = dict(re.findall(r'type="hidden" name="(\w+)" value="(\w*)"', form))
    assert asked == {"state": "failed", "period": "today"}

    done = post(client, game, "delivery-resend", order=[row.pk for row in rows[:2]], **asked)

    assert shown(client.get(done.url)) == ["N2"]
    assert done.url.startswith(reverse("orders:delivery-list", args=[game.app_id]) + "?")


def test_one_leads_back_to_its_page(client, game, config):
    row = work(game)

    done = post(client, game, "delivery-resend", order=row.pk)

    assert done.url == reverse("orders:delivery-detail", args=[game.app_id, row.pk])


def test_all_that_match_become_a_job_whose_page_says_how_far_it_is(client, game, config):
    for number in range(3):
        work(game, number=f"N{number}")
    work(game, DeliveryStatus.SENDING, "SENDING")
    asked = {"all": "1", "period": "30d"}

    dialog = get(client, game, "delivery-resend", **asked)
    assert (dialog.context["fit"], dialog.context["total"]) == (3, 4)
    done = post(client, game, "delivery-resend", **asked)

    job = Job.objects.get()
    assert done.url == reverse("orders:resend-progress", args=[game.app_id, job.pk])
    assert "every 1s" in client.get(done.url).content.decode()
    jobs.run(job_id=job.pk)
    page = client.get(done.url).content.decode()
    assert "3 orders are being sent again." in page
    assert "It is being sent at this moment. (1)" in page
    assert "?period=30d" in page


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"order": "abc"},
        {"order": "9" * 30},
        {"all": "1", "state": "held"},
        {"all": "1", "state": "nonsense"},
        {"all": "1", "period": "custom", "since": "2001-01-01", "until": "2001-01-02"},
    ],
)
def test_nothing_chosen_is_told_and_changes_nothing(client, game, config, body):
    work(game)
    before = snapshot()

    response = post(client, game, "delivery-resend", **body)

    assert response.status_code == 422
    assert snapshot() == before


def test_a_job_of_another_game_or_kind_is_not_found(client, game, senior_developer):
    for kind, subject in (("orders.resend", "game:other"), ("items.import", f"game:{game.app_id}")):
        job = jobs.start(kind=kind, by=senior_developer, subject=subject, at=timezone.now())

        assert get(client, game, "resend-progress", job.pk).status_code == 404


# --- For engineers ----------------------------------------------------------------------------


def test_the_protocol_page_has_plan_vectors_code_and_own_values_but_no_key(
    game, config, operator, settings
):
    settings.DELIVERY_RETRY_SECONDS = [15, 180, 3600]

    page = get(signed_in(operator), game, "protocol").content.decode()

    for words in (
        game.app_id, config.url, "15 s, 3 min, 1 h", "1 h 3 min 15 s", "createHmac",
        "compare_digest", *(vector.signature for vector in vectors.VECTORS),
    ):  # fmt: skip
        assert words in page
    assert DELIVERY_SECRET not in page


def test_the_helper_answers_on_its_page_and_nothing_keeps_the_answer(client, game, config):
    response = post(client, game, "signature", text='{"OutTradeNo":"fresh"}', signature="f" * 64)

    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    page = response.content.decode()
    assert "The signature is wrong." in page
    assert response.context["check"].expected in page
    assert DELIVERY_SECRET not in page


def test_the_helper_refuses_a_stored_order_at_its_field(client, game, config):
    OrderFactory(game=game, number="T1")
    before = snapshot()

    response = post(client, game, "signature", text='{"OutTradeNo":"T1"}')

    assert response.status_code == 422
    assert "the helper signs none of those" in response.content.decode()
    assert snapshot() == before


def test_line_breaks_that_a_browser_changed_are_undone(client, game, config):
    response = post(client, game, "signature", text='{\r\n"OutTradeNo":"fresh"}\r\n')

    assert response.context["check"].signed_text.endswith('&{\n"OutTradeNo":"fresh"}\n')
