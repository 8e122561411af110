"""Columns of an export: what each is called, where its value comes from, how it is written.

PostgreSQL writes the values itself, which is what makes COPY fast; elsewhere Python does. Both write
the same: a test compares them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final

from django.conf import settings
from django.db import models
from django.db.models import Case, Expression, F, Func, Value, When
from django.db.models.functions import Cast, Replace
from django.utils import timezone
from django.utils.functional import Promise

from sasvpay.kit.money import format_cents

# What a spreadsheet would calculate, were it the first letter of a text (ASVS 1.2.10); some do so of
# the full-width forms as well, which lie so much higher.
_FULL_WIDTH: Final = 0xFEE0
_RISKY: Final = "\t\n\r+-=@"
_RISKY_CODES: Final = ", ".join(str(ord(letter)) for letter in _RISKY)
_EPOCH_IN_EXCEL: Final = 25569
_SECONDS_OF_A_DAY: Final = 86_400


class Kind(Enum):
    """What the values of a column are."""

    TEXT = "text"
    # A text that may look like a number: an order number, an OpenId.
    ID = "id"
    # A text of ours: nothing in it needs care.
    LABEL = "label"
    INTEGER = "integer"
    # Integer cents, written in currency units.
    MONEY = "money"
    # A moment, written as a date of the console's zone.
    TIME = "time"
    # A JSON document; nothing is written for none. No sheet calculates a quote or a brace.
    JSON = "json"


class Format(models.TextChoices):
    """Kinds of files."""

    XLSX = "xlsx", "Excel (.xlsx)"
    CSV = "csv", "CSV (.csv)"


@dataclass(frozen=True)
class Column:
    """One column. A text comes from a field, a label from any expression."""

    name: str
    title: str | Promise
    source: str | Expression
    kind: Kind = Kind.TEXT
    width: int = 16
    # Ticked until somebody unticks it.
    is_usual: bool = True

    @property
    def heading(self) -> str:
        """Return the title with the unit of its values."""
        if self.kind == Kind.MONEY:
            return f"{self.title} ({settings.CURRENCY})"
        if self.kind == Kind.TIME:
            return f"{self.title} ({timezone.get_current_timezone_name()})"
        return str(self.title)

    def value(self) -> Any:
        """Return the value as it is stored."""
        return F(self.source) if isinstance(self.source, str) else self.source

    def written(self, form: Format) -> Any:
        """Return the value as PostgreSQL writes it."""
        sql = _SQL.get((self.kind, form)) or _SQL.get((self.kind, None))
        if sql is None:
            return self.value()
        return _Written(self.value(), template=sql)

    def writer(self, form: Format) -> Callable[[Any], str]:
        """Return what writes the value where PostgreSQL does not."""
        return _PYTHON.get((self.kind, form)) or _PYTHON.get((self.kind, None)) or _plain


class _Written(Func):
    """A value inside SQL of ours."""

    output_field = models.TextField()


def label(field: str, choices: Sequence[tuple[Any, Any]], *, usual: Any = None) -> Expression:
    """Return the labels of a field with choices, in the language of the moment.

    A code that has none (any more) stands for itself. The usual one is compared first.
    """
    compared = sorted(choices, key=lambda choice: choice[0] != usual)
    return Case(
        *(When(**{field: code}, then=Value(str(text))) for code, text in compared),
        default=Cast(field, models.TextField()),
        output_field=models.TextField(),
    )


def labels(field: str, choices: Sequence[tuple[Any, Any]]) -> Expression:
    """Return the labels of a field that holds words separated by spaces."""
    told: Any = Replace(F(field), Value(" "), Value("; "))
    for code, text in choices:
        told = Replace(told, Value(code), Value(str(text)))
    return Case(When(**{field: ""}, then=Value("")), default=told, output_field=models.TextField())


# In the session's zone, which is set: naming one costs as much again. date_trunc reads the name of
# its unit for each row.
_LOCAL: Final = "date_bin('1 s', CAST(%(expressions)s AS timestamp), '2000-01-01')"
# The first letter as a number, which is cheaper to compare; most are past all that need care.
_FIRST: Final = f"mod(ascii(%(expressions)s), {_FULL_WIDTH})"
_SAFE: Final = f"CASE WHEN {_FIRST} > {ord(max(_RISKY))} THEN %(expressions)s"
_QUOTED: Final = (
    f"WHEN {_FIRST} IN ({_RISKY_CODES}) THEN '''' || %(expressions)s ELSE %(expressions)s END"
)
_SQL: Final[Mapping[tuple[Kind, Format | None], str]] = {
    (Kind.TEXT, None): f"{_SAFE} {_QUOTED}",
    (Kind.ID, Format.XLSX): f"{_SAFE} {_QUOTED}",
    (Kind.ID, Format.CSV): (
        f"{_SAFE} WHEN {_FIRST} BETWEEN {ord('0')} AND {ord('9')} THEN %(expressions)s || chr(9)"
        f" {_QUOTED}"
    ),
    # Most refunds are none, and multiplying is dear.
    (Kind.MONEY, None): "CASE %(expressions)s WHEN 0 THEN 0.00 ELSE %(expressions)s * 0.01 END",
    (Kind.TIME, Format.CSV): _LOCAL,
    (Kind.TIME, Format.XLSX): (
        f"date_part('epoch', {_LOCAL}) / {_SECONDS_OF_A_DAY} + {_EPOCH_IN_EXCEL}"
    ),
    (Kind.JSON, None): "NULLIF(NULLIF(CAST(%(expressions)s AS text), 'null'), '{}')",
}


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _first(value: str | None) -> str:
    return chr(ord(value[0]) % _FULL_WIDTH) if value else ""


def _text(value: str | None) -> str:
    return f"'{value}" if value and _first(value) in _RISKY else value or ""


def _csv_id(value: str | None) -> str:
    # Excel reads 1.23E+15, a date or 7 out of such a text; a tab at its end makes it keep it.
    return f"{value}\t" if "0" <= _first(value) <= "9" else _text(value)


def _money(cents: int | None) -> str:
    return "" if cents is None else format_cents(cents)


def _csv_time(at: datetime | None) -> str:
    return "" if at is None else timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S")


def _xlsx_time(at: datetime | None) -> str:
    if at is None:
        return ""
    clock = timezone.localtime(at).replace(microsecond=0, tzinfo=UTC)
    return repr(clock.timestamp() / _SECONDS_OF_A_DAY + _EPOCH_IN_EXCEL)


def _json(value: Any) -> str:
    return "" if value in (None, {}) else json.dumps(_ordered(value), ensure_ascii=False)


def _ordered(value: Any) -> Any:
    """Order keys as PostgreSQL keeps them: the short ones first."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: (len(key.encode()), key))
        return {key: _ordered(value[key]) for key in keys}
    return [_ordered(one) for one in value] if isinstance(value, list) else value


_PYTHON: Final[Mapping[tuple[Kind, Format | None], Callable[[Any], str]]] = {
    (Kind.TEXT, None): _text,
    (Kind.ID, Format.XLSX): _text,
    (Kind.ID, Format.CSV): _csv_id,
    (Kind.MONEY, None): _money,
    (Kind.TIME, Format.CSV): _csv_time,
    (Kind.TIME, Format.XLSX): _xlsx_time,
    (Kind.JSON, None): _json,
}
