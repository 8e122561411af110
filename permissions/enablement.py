"""Enable payment: request, approve, reject, disable. The only writer of payment requests."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from permissions import callback_keys, endable
from permissions.endable import Life
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


class State(endable.State):
    """How a mini game stands: what its latest request came to."""

    NOT_REQUESTED = "not_requested", gettext_lazy("Not requested")
    PENDING = "pending", gettext_lazy("Pending")
    APPROVED = "approved", gettext_lazy("Approved")
    REJECTED = "rejected", gettext_lazy("Rejected")
    DISABLED = "disabled", gettext_lazy("Disabled")


_LIFE: Final = Life(
    model=PaymentRequest,
    states=State,
    ended=State.DISABLED,
    asked_title=gettext_lazy("Permission requested"),
    ended_title=gettext_lazy("Payment disabled"),
)
state_of = _LIFE.state_of
history = _LIFE.history
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


def current(game: MiniGame) -> Enablement:
    """Return how a mini game stands."""
    latest = _LIFE.latest(game)
    merchant = Merchant.objects.filter(team_id=game.team_id).first()
    return Enablement(state=state_of(latest), latest=latest, merchant=merchant)


def waiting(*, team_id: int | None = None) -> "QuerySet[PaymentRequest]":
    """Return what waits for a decision, of all teams or one, the oldest first."""
    return _LIFE.waiting(team_id).select_related("game__team__merchant")


@transaction.atomic
def request(*, game: MiniGame, message: str, by: User, at: datetime) -> PaymentRequest:
    """Ask the superapp to enable payment for a mini game.

    Raises MerchantMissingError, PaymentInForceError or PaymentPendingError.
    """
    game = endable.locked(game.pk)
    if not Merchant.objects.filter(team_id=game.team_id).exists():
        raise MerchantMissingError(MISSING_MERCHANT)
    if _LIFE.in_force(game).exists():
        raise PaymentInForceError(_("Payment is enabled for this mini game already."))
    made = _LIFE.ask(game, message=message, by=by, at=at, pending=PaymentPendingError)
    audit.record(Event.PAYMENT_REQUESTED, by=by, target=made, at=at, message=made.message)
    return made


@transaction.atomic
def approve(*, request_id: int, by: User, at: datetime, note: str = "") -> PaymentRequest:
    """Enable payment, and issue the game's callback key unless it has one."""
    decided = _LIFE.decide(request_id, ReviewStatus.APPROVED, by=by, at=at, note=note)
    _switch(decided.game, is_enabled=True)
    # It keeps the key of an earlier approval.
    callback_keys.issue(game=decided.game, by=by, at=at)
    _remember(Event.PAYMENT_APPROVED, decided, by=by, at=at, note=note)
    return decided


@transaction.atomic
def reject(*, request_id: int, by: User, at: datetime, note: str) -> PaymentRequest:
    """Refuse a request, and say why. It may be made again."""
    decided = _LIFE.decide(request_id, ReviewStatus.REJECTED, by=by, at=at, note=note)
    _remember(Event.PAYMENT_REJECTED, decided, by=by, at=at, note=note)
    return decided


@transaction.atomic
def disable(*, request_id: int, by: User, at: datetime, note: str) -> PaymentRequest:
    """Switch payment off again, and say why. The callback key stays: paid orders still come in.

    Raises RequestNotInForceError when it is not enabled by this request.
    """
    ended = _LIFE.end(request_id, by=by, at=at, note=note)
    _switch(ended.game, is_enabled=False)
    _remember(Event.PAYMENT_DISABLED, ended, by=by, at=at, note=note)
    return ended


def _switch(game: MiniGame, *, is_enabled: bool) -> None:
    game.payment_enabled = is_enabled
    game.save(update_fields=["payment_enabled"])


def _remember(event: Event, request: PaymentRequest, *, by: User, at: datetime, note: str) -> None:
    enabled = {"payment_enabled": request.game.payment_enabled}
    _LIFE.remember(event, request, by=by, at=at, note=note, after=enabled)
