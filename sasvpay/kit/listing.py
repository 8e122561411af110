"""Search pages: date ranges that are refused rather than cut, keyset paging, capped counts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.core import signing
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from sasvpay.kit.errors import DomainError

PAGE_SIZE: Final = 20
COUNT_CAP: Final = 10_000
_SALT: Final = "kit.listing"
# What of a query string says where one is in a list, and not which list it is.
_PLACES: Final = ("before", "after", "page")


class ListingError(DomainError):
    """What was asked of a list cannot be shown; the message says what can."""

    code = "bad_listing"
    status = 400


@dataclass(frozen=True)
class Range:
    """A half-open span of time: since <= t < until, both UTC."""

    since: datetime
    until: datetime

    @property
    def last_shown(self) -> datetime:
        """Return a moment of the last day: the end lies at the midnight after."""
        return self.until - timedelta(seconds=1)


def day_range(first: date, last: date, *, at: datetime) -> Range:
    """Return the span of whole days, first and last included, in the console's time zone.

    Raises ListingError with the allowed dates when the end lies before the start, or the start
    more than 12 months back (product.md section 5); it never cuts.
    """
    today = timezone.localtime(at).date()
    oldest = _a_year_before(today)
    if last < first:
        raise ListingError(
            _("The end (%(last)s) lies before the start (%(first)s).")
            % {"first": first, "last": last}
        )
    if first < oldest:
        raise ListingError(
            _("Records of the last 12 months can be shown: choose a start on or after %(oldest)s.")
            % {"oldest": oldest}
        )
    # One day of grace: where the person sits, tomorrow may have begun.
    if last > today + timedelta(days=1):
        raise ListingError(
            _("The end lies in the future: choose %(today)s or earlier.") % {"today": today}
        )
    return Range(_midnight(first), _midnight(last + timedelta(days=1)))


def last_days(days: int, *, at: datetime) -> Range:
    """Return the span of the last so many days, today included."""
    today = timezone.localtime(at).date()
    return Range(_midnight(today - timedelta(days=days - 1)), _midnight(today + timedelta(days=1)))


def last_year(*, at: datetime) -> Range:
    """Return the span of the last 12 months, today included."""
    today = timezone.localtime(at).date()
    return Range(_midnight(_a_year_before(today)), _midnight(today + timedelta(days=1)))


def day_of(at: datetime) -> date:
    """Return the day of a moment in the console's time zone."""
    return timezone.localtime(at).date()


def whole_day(day: date) -> Range:
    """Return the span of one day of the console's time zone, be it 23, 24 or 25 hours long."""
    return Range(_midnight(day), _midnight(day + timedelta(days=1)))


def _a_year_before(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:  # 29 February
        return day.replace(year=day.year - 1, day=28)


def _midnight(day: date) -> datetime:
    # In UTC: where the clock changes at midnight, Python calls no two zones' times equal.
    return timezone.make_aware(datetime.combine(day, time.min)).astimezone(UTC)


@dataclass(frozen=True)
class KeysetPage:
    """One page of a list that is ordered by (created_at, id), newest first."""

    rows: Sequence[Any]
    newer_url: str
    older_url: str


def keyset_page(
    rows: "QuerySet[Any]",
    request: HttpRequest,
    *,
    moment: str = "created_at",
    size: int = PAGE_SIZE,
) -> KeysetPage:
    """Return the page that the query string's signed `before` or `after` token names.

    The list is ordered by (moment, id), newest first; one query whatever the page. A token holds
    for the path and the filters it was made under: raises ListingError for any other.
    """
    tokens = _Tokens.of(request, moment)
    before, after = request.GET.get("before", ""), request.GET.get("after", "")
    if after:
        at, pk = tokens.read(after)
        newer = Q(**{f"{moment}__gt": at}) | Q(**{moment: at, "pk__gt": pk})
        # The redundant bound is what the index can be entered by.
        rows = rows.filter(newer, **{f"{moment}__gte": at})
        found = list(rows.order_by(moment, "pk")[: size + 1])
        has_newer, has_older = len(found) > size, True
        found = found[:size][::-1]
    else:
        if before:
            at, pk = tokens.read(before)
            older = Q(**{f"{moment}__lt": at}) | Q(**{moment: at, "pk__lt": pk})
            rows = rows.filter(older, **{f"{moment}__lte": at})
        found = list(rows.order_by(f"-{moment}", "-pk")[: size + 1])
        has_newer, has_older = bool(before), len(found) > size
        found = found[:size]
    return KeysetPage(
        rows=found,
        newer_url=_page_url(request, after=tokens.to(found[0])) if has_newer and found else "",
        older_url=_page_url(request, before=tokens.to(found[-1])) if has_older and found else "",
    )


def capped_count(rows: "QuerySet[Any]", *, cap: int = COUNT_CAP) -> int:
    """Count up to cap + 1: more than cap is shown as "10,000+".

    In the order of the list, if the rows have one: the index that serves the list then serves this.
    """
    return rows[: cap + 1].count()


def estimated_count(rows: "QuerySet[Any]") -> int:
    """Return about how many rows there are, in two digits; counting millions takes a second.

    PostgreSQL guesses by its statistics; an embedded database is small enough to be counted.
    """
    if connection.vendor != "postgresql":
        return rows.count()
    [told] = json.loads(rows.order_by().explain(format="json"))
    guessed: int = told["Plan"]["Plan Rows"]
    return round(guessed, 2 - len(str(guessed)))


def numbered_pages(rows: Any, *, size: int, length: int) -> "Paginator[Any]":
    """Return the pages of a list whose length is known: nothing is counted again."""
    paginator: Paginator[Any] = Paginator(rows, size)
    paginator.__dict__["count"] = length
    return paginator


@dataclass(frozen=True)
class _Tokens:
    """Names places in one list: of one path, under one set of filters."""

    moment: str
    salt: str

    @classmethod
    def of(cls, request: HttpRequest, moment: str) -> "_Tokens":
        asked = sorted(
            (name, tuple(values))
            for name, values in request.GET.lists()
            if name not in _PLACES and any(values)
        )
        return cls(moment, f"{_SALT}:{request.path}:{asked}")

    def to(self, row: Any) -> str:
        return signing.dumps([getattr(row, self.moment).isoformat(), row.pk], salt=self.salt)

    def read(self, token: str) -> tuple[datetime, int]:
        try:
            at, pk = signing.loads(token, salt=self.salt)
            return datetime.fromisoformat(at), int(pk)
        except (signing.BadSignature, ValueError, TypeError):
            raise ListingError(
                _("This page link is not valid any more. Start again from the first page.")
            ) from None


def _page_url(request: HttpRequest, **token: str) -> str:
    query = request.GET.copy()
    for name in _PLACES:
        query.pop(name, None)
    for name, value in token.items():
        query[name] = value
    return f"{request.path}?{query.urlencode()}"
