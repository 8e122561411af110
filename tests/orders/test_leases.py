"""Leases that ran out, results that come late, and the table of states."""

import itertools
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from orders import delivery, tasks
from orders.models import Delivery, DeliveryStatus, Order, Verdict
from tests.factories import copied
from tests.orders.owing import (
    a_game,
    attempts_of,
    claim_all,
    expire_lease,
    owed,
    result_of,
    state_of,
)


@pytest.fixture
def game(db):
    return a_game()


def test_release_notes_an_expired_lease_as_interrupted(game):
    row = owed(game)
    claim_all()
    expire_lease(row)

    released = delivery.release_expired(at=timezone.now())

    assert released == 1
    assert state_of(row) == DeliveryStatus.WAITING
    assert (row.last_verdict, row.attempts) == (Verdict.INTERRUPTED, 1)
    assert attempts_of(row) == [(1, Verdict.INTERRUPTED)]
    # 31 s have gone by since the attempt began, and the plan's gap is 15 s.
    assert [work.attempt for work in claim_all()] == [2]


def test_release_waits_for_the_rest_of_the_gap(game, settings):
    settings.DELIVERY_RETRY_SECONDS = [100]
    row = owed(game)
    claim_all()
    expire_lease(row)

    delivery.release_expired(at=timezone.now())

    row.refresh_from_db()
    assert timedelta(seconds=67) < row.due_at - timezone.now() < timedelta(seconds=80)


def test_release_fails_an_order_at_the_end_of_the_plan(game, settings):
    settings.DELIVERY_RETRY_SECONDS = []
    row = owed(game)
    claim_all()
    expire_lease(row)

    delivery.release_expired(at=timezone.now())

    assert state_of(row) == DeliveryStatus.FAILED
    assert attempts_of(row) == [(1, Verdict.INTERRUPTED)]


def test_release_leaves_running_leases_alone(game):
    row = owed(game)
    claim_all()

    assert delivery.release_expired(at=timezone.now()) == 0
    assert state_of(row) == DeliveryStatus.SENDING
    assert attempts_of(row) == []


@pytest.mark.postgresql
@pytest.mark.parametrize("days", [-1, 1])
def test_a_wrong_clock_of_a_process_starts_nothing_early_and_loses_nothing(game, days):
    row, later = owed(game), owed(game, due_in=timedelta(minutes=1))
    real = timezone.now()

    with time_machine.travel(real + timedelta(days=days), tick=True):
        works = claim_all()
        released = delivery.release_expired(at=timezone.now())
        delivery.note([result_of(work) for work in works])

    assert [work.order_id for work in works] == [row.pk]
    assert released == 0
    assert state_of(later) == DeliveryStatus.WAITING
    assert state_of(row) == DeliveryStatus.WAITING
    assert timedelta(seconds=10) < row.due_at - real < timedelta(seconds=20)


def late_result(game, verdict):
    """Return the row and the result of its first attempt, which was released meanwhile."""
    row = owed(game)
    (work,) = claim_all()
    expire_lease(row)
    delivery.release_expired(at=timezone.now())
    return row, result_of(work, verdict, status_code=200)


def test_a_late_failure_changes_nothing_but_its_own_attempt(game):
    row, late = late_result(game, Verdict.NOT_OK)
    due_at = Delivery.objects.get(pk=row.pk).due_at

    delivery.note([late])

    assert state_of(row) == DeliveryStatus.WAITING
    assert (row.last_verdict, row.due_at) == (Verdict.INTERRUPTED, due_at)
    assert attempts_of(row) == [(1, Verdict.NOT_OK)]


def test_a_late_failure_does_not_end_the_newer_attempt(game):
    row, late = late_result(game, Verdict.NOT_OK)
    (again,) = claim_all()

    delivery.note([late])

    assert state_of(row) == DeliveryStatus.SENDING
    delivery.note([result_of(again, Verdict.DELIVERED)])
    assert state_of(row) == DeliveryStatus.DELIVERED
    assert attempts_of(row) == [(1, Verdict.NOT_OK), (2, Verdict.DELIVERED)]


def test_a_late_ok_counts(game):
    row, late = late_result(game, Verdict.DELIVERED)

    delivery.note([late])

    assert state_of(row) == DeliveryStatus.DELIVERED
    assert claim_all() == []
    assert attempts_of(row) == [(1, Verdict.DELIVERED)]


def test_a_late_ok_is_not_undone_by_the_newer_attempt(game):
    row, late = late_result(game, Verdict.DELIVERED)
    (again,) = claim_all()

    delivery.note([late])
    delivery.note([result_of(again, Verdict.TIMEOUT)])

    assert state_of(row) == DeliveryStatus.DELIVERED
    assert attempts_of(row) == [(1, Verdict.DELIVERED), (2, Verdict.TIMEOUT)]


@pytest.mark.parametrize("order", [1, -1])
def test_a_late_ok_in_one_batch_with_the_newer_failure_decides(game, order):
    row, late = late_result(game, Verdict.DELIVERED)
    (again,) = claim_all()

    delivery.note([late, result_of(again, Verdict.TIMEOUT)][::order])

    assert state_of(row) == DeliveryStatus.DELIVERED
    assert attempts_of(row) == [(1, Verdict.DELIVERED), (2, Verdict.TIMEOUT)]


def test_the_same_result_twice_is_kept_once(game):
    row = owed(game)
    (work,) = claim_all()

    delivery.note([result_of(work)])
    delivery.note([result_of(work)])

    assert state_of(row) == DeliveryStatus.WAITING
    assert attempts_of(row) == [(1, Verdict.TIMEOUT)]


def act(name, row, work):
    if name == "claim":
        claim_all()
    elif name == "release":
        expire_lease(row)
        delivery.release_expired(at=timezone.now())
    else:
        delivery.note([result_of(work, Verdict(name))])


def test_the_moves_of_the_statements_are_in_the_table():
    assert all(then in Delivery.TRANSITIONS[now] for now, then in delivery.MOVES)


@pytest.mark.parametrize("plan", [[], [0, 0, 0]])
@pytest.mark.parametrize(
    ("status", "name"),
    list(itertools.product(DeliveryStatus, ["claim", "release", "delivered", "timeout"])),
)
def test_the_statements_make_no_other_move(game, settings, plan, status, name):
    settings.DELIVERY_RETRY_SECONDS = plan
    row = owed(game)
    (work,) = claim_all()
    Delivery.objects.update(status=status)
    Order.objects.update(delivery_status=copied(Delivery.objects.get()))

    act(name, row, work)

    then = state_of(row)
    assert then == status or (status, then) in delivery.MOVES


def test_the_sweep_releases(game):
    row = owed(game)
    claim_all()
    expire_lease(row)

    tasks.release_expired_leases()

    assert state_of(row) == DeliveryStatus.WAITING
