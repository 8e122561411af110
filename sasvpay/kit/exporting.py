"""Exports: exactly what a filter selects, as a file at once, or made by a job and fetched by a link.

The link is for the person who asked, and for a week. Files lie in the default storage under names
that nobody can guess; what is left of a worker that died is deleted by its successor.
"""

import secrets
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING, Any, ClassVar, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.forms import Form
from django.http import QueryDict
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from sasvpay.kit import audit, export_rows, jobs, listing
from sasvpay.kit.audit import Event, Subject
from sasvpay.kit.errors import DomainError
from sasvpay.kit.export_columns import Column, Format
from sasvpay.kit.jobs import Progress
from sasvpay.kit.listing import ListingError, Range
from sasvpay.kit.models import Job
from sasvpay.kit.sheet_streaming import CsvWriter, Writer, XlsxWriter

if TYPE_CHECKING:
    from django.db.models import QuerySet

KEPT_FOR: Final = timedelta(days=7)
_SUFFIX: Final = ".export"
# The fields of a filter that Selection.span tells.
_RANGE: Final = frozenset({"period", "since", "until"})
_WRITERS: Final = {Format.CSV: CsvWriter, Format.XLSX: XlsxWriter}


class ExportRunningError(DomainError):
    """A person's exports are made one at a time."""

    code = "export_running"


class ExportGoneError(DomainError):
    """There is no file (yet, or any more)."""

    code = "export_gone"
    status = 410


@dataclass(frozen=True)
class Selection:
    """What a filter selects, and in words what it asks for beside the range."""

    rows: "QuerySet[Any]"
    span: Range
    filters: Sequence[str] = ()

    @property
    def told(self) -> str:
        """Return range and filters in words, separated by dots."""
        first, last = (listing.day_of(day) for day in (self.span.since, self.span.last_shown))
        return " · ".join([f"{first} \N{EN DASH} {last}", *self.filters])


@dataclass(frozen=True)
class Wanted:
    """What a person asked for: the filter as a query string, and when, so that it never slides."""

    query: str
    columns: Sequence[str]
    format: Format
    at: datetime


@dataclass(frozen=True)
class Export:
    """A list that can be exported. settings.JOB_KINDS names it: called, it does a job."""

    # A template would call what can be called.
    do_not_call_in_templates: ClassVar = True

    kind: str
    name: str
    title: str | Promise
    event: Event
    # Whoever lost it meanwhile does not get the file.
    capability: str
    # In the language of the moment.
    columns: Callable[[], Sequence[Column]]
    # From a place, a query string and a moment; raises ListingError for a wrong one.
    select: Callable[[Any, QueryDict, datetime], Selection]
    # The place that a job's subject names; None is the house.
    place: Callable[[str], Any]
    moment: str = "created_at"

    def __call__(self, job: Job, progress: Progress) -> Mapping[str, Any]:
        """Make the file of a job."""
        wanted, place = wanted_by(job), self.place(job.subject)
        name = f"exports/{secrets.token_hex(24)}.{wanted.format}"
        # Written down before the file is: a successor finds what to delete.
        Job.objects.filter(pk=job.pk).update(result_file=name)
        if job.result_file:
            default_storage.delete(str(job.result_file))
        with translation.override(job.params["language"]), tempfile.TemporaryFile() as file:
            rows = self.write(file, place, wanted, progress)
            result = {"rows": rows, "bytes": file.tell()}
            file.seek(0)
            default_storage.save(name, File(file))
        if not _keep(self, job, name, result, place):
            default_storage.delete(name)
        return result

    def write(
        self, file: IO[bytes], place: Any, wanted: Wanted, progress: Progress | None = None
    ) -> int:
        """Write exactly the rows that the filter selected at that moment, and count them."""
        rows = self.select(place, QueryDict(wanted.query), wanted.at).rows
        columns = [column for column in self.columns() if column.name in wanted.columns]
        writer: Writer = _WRITERS[wanted.format](file, columns, str(self.title))
        chunks = export_rows.chunks(rows, self.moment)
        total = export_rows.length(chunks) if progress else 0
        done = 0
        for chunk in chunks:
            if progress:
                progress.report(done=done, total=total)
            done += export_rows.pass_on(chunk, columns, wanted.format, to=writer.write)
        writer.close()
        if progress:
            # The length was nearly right.
            progress.report(done=done, total=done)
        return done


def subject_of(place: Subject | None) -> str:
    """Return the subject that names a place: "game:mg_8f21c4", "team:7", or the house."""
    if place and place.audit_game:
        return f"game:{place.audit_game}"
    return audit.chain_of(place.audit_team_id if place else None)


def short_name(subject: str) -> str:
    """Return a subject as files and lists name it: a mini game by its app_id alone."""
    return subject.removeprefix("game:").replace(":", "_")


def refuse_wrong(form: Form) -> None:
    """Raise ListingError, with all that is wrong, for a filter that its page refuses."""
    if not form.is_valid():
        raise ListingError(" ".join(str(each) for wrong in form.errors.values() for each in wrong))


def in_words(form: Form) -> list[str]:
    """Return what a valid filter asks for, but for its range: "Status: Failed"."""
    asked = [field for field in form if field.name not in _RANGE and field.value()]
    labels = [dict(getattr(field.field, "choices", ())) for field in asked]
    return [
        f"{field.label}: {known.get(field.value(), field.value())}"
        for field, known in zip(asked, labels, strict=True)
    ]


def now(export: Export, *, place: Any, wanted: Wanted, by: Any) -> IO[bytes]:
    """Return the file, to be read from its beginning."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 -- the answer closes it
    try:
        rows = export.write(file, place, wanted)
        with transaction.atomic():
            _remember(export, wanted, rows, place=place, by=by, at=wanted.at)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


@transaction.atomic
def later(export: Export, *, place: Any, wanted: Wanted, told: str, by: Any) -> Job:
    """Have the file made; the job is to be announced after the commit, and is listed as `told`.

    Raises ExportRunningError while another one of the same person is being made.
    """
    get_user_model().objects.select_for_update().get(pk=by.pk)
    if unfinished(by).exists():
        raise ExportRunningError(
            _("Your previous export is still being made. Wait until it is done, then try again.")
        )
    return jobs.start(
        kind=export.kind,
        by=by,
        subject=subject_of(place),
        at=wanted.at,
        query=wanted.query,
        told=told,
        columns=list(wanted.columns),
        format=wanted.format.value,
        asked_at=wanted.at.isoformat(),
        language=translation.get_language() or settings.LANGUAGE_CODE,
    )


def wanted_by(job: Job) -> Wanted:
    """Return what a job was asked for."""
    asked = job.params
    return Wanted(
        query=asked["query"],
        columns=asked["columns"],
        format=Format(asked["format"]),
        at=datetime.fromisoformat(asked["asked_at"]),
    )


def export_of(job: Job) -> Export:
    """Return the list that a job exports."""
    export: Export = import_string(settings.JOB_KINDS[job.kind])
    return export


def columns_of(event: str) -> dict[str, str]:
    """Return what the columns are called of the list whose export is remembered as that event."""
    paths = (path for kind, path in settings.JOB_KINDS.items() if kind.endswith(_SUFFIX))
    exports = (import_string(path) for path in paths)
    return {
        column.name: str(column.title)
        for export in exports
        if export.event == event
        for column in export.columns()
    }


def mine(user: Any) -> "QuerySet[Job]":
    """Return a person's exports that were made in the background, the newest first."""
    kinds = [kind for kind in settings.JOB_KINDS if kind.endswith(_SUFFIX)]
    return Job.objects.filter(requested_by=user, kind__in=kinds).order_by("-pk")


def unfinished(user: Any) -> "QuerySet[Job]":
    """Return those of a person's exports that are being made."""
    return mine(user).filter(status__in=[Job.Status.QUEUED, Job.Status.RUNNING])


def is_ready(job: Job, *, at: datetime) -> bool:
    """Say whether a file can be fetched."""
    return job.expires_at is not None and at < job.expires_at


def open_file(job: Job, *, at: datetime) -> "File[Any]":
    """Return the file of a job. Raises ExportGoneError when there is none any more."""
    if not is_ready(job, at=at):
        raise ExportGoneError(_("This file is not there: it expired, or it is still being made."))
    return job.result_file.open("rb")


def remove_expired(*, at: datetime) -> int:
    """Delete the files whose week is over, and say how many there were."""
    expired = Job.objects.filter(expires_at__lte=at).exclude(result_file="")
    for job in expired:
        default_storage.delete(str(job.result_file))
    return expired.filter(pk__in=[job.pk for job in expired]).update(result_file="")


@transaction.atomic
def _keep(export: Export, job: Job, name: str, result: Mapping[str, Any], place: Any) -> bool:
    """Show the file to whoever asked, unless another worker took the job over."""
    at = timezone.now()
    kept = Job.objects.filter(pk=job.pk, result_file=name).update(
        result=dict(result), expires_at=at + KEPT_FOR
    )
    if kept:
        wanted, by = wanted_by(job), job.requested_by
        _remember(export, wanted, result["rows"], place=place, by=by, at=at)
    return bool(kept)


def _remember(
    export: Export, wanted: Wanted, rows: int, *, place: Any, by: Any, at: datetime
) -> None:
    audit.record(
        export.event,
        by=by,
        # The house is no object: there, it is remembered of the person.
        target=place or by,
        at=at,
        filter=wanted.query,
        columns=list(wanted.columns),
        format=wanted.format.value,
        rows=rows,
    )
