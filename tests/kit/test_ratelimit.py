"""Limits by address: who is counted, how often, and without the cache."""

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from sasvpay.kit import ratelimit
from tests.factories import AT


@pytest.fixture(autouse=True)
def _fresh_process():
    ratelimit.forget_all()


@pytest.mark.parametrize(
    ("proxies", "forwarded", "remote", "expected"),
    [
        (0, "203.0.113.9", "192.0.2.1", "192.0.2.1"),
        (1, "6.6.6.6, 203.0.113.9", "192.0.2.1", "203.0.113.9"),
        (2, "6.6.6.6, 203.0.113.9, 10.0.0.1", "192.0.2.1", "203.0.113.9"),
        (2, "203.0.113.9", "192.0.2.1", "192.0.2.1"),
        (1, "", "192.0.2.1", "192.0.2.1"),
        (1, "nonsense", "192.0.2.1", "192.0.2.1"),
        (0, "", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (0, "", "", ""),
    ],
)
def test_client_address_believes_our_proxies_only(settings, proxies, forwarded, remote, expected):
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().get("/", REMOTE_ADDR=remote, headers={"x-forwarded-for": forwarded})

    assert ratelimit.client_address(request) == expected


@pytest.mark.django_db
def test_count_limits_an_address_until_the_next_minute():
    with time_machine.travel(AT.replace(second=45), tick=False) as clock:
        within = [ratelimit.count("x", "192.0.2.1", limit=30) for _ in range(30)]
        above = ratelimit.count("x", "192.0.2.1", limit=30)
        another = ratelimit.count("x", "192.0.2.2", limit=30)
        clock.shift(15)
        next_minute = ratelimit.count("x", "192.0.2.1", limit=30)

    assert set(within) == {None}
    assert above == 15
    assert another is next_minute is None


@pytest.mark.django_db
def test_count_is_shared_with_other_processes():
    with time_machine.travel(AT, tick=False):
        for _ in range(40):
            ratelimit.count("x", "192.0.2.1", limit=50)
        ratelimit.forget_all()

        answers = [ratelimit.count("x", "192.0.2.1", limit=50) for _ in range(25)]

    assert answers[:20] == [None] * 20
    assert answers[20:] == [60] * 5


@pytest.mark.django_db
def test_count_above_the_limit_costs_no_statement():
    for _ in range(20):
        ratelimit.count("x", "192.0.2.1", limit=20)

    with CaptureQueriesContext(connection) as queries:
        answers = [ratelimit.count("x", "192.0.2.1", limit=20) for _ in range(100)]

    assert all(answers)
    assert len(queries) == 0


@pytest.mark.django_db
def test_count_does_without_a_cache_that_is_away(settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:9",
        }
    }

    answers = [ratelimit.count("x", "192.0.2.1", limit=45) for _ in range(50)]

    assert answers[:45] == [None] * 45
    assert all(answers[45:])


@pytest.mark.django_db
def test_count_remembers_few_addresses(monkeypatch):
    monkeypatch.setattr(ratelimit, "MAX_ADDRESSES", 10)

    for n in range(100):
        ratelimit.count("x", f"192.0.2.{n}", limit=5)

    assert len(ratelimit._counts) == 10
    assert cache.get("limit:x:192.0.2.1:0") is None
