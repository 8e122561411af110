"""Save what was typed about an item, or say at the fields why that cannot be."""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse

from items.catalog import ItemExistsError, StaleVersionError
from items.forms import ItemForm
from items.images import ImageError
from items.models import ItemVersion
from items.rules import InvalidItemError
from items.selection import kept, list_url
from permissions.access import ConsoleRequest
from permissions.models import MiniGame
from sasvpay.kit.answers import go_to
from sasvpay.kit.errors import DomainError

_FIELDS: Final = {"item_id": "item_id", "name": "name", "price_cents": "price"}


def save(
    request: ConsoleRequest,
    game: MiniGame,
    form: ItemForm,
    act: Callable[..., ItemVersion],
    said: str,
) -> HttpResponse | None:
    """Save, say so and lead on; nothing where it was refused: the form says why."""
    version = _saved(form, act)
    if version is None:
        return None
    messages.success(request, said % {"name": version.name})
    if request.POST.get("then") == "release":
        page = reverse("items:release-request", args=[game.app_id])
        chosen = urlencode([("item", version.item_id), *kept(request.GET)])
        return go_to(request, f"{page}?{chosen}")
    return go_to(request, list_url(game, request.GET))


def _saved(form: ItemForm, act: Callable[..., ItemVersion]) -> ItemVersion | None:
    typed = form.cleaned_data
    key = {"item_id": typed["item_id"]} if "item_id" in typed else {}
    seen = {"expected_version": typed["version"]} if "version" in typed else {}
    try:
        return act(
            name=typed["name"], price_cents=typed["price"], image=typed["image"], **key, **seen
        )
    except InvalidItemError as refusal:
        for field, problem in refusal.problems.items():
            form.add_error(_FIELDS[field], problem)
    except ItemExistsError as refusal:
        form.add_error("item_id", refusal.message)
    except ImageError as refusal:
        form.add_error("image", refusal.message)
    except StaleVersionError as refusal:
        form.is_stale = True
        form.add_error(None, refusal.message)
    except DomainError as refusal:
        form.add_error(None, refusal.message)
    return None
