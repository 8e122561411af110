"""What a game's items may be searched by, and which of them each act applies to."""

from dataclasses import astuple, dataclass, replace
from typing import Final

from django.db import models
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from items.models import Item, ItemVersion
from permissions.models import MiniGame

Status = ItemVersion.Status
# What an item looks like today; what was replaced is history.
CURRENT: Final = ItemVersion.WORK | ItemVersion.SHELF
_LONGEST_ID: Final = 64


class Tab(models.TextChoices):
    """The tabs of the list. A live item with a draft beside it stands in both of theirs."""

    ALL = "", _("All")
    DRAFT = "draft", _("Draft")
    IN_REVIEW = "in_review", _("In review")
    RELEASED = "released", _("Released")
    REJECTED = "rejected", _("Rejected")
    REMOVED = "removed", _("Removed")


class Act(models.TextChoices):
    """What can be done to several items at once."""

    REQUEST = "request", _("Request release")
    WITHDRAW = "withdraw", _("Withdraw")
    REMOVE = "remove", _("Remove from sale")
    DELETE = "delete", _("Delete")


def _has(*statuses: str) -> Exists:
    return Exists(ItemVersion.objects.filter(item=OuterRef("pk"), status__in=statuses))


# Mirrors items.rows.Row: there for what is on the page, here for all that match.
APPLIES: Final[dict[Act, Q]] = {
    Act.REQUEST: Q(_has(Status.DRAFT, Status.REJECTED))
    | Q(_has(Status.REMOVED)) & ~Q(_has(Status.IN_REVIEW)),
    Act.WITHDRAW: Q(_has(Status.IN_REVIEW)),
    Act.REMOVE: Q(_has(Status.RELEASED)),
    Act.DELETE: ~Q(_has(*ItemVersion.SHELF)),
}


@dataclass(frozen=True)
class ItemSearch:
    """What was asked of the item list."""

    text: str = ""
    status: str = ""
    least_cents: int | None = None
    most_cents: int | None = None

    def rows(self, game: MiniGame) -> "QuerySet[Item]":
        """Return a mini game's items that fit, not yet ordered."""
        items = Item.objects.filter(game=game, deleted_at=None)
        return items.filter(pk__in=self.versions(game).values("item_id")) if self._is_any else items

    def tab_counts(self, game: MiniGame) -> dict[str, int]:
        """Count what fits in each status, and in all under "", whatever the status asked for."""
        anywhere = replace(self, status="")
        rows = anywhere.versions(game).order_by().values_list("status").annotate(Count("pk"))
        return {**dict(rows), "": anywhere.rows(game).count()}

    @property
    def _is_any(self) -> bool:
        return any(value not in ("", None) for value in astuple(self))

    def versions(self, game: MiniGame) -> "QuerySet[ItemVersion]":
        """Return the versions of today that fit: an item has one of a status at most."""
        statuses = [self.status] if self.status else sorted(CURRENT)
        versions = ItemVersion.objects.filter(item__game=game, status__in=statuses)
        if self.text:
            by_id = Item.objects.filter(_begins_with(self.text), game=game).values("pk")
            versions = versions.filter(Q(item__in=by_id) | Q(name__icontains=self.text))
        if self.least_cents is not None:
            versions = versions.filter(price_cents__gte=self.least_cents)
        if self.most_cents is not None:
            versions = versions.filter(price_cents__lte=self.most_cents)
        return versions


def _begins_with(text: str) -> Q:
    """Return what finds the ids that begin so, by the index.

    The bounds are what SQLite's index is entered by, the beginning what PostgreSQL's is. No letter
    of an id sorts behind "z", whatever the database's language.
    """
    last = text + "z" * max(0, _LONGEST_ID - len(text))
    return Q(item_id__gte=text, item_id__lte=last, item_id__startswith=text)


def act_counts(found: "QuerySet[Item]") -> dict[str, int]:
    """Count to how many of the items each act applies, in one query."""
    counts = {act.value: Count("pk", filter=applies) for act, applies in APPLIES.items()}
    return found.order_by().aggregate(**counts)
