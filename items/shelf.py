"""How versions move, many at once: a statement for each step, under the locks of their items.

Functions return what is to be recorded: the caller records it last.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Max
from django.utils.translation import gettext as _

from items.models import Item, ItemVersion, ReleaseRequest
from permissions.models import User
from sasvpay.kit.audit import Entry, Event

Status = ItemVersion.Status

# Every move that this subject's statements make; a test holds it against the table.
MOVES: Final = frozenset(
    {
        (Status.DRAFT, Status.IN_REVIEW),
        (Status.REJECTED, Status.IN_REVIEW),
        (Status.IN_REVIEW, Status.DRAFT),
        (Status.IN_REVIEW, Status.RELEASED),
        (Status.IN_REVIEW, Status.REJECTED),
        (Status.RELEASED, Status.REMOVED),
        (Status.RELEASED, Status.REPLACED),
        (Status.REMOVED, Status.REPLACED),
    }
)


@dataclass(frozen=True)
class Standing:
    """How an item stands: what is worked on, and beside it what is or was on sale."""

    work: ItemVersion | None = None
    shelf: ItemVersion | None = None

    @property
    def live(self) -> ItemVersion | None:
        """Return what players can buy."""
        return self.shelf if self.shelf and self.shelf.is_live else None

    @property
    def newest(self) -> ItemVersion | None:
        """Return what an edit starts from."""
        return self.work or self.shelf

    @property
    def in_review(self) -> ItemVersion | None:
        """Return what a reviewer looks at."""
        return self.work if self.work and self.work.status == Status.IN_REVIEW else None

    def is_changed_after(self, moment: datetime) -> bool:
        """Say whether somebody changed it later."""
        versions = (self.work, self.shelf)
        return any(version.changed_at > moment for version in versions if version)


def standing(item: Item) -> Standing:
    """Return how one item stands."""
    return standings({item.pk: item})[item.pk]


def standings(items: Mapping[int, Item]) -> dict[int, Standing]:
    """Return how each item stands, by its key."""
    found: dict[int, dict[str, ItemVersion]] = {pk: {} for pk in items}
    current = ItemVersion.WORK | ItemVersion.SHELF
    for version in ItemVersion.objects.filter(item_id__in=items, status__in=current):
        version.item = items[version.item_id]
        found[version.item_id]["work" if version.is_work else "shelf"] = version
    return {pk: Standing(**versions) for pk, versions in found.items()}


def seen(
    items: Mapping[int, Item], *, upto: datetime | None
) -> tuple[dict[int, Standing], dict[int, str]]:
    """Return how the items stand that are as a person saw them, and why each other one is left.

    Asked under the locks: whoever held them before may have changed what the person saw.
    """
    found = standings(items)
    if upto is None:
        return found, {}
    changed = [pk for pk, each in found.items() if each.is_changed_after(upto)]
    why = _("It was changed after you looked.")
    return {pk: found[pk] for pk in found if pk not in changed}, dict.fromkeys(changed, why)


def next_numbers(item_pks: Iterable[int]) -> dict[int, int]:
    """Return for each item the number of its next version."""
    rows = ItemVersion.objects.filter(item_id__in=item_pks).values_list("item_id")
    return {pk: last + 1 for pk, last in rows.annotate(Max("number")).order_by()}


def copied(version: ItemVersion, *, number: int, by: User, at: datetime) -> ItemVersion:
    """Return a draft with a version's content, not yet saved."""
    return ItemVersion(
        item=version.item,
        number=number,
        name=version.name,
        price_cents=version.price_cents,
        image=version.image.name,
        thumbnail=version.thumbnail.name,
        image_digest=version.image_digest,
        created_at=at,
        changed_by=by,
        changed_at=at,
    )


def differences(before: ItemVersion, after: ItemVersion) -> list[str]:
    """Return the names of the fields in which two versions differ."""
    names = [
        name for name in ("name", "price_cents") if getattr(before, name) != getattr(after, name)
    ]
    return names if before.image == after.image else [*names, "image"]


def facts(version: ItemVersion) -> dict[str, Any]:
    """Return what the audit trail says of a version."""
    return {
        "version": version.number,
        "name": version.name,
        "price_cents": version.price_cents,
        "image": version.image_digest,
    }


def move(versions: Iterable[ItemVersion], then: Status, *, by: User, at: datetime) -> None:
    """Move versions whose items are locked, with a statement for each status they are in."""
    by_status: dict[str, list[int]] = defaultdict(list)
    for version in versions:
        by_status[version.status].append(version.pk)
        version.move_to(then)
        version.changed_by, version.changed_at = by, at
    for now, pks in by_status.items():
        rows = ItemVersion.objects.filter(pk__in=pks, status=now)
        if rows.update(status=then, changed_by=by, changed_at=at) != len(pks):
            raise RuntimeError("Somebody moved a version without the lock of its item.")


def withdraw(
    versions: Sequence[ItemVersion], *, by: User, at: datetime, because: str
) -> list[Entry]:
    """Take versions out of review: they are drafts again."""
    pending = ReleaseRequest.objects.filter(
        version__in=[version.pk for version in versions], status=ReleaseRequest.Status.PENDING
    )
    requests = {request.version_id: request for request in pending}
    move(versions, Status.DRAFT, by=by, at=at)
    entries = []
    for version in versions:
        request = requests[version.pk]
        request.version = version
        request.move_to(ReleaseRequest.Status.WITHDRAWN)
        told = {**facts(version), "because": because}
        entries.append(Entry(Event.RELEASE_WITHDRAWN, by=by, target=request, at=at, facts=told))
    pending.update(status=ReleaseRequest.Status.WITHDRAWN, withdrawn_by=by, decided_at=at)
    return entries


def take_off(
    standing_ones: Sequence[Standing], *, by: User, at: datetime, because: str
) -> list[Entry]:
    """Take live versions off sale, and their drafts out of review.

    A draft that is approved goes on sale: whoever takes the item off sale does not want that.
    """
    live = [each.live for each in standing_ones if each.live]
    in_review = [each.in_review for each in standing_ones if each.in_review]
    entries = withdraw(in_review, by=by, at=at, because="removed") if in_review else []
    move(live, Status.REMOVED, by=by, at=at)
    for version in live:
        told = {**facts(version), "because": because} if because else facts(version)
        entries.append(Entry(Event.ITEM_REMOVED, by=by, target=version.item, at=at, facts=told))
    return entries


def put_on(versions: Sequence[ItemVersion], *, by: User, at: datetime) -> None:
    """Put reviewed versions on sale, in place of what was there."""
    before = ItemVersion.objects.filter(
        item_id__in=[version.item_id for version in versions], status__in=ItemVersion.SHELF
    ).only("status")
    move(list(before), Status.REPLACED, by=by, at=at)
    move(versions, Status.RELEASED, by=by, at=at)
