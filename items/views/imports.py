"""Import from Excel: upload, look at what would happen, import all that is right or nothing."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from items import importing, leftovers, workbook
from items.forms import XLSX, ImportForm
from items.models import ImportBatch, ImportRow
from permissions.access import ConsoleRequest, requires
from permissions.matrix import Capability
from permissions.models import MiniGame
from permissions.views.dialogs import sent
from sasvpay.kit import listing
from sasvpay.kit.answers import go_to
from sasvpay.kit.errors import DomainError
from sasvpay.kit.tasks import run_job

PER_PAGE: Final = 20
ROWS_PER_PAGE: Final = 50
Kind = ImportRow.Kind


@requires(Capability.ITEM_DOWNLOAD_TEMPLATE)
@require_safe
def template(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Answer with the workbook that people fill."""
    return _workbook(workbook.template(), "items_template.xlsx")


@requires(Capability.ITEM_EDIT)
def import_list(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Take a workbook, and show what was imported before."""
    form = ImportForm(sent(request), request.FILES or None)
    if form.is_valid() and (batch := _uploaded(request, game, form)):
        return go_to(request, _page(game, batch))
    batches = ImportBatch.objects.filter(game=game).select_related("uploaded_by", "applied_by")
    pages = Paginator(batches.order_by("-uploaded_at", "-pk"), PER_PAGE)
    page = pages.get_page(request.GET.get("page"))
    context = {"game": game, "form": form, "page": page}
    return render(request, "items/import_list.html", context, status=422 if form.is_bound else 200)


def _uploaded(request: ConsoleRequest, game: MiniGame, form: ImportForm) -> ImportBatch | None:
    """Take the files, or say at the form why not."""
    try:
        batch = importing.upload(game=game, by=request.user, at=timezone.now(), **form.cleaned_data)
    except DomainError as refusal:
        form.add_error(None, refusal.message)
        return None
    _announce(batch)
    return batch


def _announce(batch: ImportBatch) -> None:
    # A broker that is away harms nothing: the sweep finds what was not announced.
    transaction.on_commit(partial(run_job.delay, job_id=batch.job_id), robust=True)


@requires(Capability.ITEM_EDIT)
@require_safe
def import_detail(request: ConsoleRequest, game: MiniGame, batch_id: int) -> HttpResponse:
    """Show how far an import is, what it would change, or what it changed."""
    batch = _batch(game, batch_id)
    context = {"game": game, "batch": batch, "job": batch.job, "poll_url": request.path}
    if batch.status == ImportBatch.Status.READY or batch.rows.exists():
        context |= _preview(request, batch)
    return render(request, "items/import_detail.html", context)


def _preview(request: ConsoleRequest, batch: ImportBatch) -> dict[str, Any]:
    preview = importing.preview(batch)
    is_ready = batch.status == ImportBatch.Status.READY
    # Once imported, only what was wrong is kept.
    kinds = [kind for kind in Kind if is_ready or kind == Kind.WRONG]
    most_wanted = Kind.WRONG if batch.wrong else Kind.NEW if batch.new else Kind.CHANGED
    asked = request.GET.get("kind", most_wanted)
    kind = next((kind for kind in kinds if kind == asked), kinds[-1])
    pages = listing.numbered_pages(
        preview.rows(kind), size=ROWS_PER_PAGE, length=getattr(batch, kind.value)
    )
    page = pages.get_page(request.GET.get("page"))
    rows = list(page)
    before = preview.before(rows) if kind == Kind.CHANGED else {}
    return {
        "preview": preview,
        "to_import": batch.new + batch.changed,
        "kinds": [(each.value, each.label, getattr(batch, each.value)) for each in kinds],
        "kind": kind,
        "page": page,
        "rows": [(row, before.get(row.item_id), preview.problems(row)) for row in rows],
    }


@requires(Capability.ITEM_EDIT)
@require_safe
def import_wrong(request: ConsoleRequest, game: MiniGame, batch_id: int) -> HttpResponse:
    """Answer with the wrong rows and their reasons, to be corrected and uploaded as they are."""
    batch = _batch(game, batch_id)
    return _workbook(importing.wrong_rows_workbook(batch), f"wrong_rows_{batch.pk}.xlsx")


@requires(Capability.ITEM_EDIT)
@require_POST
def import_apply(request: ConsoleRequest, game: MiniGame, batch_id: int) -> HttpResponse:
    """Import all rows that are right."""
    batch = _batch(game, batch_id)
    act = partial(importing.apply, only_valid=True)
    _act(request, batch, act, _("The rows are being imported. You may leave this page."))
    return go_to(request, _page(game, batch))


@requires(Capability.ITEM_EDIT)
@require_POST
def import_again(request: ConsoleRequest, game: MiniGame, batch_id: int) -> HttpResponse:
    """Compare the workbook with the items as they are by now."""
    batch = _batch(game, batch_id)
    _act(request, batch, importing.look_again, _("The workbook is being compared again."))
    return go_to(request, _page(game, batch))


@requires(Capability.ITEM_EDIT)
@require_POST
def import_discard(request: ConsoleRequest, game: MiniGame, batch_id: int) -> HttpResponse:
    """Import nothing."""
    leftovers.discard(batch=_batch(game, batch_id), by=request.user, at=timezone.now())
    messages.success(request, _("Nothing was imported."))
    return go_to(request, reverse("items:import-list", args=[game.app_id]))


def _act(
    request: ConsoleRequest, batch: ImportBatch, act: Callable[..., ImportBatch], said: str
) -> None:
    _announce(act(batch=batch, by=request.user, at=timezone.now()))
    messages.success(request, said)


def _batch(game: MiniGame, batch_id: int) -> ImportBatch:
    batches = ImportBatch.objects.select_related("game", "job", "uploaded_by", "applied_by")
    return get_object_or_404(batches, game=game, pk=batch_id)


def _page(game: MiniGame, batch: ImportBatch) -> str:
    return reverse("items:import-detail", args=[game.app_id, batch.pk])


def _workbook(content: bytes, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=XLSX, headers=headers)
