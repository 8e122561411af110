"""What a person may do about deliveries: send again, one or many, and mark as delivered by hand."""

from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from orders import delivery, delivery_config, resending
from orders.models import Delivery, DeliveryAct, DeliveryStatus, Env, Order, Verdict
from orders.resending import LeftOut
from sasvpay.kit import jobs
from sasvpay.kit.audit import Event
from sasvpay.kit.models import AuditEvent, Job
from tests.factories import DeliveryConfigFactory, DeliveryFactory, DeliveryKeyFactory
from tests.orders.dispatching import owed_in_bulk
from tests.orders.owing import attempts_of, claim_all, result_of, state_of

NOW = timezone.now


@pytest.fixture
def game(game):
    DeliveryConfigFactory(game=game, test_url="")
    DeliveryKeyFactory(game=game)
    return game


def order(game, status=DeliveryStatus.FAILED, *, attempts=16, **facts):
    facts = {"order__created_at": NOW(), "last_verdict": Verdict.TIMEOUT, **facts}
    return DeliveryFactory(order__game=game, status=status, attempts=attempts, **facts)


def resend(game, rows, by):
    return resending.resend(game=game, order_ids=[row.pk for row in rows], by=by, at=NOW())


def start(game, by, query=""):
    return resending.start(game=game, query=query, by=by, at=NOW())


# --- One, and a few ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", [DeliveryStatus.FAILED, DeliveryStatus.DELIVERED, DeliveryStatus.WAITING]
)
def test_an_order_is_sent_again_with_its_ids_and_the_whole_plan(
    game, senior_developer, settings, status
):
    settings.DELIVERY_RETRY_SECONDS = [0]
    row = order(game, status, due_at=NOW() + timedelta(hours=1))

    found = resend(game, [row], senior_developer)

    assert found == {"": 1}
    assert state_of(row) == DeliveryStatus.WAITING
    for number in (17, 18):
        (work,) = claim_all()
        assert work.attempt == number
        assert work.delivery_id == delivery.delivery_id(
            game_id=game.pk, env="0", number=row.order.number
        )
        delivery.note([result_of(work)])
    assert state_of(row) == DeliveryStatus.FAILED
    assert attempts_of(row) == [(17, "timeout"), (18, "timeout")]
    act = DeliveryAct.objects.get()
    assert (act.kind, act.by, act.delivery) == ("resent", senior_developer, row)
    kept = AuditEvent.objects.get(event=Event.DELIVERY_RESENT)
    assert (kept.object_type, kept.object_id, kept.facts["count"]) == ("Order", str(row.pk), 1)


def test_a_resend_keeps_when_the_order_was_delivered_first(game, senior_developer):
    row = order(game, DeliveryStatus.DELIVERED, delivered_at=NOW() - timedelta(days=1))
    first = row.delivered_at
    resend(game, [row], senior_developer)
    (work,) = claim_all()

    delivery.note([result_of(work, Verdict.DELIVERED)])

    assert state_of(row) == DeliveryStatus.DELIVERED
    assert row.delivered_at == first


def test_what_cannot_be_sent_again_is_left_out_for_its_reason(game, senior_developer, settings):
    fine = order(game)
    rows = {
        LeftOut.HELD: order(game, DeliveryStatus.HELD),
        LeftOut.SENDING: order(game, DeliveryStatus.SENDING),
        LeftOut.WAITING: order(game, DeliveryStatus.WAITING, attempts=0),
        LeftOut.NO_URL: order(game, order__env=Env.TEST),
        LeftOut.OLD: order(game, order__created_at=NOW() - timedelta(days=400)),
    }
    before = {row.pk: Delivery.objects.get(pk=row.pk).status for row in rows.values()}

    found = resend(game, [fine, *rows.values()], senior_developer)

    assert found == {"": 1} | {reason.value: 1 for reason in rows}
    assert before == {row.pk: Delivery.objects.get(pk=row.pk).status for row in rows.values()}
    assert len(resending.told(found)) == 5
    assert AuditEvent.objects.get().facts["left_out"] == {reason.value: 1 for reason in rows}
    expected = resending.tally(Order.objects.exclude(pk=fine.pk), at=NOW())
    # Sent again, the one that was fine waits by now.
    assert expected == {reason.value: 1 for reason in rows}
    assert resending.tally(Order.objects.filter(pk=fine.pk), at=NOW()) == {"waiting": 1}


def test_orders_of_another_game_stay_as_they_are(game, senior_developer):
    other = order(DeliveryConfigFactory().game)

    with pytest.raises(resending.NothingToResendError):
        resend(game, [other], senior_developer)

    assert state_of(other) == DeliveryStatus.FAILED
    assert not DeliveryAct.objects.exists()
    assert not AuditEvent.objects.exists()


def test_nothing_is_sent_again_while_notification_is_off(game, senior_developer):
    row = order(game)
    delivery_config.switch_off(game=game, by=senior_developer, at=NOW())

    for act in (
        lambda: resend(game, [row], senior_developer),
        lambda: start(game, senior_developer),
    ):
        with pytest.raises(resending.SwitchedOffError):
            act()

    assert state_of(row) == DeliveryStatus.FAILED
    assert not Job.objects.exists()


def test_every_move_stands_in_the_table():
    assert all(now == then or then in Delivery.TRANSITIONS[now] for now, then in resending.MOVES)


# --- All that a search finds ------------------------------------------------------------------


def test_a_thousand_go_in_one_job_with_progress(game, senior_developer):
    owed_in_bulk(game, 1000, status=DeliveryStatus.FAILED, attempts=16)
    left = order(game, DeliveryStatus.DELIVERED, last_verdict=Verdict.DELIVERED)

    job = start(game, senior_developer, "state=failed")
    jobs.run(job_id=job.pk)

    job.refresh_from_db()
    assert (job.status, job.done, job.total, job.error) == ("succeeded", 1000, 1000, "")
    assert job.result == {"found": {"": 1000}}
    assert Counter(Delivery.objects.values_list("status", flat=True)) == {
        "waiting": 1000,
        "delivered": 1,
    }
    assert Order.objects.filter(delivery_status="retrying").count() == 1000
    assert state_of(left) == DeliveryStatus.DELIVERED
    assert DeliveryAct.objects.count() == 1000
    kept = AuditEvent.objects.get(event=Event.DELIVERY_RESENT)
    assert (kept.object_type, kept.facts["count"], kept.facts["filter"]) == (
        "MiniGame", 1000, "state=failed"
    )  # fmt: skip


def test_a_job_that_died_goes_on_where_it_was_and_sends_nothing_twice(
    game, senior_developer, monkeypatch
):
    monkeypatch.setattr(resending, "BITE", 10)
    owed_in_bulk(game, 30, status=DeliveryStatus.FAILED, attempts=16)
    job = start(game, senior_developer)
    first = list(Order.objects.order_by("pk").values_list("pk", flat=True)[:10])
    resending._bite(job, game, first)
    # The server took those meanwhile: they match the search once more.
    Delivery.objects.filter(pk__in=first).update(status="failed", attempts=17)

    jobs.run(job_id=job.pk)

    assert DeliveryAct.objects.count() == 30
    assert Delivery.objects.filter(status="failed").count() == 10
    job.refresh_from_db()
    assert job.result == {"found": {"": 30}}


def test_a_job_takes_nothing_that_came_after_it_was_asked_for(game, senior_developer):
    order(game)
    job = start(game, senior_developer)
    late = order(game, order__created_at=NOW() + timedelta(seconds=1))

    jobs.run(job_id=job.pk)

    assert state_of(late) == DeliveryStatus.FAILED


def test_too_many_or_none_are_refused_before_anything_is_done(game, senior_developer, monkeypatch):
    monkeypatch.setattr(resending, "MOST", 2)
    rows = [order(game) for _each in range(3)]

    with pytest.raises(resending.TooManyError):
        start(game, senior_developer)
    with pytest.raises(resending.TooManyError):
        resend(game, rows, senior_developer)
    with pytest.raises(resending.NothingToResendError):
        start(game, senior_developer, "state=held")

    assert {state_of(row) for row in rows} == {DeliveryStatus.FAILED}
    assert not Job.objects.exists()


# --- By hand ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", [DeliveryStatus.FAILED, DeliveryStatus.HELD, DeliveryStatus.WAITING]
)
def test_an_order_is_marked_as_delivered_by_hand_with_a_reason(game, senior_developer, status):
    row = order(game, status)

    resending.settle(order=row.order, reason="Sent by mail.", by=senior_developer, at=NOW())

    assert state_of(row) == DeliveryStatus.DELIVERED
    assert row.is_settled_by_hand
    assert row.delivered_at is not None
    assert claim_all() == []
    act = DeliveryAct.objects.get()
    assert (act.kind, act.by, act.reason) == ("settled", senior_developer, "Sent by mail.")
    kept = AuditEvent.objects.get(event=Event.DELIVERY_SETTLED)
    assert kept.facts == {
        "before": {"status": status}, "after": {"status": "delivered"}, "reason": "Sent by mail."
    }  # fmt: skip


@pytest.mark.parametrize("status", [DeliveryStatus.SENDING, DeliveryStatus.DELIVERED])
def test_what_is_being_pushed_or_arrived_is_not_marked(game, senior_developer, status):
    row = order(game, status)

    with pytest.raises(resending.NotSettledError):
        resending.settle(order=row.order, reason="x", by=senior_developer, at=NOW())

    assert state_of(row) == status
    assert not DeliveryAct.objects.exists()
    assert not AuditEvent.objects.exists()
