"""A server that fails: its URL is paused, probed, told of, and gets everything once it is back."""

from collections import Counter
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.utils import timezone

from orders import delivery, delivery_config, receivers, tasks
from orders.models import Delivery, DeliveryStatus, Env, Order, Receiver, Verdict
from permissions.matrix import TeamRole
from sasvpay.kit import crypto
from sasvpay.kit.models import Mail
from tests.factories import MembershipFactory
from tests.orders import dispatching
from tests.orders.owing import (
    TEST_URL,
    a_game,
    attempts_of,
    claim_all,
    expire_lease,
    owed,
    result_of,
    state_of,
)

LONG_AGO = receivers.PATIENCE + timedelta(seconds=1)


@pytest.fixture
def game(db):
    return a_game()


def answers(game, *verdicts, **facts):
    """Have one order pushed for each verdict, all noted in one batch."""
    for _each in verdicts:
        owed(game, **facts)
    works = claim_all(limit=len(verdicts))
    delivery.note([result_of(w, v) for w, v in zip(works, verdicts, strict=True)])
    Delivery.objects.filter(status=DeliveryStatus.WAITING).delete()


def fail(game, times, **facts):
    for _batch in range(times // 5):
        answers(game, *[Verdict.TIMEOUT] * 5, **facts)
    if times % 5:
        answers(game, *[Verdict.TIMEOUT] * (times % 5), **facts)


def begin_long_ago(game):
    Receiver.objects.filter(game=game).update(failing_since=timezone.now() - LONG_AGO)


def paused(game, **facts):
    now = timezone.now()
    return Receiver.objects.create(
        **{
            "game": game, "env": Env.LIVE, "failures": 20, "failing_since": now - LONG_AGO,
            "last_verdict": Verdict.HTTP_STATUS, "last_detail": "HTTP 502", "paused_at": now,
            "next_at": now - timedelta(seconds=1), **facts,
        }
    )  # fmt: skip


def is_paused(game, env=Env.LIVE):
    return Receiver.objects.filter(game=game, env=env, paused_at__isnull=False).exists()


# --- When it is paused ------------------------------------------------------------------------


def test_twenty_failures_in_a_row_over_ten_minutes_pause_a_url(game):
    fail(game, 19)
    begin_long_ago(game)
    assert not is_paused(game)

    fail(game, 1)

    receiver = Receiver.objects.get()
    assert (receiver.env, receiver.failures, receiver.last_verdict) == ("0", 20, "timeout")
    assert receiver.paused_at is not None
    assert receiver.next_at is not None
    assert receiver.next_at - receiver.paused_at == receivers.PROBE_EVERY
    assert owed(game)
    assert claim_all() == []


def test_twenty_failures_within_ten_minutes_do_not(game):
    fail(game, 25)

    assert not is_paused(game)


def test_one_success_begins_the_count_anew(game):
    fail(game, 19)
    begin_long_ago(game)

    answers(game, Verdict.TIMEOUT, Verdict.DELIVERED)
    fail(game, 5)

    receiver = Receiver.objects.get()
    assert (receiver.failures, receiver.paused_at) == (5, None)
    assert receiver.failing_since is not None
    assert timezone.now() - receiver.failing_since < timedelta(minutes=1)


def test_a_server_that_never_failed_costs_no_row(game):
    answers(game, Verdict.DELIVERED)

    assert not Receiver.objects.exists()


def test_live_and_test_url_are_counted_apart(game):
    fail(game, 19)
    begin_long_ago(game)
    answers(game, Verdict.DELIVERED, env=Env.TEST)

    fail(game, 1)

    assert is_paused(game)
    row = owed(game, env=Env.TEST)
    assert [work.order_id for work in claim_all()] == [row.pk]


def test_what_was_interrupted_or_went_to_another_url_is_not_the_servers_fault(game):
    for _each in range(2):
        owed(game)
    one, two = claim_all()
    game.delivery_config.url = "http://127.0.0.1:9/new"
    game.delivery_config.save()
    delivery.note([result_of(one)])
    expire_lease(Delivery.objects.get(pk=two.order_id))

    delivery.release_expired(at=timezone.now())

    assert not Receiver.objects.exists()


# --- While it is paused -----------------------------------------------------------------------


def test_a_paused_url_gets_one_order_every_five_minutes_that_uses_up_no_attempt(game, settings):
    settings.DELIVERY_RETRY_SECONDS = [0]
    receiver = paused(game)
    rows = [owed(game) for _each in range(5)]

    for _round in range(4):
        (probe,) = claim_all()
        assert claim_all() == []
        delivery.note([result_of(probe)])
        assert claim_all() == []
        receiver.refresh_from_db()
        soon = receiver.next_at - timezone.now()
        assert timedelta(seconds=290) < soon <= receivers.PROBE_EVERY
        Receiver.objects.update(next_at=timezone.now() - timedelta(seconds=1))

    assert receiver.failures == 24
    assert {state_of(row) for row in rows} == {DeliveryStatus.WAITING}
    # All four probes are kept, and the plan has not begun.
    assert sum(row.attempts for row in rows) == sum(row.uncounted for row in rows) == 4
    assert sum(len(attempts_of(row)) for row in rows) == 4


def test_the_orders_take_turns_as_probes(game):
    paused(game)
    rows = [owed(game) for _each in range(3)]
    probed = []

    for _round in range(3):
        (probe,) = claim_all()
        delivery.note([result_of(probe)])
        probed.append(probe.order_id)
        Receiver.objects.update(next_at=timezone.now() - timedelta(seconds=1))

    assert sorted(probed) == sorted(row.pk for row in rows)


def test_a_pause_waits_for_an_order_to_probe_with(game):
    paused(game)

    assert claim_all() == []
    owed(game)

    assert len(claim_all()) == 1


def test_another_game_is_not_affected(game):
    paused(game, next_at=timezone.now() + timedelta(minutes=1))
    other = a_game()
    owed(game)
    row = owed(other)

    assert [work.order_id for work in claim_all()] == [row.pk]


# --- How it comes back ------------------------------------------------------------------------


def recovered(game):
    paused(game)
    (probe,) = claim_all()
    delivery.note([result_of(probe, Verdict.DELIVERED)])
    return Receiver.objects.get()


def test_the_first_success_ends_the_pause_and_what_waits_follows_at_five_a_second(game):
    for _each in range(40):
        owed(game)
    receiver = recovered(game)

    assert (receiver.paused_at, receiver.told_at, receiver.failures) == (None, None, 0)
    first = claim_all()
    assert len(first) <= 2
    # However long nobody came, only so many go at once, and each has its fifth of a second.
    Receiver.objects.update(next_at=timezone.now() - timedelta(minutes=1))
    assert len(claim_all()) == receivers.BURST
    assert claim_all() == []
    assert {work.counted for work in first} == {1}


def test_it_is_quick_again_when_nothing_is_left(game):
    for _each in range(3):
        owed(game)
    recovered(game)
    Receiver.objects.update(next_at=timezone.now() - timedelta(minutes=1))

    assert len(claim_all()) == 2
    assert Receiver.objects.get().next_at is None
    for _each in range(30):
        owed(game)
    assert len(claim_all()) == delivery.LANE_SLOTS


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("dispatchers", [1, pytest.param(3, marks=pytest.mark.postgresql)])
def test_a_thousand_orders_wait_for_a_server_that_is_away_and_none_is_lost(settings, dispatchers):
    settings.DELIVERY_DRAIN_A_SECOND = 2000.0
    settings.DELIVERY_RETRY_SECONDS = [0] * 5
    health = {"is_up": False}
    with dispatching.receiving(
        lambda body: dispatching.OK if health["is_up"] else (502, b"")
    ) as server:
        game = dispatching.configured(server.url)
        dispatching.owed_in_bulk(game, 1000)
        paused(game, failures=19, paused_at=None, next_at=None)
        with ExitStack() as running:
            for _each in range(dispatchers):
                running.enter_context(dispatching.dispatching())
            dispatching.wait_until(lambda: is_paused(game))
            # What was under way is noted; then a probe comes when it is time, and nothing else.
            dispatching.wait_until(lambda: not dispatching.statuses(game)["sending"])
            came = len(server.came)
            Receiver.objects.update(next_at=timezone.now())
            dispatching.wait_until(lambda: len(server.came) == came + 1)
            dispatching.wait_until(lambda: not dispatching.statuses(game)["sending"])
            assert dispatching.statuses(game) == {"waiting": 1000}
            health["is_up"] = True
            Receiver.objects.update(next_at=timezone.now())
            dispatching.wait_until(
                lambda: dispatching.statuses(game) == {"delivered": 1000}, seconds=120
            )
    arrived = Counter(headers["X-Delivery-Id"] for _at, headers, _body in server.came[came + 1 :])
    assert len(arrived) == 1000
    assert set(arrived.values()) == {1}


@pytest.mark.parametrize(
    ("change", "env"),
    [
        ({"url": "http://127.0.0.1:9/new", "test_url": TEST_URL}, Env.LIVE),
        ({"url": "http://127.0.0.1:9/live", "test_url": "http://127.0.0.1:9/new"}, Env.TEST),
    ],
)
def test_another_url_ends_the_pause_of_that_url_alone(game, team_admin, change, env):
    for each in Env:
        paused(game, env=each)

    delivery_config.save(game=game, by=team_admin, at=timezone.now(), **change)

    assert [is_paused(game, each) for each in Env] == [each != env for each in Env]


def test_switching_off_and_on_ends_every_pause(game, team_admin):
    paused(game)

    delivery_config.switch_off(game=game, by=team_admin, at=timezone.now())

    assert not is_paused(game)


# --- Who is told ------------------------------------------------------------------------------


def test_the_teams_administrators_get_one_letter_a_pause(game):
    people = [MembershipFactory(team=game.team, role=role).user for role in TeamRole]
    second = MembershipFactory(team=game.team, role=TeamRole.TEAM_ADMIN).user
    MembershipFactory(role=TeamRole.TEAM_ADMIN)
    paused(game)

    tasks.tell_paused_receivers()
    tasks.tell_paused_receivers()

    assert sorted(Mail.objects.values_list("to", flat=True)) == sorted(
        [people[0].email, second.email]
    )
    assert set(Mail.objects.values_list("kind", flat=True)) == {"delivery_failing"}
    assert all(game.name in letter.subject for letter in Mail.objects.all())

    Receiver.objects.update(told_at=None)
    tasks.tell_paused_receivers()
    assert Mail.objects.count() == 4


def test_the_letter_says_what_is_wrong_and_since_when(game, team_admin):
    receiver = paused(game)

    receivers.tell_paused(at=timezone.now())

    body = crypto.decrypt(Mail.objects.get().body_encrypted or b"")
    for words in (game.app_id, game.delivery_config.url, "HTTP 502", "every 5 minutes"):
        assert words in body
    assert f"{receiver.failing_since:%Y-%m-%d %H:%M:%S} UTC" in body


# --- Orders that kill whoever pushes them ------------------------------------------------------


def interrupt(row):
    (work,) = claim_all(limit=1)
    assert work.order_id == row.pk
    expire_lease(row)
    delivery.release_expired(at=timezone.now())


def test_after_three_interrupted_attempts_in_a_row_an_order_is_parked_and_others_flow(
    game, settings
):
    settings.DELIVERY_RETRY_SECONDS = [0] * 15
    row = owed(game)
    for _time in range(2):
        interrupt(row)
        assert state_of(row) == DeliveryStatus.WAITING

    interrupt(row)

    assert state_of(row) == DeliveryStatus.FAILED
    assert row.last_verdict == Verdict.INTERRUPTED
    assert attempts_of(row) == [(number, "interrupted") for number in (1, 2, 3)]
    other = owed(game)
    assert [work.order_id for work in claim_all()] == [other.pk]


def test_interruptions_that_are_not_in_a_row_park_nothing(game, settings):
    settings.DELIVERY_RETRY_SECONDS = [0] * 15
    row = owed(game)
    interrupt(row)
    interrupt(row)
    (work,) = claim_all()
    delivery.note([result_of(work)])

    interrupt(row)

    assert state_of(row) == DeliveryStatus.WAITING


@pytest.mark.postgresql
def test_claiming_with_a_slow_url_stays_one_statement(game, django_assert_num_queries):
    paused(game)
    owed(game)

    with django_assert_num_queries(1):
        claim_all()
    assert Order.objects.get().delivery_status == DeliveryStatus.SENDING
