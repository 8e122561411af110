"""Search pages: ranges that are refused rather than cut, and pages by key in both directions."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.core import signing
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from permissions.models import Team
from sasvpay.kit import listing
from sasvpay.kit.listing import ListingError, Range
from tests.factories import AT

TODAY = date(2026, 11, 20)


def _utc(year, month, day, hour=0):
    return datetime(year, month, day, hour, tzinfo=UTC)


# --- Ranges


def test_day_range_holds_whole_days_first_and_last_included():
    assert listing.day_range(date(2026, 11, 1), TODAY, at=AT) == Range(
        _utc(2026, 11, 1), _utc(2026, 11, 21)
    )
    assert listing.day_range(TODAY, TODAY, at=AT) == Range(_utc(2026, 11, 20), _utc(2026, 11, 21))


def test_last_days_counts_today():
    assert listing.last_days(7, at=AT) == Range(_utc(2026, 11, 14), _utc(2026, 11, 21))
    assert listing.last_days(1, at=AT) == Range(_utc(2026, 11, 20), _utc(2026, 11, 21))


def test_last_year_is_the_widest_range_that_is_allowed():
    widest = listing.last_year(at=AT)

    assert widest == Range(_utc(2025, 11, 20), _utc(2026, 11, 21))
    assert widest == listing.day_range(date(2025, 11, 20), TODAY, at=AT)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (date(2026, 11, 20), date(2026, 11, 19), "The end (2026-11-19) lies before the start"),
        (date(2025, 11, 19), TODAY, "choose a start on or after 2025-11-20"),
        (date(1, 1, 1), TODAY, "choose a start on or after 2025-11-20"),
        (TODAY, date(2026, 11, 22), "choose 2026-11-20 or earlier"),
        (TODAY, date(9999, 12, 31), "choose 2026-11-20 or earlier"),
        (date(9999, 12, 31), date(9999, 12, 31), "choose 2026-11-20 or earlier"),
    ],
)
def test_a_wrong_range_is_refused_with_what_is_allowed(first, last, words):
    with pytest.raises(ListingError) as refused:
        listing.day_range(first, last, at=AT)

    assert words in refused.value.message
    assert (refused.value.code, refused.value.status) == ("bad_listing", 400)


def test_tomorrow_is_allowed_because_it_may_have_begun_where_the_person_sits():
    tomorrow = TODAY + timedelta(days=1)

    assert listing.day_range(TODAY, tomorrow, at=AT).until == _utc(2026, 11, 22)


@pytest.mark.parametrize(
    ("at", "oldest"),
    [
        (_utc(2028, 2, 29, 12), date(2027, 2, 28)),
        (_utc(2028, 2, 28, 12), date(2027, 2, 28)),
        (_utc(2028, 3, 1, 12), date(2027, 3, 1)),
        (_utc(2029, 2, 28, 12), date(2028, 2, 28)),
        (_utc(2029, 3, 1, 12), date(2028, 3, 1)),
    ],
)
def test_the_year_before_a_leap_day_begins_on_the_28th(at, oldest):
    accepted = listing.day_range(oldest, at.date(), at=at)

    assert accepted == listing.last_year(at=at)
    with pytest.raises(ListingError, match=str(oldest)):
        listing.day_range(oldest - timedelta(days=1), at.date(), at=at)


@pytest.mark.parametrize(
    ("zone", "day", "since", "hours"),
    [
        ("Asia/Shanghai", date(2026, 11, 20), _utc(2026, 11, 19, 16), 24),
        ("America/New_York", date(2026, 3, 8), _utc(2026, 3, 8, 5), 23),
        ("America/New_York", date(2026, 11, 1), _utc(2026, 11, 1, 4), 25),
        ("Europe/Berlin", date(2026, 3, 29), _utc(2026, 3, 28, 23), 23),
        # Midnight happens twice there, and not at all here.
        ("America/Havana", date(2026, 11, 1), _utc(2026, 11, 1, 4), 25),
        ("America/Havana", date(2026, 3, 8), _utc(2026, 3, 8, 5), 23),
        ("Australia/Lord_Howe", date(2026, 4, 5), _utc(2026, 4, 4, 13), 24.5),
    ],
)
def test_a_day_is_the_consoles_day_even_when_the_clock_changes(settings, zone, day, since, hours):
    settings.TIME_ZONE = zone

    found = listing.day_range(day, day, at=AT)

    assert found.since == since
    assert found.until - found.since == timedelta(hours=hours)


@pytest.mark.parametrize("zone", ["America/Havana", "Africa/Cairo", "Asia/Beirut", "Pacific/Apia"])
def test_days_follow_one_another_without_gap_or_overlap(settings, zone):
    settings.TIME_ZONE = zone
    first = date(2025, 11, 20)

    ranges = [
        listing.day_range(first + timedelta(days=n), first + timedelta(days=n), at=AT)
        for n in range(366)
    ]

    for before, after in pairwise(ranges):
        assert before.until == after.since
        assert before.since < before.until


def test_today_is_the_consoles_today(settings):
    settings.TIME_ZONE = "Asia/Shanghai"
    at = _utc(2026, 11, 20, 17)  # the 21st over there

    found = listing.last_days(1, at=at)

    assert found.since == datetime(2026, 11, 21, tzinfo=ZoneInfo("Asia/Shanghai"))


@given(first=st.dates(), last=st.dates(), today=st.dates(date(2024, 1, 1), date(2040, 1, 1)))
def test_any_two_dates_give_exactly_their_days_or_a_refusal(first, last, today):
    at = datetime.combine(today, time(23, 59), tzinfo=UTC)
    try:
        found = listing.day_range(first, last, at=at)
    except ListingError:
        oldest = listing.last_year(at=at).since.date()
        assert last < first or first < oldest or last > today + timedelta(days=1)
    else:
        assert (found.since.date(), found.until.date()) == (first, last + timedelta(days=1))


# --- Pages by key


def _teams(*, ages):
    """Store a team per age (seconds before AT; ties happen) and return them, newest first."""
    Team.objects.bulk_create(
        [
            Team(name=f"Team {n}", created_at=AT - timedelta(seconds=age))
            for n, age in enumerate(ages)
        ]
    )
    return list(Team.objects.order_by("-created_at", "-pk"))


def _page(url, size=3):
    return listing.keyset_page(Team.objects.all(), RequestFactory().get(url), size=size)


@pytest.mark.django_db
@pytest.mark.parametrize("size", [1, 3, 7, 100])
@pytest.mark.parametrize(
    "ages",
    [
        [],
        [0],
        [0, 1, 2],
        [0, 1, 2, 3],
        [0] * 8,
        [5, 3, 3, 9, 0, 3, 1, 1, 9, 4, 2, 2],
        [0, 0, 0, 1, 1, 1, 2, 2, 2],
    ],
    ids=str,
)
def test_pages_in_both_directions_make_up_the_whole_list(ages, size):
    everything = _teams(ages=ages)

    url, older, pages = "/x", [], []
    while url:
        page = _page(url, size)
        pages.append(page)
        older.extend(page.rows)
        url = page.older_url
    newer, url = list(pages[-1].rows), pages[-1].newer_url
    while url:
        page = _page(url, size)
        newer[:0] = page.rows
        assert page.older_url
        url = page.newer_url

    assert older == everything
    assert newer == everything
    assert pages[0].newer_url == pages[-1].older_url == ""


@pytest.mark.django_db
def test_a_page_is_one_query_whichever_way(django_assert_num_queries):
    _teams(ages=range(9))
    with django_assert_num_queries(1):
        first = _page("/x")
    with django_assert_num_queries(1):
        second = _page(first.older_url)
    with django_assert_num_queries(1):
        _page(second.newer_url)


@pytest.mark.django_db
def test_rows_that_come_meanwhile_shift_nothing():
    everything = _teams(ages=range(6))
    first = _page("/x")

    Team.objects.create(name="New", created_at=AT + timedelta(seconds=1))

    assert _page(first.older_url).rows == everything[3:]
    assert _page("/x").rows[0].name == "New"


@pytest.mark.django_db
def test_page_links_keep_the_filters_and_drop_the_other_position():
    _teams(ages=range(9))

    page = _page("/x?q=a%26b&tab=all&page=7")
    middle = _page(page.older_url)

    asked = parse_qs(urlsplit(middle.newer_url).query)
    assert set(asked) == {"q", "tab", "after"}
    assert asked["q"] == ["a&b"]
    assert set(parse_qs(urlsplit(middle.older_url).query)) == {"q", "tab", "before"}


def _signed(content, salt="kit.listing:/x:[]"):
    return signing.dumps(content, salt=salt)


@pytest.mark.django_db
@pytest.mark.parametrize("direction", ["before", "after"])
@pytest.mark.parametrize(
    "token",
    [
        "x",
        "a:b:c",
        ".x",
        "\x00",
        "中文",
        "x" * 5000,
        _signed([AT.isoformat(), 1], salt="other"),
        _signed([AT.isoformat(), 1])[:-1],
        "X" + _signed([AT.isoformat(), 1]),
        _signed(["yesterday", 1]),
        _signed([AT.isoformat(), "one"]),
        _signed([AT.isoformat()]),
        _signed([1, 2]),
        _signed(7),
        _signed(None),
    ],
    # A signature holds the time: named by it, each worker would collect other tests.
    ids=range(15),
)
def test_a_token_that_is_not_ours_is_refused(direction, token):
    request = RequestFactory().get("/x", {direction: token})

    with pytest.raises(ListingError, match="not valid any more"):
        listing.keyset_page(Team.objects.all(), request)


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/y?q=moon", "/x", "/x?q=sun", "/x?q=moon&state=held"])
def test_a_token_of_another_list_or_filter_is_refused(url):
    _teams(ages=range(30))
    token = parse_qs(urlsplit(_page("/x?q=moon&state=", size=3).older_url).query)["before"][0]

    assert _page(f"/x?q=moon&before={token}", size=3).rows
    with pytest.raises(ListingError, match="not valid any more"):
        _page(f"{url}{'&' if '?' in url else '?'}before={token}", size=3)


@pytest.mark.django_db
@pytest.mark.parametrize(("rows", "count"), [(0, 0), (3, 3), (4, 4), (5, 5), (6, 5)])
def test_capped_count_counts_one_beyond_the_cap(rows, count, django_assert_num_queries):
    _teams(ages=range(rows))

    with django_assert_num_queries(1):
        assert listing.capped_count(Team.objects.order_by("name"), cap=4) == count
