"""Release: request, withdraw, approve, reject, in batches. One way to become released.

A request is about one version, whose content does not change while it is in review: what is
approved is what was reviewed. With an exemption in force a request is approved as it is made.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from items import batches, exemption, shelf
from items.batches import Outcome
from items.models import ItemVersion, ReleaseRequest
from items.shelf import Standing
from permissions.models import MiniGame, User
from sasvpay.kit import audit
from sasvpay.kit.audit import Entry, Event
from sasvpay.kit.errors import DomainError
from sasvpay.kit.review import NoteRequiredError

if TYPE_CHECKING:
    from django.db.models import QuerySet

Status = ReleaseRequest.Status


class ChangedSinceError(DomainError):
    """What would be released is not what was asked for."""

    code = "changed_since"


def digest_of(version: ItemVersion) -> str:
    """Return the SHA-256 of what players see and pay."""
    content = [
        version.item.item_id,
        version.number,
        version.name,
        version.price_cents,
        version.image.name or "",
        version.image_digest,
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def waiting(
    *, team_id: int | None = None, game: MiniGame | None = None
) -> "QuerySet[ReleaseRequest]":
    """Return what waits for a decision, of all, a team or a game, the oldest first."""
    requests = ReleaseRequest.objects.filter(status=Status.PENDING)
    if team_id is not None:
        requests = requests.filter(version__item__game__team_id=team_id)
    if game is not None:
        requests = requests.filter(version__item__game=game)
    return requests.select_related("version__item__game__team", "requested_by").order_by(
        "requested_at", "pk"
    )


def live_beside(requests: Iterable[ReleaseRequest]) -> dict[int, ItemVersion]:
    """Return what is on sale of the requests' items now, by the item's key."""
    item_pks = [request.version.item_id for request in requests]
    live = ItemVersion.objects.filter(item_id__in=item_pks, status=ItemVersion.Status.RELEASED)
    return {version.item_id: version for version in live}


@transaction.atomic
def request(
    *,
    game: MiniGame,
    item_ids: Iterable[int],
    message: str = "",
    upto: datetime | None = None,
    by: User,
    at: datetime,
) -> list[Outcome]:
    """Ask for items' drafts to be put on sale, or for what was taken off sale as it was.

    While an exemption is in force they are on sale at once. What was changed after `upto` stays.
    """
    return _submit(game, item_ids, message=message, upto=upto, by=by, at=at, only_removed=False)


@transaction.atomic
def release_again(
    *, game: MiniGame, item_ids: Iterable[int], message: str, by: User, at: datetime
) -> list[Outcome]:
    """Ask for items that were taken off sale to be on sale again, as they were."""
    return _submit(game, item_ids, message=message, upto=None, by=by, at=at, only_removed=True)


@transaction.atomic
def withdraw(
    *,
    game: MiniGame,
    item_ids: Iterable[int],
    upto: datetime | None = None,
    by: User,
    at: datetime,
) -> list[Outcome]:
    """Take pending requests back: the versions are drafts again. Changed after `upto`: it stays."""
    pks = batches.distinct(item_ids)
    items = batches.locked(pks, game=game)
    standings, refused = shelf.seen(items, upto=upto)
    refused |= {
        pk: _("It is not in review.") for pk, each in standings.items() if not each.in_review
    }
    in_review = [each.in_review for each in standings.values() if each.in_review]
    audit.record_many(shelf.withdraw(in_review, by=by, at=at, because="withdrawn"))
    return batches.outcomes(pks, items, refused, _("Withdrawn."))


@transaction.atomic
def approve(*, request_ids: Iterable[int], by: User, at: datetime, note: str = "") -> list[Outcome]:
    """Put on sale what was asked for, each version in place of the one before it."""
    pks = batches.distinct(request_ids)
    found = _locked_requests(pks)
    fit, refused = _close(found, Status.APPROVED, by=by, at=at, note=note)
    _put_on_sale(fit, by=by, at=at, decided_by=by, note=note.strip())
    audit.record_many(_entries(Event.RELEASE_APPROVED, fit, by=by, at=at, note=note.strip()))
    return _outcomes(pks, found, refused, _("Released."))


@transaction.atomic
def reject(*, request_ids: Iterable[int], note: str, by: User, at: datetime) -> list[Outcome]:
    """Refuse requests, and say why. What is on sale stays. Raises NoteRequiredError."""
    if not note.strip():
        raise NoteRequiredError(_("Say why: a rejection needs a note."))
    pks = batches.distinct(request_ids)
    found = _locked_requests(pks)
    fit, refused = _close(found, Status.REJECTED, by=by, at=at, note=note)
    shelf.move([request.version for request in fit], ItemVersion.Status.REJECTED, by=by, at=at)
    _store(fit, Status.REJECTED, decided_by=by, decided_at=at, note=note.strip())
    audit.record_many(_entries(Event.RELEASE_REJECTED, fit, by=by, at=at, note=note.strip()))
    return _outcomes(pks, found, refused, _("Rejected."))


def _submit(
    game: MiniGame,
    item_ids: Iterable[int],
    *,
    message: str,
    upto: datetime | None,
    by: User,
    at: datetime,
    only_removed: bool,
) -> list[Outcome]:
    pks = batches.distinct(item_ids)
    # Before the items: who revokes it takes the locks in this order too.
    exempt = exemption.locked_in_force(game)
    items = batches.locked(pks, game=game)
    standings, refused = shelf.seen(items, upto=upto)
    reasons = {pk: _why_not(each, only_removed=only_removed) for pk, each in standings.items()}
    refused |= {pk: reason for pk, reason in reasons.items() if reason}
    fit = [each for pk, each in standings.items() if pk not in refused]
    made = _make(_to_review(fit, by=by, at=at), message=message.strip(), by=by, at=at)
    event = Event.RELEASE_REQUESTED
    told: dict[str, Any] = {"message": message.strip()}
    if exempt:
        for each in made:
            each.move_to(Status.APPROVED)
        _put_on_sale(made, by=by, at=at, exemption=exempt)
        # One act, one event: nobody else decided.
        event = Event.RELEASE_APPROVED
        told["exemption"] = exempt.pk
    audit.record_many(_entries(event, made, by=by, at=at, **told))
    done = _("Released.") if exempt else _("Sent to the superapp for review.")
    return batches.outcomes(pks, items, refused, done)


def _why_not(standing: Standing, *, only_removed: bool) -> str:
    """Return why an item's release cannot be asked for; nothing if it can."""
    if standing.in_review:
        return _("It is in review already.")
    if standing.work and only_removed:
        return _("A draft stands beside it: release the draft, or discard it first.")
    if standing.live and not standing.work:
        return _("It is on sale, and there is no draft to release.")
    if not standing.newest or (only_removed and not standing.shelf):
        return _("It was not taken off sale.")
    return ""


def _to_review(standings: Sequence[Standing], *, by: User, at: datetime) -> list[ItemVersion]:
    drafts = [each.work for each in standings if each.work]
    removed = [each.shelf for each in standings if each.shelf and not each.work]
    versions = [*drafts, *_copies(removed, by=by, at=at)]
    shelf.move(versions, ItemVersion.Status.IN_REVIEW, by=by, at=at)
    return versions


def _copies(removed: Sequence[ItemVersion], *, by: User, at: datetime) -> list[ItemVersion]:
    # What was on sale never becomes a draft itself: orders were paid at it.
    numbers = shelf.next_numbers(version.item_id for version in removed)
    return ItemVersion.objects.bulk_create(
        shelf.copied(version, number=numbers[version.item_id], by=by, at=at) for version in removed
    )


def _make(
    versions: Sequence[ItemVersion], *, message: str, by: User, at: datetime
) -> list[ReleaseRequest]:
    return ReleaseRequest.objects.bulk_create(
        ReleaseRequest(
            version=version,
            digest=digest_of(version),
            message=message,
            requested_by=by,
            requested_at=at,
        )
        for version in versions
    )


def _locked_requests(pks: Sequence[int]) -> dict[int, ReleaseRequest]:
    """Lock the requests' items, of all games in one order, and read the requests after that."""
    requests = ReleaseRequest.objects.filter(pk__in=pks)
    items = batches.locked(list(requests.values_list("version__item_id", flat=True)))
    found = {}
    for request in requests.select_related("version"):
        if request.version.item_id in items:
            request.version.item = items[request.version.item_id]
            found[request.pk] = request
    return found


def _close(
    requests: Mapping[int, ReleaseRequest], status: Status, *, by: User, at: datetime, note: str
) -> tuple[list[ReleaseRequest], dict[int, str]]:
    """Decide what can be decided; return it, and why the others cannot. Does not save."""
    fit, refused = [], {}
    for pk, request in requests.items():
        try:
            request.close(status, by=by, at=at, note=note)
            _check_unchanged(request)
        except DomainError as refusal:
            refused[pk] = refusal.message
        else:
            fit.append(request)
    return fit, refused


def _check_unchanged(request: ReleaseRequest) -> None:
    if digest_of(request.version) != request.digest:
        raise ChangedSinceError(
            _("The item was changed after the release was requested. Nothing was decided.")
        )


def _put_on_sale(
    requests: Sequence[ReleaseRequest], *, by: User, at: datetime, **decided: Any
) -> None:
    """Release what was approved: by a person, or by an exemption."""
    shelf.put_on([request.version for request in requests], by=by, at=at)
    _store(requests, Status.APPROVED, decided_at=at, **decided)


def _store(requests: Sequence[ReleaseRequest], status: Status, **decided: Any) -> None:
    pending = ReleaseRequest.objects.filter(
        pk__in=[request.pk for request in requests], status=Status.PENDING
    )
    if pending.update(status=status, **decided) != len(requests):
        raise RuntimeError("Somebody decided a request without the lock of its item.")


def _entries(
    event: Event, requests: Iterable[ReleaseRequest], *, by: User, at: datetime, **facts: Any
) -> list[Entry]:
    return [
        Entry(event, by=by, target=each, at=at, facts={**shelf.facts(each.version), **facts})
        for each in requests
    ]


def _outcomes(
    pks: Iterable[int],
    found: Mapping[int, ReleaseRequest],
    refused: Mapping[int, str],
    done: str,
) -> list[Outcome]:
    gone = _("This request does not exist any more: its item was deleted.")
    return [
        Outcome(
            pk,
            found[pk].version.item.item_id,
            ok=pk not in refused,
            message=refused.get(pk, done),
        )
        if pk in found
        else Outcome(pk, "", ok=False, message=gone)
        for pk in pks
    ]
