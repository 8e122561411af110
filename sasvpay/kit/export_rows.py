"""The rows of an export, chunk by chunk, as bytes: csv, or PostgreSQL's text for COPY.

In that text fields are separated by tabs and rows end in a newline; whatever of both stands in a
value is escaped with a backslash. It is what a sheet is made from.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from django.db import connection, transaction
from django.utils import timezone

from sasvpay.kit.export_columns import Column, Format

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from psycopg.pq.abc import PGconn

# Between two chunks progress is told, and no statement is open: none runs for long.
CHUNK: Final = 100_000
_BLOCK: Final = 1_000
_NEEDS_QUOTES: Final = re.compile('[",\n\r]')
_ESCAPES: Final = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
)


def chunks(rows: "QuerySet[Any]", moment: str, *, size: int = CHUNK) -> list["QuerySet[Any]"]:
    """Cut a selection into spans of time, the newest first; each holds at most so many rows.

    Only if more have the very same moment it holds those.
    """
    rows = rows.order_by(f"-{moment}", "-pk")
    cut, newest = [], rows.values_list(moment, flat=True).first()
    while newest is not None:
        rest = rows.filter(**{f"{moment}__lte": newest})
        moments = rest.values_list(moment, flat=True)
        following = moments[size : size + 1].first()
        if following == newest:
            following = moments.filter(**{f"{moment}__lt": newest}).first()
        cut.append(rest if following is None else rest.filter(**{f"{moment}__gt": following}))
        newest = following
    return cut


def length(cut: Sequence["QuerySet[Any]"], *, size: int = CHUNK) -> int:
    """Return about how many rows chunks hold: counting them costs as much as cutting them did."""
    return size * (len(cut) - 1) + cut[-1].count() if cut else 0


def pass_on(
    rows: "QuerySet[Any]", columns: Sequence[Column], form: Format, *, to: Callable[[bytes], None]
) -> int:
    """Hand over the rows in blocks of bytes, and return how many rows they were."""
    if connection.vendor == "postgresql":
        return _copy(rows, columns, form, to)
    return _fetch(rows, columns, form, to)


def _copy(
    rows: "QuerySet[Any]", columns: Sequence[Column], form: Format, to: Callable[[bytes], None]
) -> int:
    shown = rows.values_list(*(column.written(form) for column in columns))
    query, params = shown.query.sql_with_params()
    how = "FORMAT csv" if form == Format.CSV else "FORMAT text, NULL ''"
    with _streaming() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT ({how})", params) as copy:
        server = copy.connection.pgconn
        messages = _messages(server)
        while block := _joined(islice(messages, _BLOCK)):
            to(block)
        return _outcome(server)


@contextmanager
def _streaming() -> Iterator[Any]:
    with transaction.atomic(), connection.cursor() as cursor:
        # Compiling takes longer than a chunk. An index has the order of the rows, so that they need
        # no sort, whatever is thought of reading along it. The zone and shape of times are ours.
        cursor.execute(
            "SET LOCAL jit = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;"
            " SET LOCAL datestyle = 'ISO'; SET LOCAL timezone = %s",
            [timezone.get_current_timezone_name()],
        )
        yield cursor


def _messages(server: "PGconn") -> Iterator[Any]:
    """Return what the server sends, a row each, at half the price of psycopg's own loop."""
    size, data = server.get_copy_data(0)
    while size > 0:
        yield data
        size, data = server.get_copy_data(0)


def _joined(messages: Iterable[Any]) -> bytes:
    # Not by a list of them: so many objects at once wake the garbage collector.
    block = BytesIO()
    block.writelines(messages)
    return block.getvalue()


def _outcome(server: "PGconn") -> int:
    count = 0
    while result := server.get_result():
        if result.error_message:
            raise RuntimeError(result.error_message.decode(errors="replace"))
        count = result.command_tuples or 0
    return count


def _fetch(
    rows: "QuerySet[Any]", columns: Sequence[Column], form: Format, to: Callable[[bytes], None]
) -> int:
    writers = [column.writer(form) for column in columns]
    found = iter(rows.values_list(*(column.value() for column in columns)))
    count = 0
    while block := list(islice(found, _BLOCK)):
        told = ([write(value) for write, value in zip(writers, row, strict=True)] for row in block)
        to(csv_lines(told) if form == Format.CSV else _copy_lines(told))
        count += len(block)
    return count


def csv_lines(rows: Iterable[Iterable[str]]) -> bytes:
    """Return rows as csv, quoted as PostgreSQL does: Python's own writer leaves a lone CR bare."""
    return "".join(",".join(map(_quoted, row)) + "\n" for row in rows).encode()


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if _NEEDS_QUOTES.search(value) else value


def _copy_lines(rows: Iterable[Iterable[str]]) -> bytes:
    lines = ("\t".join(value.translate(_ESCAPES) for value in row) + "\n" for row in rows)
    return "".join(lines).encode()
