"""Redis and the database as one cache: nobody is locked out, and no limit is forgotten."""

import time

import pytest
from django.core.cache import cache, caches
from django.db import connection
from django.test.utils import CaptureQueriesContext

from permissions import people
from sasvpay.kit import caching
from tests.factories import PASSWORD
from tests.faults.servers import Redis

pytestmark = [pytest.mark.django_db, pytest.mark.redis]
LOGIN = "/account/login"
WRONG = "wrong password"


@pytest.fixture
def redis():
    server = Redis()
    server.start()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _backed(settings, redis):
    default = settings.CACHES["default"] | {"LOCATION": redis.url}
    settings.CACHES = settings.CACHES | {"default": default}


def rest_is_over():
    caching._rests_until.clear()


def test_a_limit_on_sign_ins_holds_while_redis_goes_and_comes_back_empty(client, redis):
    person = people.create(email="ada@example.com", name="Ada", password=PASSWORD)

    def attempts(number, password=WRONG):
        return [
            client.post(LOGIN, {"login": person.email, "password": password}).status_code
            for _attempt in range(number)
        ]

    before = attempts(6)
    redis.stop()
    meanwhile = attempts(3)
    redis.start()
    rest_is_over()
    afterwards = attempts(2)

    assert [before, meanwhile, afterwards] == [[200] * 6, [200] * 3, [200, 429]]
    assert attempts(1, PASSWORD) == [429]
    redis.stop()
    assert attempts(1, PASSWORD) == [429]


def test_people_sign_in_while_redis_is_away(client, redis):
    person = people.create(email="ada@example.com", name="Ada", password=PASSWORD)
    redis.stop()

    answer = client.post(LOGIN, {"login": person.email, "password": PASSWORD})

    assert answer.status_code == 302
    assert client.get("/profile").status_code == 200


def test_what_was_set_is_found_wherever_it_is_left(redis):
    cache.set("a", [1])
    with CaptureQueriesContext(connection) as queries:
        assert cache.get("a") == [1]
    assert len(queries) == 0

    redis.stop()
    assert cache.get("a") == [1]
    assert cache.touch("a", 60)
    cache.set("b", [2])
    redis.start()
    rest_is_over()
    assert (cache.get("a"), cache.get("b"), cache.get("c", "none")) == ([1], [2], "none")

    cache.set("a", [3])
    assert cache.delete("a")
    assert (cache.get("a"), cache.delete("a")) == (None, False)
    cache.clear()
    assert cache.get("b") is None


def test_what_is_added_and_counted_is_kept_in_one_place(redis):
    assert (cache.add("n", 1), cache.add("n", 5), cache.incr("n", 2)) == (True, False, 3)
    assert caches["database"].get("n") is None

    redis.stop()

    assert (cache.add("n", 1), cache.add("n", 5), cache.incr("n", 2)) == (True, False, 3)
    assert caches["database"].get("n") == 3


def test_a_redis_that_was_away_is_left_alone_for_a_while(redis):
    redis.stop()
    cache.set("a", 1)
    redis.start()

    cache.set("b", 1)
    assert redis.tell("DBSIZE") == 0

    rest_is_over()
    cache.set("c", 1)
    assert redis.tell("DBSIZE") == 1


def test_a_redis_that_hangs_costs_half_a_second_once(redis):
    with redis.hanging():
        started = time.monotonic()
        for n in range(20):
            cache.set(f"a{n}", 1)
        took = time.monotonic() - started

    assert took < 2
    assert cache.get("a19") == 1


def test_a_redis_that_takes_no_more_writes_is_done_without(redis):
    cache.set("a", 1)
    redis.tell("CONFIG", "SET", "maxmemory", "1")

    cache.set("b", 2)
    assert cache.add("c", 3)

    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, 2, 3)
