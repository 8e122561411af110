"""The page that asks how to export, and its answers: a file, or a job that makes one."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import IO, Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sasvpay.kit import exporting, listing
from sasvpay.kit.answers import go_to
from sasvpay.kit.errors import DomainError
from sasvpay.kit.export_columns import Column, Format
from sasvpay.kit.exporting import Export, Selection, Wanted
from sasvpay.kit.listing import COUNT_CAP, ListingError
from sasvpay.kit.models import Job
from sasvpay.kit.tasks import run_job

# Of this session, the export whose end is still to be told.
_AWAITED = "export"


class ExportForm(forms.Form):
    """As what, and which columns."""

    format = forms.ChoiceField(
        label=gettext_lazy("Format"), choices=Format.choices, widget=forms.RadioSelect
    )
    columns = forms.MultipleChoiceField(
        label=gettext_lazy("Columns"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one column.")},
    )

    def __init__(self, typed: QueryDict | None, columns: Sequence[Column]) -> None:
        usual = [column.name for column in columns if column.is_usual]
        super().__init__(typed, initial={"format": Format.XLSX, "columns": usual})
        choices = [(column.name, column.title) for column in columns]
        self.fields["columns"].choices = choices  # type: ignore[attr-defined]  # -- it is a choice field

    def wanted(self, query: str, at: datetime) -> Wanted:
        """Return what was asked for."""
        chosen = self.cleaned_data
        return Wanted(query, chosen["columns"], Format(chosen["format"]), at)


def answer(request: HttpRequest, export: Export, place: Any, *, back: str) -> HttpResponseBase:
    """Ask how to export what the query string selects; when that was said, do it."""
    at, typed = timezone.now(), request.POST if request.method == "POST" else None
    form = ExportForm(typed, export.columns())
    context: dict[str, Any] = {"form": form, "back": back, "export": export}
    try:
        selection = export.select(place, request.GET, at)
        count = listing.capped_count(selection.rows)
        if form.is_valid():
            wanted = form.wanted(request.GET.urlencode(), at)
            if count <= COUNT_CAP:
                return _now(request, export, place, wanted)
            return _later(request, export, place, wanted, selection.told)
        context |= _told(selection, count)
    except ListingError as refusal:
        context["problem"] = refusal.message
    except DomainError as refusal:
        form.add_error(None, refusal.message)
        context |= _told(selection, count)
    status = 422 if "problem" in context or form.is_bound else 200
    return render(request, "export.html", context, status=status)


def _told(selection: Selection, count: int) -> dict[str, Any]:
    is_large = count > COUNT_CAP
    return {
        "span": selection.span,
        "last_shown": selection.span.last_shown,
        "zone": timezone.get_current_timezone_name(),
        "count": min(count, COUNT_CAP),
        # Never less than was counted.
        "estimate": max(listing.estimated_count(selection.rows), count) if is_large else 0,
        "is_large": is_large,
    }


def _now(
    request: HttpRequest, export: Export, place: Any, wanted: Wanted
) -> HttpResponse | FileResponse:
    file = exporting.now(export, place=place, wanted=wanted, by=request.user)
    return sent(file, export, exporting.subject_of(place), wanted)


def _later(
    request: HttpRequest, export: Export, place: Any, wanted: Wanted, told: str
) -> HttpResponse:
    job = exporting.later(export, place=place, wanted=wanted, told=told, by=request.user)
    announce(request, job)
    messages.success(request, _("The file is being made. You may leave this page."))
    return go_to(request, reverse("export-list"))


def announce(request: HttpRequest, job: Job) -> None:
    """Have a job run, and let the person's next pages tell how far it is."""
    request.session[_AWAITED] = job.pk
    # A broker that is away harms nothing: the sweep finds what was not announced.
    transaction.on_commit(partial(run_job.delay, job_id=job.pk), robust=True)


def awaited(request: HttpRequest) -> Job | None:
    """Return the export that this session waits for; once it is done, for the last time."""
    if _AWAITED not in request.session:
        return None
    job = exporting.mine(request.user).filter(pk=request.session[_AWAITED]).first()
    if job is None or job.finished_at:
        del request.session[_AWAITED]
    return job


def sent(
    file: IO[bytes], export: Export, subject: str, wanted: Wanted
) -> HttpResponse | FileResponse:
    """Answer with a file that no browser shows and nobody keeps."""
    name = f"{export.name}_{exporting.short_name(subject)}"
    stamp = timezone.localtime(wanted.at).strftime("%Y%m%d-%H%M%S")
    response = FileResponse(file, as_attachment=True, filename=f"{name}_{stamp}.{wanted.format}")
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response
