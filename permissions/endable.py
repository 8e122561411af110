"""The life of a game's request that may be ended: asked, decided once, perhaps ended, asked again.

Payment and exemption share it. What else happens at each step, they add themselves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from django.db import IntegrityError, models, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from permissions.models import EndableOfGame, MiniGame, User
from sasvpay.kit import audit
from sasvpay.kit.audit import Event
from sasvpay.kit.errors import DomainError
from sasvpay.kit.review import ReviewStatus

if TYPE_CHECKING:
    from django.db.models import QuerySet

_TONES: Final = {
    "not_requested": "neutral",
    "pending": "info",
    "approved": "success",
    "rejected": "danger",
}


class State(models.TextChoices):
    """How a mini game stands: what its latest request came to. Each kind has its words."""

    @property
    def tone(self) -> str:
        """Return the colour that goes with the word; what was ended is a warning."""
        return _TONES.get(self.value, "warning")


@dataclass(frozen=True)
class Moment:
    """One thing that happened to a request: who, when, and in which words."""

    state: State
    title: str | Promise
    actor: User
    at: datetime
    message: str = ""
    note: str = ""

    @property
    def tone(self) -> str:
        """Return the colour of what it came to."""
        return self.state.tone


R = TypeVar("R", bound=EndableOfGame)
S = TypeVar("S", bound=State)


@dataclass(frozen=True)
class Life(Generic[R, S]):
    """One kind of request: its rows, and its words for how a game stands."""

    model: type[R]
    states: type[S]
    ended: S
    asked_title: Promise
    ended_title: Promise

    def latest(self, game: MiniGame) -> R | None:
        """Return a game's latest request, with its people."""
        return self._of(game).first()

    def _of(self, game: MiniGame) -> "QuerySet[R]":
        people = ("requested_by", "decided_by", "ended_by")
        # In order of entry: a game's requests follow one another, by constraint.
        return self.rows(game=game).select_related(*people).order_by("-pk")

    def rows(self, **facts: Any) -> "QuerySet[R]":
        """Return the requests that fit."""
        return self.model._default_manager.filter(**facts)  # noqa: SLF001 -- whichever model it is

    def state_of(self, request: R | None) -> S:
        """Return what a game's latest request makes of the game."""
        if request is None:
            return self.states("not_requested")
        return self.states(request.status) if request.ended_at is None else self.ended

    def in_force(self, game: MiniGame) -> "QuerySet[R]":
        """Return the request that is approved and not ended, if there is one."""
        return self.rows(game=game, status=ReviewStatus.APPROVED, ended_at=None)

    def waiting(self, team_id: int | None) -> "QuerySet[R]":
        """Return what waits for a decision, of all teams or one, the oldest first."""
        team = {} if team_id is None else {"game__team_id": team_id}
        waiting = self.rows(status=ReviewStatus.PENDING, **team)
        return waiting.select_related("game__team", "requested_by").order_by("requested_at", "pk")

    def history(self, game: MiniGame) -> list[Moment]:
        """Return everything that happened, newest first."""
        return [moment for request in self._of(game) for moment in self._moments(request)]

    def _moments(self, request: R) -> Iterator[Moment]:
        if request.ended_by and request.ended_at:
            facts = (self.ended, self.ended_title, request.ended_by, request.ended_at)
            yield Moment(*facts, note=request.end_note)
        if request.decided_by and request.decided_at:
            is_yes = request.status == ReviewStatus.APPROVED
            title = _("Request approved") if is_yes else _("Request rejected")
            decided = (self.states(request.status), title, request.decided_by, request.decided_at)
            yield Moment(*decided, note=request.note)
        asked = (self.asked_title, request.requested_by, request.requested_at, request.message)
        yield Moment(self.states("pending"), *asked)

    def ask(
        self, game: MiniGame, *, message: str, by: User, at: datetime, pending: type[DomainError]
    ) -> R:
        """Make a request under the game's lock; raise `pending` if one is with the reviewer."""
        facts = {"message": message.strip(), "requested_by": by, "requested_at": at}
        try:
            with transaction.atomic():
                return self.rows().create(game=game, **facts)
        except IntegrityError:
            told = _("A request for this mini game is with the superapp already.")
            raise pending(told) from None

    def decide(
        self, request_id: int, status: ReviewStatus, *, by: User, at: datetime, note: str
    ) -> R:
        """Decide a request, once."""
        decided = self._locked(request_id)
        decided.close(status, by=by, at=at, note=note)
        decided.save()
        return decided

    def end(self, request_id: int, *, by: User, at: datetime, note: str) -> R:
        """End what is in force."""
        ended = self._locked(request_id)
        ended.end(by=by, at=at, note=note)
        ended.save()
        return ended

    def _locked(self, request_id: int) -> R:
        """Lock the game, then its request: everybody in that order, so that nobody deadlocks."""
        game = locked(self.rows().values_list("game_id", flat=True).get(pk=request_id))
        found = self.model.locked(request_id)
        found.game = game
        return found

    def remember(
        self, event: Event, request: R, *, by: User, at: datetime, note: str, **facts: Any
    ) -> None:
        """Record a decision or an end; `after` adds to how it stands now."""
        before = ReviewStatus.PENDING if request.ended_at is None else ReviewStatus.APPROVED
        after = {"status": self.state_of(request).value, **facts.pop("after", {})}
        told = {"before": {"status": before.value}, "after": after, "note": note.strip(), **facts}
        audit.record(event, by=by, target=request, at=at, **told)


def locked(game_id: int) -> MiniGame:
    """Lock a game without the key part: callbacks that refer to it do not wait for us."""
    return MiniGame.objects.select_for_update(no_key=True).get(pk=game_id)
