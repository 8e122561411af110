"""One item: its page, the forms to add and to edit it, its draft, its pictures."""

from functools import partial
from typing import Any, Final

from django.core.files.storage import default_storage
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from items import catalog, exemption, record, rows
from items.forms import ItemForm
from items.models import Item, ItemVersion
from items.rows import Row
from items.selection import list_url
from items.views.saving import save
from permissions.access import ConsoleRequest, requires
from permissions.forms import ConfirmForm
from permissions.matrix import Capability
from permissions.models import MiniGame
from permissions.views.dialogs import Dialog, answer, sent
from sasvpay.kit.money import format_cents

# Nothing in a picture is ever run, and its name is never given to another one.
PICTURE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Disposition": "attachment",
}


@requires(Capability.ITEM_VIEW)
@require_safe
def item_detail(request: ConsoleRequest, game: MiniGame, item_id: str) -> HttpResponse:
    """Show one item: what is on sale, the draft beside it, and what became of its requests."""
    row = _row(game, item_id)
    context = {
        "game": game,
        "row": row,
        "history": record.history(row.item),
        "is_exempt": exemption.in_force(game) is not None,
    }
    return render(request, "items/item_detail.html", context)


@requires(Capability.ITEM_EDIT)
def item_add(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Show the form of a new item, and add it."""
    form = ItemForm(sent(request), request.FILES or None, is_new=True)
    act = partial(catalog.add, game=game, by=request.user, at=timezone.now())
    if form.is_valid() and (done := save(request, game, form, act, _("“%(name)s” was added."))):
        return done
    return _form(request, game, form, {"is_new": True})


@requires(Capability.ITEM_EDIT)
def item_edit(request: ConsoleRequest, game: MiniGame, item_id: str) -> HttpResponse:
    """Show what an item looks like, and save what it is to become."""
    row = _row(game, item_id)
    form = ItemForm(sent(request), request.FILES or None, is_new=False, initial=_initial(row))
    act = partial(catalog.edit, item=row.item, by=request.user, at=timezone.now())
    if form.is_valid() and (done := save(request, game, form, act, _("“%(name)s” was saved."))):
        return done
    if form.is_stale:
        row = _row(game, item_id)
        form.look_again(row.item.revision)
    return _form(request, game, form, {"row": row})


def _initial(row: Row) -> dict[str, Any]:
    version = row.work or row.shown
    price = format_cents(version.price_cents)
    return {"name": version.name, "price": price, "version": row.item.revision}


def _form(
    request: ConsoleRequest, game: MiniGame, form: ItemForm, facts: dict[str, Any]
) -> HttpResponse:
    context = {
        "game": game,
        "form": form,
        "back": list_url(game, request.GET),
        "is_exempt": exemption.in_force(game) is not None,
        **facts,
    }
    status = 422 if form.is_bound else 200
    return render(request, "items/item_form.html", context, status=status)


@requires(Capability.ITEM_EDIT)
def draft_discard(request: ConsoleRequest, game: MiniGame, item_id: str) -> HttpResponse:
    """Ask once more, and throw away the draft beside what is or was on sale."""
    row = _row(game, item_id)
    dialog = Dialog(
        title=_("Discard the draft of “%(name)s”?") % {"name": row.shown.name},
        intro=_("The draft and a request to release it are gone. What players can buy stays."),
        submit=_("Discard the draft"),
        back=reverse("items:item-detail", args=[game.app_id, item_id]),
        is_danger=True,
    )
    act = partial(catalog.discard_draft, item=row.item, by=request.user, at=timezone.now())
    return answer(
        request, ConfirmForm(sent(request)), dialog, act=act, said=_("The draft was discarded.")
    )


@requires(Capability.ITEM_VIEW)
@require_safe
def item_image(request: ConsoleRequest, game: MiniGame, item_id: str, name: str) -> HttpResponse:
    """Answer with a version's picture or its thumbnail."""
    stored = f"{ItemVersion._meta.get_field('image').upload_to}{name}"
    versions = ItemVersion.objects.filter(item__game=game, item__item_id=item_id)
    if not versions.filter(Q(image=stored) | Q(thumbnail=stored)).exists():
        raise Http404
    try:
        with default_storage.open(stored) as picture:
            content = picture.read()
    except FileNotFoundError:
        raise Http404 from None
    return HttpResponse(content, content_type="image/webp", headers=PICTURE_HEADERS)


def _row(game: MiniGame, item_id: str) -> Row:
    items = rows.with_versions(Item.objects.filter(game=game, deleted_at=None))
    return rows.row_of(get_object_or_404(items, item_id=item_id))
