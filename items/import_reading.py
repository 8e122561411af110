"""An uploaded workbook, read into rows that wait: what each would change, or why it cannot.

Rows are kept in parts, each a transaction of its own: the job shows how far it is, and no lock is
held while a picture is decoded.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple
from zipfile import ZipFile

from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from items import cells, images, import_sql, workbook
from items.cells import CellError
from items.import_pictures import Pictures
from items.models import ImportBatch, ImportRow, ItemVersion
from items.workbook import Problem, Right, Wrong
from sasvpay.kit import confined, sheets
from sasvpay.kit.jobs import Progress
from sasvpay.kit.sheet_parts import SheetError

if TYPE_CHECKING:
    from django.core.files.base import File
    from django.db.models.fields.files import FieldFile

# A part ends after so many rows, or so many pictures, which take longer.
STEP: Final = 5_000
STEP_PICTURES: Final = 20
MAX_NOTED: Final = 20


class Part(NamedTuple):
    """Some rows of a workbook, and where they stand; the first part has none."""

    headings_row: int
    last_row: int
    # The letters of each column.
    where: list[str]
    # The headings of columns that are passed over.
    unknown: list[str]
    # The last of these.
    reached: int
    # Right rows without a picture, nearly all there are: as lines that are staged as they are.
    plain: str
    others: list[Right | Wrong]


class SupersededError(Exception):
    """Another run of the job took over: this one was slow, and taken for dead."""


def locked(batch: ImportBatch) -> ImportBatch:
    """Lock the batch for the run that holds it; raise SupersededError if another does."""
    found = ImportBatch.objects.select_for_update().filter(pk=batch.pk, run=batch.run).first()
    if found is None:
        raise SupersededError
    return found


def forget(batch: ImportBatch) -> None:
    """Delete the rows of a run before this one, and the pictures that were stored for them."""
    stored = batch.rows.exclude(image="").values_list("image", "thumbnail")
    images.delete([name for pair in stored for name in pair if name])
    batch.rows.all().delete()


def parts(file: IO[bytes], gone: Container[str]) -> Iterator[Part]:
    """Return a workbook in parts; IDs that are gone are no plain row's. Raise SheetError."""
    with sheets.read(file, workbook.COLUMNS) as sheet:
        where = [sheet.where(column.field) for column in workbook.COLUMNS]
        unknown = workbook.unknown_headings(sheet)
        outline = Part(sheet.headings.row, sheet.scan.last_row, where, unknown, 0, "", [])
        yield outline
        for plain, others in _cut(workbook.rows(sheet), gone):
            reached = max(row.row for row in (*plain[-1:], *others[-1:]))
            lines = import_sql.lines(row[:4] for row in plain)
            yield outline._replace(reached=reached, plain=lines, others=others)


def _cut(
    rows: Iterable[Right | Wrong], gone: Container[str]
) -> Iterator[tuple[list[Right], list[Right | Wrong]]]:
    """Return plain rows and others, as many as take about as long."""
    plain: list[Right] = []
    others: list[Right | Wrong] = []
    pictures = 0
    for row in rows:
        if isinstance(row, Right) and not row.image and row.item_id not in gone:
            plain.append(row)
        else:
            others.append(row)
            pictures += isinstance(row, Right) and row.image != ""
        if len(plain) + len(others) == STEP or pictures == STEP_PICTURES:
            yield plain, others
            plain, others, pictures = [], [], 0
    if plain or others:
        yield plain, others


def read(batch: ImportBatch, progress: Progress) -> None:
    """Read the workbook, and keep its rows; raise SheetError."""
    forget(batch)
    # The child needs every language: it finds them here, or would load them anew each time.
    sheets.known_headings(workbook.COLUMNS)
    deleted = batch.game.items.exclude(deleted_at=None)
    gone = frozenset(deleted.values_list("item_id", flat=True))
    with ExitStack() as stack:
        # Opened twice: two processes that shared a file would share their place in it.
        theirs, ours = (stack.enter_context(_opened(batch.workbook)) for _each in range(2))
        zipped = stack.enter_context(_opened(batch.pictures)) if batch.pictures else None
        found = stack.enter_context(closing(confined.results(partial(parts, theirs, gone))))
        first = next(found)
        pictures = Pictures(stack.enter_context(ZipFile(ours)), zipped)
        progress.report(done=0, total=max(first.last_row - first.headings_row, 0))
        reader = _Reader(batch, pictures, first.where, gone)
        for part in found:
            reader.keep(part)
            progress.report(done=part.reached - first.headings_row)
        unused = pictures.unused()
        batch.notes = {
            "unknown": first.unknown[:MAX_NOTED],
            "unused": unused[:MAX_NOTED],
            "unused_count": len(unused),
        }


def _opened(stored: "FieldFile") -> "File[Any]":
    return stored.storage.open(stored.name or "")


def count(batch: ImportBatch) -> None:
    """Count the rows by kind; raise SheetError if there is none."""
    kinds = dict(batch.rows.values_list("kind").annotate(Count("row")).order_by())
    if not kinds:
        raise SheetError(_("The sheet has headings, but no row below them."))
    for kind in ImportRow.Kind:
        setattr(batch, kind.value, kinds.get(kind.value, 0))
    batch.in_review = import_sql.count_in_review(batch)


class _Reader:
    """What reading the rows of one batch needs to know."""

    def __init__(
        self, batch: ImportBatch, pictures: Pictures, where: list[str], gone: Container[str]
    ) -> None:
        self._batch = batch
        self._where = where
        self._pictures = pictures
        self._gone = gone

    def keep(self, part: Part) -> None:
        """Keep the rows of one part."""
        digests = self._digests(part.others)
        staged: list[tuple[Any, ...]] = []
        wrong: list[Wrong] = []
        for row in part.others:
            taken = row if isinstance(row, Wrong) else self._take(row, digests)
            if isinstance(taken, Wrong):
                wrong.append(taken)
            else:
                staged.append(taken)
        try:
            with transaction.atomic():
                locked(self._batch)
                import_sql.stage(self._batch, plain=part.plain, pictured=import_sql.lines(staged))
                ImportRow.objects.bulk_create(map(self._wrong_row, wrong), batch_size=500)
        except BaseException:
            images.delete([name for row in staged for name in row[4:6] if name])
            raise

    def _digests(self, rows: Sequence[Right | Wrong]) -> dict[str, str]:
        """Return which pictures the items of these rows show now."""
        ids = [row.item_id for row in rows if isinstance(row, Right) and row.image]
        versions = ItemVersion.objects.filter(
            item__game=self._batch.game,
            item__item_id__in=ids,
            status__in=ItemVersion.WORK | ItemVersion.SHELF,
        ).values_list("item__item_id", "image_digest", "status")
        # What is worked on comes last, and counts.
        ordered = sorted(versions, key=lambda version: version[2] in ItemVersion.WORK)
        return {item_id: digest for item_id, digest, _status in ordered}

    def _take(self, row: Right, digests: dict[str, str]) -> tuple[Any, ...] | Wrong:
        """Return a row as it is kept, with its picture stored."""
        if row.item_id in self._gone:
            reason = _("An item with this ID was deleted. An ID is never used again.")
            return self._refused(row, 0, reason)
        stored = ("", "", "")
        if row.image:
            try:
                content = self._pictures.read(row.image, is_in_sheet=row.is_in_sheet)
                # The same picture again is no change, and need not be decoded.
                if images.digest_of(content) != digests.get(row.item_id):
                    image = self._pictures.store(content, row.image)
                    stored = (image.image, image.thumbnail, image.digest)
            except CellError as error:
                return self._refused(row, len(workbook.COLUMNS) - 1, str(error))
        return (row.row, row.item_id, row.name, row.price_cents, *stored)

    def _wrong_row(self, wrong: Wrong) -> ImportRow:
        return ImportRow(
            batch=self._batch,
            row=wrong.row,
            kind=ImportRow.Kind.WRONG,
            item_id=wrong.item_id,
            content={
                "cells": wrong.cells,
                "problems": wrong.problems,
                "picture": wrong.picture,
            },
        )

    def _refused(self, row: Right, place: int, reason: str) -> Wrong:
        """Return a row that was right in itself as a wrong one."""
        column = workbook.COLUMNS[place]
        named = "" if row.is_in_sheet else row.image
        kept: list[str | float] = [row.item_id, row.name, row.price_cents / 100, named]
        value = cells.shown(kept[place])
        problem = Problem(self._where[place], str(column.heading), value, reason)
        picture = row.image if row.is_in_sheet else ""
        return Wrong(row.row, row.item_id, kept, [problem], picture)
