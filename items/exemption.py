"""Approval exemption: request, approve, reject, revoke. The only writer of exemption requests."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from items import batches, shelf
from items.models import ExemptionRequest, ItemVersion, ReleaseRequest
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


class State(models.TextChoices):
    """How a mini game stands: what its latest request came to."""

    NOT_REQUESTED = "not_requested", gettext_lazy("Not requested")
    PENDING = "pending", gettext_lazy("Pending")
    APPROVED = "approved", gettext_lazy("Approved")
    REJECTED = "rejected", gettext_lazy("Rejected")
    REVOKED = "revoked", gettext_lazy("Revoked")

    @property
    def tone(self) -> str:
        """Return the colour that goes with the word."""
        return _TONES[self]


_TONES: Final = {
    State.NOT_REQUESTED: "neutral",
    State.PENDING: "info",
    State.APPROVED: "success",
    State.REJECTED: "danger",
    State.REVOKED: "warning",
}


@dataclass(frozen=True)
class Exemption:
    """How a mini game stands, and why."""

    state: State
    latest: ExemptionRequest | None

    @property
    def is_open(self) -> bool:
        """Say whether there is nothing pending and nothing in force."""
        return self.state not in (State.PENDING, State.APPROVED)


@dataclass(frozen=True)
class Moment:
    """One thing that happened to a request: who, when, and in which words."""

    state: State
    title: str
    actor: User
    at: datetime
    message: str = ""
    note: str = ""

    @property
    def tone(self) -> str:
        """Return the colour of what it came to."""
        return self.state.tone


def current(game: MiniGame) -> Exemption:
    """Return how a mini game stands."""
    latest = _with_people(game.exemption_requests.all()).first()
    return Exemption(state=state_of(latest), latest=latest)


def state_of(request: ExemptionRequest | None) -> State:
    """Return what a game's latest request makes of the game."""
    if request is None:
        return State.NOT_REQUESTED
    if request.ended_at is not None:
        return State.REVOKED
    return State(request.status)


def in_force(game: MiniGame) -> ExemptionRequest | None:
    """Return by what the game's items are released without approval now."""
    return _in_force(game).first()


def locked_in_force(game: MiniGame) -> ExemptionRequest | None:
    """Return it with its row locked: who revokes it waits for this release, or this one for that."""
    return _in_force(game).select_for_update(no_key=True).first()


def _in_force(game: MiniGame) -> "QuerySet[ExemptionRequest]":
    return game.exemption_requests.filter(status=ReviewStatus.APPROVED, ended_at=None)


def history(game: MiniGame) -> list[Moment]:
    """Return everything that happened, newest first."""
    requests = _with_people(game.exemption_requests.all())
    return [moment for request in requests for moment in _moments(request)]


def _with_people(requests: "QuerySet[ExemptionRequest]") -> "QuerySet[ExemptionRequest]":
    # In order of entry: a game's requests follow one another, by constraint.
    return requests.select_related("requested_by", "decided_by", "ended_by").order_by("-pk")


def _moments(request: ExemptionRequest) -> Iterator[Moment]:
    if request.ended_by and request.ended_at:
        title, note = _("Exemption revoked"), request.end_note
        yield Moment(State.REVOKED, title, request.ended_by, request.ended_at, note=note)
    if request.decided_by and request.decided_at:
        decided = State(request.status)
        title = _("Request approved") if decided == State.APPROVED else _("Request rejected")
        yield Moment(decided, title, request.decided_by, request.decided_at, note=request.note)
    asked, message = _("Exemption requested"), request.message
    yield Moment(State.PENDING, asked, request.requested_by, request.requested_at, message)


def waiting(*, team_id: int | None = None) -> "QuerySet[ExemptionRequest]":
    """Return what waits for a decision, of all teams or one, the oldest first."""
    requests = ExemptionRequest.objects.filter(status=ReviewStatus.PENDING)
    if team_id is not None:
        requests = requests.filter(game__team_id=team_id)
    return requests.select_related("game__team", "requested_by").order_by("requested_at", "pk")


def released_under(request: ExemptionRequest) -> "QuerySet[ItemVersion]":
    """Return what is on sale now and was released under an exemption."""
    approved = ReleaseRequest.objects.filter(exemption=request).values("version")
    return ItemVersion.objects.filter(pk__in=approved, status=ItemVersion.Status.RELEASED)


@transaction.atomic
def request(*, game: MiniGame, message: str, by: User, at: datetime) -> ExemptionRequest:
    """Ask the superapp to let a mini game's items be released without approval.

    Raises ExemptionInForceError or ExemptionPendingError.
    """
    game = _locked(game.pk)
    if in_force(game):
        raise ExemptionInForceError(_("This mini game's items are exempt from approval already."))
    try:
        with transaction.atomic():
            made = ExemptionRequest.objects.create(
                game=game, message=message.strip(), requested_by=by, requested_at=at
            )
    except IntegrityError:
        raise ExemptionPendingError(
            _("A request for this mini game is with the superapp already.")
        ) from None
    audit.record(Event.EXEMPTION_REQUESTED, by=by, target=made, at=at, message=made.message)
    return made


@transaction.atomic
def approve(*, request_id: int, by: User, at: datetime, note: str = "") -> ExemptionRequest:
    """Let the game's items be released without approval from now on. What is in review stays."""
    decided = _decide(request_id, ReviewStatus.APPROVED, by=by, at=at, note=note)
    _remember(Event.EXEMPTION_APPROVED, decided, by=by, at=at, before=State.PENDING, note=note)
    return decided


@transaction.atomic
def reject(*, request_id: int, by: User, at: datetime, note: str) -> ExemptionRequest:
    """Refuse a request, and say why. It may be made again."""
    decided = _decide(request_id, ReviewStatus.REJECTED, by=by, at=at, note=note)
    _remember(Event.EXEMPTION_REJECTED, decided, by=by, at=at, before=State.PENDING, note=note)
    return decided


@transaction.atomic
def revoke(*, request_id: int, note: str, remove_items: bool, by: User, at: datetime) -> int:
    """End an exemption, and say why; return how many items were taken off sale with it.

    Raises RequestNotInForceError when it is not in force.
    """
    ended = _locked_request(request_id)
    ended.end(by=by, at=at, note=note)
    ended.save()
    entries = _take_off_sale(ended, by=by, at=at) if remove_items else []
    removed = sum(entry.event == Event.ITEM_REMOVED for entry in entries)
    audit.record_many(entries)
    _remember(
        Event.EXEMPTION_REVOKED,
        ended,
        by=by,
        at=at,
        before=State.APPROVED,
        note=note,
        removed=removed,
    )
    return removed


def _take_off_sale(ended: ExemptionRequest, *, by: User, at: datetime) -> list[Entry]:
    # What is released under it at this moment waits for its row, and finds it revoked.
    pks = released_under(ended).values_list("item_id", flat=True)
    items = batches.locked(list(pks), game=ended.game)
    # Looked at again under the locks: an item may have got another version meanwhile.
    still = set(released_under(ended).values_list("item_id", flat=True))
    found = [each for pk, each in shelf.standings(items).items() if pk in still]
    return shelf.take_off(found, by=by, at=at, because="exemption revoked")


def _decide(
    request_id: int, status: ReviewStatus, *, by: User, at: datetime, note: str
) -> ExemptionRequest:
    decided = _locked_request(request_id)
    decided.close(status, by=by, at=at, note=note)
    decided.save()
    return decided


def _locked(game_id: int) -> MiniGame:
    # Without the key part of the lock: callbacks that refer to the game do not wait for us.
    return MiniGame.objects.select_for_update(no_key=True).get(pk=game_id)


def _locked_request(request_id: int) -> ExemptionRequest:
    """Lock the game, then its request: everybody in that order, so that nobody deadlocks."""
    game = _locked(ExemptionRequest.objects.values_list("game_id", flat=True).get(pk=request_id))
    found = ExemptionRequest.locked(request_id)
    found.game = game
    return found


def _remember(
    event: Event,
    request: ExemptionRequest,
    *,
    by: User,
    at: datetime,
    before: State,
    note: str,
    **facts: int,
) -> None:
    audit.record(
        event,
        by=by,
        target=request,
        at=at,
        before={"status": before.value},
        after={"status": state_of(request).value},
        note=note.strip(),
        **facts,
    )
