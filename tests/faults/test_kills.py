"""`kill -9` at each named point of a callback and of a delivery: nothing lost, nothing doubled."""

import os
import signal
from contextlib import contextmanager

import pytest
from django.db import connection
from django.utils import timezone

from orders import delivery
from orders.models import Delivery, Order
from permissions import callback_keys
from tests.factories import CallbackKeyFactory
from tests.faults.mortals import mortals
from tests.orders.callbacks import post, purchase, signed
from tests.orders.dispatching import (
    OK,
    configured,
    dispatching,
    owed,
    receiving,
    statuses,
    wait_until,
)
from tests.orders.owing import attempts_of, expire_lease

pytestmark = pytest.mark.django_db(transaction=True)
ON_POSTGRESQL = connection.vendor == "postgresql"


@pytest.fixture
def killed():
    place = connection.settings_dict
    url = f"sqlite:///{place['NAME']}"
    if ON_POSTGRESQL:
        login = f"{place['USER']}:{place['PASSWORD']}".rstrip(":")
        url = f"postgres://{login}@{place['HOST']}:{place['PORT'] or 5432}/{place['NAME']}"
    with mortals(url) as crowd:
        yield crowd


@contextmanager
def _slow_insert():
    """Have each insert of an order take a moment, in which its process can be killed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION dwell() RETURNS trigger AS"
            " $$ BEGIN PERFORM pg_sleep(0.3); RETURN NEW; END $$ LANGUAGE plpgsql"
        )
        cursor.execute(
            "CREATE TRIGGER dwell BEFORE INSERT ON orders_order"
            " FOR EACH ROW EXECUTE FUNCTION dwell()"
        )
        try:
            yield
        finally:
            cursor.execute("DROP FUNCTION dwell CASCADE")


POINTS = [
    "before the insert", "after the insert", "after the commit", "before the answer",
    "after the answer",
    # An order is one statement and so one transaction on PostgreSQL, two statements on SQLite.
    *(["during the insert"] if ON_POSTGRESQL else ["before the commit"]),
]  # fmt: skip


@pytest.fixture
def paying(game):
    callback_keys.forget_all()
    game.payment_enabled = True
    game.save()
    CallbackKeyFactory(game=game)
    return game


def test_a_web_process_killed_at_any_point_loses_and_doubles_nothing(client, paying, killed, full):
    for point in POINTS:
        for n in range(50 if full else 1):
            number = f"{point.replace(' ', '-')}-{n}"
            body = signed(purchase(OutTradeNo=number)).decode()
            asked = {"path": f"/callback/{paying.app_id}", "body": body}
            stored = Order.objects.filter(number=number)

            if point == "during the insert":
                with _slow_insert():
                    said = killed.live(point, **asked)
            else:
                said = killed.live(point, **asked)
                assert stored.exists() == (point not in {"before the insert", *_ROLLED_BACK})
            repeated = post(client, paying, body).json()["returnCode"]

            assert said == ("0" if point == "after the answer" else "")
            assert repeated == "0"
            assert stored.count() == Delivery.objects.filter(order__number=number).count() == 1


_ROLLED_BACK = set() if ON_POSTGRESQL else {"after the insert", "before the commit"}


def _delivered_after_the_lease(row, game):
    expire_lease(row)
    assert delivery.release_expired(at=timezone.now()) == 1
    Delivery.objects.update(due_at=row.due_at)
    with dispatching():
        wait_until(lambda: statuses(game) == {"delivered": 1}, 30)


@pytest.mark.parametrize("point", ["before the OK is noted", "from outside"])
def test_a_dispatcher_killed_on_the_way_sends_the_same_order_once_more(killed, point):
    pids: list[int] = []

    def reply(_body):
        if point == "from outside" and len(server.came) == 1:
            os.kill(pids[0], signal.SIGKILL)
        return OK

    with receiving(reply) as server:
        game = configured(server.url)
        (row,) = owed(game)
        killed.live(point, on_word=lambda pid: pids.append(int(pid)))
        assert statuses(game) == {"sending": 1}

        _delivered_after_the_lease(row, game)

    assert attempts_of(row) == [(1, "interrupted"), (2, "delivered")]
    first, second = ({**headers, "body": body} for _at, headers, body in server.came)
    assert first["X-Delivery-Id"] == second["X-Delivery-Id"]
    assert first["body"] == second["body"]
