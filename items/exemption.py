"""Approval exemption: request, approve, reject, revoke. The only writer of exemption requests."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from items import batches, shelf
from items.models import ExemptionRequest, ItemVersion, ReleaseRequest
from permissions import endable
from permissions.endable import Life
from permissions.models import MiniGame, User
from sasvpay.kit import audit
from sasvpay.kit.audit import Entry, Event
from sasvpay.kit.errors import DomainError
from sasvpay.kit.review import ReviewStatus

if TYPE_CHECKING:
    from django.db.models import QuerySet


class ExemptionPendingError(DomainError):
    """One request at a time is with the reviewer."""

    code = "exemption_pending"


class ExemptionInForceError(DomainError):
    """What is in force need not be asked for."""

    code = "exemption_in_force"


class State(endable.State):
    """How a mini game stands: what its latest request came to."""

    NOT_REQUESTED = "not_requested", gettext_lazy("Not requested")
    PENDING = "pending", gettext_lazy("Pending")
    APPROVED = "approved", gettext_lazy("Approved")
    REJECTED = "rejected", gettext_lazy("Rejected")
    REVOKED = "revoked", gettext_lazy("Revoked")


_LIFE: Final = Life(
    model=ExemptionRequest,
    states=State,
    ended=State.REVOKED,
    asked_title=gettext_lazy("Exemption requested"),
    ended_title=gettext_lazy("Exemption revoked"),
)
state_of = _LIFE.state_of
history = _LIFE.history


@dataclass(frozen=True)
class Exemption:
    """How a mini game stands, and why."""

    state: State
    latest: ExemptionRequest | None

    @property
    def is_open(self) -> bool:
        """Say whether there is nothing pending and nothing in force."""
        return self.state not in (State.PENDING, State.APPROVED)


def current(game: MiniGame) -> Exemption:
    """Return how a mini game stands."""
    latest = _LIFE.latest(game)
    return Exemption(state=state_of(latest), latest=latest)


def in_force(game: MiniGame) -> ExemptionRequest | None:
    """Return by what the game's items are released without approval now."""
    return _LIFE.in_force(game).first()


def locked_in_force(game: MiniGame) -> ExemptionRequest | None:
    """Return it with its row locked: who revokes it waits for this release, or this one for that."""
    return _LIFE.in_force(game).select_for_update(no_key=True).first()


def waiting(*, team_id: int | None = None) -> "QuerySet[ExemptionRequest]":
    """Return what waits for a decision, of all teams or one, the oldest first."""
    return _LIFE.waiting(team_id)


def released_under(request: ExemptionRequest) -> "QuerySet[ItemVersion]":
    """Return what is on sale now and was released under an exemption."""
    approved = ReleaseRequest.objects.filter(exemption=request).values("version")
    return ItemVersion.objects.filter(pk__in=approved, status=ItemVersion.Status.RELEASED)


@transaction.atomic
def request(*, game: MiniGame, message: str, by: User, at: datetime) -> ExemptionRequest:
    """Ask the superapp to let a mini game's items be released without approval.

    Raises ExemptionInForceError or ExemptionPendingError.
    """
    game = endable.locked(game.pk)
    if in_force(game):
        raise ExemptionInForceError(_("This mini game's items are exempt from approval already."))
    made = _LIFE.ask(game, message=message, by=by, at=at, pending=ExemptionPendingError)
    audit.record(Event.EXEMPTION_REQUESTED, by=by, target=made, at=at, message=made.message)
    return made


@transaction.atomic
def approve(*, request_id: int, by: User, at: datetime, note: str = "") -> ExemptionRequest:
    """Let the game's items be released without approval from now on. What is in review stays."""
    decided = _LIFE.decide(request_id, ReviewStatus.APPROVED, by=by, at=at, note=note)
    _LIFE.remember(Event.EXEMPTION_APPROVED, decided, by=by, at=at, note=note)
    return decided


@transaction.atomic
def reject(*, request_id: int, by: User, at: datetime, note: str) -> ExemptionRequest:
    """Refuse a request, and say why. It may be made again."""
    decided = _LIFE.decide(request_id, ReviewStatus.REJECTED, by=by, at=at, note=note)
    _LIFE.remember(Event.EXEMPTION_REJECTED, decided, by=by, at=at, note=note)
    return decided


@transaction.atomic
def revoke(*, request_id: int, note: str, remove_items: bool, by: User, at: datetime) -> int:
    """End an exemption, and say why; return how many items were taken off sale with it.

    Raises RequestNotInForceError when it is not in force.
    """
    ended = _LIFE.end(request_id, by=by, at=at, note=note)
    entries = _take_off_sale(ended, by=by, at=at) if remove_items else []
    removed = sum(entry.event == Event.ITEM_REMOVED for entry in entries)
    audit.record_many(entries)
    _LIFE.remember(Event.EXEMPTION_REVOKED, ended, by=by, at=at, note=note, removed=removed)
    return removed


def _take_off_sale(ended: ExemptionRequest, *, by: User, at: datetime) -> list[Entry]:
    # What is released under it at this moment waits for its row, and finds it revoked.
    pks = released_under(ended).values_list("item_id", flat=True)
    items = batches.locked(list(pks), game=ended.game)
    # Looked at again under the locks: an item may have got another version meanwhile.
    still = set(released_under(ended).values_list("item_id", flat=True))
    found = [each for pk, each in shelf.standings(items).items() if pk in still]
    return shelf.take_off(found, by=by, at=at, because="exemption revoked")
