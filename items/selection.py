"""Which items an act is about: those that were marked, or all that match a search."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from django.db.models import Exists, Max, Min, OuterRef
from django.http import QueryDict
from django.urls import reverse

from items.bounds import Bound, bound_of
from items.forms import ItemSearchForm
from items.models import ImportBatch, Item, ItemVersion
from permissions.models import MiniGame

if TYPE_CHECKING:
    from django.db.models import QuerySet

# What the list was showing: kept, so that giving up or finishing leads back there.
SEARCH: Final = ("q", "least", "most", "status", "size", "page")
_LARGEST_KEY: Final = 2**63 - 1
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Selection:
    """What was chosen, and the fields that say so again.

    Of all that match: those at which the person looked, and how many came or changed later.
    """

    items: "QuerySet[Item]"
    fields: list[tuple[str, str]]
    back: str
    bound: Bound | None = None
    later: int = 0

    @property
    def upto(self) -> datetime | None:
        """Return the moment of the last change that the person saw, where it counts."""
        return datetime.fromisoformat(self.bound.upto) if self.bound else None


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
        seen = bound(found, game, asked.get("upto", ""))
        changes = ItemVersion.objects.filter(item=OuterRef("pk"), changed_at__gt=seen.upto)
        later = Exists(changes)
        fields = [*search, ("all", "1"), ("upto", seen.text)]
        return Selection(found.filter(~later), fields, back, seen, found.filter(later).count())
    marked = [("item", value) for value in asked.getlist("item")]
    found = items.filter(pk__in=keys(asked.getlist("item")))
    return Selection(found, [*search, *marked], back)


def bound(items: "QuerySet[Item]", game: MiniGame, text: str = "") -> Bound:
    """Return up to which change the person looked: as a page carried it, else the last one."""
    return bound_of(text, kind="items.items", newest=partial(_newest, items, game))


def _newest(items: "QuerySet[Item]", game: MiniGame) -> str:
    last = items.aggregate(last=Max("versions__changed_at"))["last"] or _NEVER
    # What an import writes bears the moment at which it was asked for, and is seen when it is done.
    running = game.import_batches.filter(status=ImportBatch.Status.APPLYING)
    began = running.aggregate(began=Min("applied_at"))["began"]
    return (min(last, began - datetime.resolution) if began else last).isoformat()


def keys(texts: list[str]) -> list[int]:
    """Return the texts that can be keys, as keys."""
    numbers = [int(text) for text in texts if text.isascii() and text.isdecimal()]
    return [number for number in numbers if number <= _LARGEST_KEY]
