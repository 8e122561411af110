"""A person's exports of all lists: how far they are, their files, and one more try."""

from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from permissions.access import ConsoleRequest, can
from permissions.matrix import Capability
from permissions.models import MiniGame, Team
from sasvpay.kit import export_pages, exporting
from sasvpay.kit.answers import go_to
from sasvpay.kit.exporting import Export, ExportGoneError, Wanted
from sasvpay.kit.models import Job

OWN: Final = "whoever asked for an export sees it, and nobody else"
PER_PAGE: Final = 20


@dataclass(frozen=True)
class Line:
    """One export as the list shows it."""

    job: Job
    export: Export
    wanted: Wanted
    place: str
    # Range and filters.
    told: str
    is_ready: bool

    @property
    def is_running(self) -> bool:
        """Say whether it is still being made."""
        return not self.job.error and not self.job.expires_at


@require_safe
def export_list(request: ConsoleRequest) -> HttpResponse:
    """List a person's exports, the newest first."""
    page = Paginator(exporting.mine(request.user), PER_PAGE).get_page(request.GET.get("page"))
    lines = [_line(job) for job in page]
    context = {
        "page": page,
        "lines": lines,
        "zone": timezone.get_current_timezone_name(),
        "is_running": any(line.is_running for line in lines),
    }
    return render(request, "sasvpay/export_list.html", context)


def _line(job: Job) -> Line:
    return Line(
        job=job,
        export=exporting.export_of(job),
        wanted=exporting.wanted_by(job),
        place=exporting.short_name(job.subject),
        # Those of before it was kept have none.
        told=job.params.get("told", ""),
        is_ready=exporting.is_ready(job, at=timezone.now()),
    )


@require_safe
def latest(request: ConsoleRequest) -> HttpResponse:
    """Tell how far the export is that this session waits for."""
    return render(request, "_export_status.html", {"job": export_pages.awaited(request)})


@require_safe
def download(request: ConsoleRequest, pk: int) -> HttpResponseBase:
    """Answer with the file, for whoever asked for it and may still export that.

    Where there is none any more, the list says so, and offers to make it again.
    """
    job, export, _place = _allowed(request, pk)
    try:
        file = exporting.open_file(job, at=timezone.now())
    except ExportGoneError as refusal:
        # Opened from a letter or a bookmark, the link has no page before it to go back to.
        messages.error(request, refusal.message)
        return go_to(request, reverse("export-list"))
    return export_pages.sent(file, export, job.subject, exporting.wanted_by(job))


@require_POST
def again(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Try once more what failed or expired, with the filter as it was."""
    job, export, place = _allowed(request, pk)
    wanted = exporting.wanted_by(job)
    told = job.params.get("told", "")
    again = exporting.later(export, place=place, wanted=wanted, told=told, by=request.user)
    export_pages.announce(request, again)
    messages.success(request, _("The file is being made. You may leave this page."))
    return go_to(request, reverse("export-list"))


def _allowed(request: ConsoleRequest, pk: int) -> tuple[Job, Export, MiniGame | Team | None]:
    job = get_object_or_404(exporting.mine(request.user), pk=pk)
    export = exporting.export_of(job)
    place = export.place(job.subject)
    if not can(request.user, Capability(export.capability), place):
        raise PermissionDenied(export.capability)
    return job, export, place
