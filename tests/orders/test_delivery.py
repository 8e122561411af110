"""The plan, claiming, writing back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from items import catalog
from orders import delivery
from orders.delivery import LANE_SLOTS, Lane, Result
from orders.models import Delivery, DeliveryStatus, Env, Verdict
from tests.factories import (
    DELIVERY_SECRET,
    DeliveryConfigFactory,
    DeliveryKeyFactory,
    ItemVersionFactory,
    MiniGameFactory,
    UserFactory,
)
from tests.orders.owing import (
    LIVE_URL,
    TEST_URL,
    a_game,
    answer,
    attempts_of,
    claim_all,
    owed,
    result_of,
    state_of,
)


@pytest.fixture
def game(db):
    return a_game()


# --- The plan ---------------------------------------------------------------------------------


def test_the_plan_is_fifteen_retries_in_24_hours_and_4_minutes(settings):
    plan = settings.DELIVERY_RETRY_SECONDS

    assert len(plan) == 15
    assert sum(plan) == 24 * 3600 + 4 * 60


def test_next_gap_stays_within_ten_percent_of_the_plan(settings):
    for attempts, seconds in enumerate(settings.DELIVERY_RETRY_SECONDS, start=1):
        gaps = [delivery.next_gap(attempts) or timedelta(0) for _time in range(50)]

        assert all(timedelta(seconds=seconds) <= gap for gap in gaps)
        assert all(gap <= timedelta(seconds=seconds * 1.1) for gap in gaps)
        assert len(set(gaps)) > 1


def test_next_gap_ends_with_the_plan():
    assert delivery.next_gap(15) is not None
    assert delivery.next_gap(16) is None


@pytest.mark.parametrize(
    ("asked", "least", "most"), [(0, 100, 110), (50, 100, 110), (150, 150, 150), (10**9, 200, 200)]
)
def test_a_busy_server_is_given_up_to_twice_the_gap_of_the_plan(settings, asked, least, most):
    settings.DELIVERY_RETRY_SECONDS = [100]

    gap = delivery.next_gap(1, timedelta(seconds=asked))

    assert gap is not None
    assert timedelta(seconds=least) <= gap <= timedelta(seconds=most)


def test_note_honours_retry_after(game, settings):
    settings.DELIVERY_RETRY_SECONDS = [100]
    row = owed(game)
    (work,) = claim_all()

    delivery.note([Result.of(work, answer(b"", status=429, retry_after="150"), signature="ab")])

    row.refresh_from_db()
    assert timedelta(seconds=148) < row.due_at - timezone.now() <= timedelta(seconds=150)


# --- Claiming ---------------------------------------------------------------------------------


def test_claim_takes_what_is_due_and_brings_all_that_a_push_needs(game):
    row = owed(game, order__payload='{"a":"中文 皮肤"}', order__pay_model="wallet")
    later = owed(game, due_in=timedelta(minutes=1))

    (work,) = claim_all()

    assert (work.order_id, work.attempt, work.lane) == (row.pk, 1, Lane(game.pk, "0"))
    assert (work.url, work.pay_model, work.payload) == (LIVE_URL, "wallet", '{"a":"中文 皮肤"}')
    assert delivery.secret_of(work) == DELIVERY_SECRET
    assert state_of(row) == DeliveryStatus.SENDING
    assert row.attempts == 1
    assert timedelta(seconds=28) < row.lease_until - timezone.now() <= timedelta(seconds=31)
    assert state_of(later) == DeliveryStatus.WAITING
    assert claim_all() == []


def test_claim_takes_at_most_a_lanes_free_slots(game):
    rows = [owed(game) for _each in range(LANE_SLOTS + 3)]
    other = owed(game, env=Env.TEST)

    first = claim_all(slots={Lane(game.pk, "1"): 0})
    second = claim_all(slots={Lane(game.pk, "0"): 2})

    assert {work.order_id for work in first} == {row.pk for row in rows[:LANE_SLOTS]}
    assert {work.order_id for work in second} == {
        other.pk, *(row.pk for row in rows[LANE_SLOTS : LANE_SLOTS + 2])
    }  # fmt: skip


def test_claim_takes_at_most_the_limit_in_all(game):
    for _each in range(5):
        owed(game)

    assert claim_all(limit=0) == []
    assert len(claim_all(limit=3)) == 3
    assert len(claim_all(limit=3)) == 2


def test_claim_serves_the_lane_with_the_most_free_slots_first(game):
    for _each in range(8):
        owed(game, due_in=timedelta(hours=-1))
    quiet = MiniGameFactory()
    DeliveryConfigFactory(game=quiet)
    DeliveryKeyFactory(game=quiet)
    row = owed(quiet)

    (work,) = claim_all(slots={Lane(game.pk, "0"): 4}, limit=1)

    assert work.order_id == row.pk


def test_claim_pushes_test_orders_to_the_test_url_only(game):
    row = owed(game, env=Env.TEST)

    (work,) = claim_all()

    assert (work.order_id, work.url) == (row.pk, TEST_URL)


def test_claim_leaves_lanes_alone_that_are_off_or_have_no_url_or_key(db):
    off, no_test_url, no_key, key_to_come = MiniGameFactory.create_batch(4)
    DeliveryConfigFactory(game=off, is_enabled=False)
    for game in (no_test_url, no_key, key_to_come):
        DeliveryConfigFactory(game=game)
    for game in (off, no_test_url):
        DeliveryKeyFactory(game=game)
    DeliveryKeyFactory(game=key_to_come, active_from=timezone.now() + timedelta(hours=1))
    rows = [owed(off), owed(no_test_url, env=Env.TEST), owed(no_key), owed(key_to_come)]

    assert claim_all() == []
    assert {state_of(row) for row in rows} == {DeliveryStatus.WAITING}


def test_claim_leaves_held_orders_alone(game):
    row = owed(game, status=DeliveryStatus.HELD)

    assert claim_all() == []
    assert state_of(row) == DeliveryStatus.HELD


def test_owed_orders_go_to_the_url_of_the_moment(game):
    row = owed(game)
    (work,) = claim_all()
    delivery.note([result_of(work)])
    game.delivery_config.url = "http://127.0.0.1:9/new"
    game.delivery_config.save()
    Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=1))

    (again,) = claim_all()
    delivery.note([result_of(again, Verdict.DELIVERED)])

    urls = row.attempts_made.order_by("number").values_list("url", flat=True)
    assert list(urls) == [LIVE_URL, "http://127.0.0.1:9/new"]


def test_what_is_owed_goes_out_as_it_was_paid_whatever_becomes_of_the_item(game):
    version = ItemVersionFactory(item__game=game, status="released")
    row = owed(game, order__item_version=version, order__payload='{"as": "it was paid"}')
    by = UserFactory()

    catalog.remove_from_sale(item=version.item, by=by, at=timezone.now())
    game.payment_enabled = False
    game.save()
    (work,) = claim_all()

    assert (work.order_id, work.payload) == (row.pk, '{"as": "it was paid"}')


def test_a_rotated_key_signs_from_its_moment_on(game):
    now = timezone.now()
    old = game.delivery_keys.get()
    new = DeliveryKeyFactory(game=game, active_from=now + timedelta(hours=1))
    owed(game)
    owed(game)

    (before,) = claim_all(limit=1)
    new.active_from = now - timedelta(seconds=1)
    new.save()
    (after,) = claim_all(limit=1)

    assert (before.key_id, after.key_id) == (old.pk, new.pk)


def test_the_delivery_id_is_constant_for_an_order(game):
    owed(game)
    other = owed(game)
    works = {work.order_id: work for work in claim_all()}
    delivery.note([result_of(work) for work in works.values()])
    Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=1))

    again = {work.order_id: work for work in claim_all()}

    assert {pk: work.delivery_id for pk, work in works.items()} == {
        pk: work.delivery_id for pk, work in again.items()
    }
    assert len({work.delivery_id for work in works.values()}) == 2
    assert again[other.pk].attempt == 2


# --- Writing back -----------------------------------------------------------------------------


def test_note_delivers(game):
    row = owed(game)
    (work,) = claim_all()

    delivery.note([Result.of(work, answer(), signature="ab")])

    assert state_of(row) == DeliveryStatus.DELIVERED
    assert (row.last_verdict, row.lease_until) == (Verdict.DELIVERED, None)
    assert row.delivered_at is not None
    attempt = row.attempts_made.get()
    assert (attempt.number, attempt.url, attempt.key_id) == (1, LIVE_URL, work.key_id)
    assert (attempt.status_code, attempt.signature, attempt.took_ms) == (200, "ab", 5)
    assert attempt.answer == '{"returnCode":"0","data":"OK"}'


def test_note_makes_a_failure_due_again_by_the_plan(game):
    row = owed(game)
    (work,) = claim_all()

    delivery.note([Result.of(work, answer(b"\0\xffno", status=500), signature="ab")])

    assert state_of(row) == DeliveryStatus.WAITING
    assert (row.last_verdict, row.lease_until) == (Verdict.HTTP_STATUS, None)
    gap = row.due_at - timezone.now()
    assert timedelta(seconds=14) < gap < timedelta(seconds=16.5)
    attempt = row.attempts_made.get()
    assert (attempt.verdict, attempt.detail) == (Verdict.HTTP_STATUS, "HTTP 500")
    assert attempt.answer == "\ufffd\ufffdno"


def test_note_fails_an_order_after_the_last_attempt_of_the_plan(game, settings):
    settings.DELIVERY_RETRY_SECONDS = [0, 0]
    row = owed(game)

    for number in (1, 2, 3):
        (work,) = claim_all()
        assert work.attempt == number
        delivery.note([result_of(work)])

    assert state_of(row) == DeliveryStatus.FAILED
    assert claim_all() == []
    assert attempts_of(row) == [(1, "timeout"), (2, "timeout"), (3, "timeout")]


def test_note_writes_a_batch_of_all_kinds(game, settings):
    settings.DELIVERY_RETRY_SECONDS = [60]
    rows = [owed(game) for _each in range(6)]
    Delivery.objects.filter(pk__in=[rows[4].pk, rows[5].pk]).update(attempts=1)
    works = {work.order_id: work for work in claim_all()}
    verdicts = [
        Verdict.DELIVERED,
        Verdict.TIMEOUT,
        Verdict.DELIVERED,
        Verdict.TLS,
        Verdict.DNS,
        Verdict.NOT_OK,
    ]

    delivery.note([result_of(works[row.pk], v) for row, v in zip(rows, verdicts, strict=True)])

    assert [state_of(row) for row in rows] == [
        "delivered", "waiting", "delivered", "waiting", "failed", "failed"
    ]  # fmt: skip
    assert [row.last_verdict for row in rows] == verdicts


def test_note_of_nothing_does_nothing(game, django_assert_num_queries):
    with django_assert_num_queries(0):
        delivery.note([])
