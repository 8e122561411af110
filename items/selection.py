"""Which items an act is about: those that were marked, or all that match a search."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from items.forms import ItemSearchForm
from items.models import Item
from permissions.models import MiniGame

if TYPE_CHECKING:
    from django.db.models import QuerySet

# What the list was showing: kept, so that giving up or finishing leads back there.
SEARCH: Final = ("q", "least", "most", "status", "size", "page")
_LARGEST_KEY: Final = 2**63 - 1


@dataclass(frozen=True)
class Selection:
    """What was chosen, and the fields that say so again."""

    items: "QuerySet[Item]"
    fields: list[tuple[str, str]]
    back: str


def kept(asked: QueryDict) -> list[tuple[str, str]]:
    """Return what the list was showing, as an address says it."""
    return [(name, str(asked[name])) for name in SEARCH if asked.get(name)]


def list_url(game: MiniGame, asked: QueryDict) -> str:
    """Return the address of the list as it was shown."""
    page, search = reverse("items:item-list", args=[game.app_id]), urlencode(kept(asked))
    return f"{page}?{search}" if search else page


def selection_of(game: MiniGame, asked: QueryDict) -> Selection:
    """Return what was chosen. What is not the game's is not in it."""
    search, back = kept(asked), list_url(game, asked)
    items = Item.objects.filter(game=game, deleted_at=None)
    if asked.get("all"):
        form = ItemSearchForm(asked)
        found = form.search().rows(game) if form.is_valid() else items.none()
        return Selection(found, [*search, ("all", "1")], back)
    marked = [("item", value) for value in asked.getlist("item")]
    found = items.filter(pk__in=keys(asked.getlist("item")))
    return Selection(found, [*search, *marked], back)


def keys(texts: list[str]) -> list[int]:
    """Return the texts that can be keys, as keys."""
    numbers = [int(text) for text in texts if text.isascii() and text.isdecimal()]
    return [number for number in numbers if number <= _LARGEST_KEY]
