"""The catalogue: add, edit, discard a draft, take off sale, delete.

What was on sale is never changed: an edit of it makes a draft beside it.
"""

from collections.abc import Iterable, Mapping
from copy import copy
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from items import batches, images, rules, shelf
from items.batches import Outcome
from items.images import StoredImage, Upload
from items.models import Item, ItemVersion
from items.shelf import Standing, Status
from permissions.models import MiniGame, User
from sasvpay.kit import audit
from sasvpay.kit.audit import Entry, Event
from sasvpay.kit.errors import DomainError

if TYPE_CHECKING:
    from django.db.models import QuerySet


class ItemExistsError(DomainError):
    """An id is used once, for ever."""

    code = "item_exists"


class ItemGoneError(DomainError):
    """The item was deleted meanwhile."""

    code = "item_gone"


class StaleVersionError(DomainError):
    """Somebody else changed the item since the person looked at it."""

    code = "stale_version"


class NothingChangedError(DomainError):
    """What was sent is what is there."""

    code = "nothing_changed"


class NoDraftError(DomainError):
    """There is no draft beside what is or was on sale."""

    code = "no_draft"


class NotOnSaleError(DomainError):
    """Only what is on sale can be taken off sale."""

    code = "not_on_sale"


class NotDeletableError(DomainError):
    """What was ever on sale or paid for stays."""

    code = "not_deletable"


class Content(NamedTuple):
    """What a version shows; no image: it keeps its own."""

    name: str
    price_cents: int
    image: StoredImage | None


def items_of(game: MiniGame) -> "QuerySet[Item]":
    """Return a game's items; deleted ones are none."""
    return game.items.filter(deleted_at=None)


def add(
    *,
    game: MiniGame,
    item_id: str,
    name: str,
    price_cents: int,
    image: Upload | None,
    by: User,
    at: datetime,
) -> ItemVersion:
    """Add an item; its first version is a draft.

    Raises InvalidItemError, ImageError or ItemExistsError.
    """
    name = rules.clean_name(name)
    rules.check(rules.problems(item_id=item_id, name=name, price_cents=price_cents))
    with images.kept(image) as stored, transaction.atomic():
        item = _make_item(game, item_id, at)
        draft = ItemVersion(item=item, number=1, created_at=at)
        _write(draft, Content(name, price_cents, stored), by=by, at=at)
        audit.record(Event.ITEM_ADDED, by=by, target=item, at=at, after=shelf.facts(draft))
    return draft


def edit(
    *,
    item: Item,
    name: str,
    price_cents: int,
    image: Upload | None,
    expected_version: int,
    by: User,
    at: datetime,
) -> ItemVersion:
    """Change an item's draft, or make one beside what is or was on sale. No image: it keeps its own.

    What is in review is withdrawn first. `expected_version` is the item's `revision` on which the
    person looked. Raises InvalidItemError, ImageError, ItemGoneError, StaleVersionError or
    NothingChangedError.
    """
    name = rules.clean_name(name)
    rules.check(rules.problems(name=name, price_cents=price_cents))
    # Looked up without the lock: if it is another one by then, so is the revision.
    same = _newest(shelf.standing(item)).image_digest
    with images.kept(image, unless=same) as stored:
        return _edit(item, Content(name, price_cents, stored), expected_version, by=by, at=at)


@transaction.atomic
def _edit(
    item: Item, content: Content, expected_version: int, *, by: User, at: datetime
) -> ItemVersion:
    item = _locked(item)
    if item.revision != expected_version:
        raise StaleVersionError(
            _("Somebody else changed this item meanwhile. Look at it again: nothing was saved.")
        )
    standing = shelf.standing(item)
    before = copy(_newest(standing))
    draft, entries = _editable(standing, by=by, at=at)
    _write(draft, content, by=by, at=at)
    if not shelf.differences(before, draft):
        raise NothingChangedError(_("Nothing was changed."))
    _touch(item)
    images.forget([before])
    told = {"before": shelf.facts(before), "after": shelf.facts(draft)}
    audit.record_many([*entries, Entry(Event.ITEM_EDITED, by=by, target=item, at=at, facts=told)])
    return draft


@transaction.atomic
def discard_draft(*, item: Item, by: User, at: datetime) -> None:
    """Drop the draft beside what is or was on sale; what is in review is withdrawn first.

    Raises NoDraftError or ItemGoneError.
    """
    item = _locked(item)
    standing = shelf.standing(item)
    if standing.work is None or standing.shelf is None:
        raise NoDraftError(
            _(
                "There is no draft beside another version. An item that was never released is deleted."
            )
        )
    dropped = copy(standing.work)
    entries = _withdraw([standing], by=by, at=at, because="discarded")
    standing.work.delete()
    _touch(item)
    images.forget([dropped])
    told = {"before": shelf.facts(dropped)}
    audit.record_many(
        [*entries, Entry(Event.DRAFT_DISCARDED, by=by, target=item, at=at, facts=told)]
    )


def remove_from_sale(*, item: Item, by: User, at: datetime) -> None:
    """Take an item off sale; a draft of it that is in review is withdrawn. Raises NotOnSaleError."""
    [outcome] = remove_many(game=item.game, item_ids=[item.pk], by=by, at=at)
    if not outcome.ok:
        raise NotOnSaleError(outcome.message)


@transaction.atomic
def remove_many(
    *,
    game: MiniGame,
    item_ids: Iterable[int],
    upto: datetime | None = None,
    by: User,
    at: datetime,
) -> list[Outcome]:
    """Take items off sale; their drafts in review are withdrawn. History stays.

    What was changed after `upto` stays.
    """
    pks = batches.distinct(item_ids)
    items = batches.locked(pks, game=game)
    standings, refused = shelf.seen(items, upto=upto)
    refused |= {pk: _("It is not on sale.") for pk, each in standings.items() if not each.live}
    live = [each for each in standings.values() if each.live]
    audit.record_many(shelf.take_off(live, by=by, at=at, because=""))
    return batches.outcomes(pks, items, refused, _("Taken off sale."))


def delete(*, item: Item, by: User, at: datetime) -> None:
    """Delete an item that was never released or paid for; its id is never used again.

    Raises NotDeletableError.
    """
    [outcome] = delete_many(game=item.game, item_ids=[item.pk], by=by, at=at)
    if not outcome.ok:
        raise NotDeletableError(outcome.message)


@transaction.atomic
def delete_many(
    *,
    game: MiniGame,
    item_ids: Iterable[int],
    upto: datetime | None = None,
    by: User,
    at: datetime,
) -> list[Outcome]:
    """Delete items that were never released or paid for; what is in review is withdrawn first.

    What was changed after `upto` stays.
    """
    pks = batches.distinct(item_ids)
    items = batches.locked(pks, game=game)
    refused = _why_kept(game, items)
    gone = {pk: item for pk, item in items.items() if pk not in refused}
    standings, changed = shelf.seen(gone, upto=upto)
    refused |= changed
    gone = {pk: gone[pk] for pk in standings}
    entries = _withdraw(list(standings.values()), by=by, at=at, because="deleted")
    versions = {pk: each.work for pk, each in standings.items() if each.work}
    for pk, item in gone.items():
        told = {"before": shelf.facts(versions[pk])} if pk in versions else {}
        entries.append(Entry(Event.ITEM_DELETED, by=by, target=item, at=at, facts=told))
    ItemVersion.objects.filter(item_id__in=gone).delete()
    Item.objects.filter(pk__in=gone).update(deleted_at=at)
    images.forget(list(versions.values()))
    audit.record_many(entries)
    return batches.outcomes(pks, items, refused, _("Deleted."))


def _why_kept(game: MiniGame, items: Mapping[int, Item]) -> dict[int, str]:
    """Return why items cannot be deleted, by key: who has orders or was ever on sale."""
    released = ItemVersion.objects.filter(item_id__in=items).exclude(status__in=ItemVersion.WORK)
    kept = dict.fromkeys(
        released.values_list("item_id", flat=True),
        _("It was released before, and its history stays. Take it off sale instead."),
    )
    paid = set(
        game.orders.filter(product_id__in=[item.item_id for item in items.values()])
        .order_by()
        .values_list("product_id", flat=True)
        .distinct()
    )
    has_orders = _("It has orders, and they refer to it.")
    return kept | {pk: has_orders for pk, item in items.items() if item.item_id in paid}


def _make_item(game: MiniGame, item_id: str, at: datetime) -> Item:
    try:
        with transaction.atomic():
            return Item.objects.create(game=game, item_id=item_id, created_at=at)
    except IntegrityError:
        if game.items.filter(item_id=item_id, deleted_at=None).exists():
            raise ItemExistsError(_("This mini game has an item with this ID.")) from None
        raise ItemExistsError(
            _("An item with this ID was deleted. An ID is never used again: choose another one.")
        ) from None


def _locked(item: Item) -> Item:
    found = batches.locked([item.pk]).get(item.pk)
    if found is None:
        raise ItemGoneError(_("This item was deleted meanwhile."))
    return found


def _newest(standing: Standing) -> ItemVersion:
    if standing.newest is None:
        raise ItemGoneError(_("This item was deleted meanwhile."))
    return standing.newest


def _editable(standing: Standing, *, by: User, at: datetime) -> tuple[ItemVersion, list[Entry]]:
    """Return the version that may be changed: the draft, or a new one made of what is on sale."""
    entries = _withdraw([standing], by=by, at=at, because="edited")
    base = _newest(standing)
    if not base.is_work:
        number = shelf.next_numbers([base.item_id])[base.item_id]
        return shelf.copied(base, number=number, by=by, at=at), entries
    if base.status == Status.REJECTED:
        base.move_to(Status.DRAFT)
    return base, entries


def _withdraw(
    standings: Iterable[Standing], *, by: User, at: datetime, because: str
) -> list[Entry]:
    in_review = [each.in_review for each in standings if each.in_review]
    return shelf.withdraw(in_review, by=by, at=at, because=because)


def _write(draft: ItemVersion, content: Content, *, by: User, at: datetime) -> None:
    draft.name, draft.price_cents = content.name, content.price_cents
    if content.image:
        draft.image, draft.thumbnail = content.image.image, content.image.thumbnail
        draft.image_digest = content.image.digest
    draft.changed_by, draft.changed_at = by, at
    draft.save()


def _touch(item: Item) -> None:
    item.revision += 1
    item.save(update_fields=["revision"])
