"""Redis, the database and our own processes go away under load: nothing acknowledged is lost."""

import random
import time

from tests.faults.traffic import Traffic
from tests.processes.purchases import numbers_at_receiver


def _all_are_stored_once_and_delivered(console, postgresql, traffic):
    prefix, wanted = traffic.prefix, set(traffic.accepted)
    assert wanted
    console.wait_until(
        lambda: set(numbers_at_receiver(console, f"{prefix}-")) >= wanted,
        "not all came",
        seconds=120,
    )
    ask = f"select json_agg(number) from orders_order where number like '{prefix}-%'"  # noqa: S608 -- our own prefix
    stored = postgresql.one(ask)
    # A sender may give up on what was stored and whose answer was lost.
    assert wanted <= set(stored)
    assert len(stored) == len(set(stored))


def test_redis_is_not_needed_to_accept_or_to_deliver(console, postgresql, redis, full):
    redis.stop()
    try:
        with Traffic(console, "R6") as traffic:
            time.sleep(1200 if full else 5)
            delivered = len(numbers_at_receiver(console, "R6-"))
    finally:
        redis.start()

    assert traffic.codes == {"0"}
    # The promise of 1 s is for a machine that does nothing else.
    assert traffic.slowest < (1 if full else 3)
    assert delivered > 0
    _all_are_stored_once_and_delivered(console, postgresql, traffic)
    console.wait_until(lambda: console.get("/readyz")[0] == 200, "it is not ready again", 60)


def test_a_redis_that_is_full_slow_or_cut_off_costs_no_callback_anything(
    console, postgresql, redis, full
):
    with Traffic(console, "R12") as traffic:
        for _round in range(20 if full else 1):
            redis.tell("CONFIG", "SET", "maxmemory", "1")
            time.sleep(1)
            redis.tell("CONFIG", "SET", "maxmemory", "0")
            redis.tell("CLIENT", "PAUSE", "2000" if full else "1000", "ALL")
            time.sleep(2 if full else 1)
            redis.tell("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            time.sleep(0.5)

    assert traffic.codes == {"0"}
    # As with junk: the promise of 1 s is for a machine that does nothing else.
    assert traffic.slowest < (1 if full else 3)
    _all_are_stored_once_and_delivered(console, postgresql, traffic)
    beats = "select count(*) from kit_heartbeat where name = 'worker' and at > now() - interval '{} seconds'"
    over = time.monotonic()
    console.wait_until(
        lambda: postgresql.one(beats.format(int(time.monotonic() - over))),
        "the worker does not consume again",
        60,
    )


def test_a_database_that_was_away_is_used_again_within_ten_seconds(console, postgresql, full):
    for _round in range(20 if full else 1):
        with Traffic(console, f"R7-{_round}") as traffic:
            time.sleep(1)
            postgresql.stop()
            time.sleep(4)
            postgresql.start()
            back = time.monotonic()
            time.sleep(6)

        assert traffic.codes == {"0", "50301"}
        assert traffic.slowest < 4
        assert traffic.first_accepted_after(back) < 10
        _all_are_stored_once_and_delivered(console, postgresql, traffic)


def test_what_was_answered_outlives_processes_that_are_killed_at_any_moment(
    console, postgresql, full
):
    dice = random.Random(4)  # noqa: S311 -- moments, not secrets
    with Traffic(console, "R4", senders=8, pause=0) as traffic:
        for _kill in range(50 if full else 2):
            # Each time what serves again: what died often is started again after ever longer.
            console.wait_until(lambda: console.get("/healthz")[0] == 200, "no web", 120)
            time.sleep(dice.uniform(0, 1.5))
            for command in ("granian", "manage.py dispatch"):
                console.kill(command)

    assert traffic.codes <= {"0", "", "50301"}
    _all_are_stored_once_and_delivered(console, postgresql, traffic)


def test_two_schedulers_two_workers_and_two_dispatchers_push_each_order_once(
    console, postgresql, full
):
    second = console.popen("serve", "worker", "scheduler", "dispatcher")
    try:
        console.wait_until(lambda: len(console.processes("manage.py dispatch")) == 2, "no second")
        with Traffic(console, "D3", senders=8, pause=0) as traffic:
            time.sleep(120 if full else 5)
        _all_are_stored_once_and_delivered(console, postgresql, traffic)
    finally:
        second.terminate()
        second.communicate(timeout=30)

    assert set(numbers_at_receiver(console, "D3-").values()) == {1}
