"""Enable payment: request, approve, reject, disable. The only writer of payment requests."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from permissions import callback_keys
from permissions.models import Merchant, MiniGame, PaymentRequest, User
from sasvpay.kit import audit
from sasvpay.kit.audit import Event
from sasvpay.kit.errors import DomainError
from sasvpay.kit.review import ReviewStatus

if TYPE_CHECKING:
    from django.db.models import QuerySet


class MerchantMissingError(DomainError):
    """Money would have nowhere to go."""

    code = "merchant_missing"


class PaymentPendingError(DomainError):
    """One request at a time is with the reviewer."""

    code = "payment_pending"


class PaymentInForceError(DomainError):
    """What is enabled need not be asked for."""

    code = "payment_in_force"


class State(models.TextChoices):
    """How a mini game stands: what its latest request came to."""

    NOT_REQUESTED = "not_requested", gettext_lazy("Not requested")
    PENDING = "pending", gettext_lazy("Pending")
    APPROVED = "approved", gettext_lazy("Approved")
    REJECTED = "rejected", gettext_lazy("Rejected")
    DISABLED = "disabled", gettext_lazy("Disabled")

    @property
    def tone(self) -> str:
        """Return the colour that goes with the word."""
        return _TONES[self]


_TONES: Final = {
    State.NOT_REQUESTED: "neutral",
    State.PENDING: "info",
    State.APPROVED: "success",
    State.REJECTED: "danger",
    State.DISABLED: "warning",
}


MISSING_MERCHANT: Final = gettext_lazy(
    "The team has no merchant yet. A platform administrator of the superapp binds one."
)


@dataclass(frozen=True)
class Enablement:
    """How a mini game stands, why, and whether payment can be requested now."""

    state: State
    latest: PaymentRequest | None
    merchant: Merchant | None

    @property
    def is_open(self) -> bool:
        """Say whether there is nothing pending and nothing in force."""
        return self.state not in (State.PENDING, State.APPROVED)

    @property
    def can_be_requested(self) -> bool:
        """Say whether a request would be taken."""
        return self.is_open and self.merchant is not None


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


def current(game: MiniGame) -> Enablement:
    """Return how a mini game stands."""
    latest = _with_people(game.payment_requests.all()).first()
    merchant = Merchant.objects.filter(team_id=game.team_id).first()
    return Enablement(state=state_of(latest), latest=latest, merchant=merchant)


def state_of(request: PaymentRequest | None) -> State:
    """Return what a game's latest request makes of the game."""
    if request is None:
        return State.NOT_REQUESTED
    if request.ended_at is not None:
        return State.DISABLED
    return State(request.status)


def history(game: MiniGame) -> list[Moment]:
    """Return everything that happened, newest first."""
    requests = _with_people(game.payment_requests.all())
    return [moment for request in requests for moment in _moments(request)]


def _with_people(requests: "QuerySet[PaymentRequest]") -> "QuerySet[PaymentRequest]":
    # In order of entry: a game's requests follow one another, by constraint.
    return requests.select_related("requested_by", "decided_by", "ended_by").order_by("-pk")


def _moments(request: PaymentRequest) -> Iterator[Moment]:
    if request.ended_by and request.ended_at:
        title, note = _("Payment disabled"), request.end_note
        yield Moment(State.DISABLED, title, request.ended_by, request.ended_at, note=note)
    if request.decided_by and request.decided_at:
        decided = State(request.status)
        title = _("Request approved") if decided == State.APPROVED else _("Request rejected")
        yield Moment(decided, title, request.decided_by, request.decided_at, note=request.note)
    asked, message = _("Permission requested"), request.message
    yield Moment(State.PENDING, asked, request.requested_by, request.requested_at, message)


def waiting(*, team_id: int | None = None) -> "QuerySet[PaymentRequest]":
    """Return what waits for a decision, of all teams or one, the oldest first."""
    requests = PaymentRequest.objects.filter(status=ReviewStatus.PENDING).select_related(
        "game__team__merchant", "requested_by"
    )
    if team_id is not None:
        requests = requests.filter(game__team_id=team_id)
    return requests.order_by("requested_at", "pk")


@transaction.atomic
def request(*, game: MiniGame, message: str, by: User, at: datetime) -> PaymentRequest:
    """Ask the superapp to enable payment for a mini game.

    Raises MerchantMissingError, PaymentInForceError or PaymentPendingError.
    """
    game = _locked(game.pk)
    if not Merchant.objects.filter(team_id=game.team_id).exists():
        raise MerchantMissingError(MISSING_MERCHANT)
    if game.payment_requests.filter(status=ReviewStatus.APPROVED, ended_at=None).exists():
        raise PaymentInForceError(_("Payment is enabled for this mini game already."))
    try:
        with transaction.atomic():
            made = PaymentRequest.objects.create(
                game=game, message=message.strip(), requested_by=by, requested_at=at
            )
    except IntegrityError:
        raise PaymentPendingError(
            _("A request for this mini game is with the superapp already.")
        ) from None
    audit.record(Event.PAYMENT_REQUESTED, by=by, target=made, at=at, message=made.message)
    return made


@transaction.atomic
def approve(*, request_id: int, by: User, at: datetime, note: str = "") -> PaymentRequest:
    """Enable payment, and issue the game's callback key unless it has one."""
    decided = _decide(request_id, ReviewStatus.APPROVED, by=by, at=at, note=note)
    _switch(decided.game, is_enabled=True)
    # It keeps the key of an earlier approval.
    callback_keys.issue(game=decided.game, by=by, at=at)
    _remember(Event.PAYMENT_APPROVED, decided, by=by, at=at, before=State.PENDING, note=note)
    return decided


@transaction.atomic
def reject(*, request_id: int, by: User, at: datetime, note: str) -> PaymentRequest:
    """Refuse a request, and say why. It may be made again."""
    decided = _decide(request_id, ReviewStatus.REJECTED, by=by, at=at, note=note)
    _remember(Event.PAYMENT_REJECTED, decided, by=by, at=at, before=State.PENDING, note=note)
    return decided


@transaction.atomic
def disable(*, request_id: int, by: User, at: datetime, note: str) -> PaymentRequest:
    """Switch payment off again, and say why. The callback key stays: paid orders still come in.

    Raises RequestNotInForceError when it is not enabled by this request.
    """
    ended = _locked_request(request_id)
    ended.end(by=by, at=at, note=note)
    ended.save()
    _switch(ended.game, is_enabled=False)
    _remember(Event.PAYMENT_DISABLED, ended, by=by, at=at, before=State.APPROVED, note=note)
    return ended


def _decide(
    request_id: int, status: ReviewStatus, *, by: User, at: datetime, note: str
) -> PaymentRequest:
    decided = _locked_request(request_id)
    decided.close(status, by=by, at=at, note=note)
    decided.save()
    return decided


def _locked(game_id: int) -> MiniGame:
    # Without the key part of the lock: callbacks that refer to the game do not wait for us.
    return MiniGame.objects.select_for_update(no_key=True).get(pk=game_id)


def _locked_request(request_id: int) -> PaymentRequest:
    """Lock the game, then its request: everybody in that order, so that nobody deadlocks."""
    game = _locked(PaymentRequest.objects.values_list("game_id", flat=True).get(pk=request_id))
    found = PaymentRequest.locked(request_id)
    found.game = game
    return found


def _switch(game: MiniGame, *, is_enabled: bool) -> None:
    game.payment_enabled = is_enabled
    game.save(update_fields=["payment_enabled"])


def _remember(
    event: Event, request: PaymentRequest, *, by: User, at: datetime, before: State, note: str
) -> None:
    audit.record(
        event,
        by=by,
        target=request,
        at=at,
        before={"status": before.value},
        after={"status": state_of(request).value, "payment_enabled": request.game.payment_enabled},
        note=note.strip(),
    )
