"""Numbers and days as a dashboard writes them, in the page's language; nothing is an en dash."""

from datetime import date
from typing import Final

from babel.dates import format_interval, format_skeleton
from babel.numbers import (
    format_compact_currency,
    format_compact_decimal,
    format_decimal,
    format_percent,
)
from babel.units import format_unit
from django import template
from django.conf import settings

from sasvpay.kit.templatetags.console import NOTHING, _locale

register = template.Library()

_UNITS: Final = (("hour", 3600), ("minute", 60), ("second", 1))
# A full number from there on; below it one decimal says more.
_EXACT: Final = 10


@register.filter
def percent(share: float | None) -> str:
    """Return a share of one in percent, with one decimal."""
    if share is None:
        return NOTHING
    return str(format_percent(share, "#,##0.0%", locale=_locale()))


def short_percent(share: float) -> str:
    """Return a share of one in few characters, for an axis."""
    return str(format_percent(share, "#,##0.#%", locale=_locale()))


def points_of(share: float) -> str:
    """Return a difference of shares in percentage points."""
    return str(format_decimal(share * 100, "#,##0.#", locale=_locale()))


def short_money(cents: float) -> str:
    """Return an amount in few characters, for an axis."""
    return str(
        format_compact_currency(cents / 100, settings.CURRENCY, locale=_locale(), fraction_digits=2)
    )


def short_number(value: float) -> str:
    """Return a number in few characters, for an axis."""
    return str(format_compact_decimal(value, locale=_locale(), fraction_digits=2))


def day_label(day: date, *, long: bool = False) -> str:
    """Return a day without its year, or with it."""
    return str(format_skeleton("yMMMd" if long else "MMMd", day, locale=_locale()))


def days_label(first: date, last: date) -> str:
    """Return the days from one to another."""
    return str(format_interval(first, last, "yMMMd", locale=_locale()))


def month_label(day: date, *, long: bool = False) -> str:
    """Return the month of a day, without its year or with it."""
    return str(format_skeleton("yMMM" if long else "MMM", day, locale=_locale()))


def took(seconds: float | None) -> str:
    """Return a time in its largest unit."""
    if seconds is None:
        return NOTHING
    unit, length = next((pair for pair in _UNITS if seconds >= pair[1]), _UNITS[-1])
    value = seconds / length
    shape = "0" if value >= _EXACT else "0.0"
    return str(format_unit(value, unit, length="short", format=shape, locale=_locale()))
