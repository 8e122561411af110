"""Stateful: a status that follows a table and is assigned in one place only."""

from collections.abc import Mapping
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext as _

from sasvpay.kit.errors import DomainError


class InvalidTransitionError(DomainError):
    """The object is not in a state from which this can be done."""

    code = "invalid_transition"


class Stateful(models.Model):
    """A model whose `status` moves along TRANSITIONS (status -> the statuses that may follow)."""

    TRANSITIONS: ClassVar[Mapping[str, frozenset[str]]]
    status: "models.CharField[str, str]"

    class Meta:
        abstract = True

    def can_move_to(self, status: str) -> bool:
        """Say whether the table lets that status follow the present one."""
        return status in self.TRANSITIONS.get(self.status, frozenset())

    def move_to(self, status: str) -> None:
        """Set the status, or raise InvalidTransitionError. Does not save."""
        if not self.can_move_to(status):
            raise InvalidTransitionError(
                _("This is “%(now)s” and cannot become “%(then)s”.")
                % {"now": self._label_of(self.status), "then": self._label_of(status)}
            )
        self.status = status

    def _label_of(self, status: str) -> str:
        choices = dict(self._meta.get_field("status").flatchoices)  # type: ignore[union-attr]  # -- status is a CharField with choices in every subclass
        return str(choices.get(status, status))
