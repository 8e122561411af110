"""Items as a person sees them: what is on sale, what is being worked on, what may follow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Prefetch, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from items.filters import CURRENT, Act
from items.models import Item, ItemVersion, ReleaseRequest

Status = ItemVersion.Status
_TONES: Final = {
    Status.DRAFT: "neutral",
    Status.IN_REVIEW: "info",
    Status.RELEASED: "success",
    Status.REJECTED: "danger",
    Status.REMOVED: "warning",
    Status.REPLACED: "neutral",
}


@dataclass(frozen=True)
class Difference:
    """One thing that a draft would change: before and after, as the template shows it."""

    field: str
    label: str | Promise
    before: object
    after: object

    @property
    def differs(self) -> bool:
        """Say whether it would change."""
        return self.before != self.after


@dataclass(frozen=True)
class Row:
    """One item: the version that is or was on sale, and the one that is being worked on."""

    item: Item
    shelf: ItemVersion | None
    work: ItemVersion | None

    @property
    def versions(self) -> list[ItemVersion]:
        """Return both, what is on sale first."""
        return [version for version in (self.shelf, self.work) if version]

    @property
    def live(self) -> ItemVersion | None:
        """Return what players can buy."""
        return self.shelf if self.shelf and self.shelf.is_live else None

    @property
    def shown(self) -> ItemVersion:
        """Return what stands for the item: what is on sale, else what is being worked on."""
        version = self.live or self.work or self.shelf
        if version is None:
            raise Item.DoesNotExist(f"{self.item} has no version")
        return version

    @property
    def latest(self) -> ItemVersion:
        """Return what was changed last."""
        return max(self.versions, key=lambda version: version.changed_at)

    @property
    def reason(self) -> str:
        """Return why the reviewer rejected it."""
        if self.work is None or self.work.status != Status.REJECTED:
            return ""
        return next((request.note for request in _rejections(self.work)), "")

    @property
    def can_request(self) -> bool:
        """Say whether its release can be requested; what was removed is released again."""
        if self.work:
            return self.work.status != Status.IN_REVIEW
        return self.is_removed

    @property
    def can_withdraw(self) -> bool:
        """Say whether a request is with the reviewer."""
        return self.work is not None and self.work.status == Status.IN_REVIEW

    @property
    def can_remove(self) -> bool:
        """Say whether it is on sale."""
        return self.live is not None

    @property
    def can_delete(self) -> bool:
        """Say whether it was never released; whether it has orders is looked at when it counts."""
        return self.shelf is None

    @property
    def can_discard(self) -> bool:
        """Say whether there is a draft beside something; a draft alone is deleted instead."""
        return self.work is not None and self.shelf is not None

    @property
    def is_removed(self) -> bool:
        """Say whether it was taken off sale."""
        return self.shelf is not None and not self.shelf.is_live

    @property
    def can(self) -> str:
        """Return the acts that apply, for the batch bar to count."""
        facts = {
            Act.REQUEST: self.can_request,
            Act.WITHDRAW: self.can_withdraw,
            Act.REMOVE: self.can_remove,
            Act.DELETE: self.can_delete,
        }
        return " ".join(act.value for act, applies in facts.items() if applies)

    @property
    def differences(self) -> list[Difference]:
        """Return both versions side by side, where there are two."""
        if not (self.shelf and self.work):
            return []
        return differences(self.shelf, self.work)


def differences(before: ItemVersion, after: ItemVersion) -> list[Difference]:
    """Return name, price and picture of two versions side by side."""
    return [
        Difference("name", _("Name"), before.name, after.name),
        Difference("price", _("Price"), before.price_cents, after.price_cents),
        Difference("image", _("Image"), before.image.name or "", after.image.name or ""),
    ]


def tone_of(status: str) -> str:
    """Return the colour that goes with a status."""
    return _TONES[Status(status)]


def rows_of(items: "Iterable[Item] | QuerySet[Item]") -> list[Row]:
    """Return the rows of items that were read with `with_versions`."""
    return [row_of(item) for item in items]


def row_of(item: Item) -> Row:
    """Return one row."""
    versions: Sequence[ItemVersion] = getattr(item, "today", [])
    return Row(
        item=item,
        shelf=next((version for version in versions if version.status in ItemVersion.SHELF), None),
        work=next((version for version in versions if version.is_work), None),
    )


def with_versions(items: "QuerySet[Item]") -> "QuerySet[Item]":
    """Read today's versions and why they were rejected along: two queries however many items."""
    rejections = ReleaseRequest.objects.filter(status=ReleaseRequest.Status.REJECTED).order_by(
        "-pk"
    )
    versions = (
        ItemVersion.objects.filter(status__in=sorted(CURRENT))
        .select_related("changed_by")
        .prefetch_related(Prefetch("release_requests", rejections, to_attr="rejections"))
    )
    return items.prefetch_related(Prefetch("versions", versions, to_attr="today"))


def _rejections(version: ItemVersion) -> Sequence[ReleaseRequest]:
    return getattr(version, "rejections", ())
