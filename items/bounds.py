"""Up to where "all that match" reaches: to what was there when the person looked.

What came later was seen by nobody. A page carries its bound signed: nothing else is one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.core import signing
from django.utils.translation import gettext as _

from sasvpay.kit.errors import DomainError


class UnseenError(DomainError):
    """Nobody knows what the person was looking at."""

    code = "unseen"
    status = 422


@dataclass(frozen=True)
class Bound:
    """How far a person looked: as a page says, or, where none has said it yet, all there is now."""

    upto: str
    kind: str
    is_said: bool

    @property
    def text(self) -> str:
        """Return it as a page carries it."""
        return signing.dumps(self.upto, salt=self.kind)

    def check(self) -> None:
        """Raise UnseenError unless a page has said it."""
        if not self.is_said:
            raise UnseenError(
                _(
                    "It is not known what you were looking at, so nothing was done. Look at what "
                    "is chosen now, and confirm that."
                )
            )


def bound_of(text: str, *, kind: str, newest: Callable[[], str]) -> Bound:
    """Return the bound that a page carried, else up to what is newest now."""
    try:
        return Bound(signing.loads(text, salt=kind), kind, is_said=True)
    except signing.BadSignature:
        return Bound(newest(), kind, is_said=False)
