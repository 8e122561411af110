"""The rows of an export, chunk by chunk, as bytes: csv, or PostgreSQL's text for COPY.

In that text fields are separated by tabs and rows end in a newline; whatever of both stands in a
value is escaped with a backslash. It is what a sheet is made from.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from sasvpay.kit.export_columns import Column, Format

if TYPE_CHECKING:
    from psycopg import Copy

# Between two chunks progress is told, and no statement is open: none runs for long.
CHUNK: Final = 50_000
_BLOCK: Final = 1_000
_NEEDS_QUOTES: Final = re.compile('[",\n\r]')
_ESCAPES: Final = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
)


def chunks(rows: "QuerySet[Any]", moment: str, *, size: int = CHUNK) -> Iterator["QuerySet[Any]"]:
    """Cut a selection into ranges of (moment, id), the newest first: each row is in one of them."""
    rows = rows.order_by(f"-{moment}", "-pk")
    keys = rows.values_list(moment, "pk")
    first = keys.first()
    while first is not None:
        rest = rows.filter(_from(moment, first))
        following = keys.filter(_from(moment, first))[size : size + 1].first()
        yield rest if following is None else rest.filter(_before(moment, following))
        first = following


def _from(moment: str, key: tuple[Any, int]) -> Q:
    at, pk = key
    older = Q(**{f"{moment}__lt": at}) | Q(**{moment: at, "pk__lte": pk})
    # The redundant bound is what the index can be entered by.
    return Q(**{f"{moment}__lte": at}) & older


def _before(moment: str, key: tuple[Any, int]) -> Q:
    at, pk = key
    newer = Q(**{f"{moment}__gt": at}) | Q(**{moment: at, "pk__gt": pk})
    return Q(**{f"{moment}__gte": at}) & newer


def blocks(
    rows: "QuerySet[Any]", columns: Sequence[Column], form: Format
) -> Iterator[tuple[bytes, int]]:
    """Return the rows in blocks of bytes, each with how many it holds."""
    if connection.vendor == "postgresql":
        return _copied(rows, columns, form)
    return _fetched(rows, columns, form)


def _copied(
    rows: "QuerySet[Any]", columns: Sequence[Column], form: Format
) -> Iterator[tuple[bytes, int]]:
    shown = rows.values_list(*(column.written(form) for column in columns))
    query, params = shown.query.sql_with_params()
    how = "FORMAT csv" if form == Format.CSV else "FORMAT text, NULL ''"
    with _streaming() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT ({how})", params) as copy:
        messages = _messages(copy)
        while block := list(islice(messages, _BLOCK)):
            yield b"".join(block), len(block)


@contextmanager
def _streaming() -> Iterator[Any]:
    with transaction.atomic(), connection.cursor() as cursor:
        # Compiling takes longer than a chunk; the zone and shape of times are ours to say.
        cursor.execute(
            "SET LOCAL jit = off; SET LOCAL datestyle = 'ISO'; SET LOCAL timezone = %s",
            [timezone.get_current_timezone_name()],
        )
        yield cursor


def _messages(copy: "Copy") -> Iterator[Any]:
    """Return what the server sends, a row each, at half the price of psycopg's own loop."""
    server = copy.connection.pgconn
    size, data = server.get_copy_data(0)
    while size > 0:
        yield data
        size, data = server.get_copy_data(0)
    while result := server.get_result():
        if result.error_message:
            raise RuntimeError(result.error_message.decode(errors="replace"))


def _fetched(
    rows: "QuerySet[Any]", columns: Sequence[Column], form: Format
) -> Iterator[tuple[bytes, int]]:
    writers = [column.writer(form) for column in columns]
    found = iter(rows.values_list(*(column.value() for column in columns)))
    while block := list(islice(found, _BLOCK)):
        told = ([write(value) for write, value in zip(writers, row, strict=True)] for row in block)
        yield (csv_lines(told) if form == Format.CSV else _copy_lines(told)), len(block)


def csv_lines(rows: Iterable[Iterable[str]]) -> bytes:
    """Return rows as csv, quoted as PostgreSQL does: Python's own writer leaves a lone CR bare."""
    return "".join(",".join(map(_quoted, row)) + "\n" for row in rows).encode()


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if _NEEDS_QUOTES.search(value) else value


def _copy_lines(rows: Iterable[Iterable[str]]) -> bytes:
    lines = ("\t".join(value.translate(_ESCAPES) for value in row) + "\n" for row in rows)
    return "".join(lines).encode()
