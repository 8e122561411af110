"""ReviewRequest: somebody asks with a message, a reviewer decides once with a note."""

from datetime import datetime
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sasvpay.kit.errors import DomainError
from sasvpay.kit.state import InvalidTransitionError, Stateful

# Whoever AUTH_USER_MODEL is: the kit knows no model of ours.
Person = Any


class NoteRequiredError(DomainError):
    """A refusal was not explained."""

    code = "note_required"
    status = 422


class RequestNotInForceError(DomainError):
    """Only what is approved and was not ended can be ended."""

    code = "not_in_force"


class AlreadyDecidedError(InvalidTransitionError):
    """Somebody else was first; a decision is never decided again."""

    code = "already_decided"


class OwnRequestError(DomainError):
    """Nobody decides what they asked for themselves."""

    code = "own_request"


class ReviewStatus(models.TextChoices):
    """What can be said of a request; a withdrawal is for kinds that allow it."""

    PENDING = "pending", gettext_lazy("Pending")
    APPROVED = "approved", gettext_lazy("Approved")
    REJECTED = "rejected", gettext_lazy("Rejected")


class ReviewRequest(Stateful):
    """What the three kinds of request share. Decided exactly when not pending: by constraint."""

    message = models.TextField(max_length=500)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    note = models.TextField(max_length=500, blank=True, default="")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                name="%(app_label)s_%(class)s_decided_when_not_pending",
                condition=Q(status="pending", decided_at=None)
                | ~Q(status="pending") & Q(decided_at__isnull=False),
            ),
            # Two pairs of eyes, whatever roles a person comes to hold later.
            models.CheckConstraint(
                name="%(app_label)s_%(class)s_not_decided_by_its_requester",
                condition=Q(decided_by=None) | ~Q(decided_by=F("requested_by")),
            ),
        ]

    @classmethod
    def locked(cls, request_id: int) -> Self:
        """Return the request with its row locked, so that two decisions queue up."""
        return cls._default_manager.select_for_update().get(pk=request_id)

    def close(self, status: str, *, by: Person, at: datetime, note: str = "") -> None:
        """Decide: move to the status and keep who, when and why. Does not save.

        Raises AlreadyDecidedError when somebody was first, OwnRequestError when the person asked
        for it, NoteRequiredError when a rejection has no note.
        """
        if self.decided_at is not None:
            raise AlreadyDecidedError(
                _("This request was decided before: it is “%(status)s”. Nothing was changed.")
                % {"status": self._label_of(self.status)}
            )
        self._refuse_own(by)
        self.move_to(status)
        if status == ReviewStatus.REJECTED and not note.strip():
            raise NoteRequiredError(_("Say why: a rejection needs a note."))
        self.note = note.strip()
        self.decided_by = by
        self.decided_at = at

    def _refuse_own(self, by: Person) -> None:
        if self.requested_by_id == by.pk:
            raise OwnRequestError(_("This is your own request: somebody else has to decide it."))


class EndableRequest(ReviewRequest):
    """A request whose approval can be ended later on the same row (disabled, revoked)."""

    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)
    end_note = models.TextField(max_length=500, blank=True, default="")

    class Meta(ReviewRequest.Meta):
        abstract = True
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *ReviewRequest.Meta.constraints,
            models.CheckConstraint(
                name="%(app_label)s_%(class)s_ended_all_or_none",
                condition=Q(ended_by=None, ended_at=None, end_note="")
                | Q(ended_by__isnull=False, ended_at__isnull=False, status="approved")
                & ~Q(end_note=""),
            ),
        ]

    @property
    def is_in_force(self) -> bool:
        """Say whether it was approved and not ended since."""
        return self.status == ReviewStatus.APPROVED and self.ended_at is None

    def end(self, *, by: Person, at: datetime, note: str) -> None:
        """End what was approved. Does not save; raises when it is not in force or unexplained."""
        if not self.is_in_force:
            raise RequestNotInForceError(_("This is not in force, so there is nothing to end."))
        self._refuse_own(by)
        if not note.strip():
            raise NoteRequiredError(_("Say why: ending this needs a note."))
        self.ended_by, self.ended_at, self.end_note = by, at, note.strip()
