"""Import: upload, look at what would change, import all that is right or nothing.

A batch's status is the truth of how far it is; its job only does the work, and may run twice.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.db.models import F
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from items import images, import_pictures, import_reading, import_sql, leftovers, shelf, workbook
from items.import_reading import SupersededError, locked
from items.models import ImportBatch, ImportRow, ItemVersion
from items.workbook import Problem
from permissions.models import MiniGame, User
from sasvpay.kit import audit, jobs, sheet_parts
from sasvpay.kit.audit import Entry, Event
from sasvpay.kit.errors import DomainError
from sasvpay.kit.jobs import Progress
from sasvpay.kit.models import Job
from sasvpay.kit.sheet_parts import SheetError

if TYPE_CHECKING:
    from django.core.files.base import File
    from django.db.models import QuerySet

Status = ImportBatch.Status
Kind = ImportRow.Kind
_REVIEWS: Final = 1_000


class WrongRowsError(DomainError):
    """Rows are wrong, and the person asked for all of them or nothing."""

    code = "wrong_rows"


class NothingToImportError(DomainError):
    """No row would change anything."""

    code = "nothing_to_import"


class StalePreviewError(DomainError):
    """Somebody changed items since the preview was made."""

    code = "stale_preview"


def upload(
    *, game: MiniGame, workbook: "File[Any]", pictures: "File[Any] | None", by: User, at: datetime
) -> ImportBatch:
    """Take a workbook, and perhaps a zip of pictures; its job is to be announced after the commit.

    Raises SheetError for what is refused at first sight; the job finds the rest.
    """
    name = (workbook.name or "").replace("\\", "/").rpartition("/")[2]
    _check_name(name)
    sheet_parts.check_outline(workbook).close()
    if pictures is not None:
        import_pictures.open_zip(pictures).close()
    batch = ImportBatch(game=game, language=translation.get_language() or "en")
    batch.workbook_name = "".join(letter for letter in name if letter.isprintable())[:200]
    batch.uploaded_by, batch.uploaded_at = by, at
    return _saved(batch, workbook, pictures)


def _check_name(name: str) -> None:
    extension = name.rpartition(".")[2].lower()
    if extension in {"xlsm", "xltm", "xlam"}:
        raise SheetError(_("The workbook holds macros or controls. Save it as .xlsx without them."))
    if extension != "xlsx":
        raise SheetError(_("Choose a workbook that ends in .xlsx."))


def _saved(batch: ImportBatch, workbook: "File[Any]", pictures: "File[Any] | None") -> ImportBatch:
    # Names that nobody can guess: what people send may be known only to them.
    name = secrets.token_hex(16)
    for field, file, ending in (
        (batch.workbook, workbook, "xlsx"),
        (batch.pictures, pictures, "zip"),
    ):
        if file is not None:
            file.seek(0)
            field.save(f"{name}.{ending}", file, save=False)
    try:
        with transaction.atomic():
            _start(batch, "items.preview", by=batch.uploaded_by, at=batch.uploaded_at)
            batch.save()
            batch.job.params = {"batch": batch.pk}
            batch.job.save(update_fields=["params"])
    except BaseException:
        leftovers.delete_files(batch.workbook.name, batch.pictures.name)
        raise
    return batch


def _start(batch: ImportBatch, kind: str, *, by: User, at: datetime) -> None:
    subject = f"game:{batch.game.app_id}"
    batch.job = jobs.start(kind=kind, by=by, subject=subject, at=at, batch=batch.pk)


@dataclass(frozen=True)
class Preview:
    """What an upload would change: the counts, what was passed over, and the rows of a kind."""

    batch: ImportBatch
    unknown_headings: list[str]
    unused_pictures: list[str]
    unused_count: int

    def rows(self, kind: str) -> "QuerySet[ImportRow]":
        """Return the rows of a kind, in the order of the sheet."""
        return self.batch.rows.filter(kind=kind).order_by("row")

    @staticmethod
    def problems(row: ImportRow) -> list[Problem]:
        """Return what is wrong with a row."""
        return [Problem(*problem) for problem in (row.content or {}).get("problems", [])]

    def before(self, rows: Iterable[ImportRow]) -> dict[str, ItemVersion]:
        """Return what the items of these rows are now, by item ID."""
        items = self.batch.game.items.filter(item_id__in=[row.item_id for row in rows])
        standings = shelf.standings({item.pk: item for item in items})
        newest = [each.newest for each in standings.values()]
        return {version.item.item_id: version for version in newest if version}


def preview(batch: ImportBatch) -> Preview:
    """Return what an upload would change."""
    return Preview(
        batch=batch,
        unknown_headings=batch.notes.get("unknown", []),
        unused_pictures=batch.notes.get("unused", []),
        unused_count=batch.notes.get("unused_count", 0),
    )


def wrong_rows_workbook(batch: ImportBatch) -> bytes:
    """Return the wrong rows with their reasons, to be corrected and uploaded as they are."""
    rows = batch.rows.filter(kind=Kind.WRONG).order_by("row")
    wrong: QuerySet[ImportRow, dict[str, Any]] = rows.values_list("content", flat=True)  # type: ignore[assignment]  # -- a wrong row has its content
    with batch.workbook.open("rb") as file:
        return workbook.of_wrong_rows(
            (
                (content["cells"], [Problem(*problem) for problem in content["problems"]])
                for content in wrong.iterator()
            ),
            import_pictures.to_place(file, [content["picture"] for content in wrong.iterator()]),
        )


@transaction.atomic
def apply(*, batch: ImportBatch, only_valid: bool, by: User, at: datetime) -> ImportBatch:
    """Have the right rows imported, or all of them; its job is to be announced after the commit.

    Raises WrongRowsError if all were asked for and some are wrong, or NothingToImportError.
    """
    batch = ImportBatch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
    batch.move_to(Status.APPLYING)
    if batch.wrong and not only_valid:
        raise WrongRowsError(
            ngettext(
                "%(count)s row is wrong, so nothing was imported.",
                "%(count)s rows are wrong, so nothing was imported.",
                batch.wrong,
            )
            % {"count": batch.wrong}
        )
    if not batch.new + batch.changed:
        raise NothingToImportError(_("No row would change anything: nothing was imported."))
    batch.applied_by, batch.applied_at = by, at
    batch.error = ""
    _start(batch, "items.import", by=by, at=at)
    batch.save()
    return batch


@transaction.atomic
def look_again(*, batch: ImportBatch, by: User, at: datetime) -> ImportBatch:
    """Compare the workbook with the catalogue anew; its job is to be announced after the commit."""
    batch = ImportBatch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
    batch.move_to(Status.READING)
    batch.error = ""
    _start(batch, "items.preview", by=by, at=at)
    batch.save()
    return batch


def run_preview(job: Job, progress: Progress) -> Mapping[str, Any]:
    """Read an uploaded workbook."""

    def read(batch: ImportBatch) -> None:
        import_reading.read(batch, progress)
        with transaction.atomic():
            locked(batch)
            import_reading.count(batch)
            batch.move_to(Status.READY)
            batch.save()

    return _run(job, Status.READING, Status.FAILED, read)


def run_import(job: Job, progress: Progress) -> Mapping[str, Any]:
    """Import the right rows of a workbook."""

    def write(batch: ImportBatch) -> None:
        progress.report(done=0, total=batch.new + batch.changed)
        _import(batch)

    return _run(job, Status.APPLYING, Status.READY, write)


def _run(
    job: Job, status: Status, otherwise: Status, work: Callable[[ImportBatch], None]
) -> Mapping[str, Any]:
    """Do a batch's work if it still waits for it; a problem is kept where people look."""
    mine = ImportBatch.objects.filter(job=job, status=status)
    if not mine.update(run=F("run") + 1):
        return {}
    batch = mine.select_related("game").get()
    with translation.override(batch.language):
        try:
            work(batch)
        except SupersededError:
            return {}
        except Exception as error:
            told = _("Something went wrong. Please try again.")
            told = error.message if isinstance(error, DomainError) else told
            mine.filter(run=batch.run).update(status=otherwise, error=told)
            raise
    return {"batch": batch.pk}


@transaction.atomic
def _import(batch: ImportBatch) -> None:
    """Import the rows in one transaction, under the locks of all items that they touch."""
    locked(batch)
    by, at = batch.applied_by, batch.applied_at
    if by is None or at is None:
        raise RuntimeError("Nobody asked for this import.")
    with import_sql.to_do(batch, by=by, at=at) as new:
        stale = import_sql.count_stale()
        if stale:
            raise StalePreviewError(_stale(stale))
        changed, in_review = import_sql.counts()
        withdrawn = list(_withdraw(by=by, at=at))
        import_sql.write(by=by, at=at)
        left = import_sql.pictures_left(batch)
    batch.unchanged = batch.right - new - changed
    batch.new, batch.changed, batch.in_review = new, changed, in_review
    batch.move_to(Status.APPLIED)
    batch.save()
    batch.rows.exclude(kind=Kind.WRONG).delete()
    transaction.on_commit(partial(images.delete, left), robust=True)
    told = {name: getattr(batch, name) for name in ("new", "changed", "unchanged", "wrong")}
    audit.record_many(
        [*withdrawn, Entry(Event.ITEMS_IMPORTED, by=by, target=batch, at=at, facts=told)]
    )


def _stale(count: int) -> str:
    return ngettext(
        "%(count)s item was changed since the preview: nothing was imported. Look again.",
        "%(count)s items were changed since the preview: nothing was imported. Look again.",
        count,
    ) % {"count": count}


def _withdraw(*, by: User, at: datetime) -> Iterator[Entry]:
    """Take what is about to change out of review."""
    pks = import_sql.versions_in_review()
    for start in range(0, len(pks), _REVIEWS):
        versions = ItemVersion.objects.filter(pk__in=pks[start : start + _REVIEWS])
        yield from shelf.withdraw(
            list(versions.select_related("item__game")), by=by, at=at, because="imported"
        )
